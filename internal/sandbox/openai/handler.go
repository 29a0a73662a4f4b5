// Package openai emulates the chat completion interface: it refuses what the vendor refuses in the
// vendor's words, streams as the vendor streams, and lets package planner think. It works for any client
// of that interface. It starts no goroutine.
package openai

import (
	"crypto/rand"
	"net/http"
	"strconv"
	"strings"
	"time"

	wire "github.com/voicectl/voicectl/internal/provider/openai"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

// handler is the emulator. It sees paths without the sandbox's prefix.
type handler struct {
	stage *stage.Stage
	began int64 // seconds since 1970, as the age of every model
}

// New makes the emulator: POST /v1/chat/completions, GET /v1/models, GET /v1/models/{id}.
func New(s *stage.Stage) http.Handler {
	return &handler{stage: s, began: time.Now().Unix()}
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	rec := h.stage.Begin(stage.OpenAI, r.URL.Path, r.Method)
	headers(w.Header(), start)
	status := http.StatusOK
	defer func() { rec.End(status) }()
	if ref := authorize(r); ref != nil {
		status = ref.write(w)
		return
	}
	switch path := strings.TrimSuffix(r.URL.Path, "/"); {
	case path == "/v1/chat/completions":
		if r.Method != http.MethodPost {
			status = wrongMethod(r).write(w)
			return
		}
		status = unfinished // until chat returns: a reset may leave by panic
		status = h.chat(w, r, rec, start)
	case path == "/v1/models" || strings.HasPrefix(path, "/v1/models/"):
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			status = wrongMethod(r).write(w)
			return
		}
		rec.Complete()
		rec.First()
		status = h.models(w, strings.TrimPrefix(strings.TrimPrefix(path, "/v1/models"), "/"))
	default:
		status = refuse(http.StatusNotFound, "", "", "Invalid URL (%s %s)", r.Method, r.URL.Path).write(w)
	}
}

// headers are on every answer, refusals too.
func headers(h http.Header, start time.Time) {
	h.Set("X-Request-Id", "req_"+strings.ToLower(rand.Text()))
	h.Set("Openai-Version", "2020-10-01")
	h.Set("Openai-Organization", "sandbox")
	h.Set("Openai-Processing-Ms", strconv.FormatInt(max(time.Since(start).Milliseconds(), 1), 10))
	h.Set("X-Ratelimit-Limit-Requests", "10000")
	h.Set("X-Ratelimit-Remaining-Requests", "9999")
	h.Set("X-Ratelimit-Reset-Requests", "6ms")
	h.Set("X-Ratelimit-Limit-Tokens", "2000000")
	h.Set("X-Ratelimit-Remaining-Tokens", "1999000")
	h.Set("X-Ratelimit-Reset-Tokens", "30ms")
}

// authorize takes any key but one that begins with "bad".
func authorize(r *http.Request) *refusal {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	key = strings.TrimSpace(key)
	switch {
	case !strings.EqualFold(scheme, "bearer") || key == "":
		return refuse(http.StatusUnauthorized, "", "invalid_api_key", "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you're accessing the API from your browser and are prompted for a username and password. You can obtain an API key from https://platform.openai.com/account/api-keys.")
	case strings.HasPrefix(key, "bad"):
		return refuse(http.StatusUnauthorized, "", "invalid_api_key", "Incorrect API key provided: %s. You can find your API key at https://platform.openai.com/account/api-keys.", masked(key))
	}
	return nil
}

// masked shows the ends of a key, as the vendor does.
func masked(key string) string {
	if len(key) > 200 {
		key = key[:200]
	}
	head, tail := 8, 4
	if len(key) <= head+tail {
		head, tail = min(3, len(key)), 0
	}
	return key[:head] + strings.Repeat("*", len(key)-head-tail) + key[len(key)-tail:]
}

func wrongMethod(r *http.Request) *refusal {
	return refuse(http.StatusMethodNotAllowed, "", "method_not_supported", "Not allowed to %s on %s. (HINT: Perhaps you meant to make your HTTP request using a different method?)", r.Method, r.URL.Path)
}

//nolint:gochecknoglobals // table
var modelNames = []string{"gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano", "gpt-4o", "gpt-4o-mini", "gpt-5", "gpt-5-mini", "gpt-5-nano", "o4-mini"}

// missingModel tells the names that stand for models which do not exist.
func missingModel(name string) bool {
	return strings.HasPrefix(name, "missing") || strings.HasPrefix(name, "no-such")
}

func (h *handler) models(w http.ResponseWriter, id string) int {
	body := func(name string) wire.ModelBody {
		return wire.ModelBody{ID: name, Object: "model", Created: h.began, OwnedBy: "system"}
	}
	if id != "" {
		if missingModel(id) {
			return refuse(http.StatusNotFound, "model", "model_not_found", "The model '%s' does not exist", clip(id)).write(w)
		}
		return writeJSON(w, http.StatusOK, body(id))
	}
	list := wire.ModelList{Object: "list"}
	for _, n := range modelNames {
		list.Data = append(list.Data, body(n))
	}
	return writeJSON(w, http.StatusOK, list)
}
