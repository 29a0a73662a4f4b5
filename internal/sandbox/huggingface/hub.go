// Package huggingface emulates the parts of the model hub that tell whether a token may download a model: who the
// token belongs to, the page of a model, the check of leave, and the head of a file. It tells the refusals apart
// as the hub does, by status and header. It starts no goroutine.
package huggingface

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

type hub struct{ stage *stage.Stage }

// New makes the emulator; mount it with the prefix stripped.
//
// The token decides what may be done: one that begins with "bad" is not valid, one that holds "no-licence" has
// accepted no licence of a gated model, one that holds "no-gated" is fine-grained without leave to read gated
// models, and every other may read what is public or gated.
func New(s *stage.Stage) http.Handler { return &hub{stage: s} }

// ServeHTTP implements http.Handler.
func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := h.stage.Begin(stage.HuggingFace, r.URL.Path, r.Method)
	status := http.StatusOK
	defer func() { rec.End(status) }()
	if h.stage.Pacer(stage.HuggingFace).First(r.Context()) != nil {
		return
	}
	rec.First()
	who := readAsker(r)
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		status = refuse(w, r, http.StatusMethodNotAllowed, "", "Method not allowed")
	case who.invalid:
		status = refuse(w, r, http.StatusUnauthorized, "", "Invalid credentials in Authorization header")
	case r.URL.Path == "/api/whoami-v2":
		status = whoami(w, r, who)
	case strings.HasPrefix(r.URL.Path, "/api/models/"):
		status = page(w, r, who, strings.TrimPrefix(r.URL.Path, "/api/models/"))
	default:
		status = resolve(w, r, who)
	}
}

// asker is who asks.
type asker struct{ anonymous, invalid, licence, gated bool }

func readAsker(r *http.Request) asker {
	head := r.Header.Get("Authorization")
	if head == "" {
		return asker{anonymous: true}
	}
	scheme, token, _ := strings.Cut(head, " ")
	token = strings.TrimSpace(token)
	return asker{
		invalid: !strings.EqualFold(scheme, "Bearer") || token == "" || strings.HasPrefix(token, "bad"),
		licence: !strings.Contains(token, "no-licence"), gated: !strings.Contains(token, "no-gated"),
	}
}

func whoami(w http.ResponseWriter, r *http.Request, who asker) int {
	if who.anonymous {
		return refuse(w, r, http.StatusUnauthorized, "", "Invalid username or password.")
	}
	return write(w, r, http.StatusOK, map[string]any{
		"type": "user", "id": "000000000000000000000001", "name": "sandbox", "fullname": "Sandbox", "emailVerified": true, "isPro": false, "canPay": false, "orgs": []any{},
		"auth": map[string]any{"type": "access_token", "accessToken": map[string]any{"displayName": "sandbox", "role": "read", "createdAt": "2025-01-01T00:00:00.000Z"}},
	})
}

// page is GET /api/models/OWNER/NAME, with /revision/REV, or with /auth-check.
func page(w http.ResponseWriter, r *http.Request, who asker, rest string) int {
	parts := strings.Split(rest, "/")
	if len(parts) < 2 {
		return refuse(w, r, http.StatusNotFound, "RepoNotFound", "Repository not found")
	}
	m, known := find(parts[0] + "/" + parts[1])
	switch {
	case !known:
		return noRepo(w, r, who)
	case len(parts) == 2:
	case len(parts) == 3 && parts[2] == "auth-check":
		if denied := m.deny(w, r, who); denied != 0 {
			return denied
		}
		return write(w, r, http.StatusOK, map[string]any{})
	case len(parts) == 4 && parts[2] == "revision":
		if !m.revision(parts[3]) {
			return refuse(w, r, http.StatusNotFound, "RevisionNotFound", "Invalid rev id: "+clip(parts[3]))
		}
	default:
		return refuse(w, r, http.StatusNotFound, "", "Not found")
	}
	// The page of a gated model is for everybody: only its files are not.
	siblings := []map[string]string{}
	for name := range m.files {
		siblings = append(siblings, map[string]string{"rfilename": name})
	}
	return write(w, r, http.StatusOK, map[string]any{
		"id": m.id, "modelId": m.id, "private": false, "disabled": false, "gated": m.gated, "sha": commit, "siblings": siblings,
		"tags": []string{"safetensors"}, "cardData": map[string]any{"base_model": m.base}, "lastModified": "2025-01-01T00:00:00.000Z",
	})
}

// resolve is GET and HEAD of /OWNER/NAME/resolve/REV/FILE.
func resolve(w http.ResponseWriter, r *http.Request, who asker) int {
	parts := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 5)
	if len(parts) < 5 || parts[2] != "resolve" {
		return refuse(w, r, http.StatusNotFound, "", "Not found")
	}
	m, known := find(parts[0] + "/" + parts[1])
	if !known {
		return noRepo(w, r, who)
	}
	if denied := m.deny(w, r, who); denied != 0 {
		return denied
	}
	if !m.revision(parts[3]) {
		return refuse(w, r, http.StatusNotFound, "RevisionNotFound", "Invalid rev id: "+clip(parts[3]))
	}
	body, has := m.files[parts[4]]
	if !has {
		return refuse(w, r, http.StatusNotFound, "EntryNotFound", "Entry not found")
	}
	w.Header().Set("X-Repo-Commit", commit)
	w.Header().Set("ETag", `"`+commit+`"`)
	if body == "" { // large: its content lies elsewhere
		w.Header().Set("X-Linked-Size", "4977224960")
		w.Header().Set("X-Linked-Etag", `"`+commit+`"`)
		w.Header().Set("Location", "https://cdn.invalid/"+m.id+"/"+parts[4])
		w.WriteHeader(http.StatusFound)
		return http.StatusFound
	}
	return write(w, r, http.StatusOK, json.RawMessage(body))
}

func write(w http.ResponseWriter, r *http.Request, status int, body any) int {
	b, err := json.Marshal(body)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"error":"answer cannot be encoded"}`)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Request-Id", "Root=1-sandbox")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b) // a far end that is gone reads nothing
	}
	return status
}
