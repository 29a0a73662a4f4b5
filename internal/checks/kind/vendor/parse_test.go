package vendor

import (
	"net/http"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/checks/probe"
)

func TestPlainRepo_OneFormForAllAddresses(t *testing.T) {
	for address, want := range map[string][2]string{
		"https://github.com/Owner/Voice.git":        {"github.com/owner/voice", "owner/voice"},
		"https://user:pass@github.com/owner/voice/": {"github.com/owner/voice", "owner/voice"},
		"git@github.com:owner/voice.git":            {"github.com/owner/voice", "owner/voice"},
		"ssh://git@github.com/owner/voice":          {"github.com/owner/voice", "owner/voice"},
		"owner/voice":                               {"owner/voice", "owner/voice"},
		"https://gitlab.com/group/sub/voice.git":    {"gitlab.com/group/sub/voice", "sub/voice"},
		"/srv/git/voice.git":                        {"/srv/git/voice", "git/voice"},
		"voice":                                     {"voice", "voice"},
		"":                                          {"", ""},
	} {
		if got := [2]string{plainRepo(address), shortRepo(address)}; got != want {
			t.Errorf("%q: %v, want %v", address, got, want)
		}
	}
}

func FuzzPlainRepo(f *testing.F) {
	for _, s := range []string{"https://u:secret@h/o/n.git", "git@h:o/n", "://", "@", "a:b@c/d", "/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, address string) {
		got := plainRepo(address)
		if _, rest, ok := strings.Cut(address, "://"); ok && strings.HasPrefix(rest, "user:secret@") && strings.Contains(got, "secret@") {
			t.Errorf("%q tells the password: %q", address, got)
		}
		_ = shortRepo(address)
	})
}

// What the hub says in headers and bodies is read without a fall, and a good answer is never a refusal.
func FuzzReasonOf(f *testing.F) {
	f.Add(401, "GatedRepo", "Access to model is restricted", true)
	f.Add(404, "", "", false)
	f.Add(200, "EntryNotFound", "disabled", true)
	f.Fuzz(func(t *testing.T, status int, code, message string, valid bool) {
		resp := &probe.Response{Status: status, Header: http.Header{"X-Error-Code": {code}, "X-Error-Message": {message}}, Body: []byte(message)}
		if why := reasonOf(resp, valid); (why == granted) != (status < 400) {
			t.Errorf("%d %q %q reads as %q", status, code, message, why)
		}
	})
}

func FuzzMetrics(f *testing.F) {
	f.Add("vllm:num_requests_running{a=\"1\"} 4.0\n")
	f.Add("vllm:x 1e999\nvllm:y -\n")
	f.Fuzz(func(t *testing.T, body string) {
		for name, v := range figuresOf(body) {
			if !strings.HasPrefix(name, "vllm:") || v != v {
				t.Errorf("%q: %v", name, v)
			}
		}
	})
}

func TestBuilds_KnowsWhatInstalls(t *testing.T) {
	for command, wrong := range map[string]bool{
		"pip install -r requirements.txt": false, "pip install .": false, "uv sync --frozen": false, "go build ./cmd/voice": false, "npm ci": false, "": true, "  ": true, "echo hello": true,
	} {
		if got := builds(command, "", ""); (got != "") != wrong {
			t.Errorf("%q: %q", command, got)
		}
	}
	if lost := without("serve --port ${PORT:-8000} --host 0.0.0.0", []string{"0.0.0.0", "$PORT"}); len(lost) != 0 {
		t.Errorf("lost %v", lost)
	}
	if lost := without("serve --port 8000", []string{"0.0.0.0", "$PORT"}); len(lost) != 2 {
		t.Errorf("lost %v", lost)
	}
}
