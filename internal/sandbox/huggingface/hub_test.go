package huggingface_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/voicectl/voicectl/internal/sandbox/huggingface"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

const (
	speech = "fixie-ai/ultravox-v0_4_1-llama-3_1-8b"
	llama  = "meta-llama/Llama-3.1-8B-Instruct"
)

func ask(t *testing.T, method, path, token string) *httptest.ResponseRecorder {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://sandbox"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	huggingface.New(stage.New(stage.Options{})).ServeHTTP(w, req)
	return w
}

// The table of refusals is the hub's: its own client tells them apart by status and header alone.
func TestHub_TellsRefusalsApart(t *testing.T) {
	for name, c := range map[string]struct {
		method, path, token string
		status              int
		code                string
	}{
		"a good token":                      {"GET", "/api/whoami-v2", "hf_good", 200, ""},
		"no token":                          {"GET", "/api/whoami-v2", "", 401, ""},
		"a wrong token":                     {"GET", "/api/whoami-v2", "bad", 401, ""},
		"a wrong token for a public file":   {"HEAD", "/" + speech + "/resolve/main/config.json", "bad", 401, ""},
		"a public file, anonymous":          {"HEAD", "/" + speech + "/resolve/main/config.json", "", 200, ""},
		"a large public file":               {"HEAD", "/" + speech + "/resolve/main/model.safetensors", "", 302, ""},
		"a gated page is for everybody":     {"GET", "/api/models/" + llama, "", 200, ""},
		"a gated file, anonymous":           {"HEAD", "/" + llama + "/resolve/main/config.json", "", 401, "GatedRepo"},
		"a gated file, not accepted":        {"HEAD", "/" + llama + "/resolve/main/config.json", "hf_no-licence", 403, "GatedRepo"},
		"a gated file, accepted":            {"HEAD", "/" + llama + "/resolve/main/config.json", "hf_good", 200, ""},
		"leave, not accepted":               {"GET", "/api/models/" + llama + "/auth-check", "hf_no-licence", 403, "GatedRepo"},
		"leave, accepted":                   {"GET", "/api/models/" + llama + "/auth-check", "hf_good", 200, ""},
		"a missing model, anonymous":        {"GET", "/api/models/a/b", "", 401, "RepoNotFound"},
		"a missing model, with a token":     {"GET", "/api/models/a/b", "hf_good", 404, "RepoNotFound"},
		"a missing file":                    {"HEAD", "/" + speech + "/resolve/main/no.json", "hf_good", 404, "EntryNotFound"},
		"a missing revision":                {"HEAD", "/" + speech + "/resolve/v9/config.json", "hf_good", 404, "RevisionNotFound"},
		"a missing revision of the page":    {"GET", "/api/models/" + speech + "/revision/v9", "hf_good", 404, "RevisionNotFound"},
		"a model that was taken down":       {"HEAD", "/sandbox/disabled/resolve/main/config.json", "hf_good", 403, ""},
		"a write":                           {"POST", "/api/models/" + speech, "hf_good", 405, ""},
		"a place that is none":              {"GET", "/x", "hf_good", 404, ""},
		"a model without an owner":          {"GET", "/api/models/x", "hf_good", 404, "RepoNotFound"},
		"something else below a model":      {"GET", "/api/models/" + speech + "/tree/main", "hf_good", 404, ""},
		"the name of a model in other case": {"GET", "/api/models/Meta-Llama/llama-3.1-8b-instruct", "hf_good", 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := ask(t, c.method, c.path, c.token)
			if w.Code != c.status || w.Header().Get("X-Error-Code") != c.code {
				t.Errorf("got %d %q %s", w.Code, w.Header().Get("X-Error-Code"), w.Body)
			}
			if c.method == "HEAD" && w.Body.Len() > 0 {
				t.Errorf("a head with a body: %s", w.Body)
			}
			if c.status >= 400 && w.Header().Get("X-Error-Message") == "" {
				t.Error("no words")
			}
		})
	}
}

func FuzzHub(f *testing.F) {
	for _, p := range []string{"/api/whoami-v2", "/api/models/" + llama + "/auth-check", "/" + speech + "/resolve/main/config.json", "/api/models//", "/a/b/resolve//"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return
		}
		w := httptest.NewRecorder()
		huggingface.New(stage.New(stage.Options{})).ServeHTTP(w, (&http.Request{Method: http.MethodGet, URL: u, Header: http.Header{}}).WithContext(t.Context()))
		if w.Code >= 500 {
			t.Errorf("%q: %d", path, w.Code)
		}
	})
}
