package supabase

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

func TestRest_CountsWhatAKeySeesAndServesNoRow(t *testing.T) {
	const public, private = "sb_publishable_abcdefghijklmnop", "sb_secret_abcdefghijklmnopqrst"
	for name, c := range map[string]struct {
		method, path, key, profile string
		status                     int
		span, says                 string
	}{
		"protected":                   {"HEAD", "clients?select=*", public, "", 200, "*/0", ""},
		"protected, with the secret":  {"HEAD", "clients?select=*", private, "public", 200, "0-", ""},
		"open":                        {"HEAD", "leak?select=*", public, "", 200, "0-40/41", ""},
		"empty":                       {"HEAD", "drafts?select=*", private, "", 200, "*/0", ""},
		"not granted":                 {"HEAD", "audit?select=*", public, "", 401, "", ""},
		"not granted, with the words": {"GET", "audit?select=*&limit=0", public, "", 401, "", `"code":"42501"`},
		"no such table":               {"GET", "nothing?limit=0", public, "", 404, "", `"code":"PGRST205"`},
		"another schema":              {"GET", "clients?limit=0", public, "auth", 406, "", `"code":"PGRST106"`},
		"no rows are served":          {"GET", "leak?select=*", public, "", 400, "", "PGRST100"},
		"a page of nothing":           {"GET", "leak?select=*&limit=0", public, "", 200, "*/41", "[]"},
		"a write":                     {"DELETE", "leak", public, "", 405, "", "PGRST117"},
		"no key":                      {"GET", "leak?limit=0", "", "", 401, "", "No API key found"},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), c.method, "http://sandbox/rest/v1/"+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Prefer", "count=exact")
			if c.key != "" {
				req.Header.Set("Apikey", c.key)
			}
			if c.profile != "" {
				req.Header.Set("Accept-Profile", c.profile)
			}
			w := httptest.NewRecorder()
			New(stage.New(stage.Options{})).ServeHTTP(w, req)
			if w.Code != c.status || !strings.HasPrefix(w.Header().Get("Content-Range"), c.span) || !strings.Contains(w.Body.String(), c.says) {
				t.Errorf("got %d %q %s", w.Code, w.Header().Get("Content-Range"), w.Body)
			}
		})
	}
}
