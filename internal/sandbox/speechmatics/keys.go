package speechmatics

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"

	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

const (
	minTTL = 60
	maxTTL = 86400
)

// makeKey is POST /v1/api_keys?type=rt, which the vendor serves on its management host: a temporary key
// for browsers.
func (e *Emulator) makeKey(w http.ResponseWriter, r *http.Request) {
	rec := e.stage.Begin(stage.Speechmatics, r.URL.Path, r.Method)
	status, body := e.key(r)
	if status == http.StatusCreated {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	} else {
		text, _ := body.(string)
		refuse(w, status, text)
	}
	rec.End(status)
}

func (e *Emulator) key(r *http.Request) (status int, body any) {
	if r.Method != http.MethodPost {
		return http.StatusMethodNotAllowed, "Method Not Allowed"
	}
	switch key := bearer(r); {
	case key == "":
		return http.StatusUnauthorized, denied
	case !goodKey(key):
		return http.StatusForbidden, "Forbidden"
	}
	if t := r.URL.Query().Get("type"); t != "rt" {
		return http.StatusUnprocessableEntity, "type: only rt is known here"
	}
	var ask struct {
		TTL       *int   `json:"ttl"`
		ClientRef string `json:"client_ref"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 16<<10)).Decode(&ask); err != nil {
		return http.StatusUnprocessableEntity, "the body is not the JSON that was expected"
	}
	if ask.TTL == nil || *ask.TTL < minTTL || *ask.TTL > maxTTL {
		return http.StatusUnprocessableEntity, "ttl: must be between 60 and 86400"
	}
	part := base64.RawURLEncoding
	var id [24]byte
	_, _ = rand.Read(id[:]) // never fails
	claims := encode(map[string]any{"iss": "sandbox", "exp": time.Now().Unix() + int64(*ask.TTL)})
	token := part.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + part.EncodeToString(claims) + "." + part.EncodeToString(id[:])
	return http.StatusCreated, map[string]any{"apikey_id": nil, "key_value": token}
}

// refuse writes an error of the vendor's HTTP side.
func refuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	body := map[string]any{"code": status, "error": text}
	if status == http.StatusUnprocessableEntity {
		body = map[string]any{"code": status, "message": text}
	}
	_ = json.NewEncoder(w).Encode(body)
}
