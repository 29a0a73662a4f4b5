package web_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/checks"
)

func TestLeak_AnswersAndErrors(t *testing.T) {
	t.Parallel()
	key := "plain-words-as-a-key-31415"
	for name, c := range map[string]struct {
		faults []string
		stream string
		want   checks.State
		says   string
	}{
		"answers hold nothing":      {nil, "responses", checks.Pass, "read"},
		"errors hold nothing":       {nil, "errors", checks.Pass, "read"},
		"an answer holds a key":     {[]string{"leaks_key"}, "responses", checks.Fail, "GET /api/calls answers 200 with the value of OPENAI_API_KEY"},
		"an error holds a stack":    {[]string{"stack_in_error"}, "errors", checks.Fail, "a stack trace"},
		"an error of the database":  {[]string{"sqli_500"}, "errors", checks.Fail, "an error of the database"},
		"nothing came that is good": {[]string{"auth_locks_all", "health_500"}, "responses", checks.Pass, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := scopeOf(t, fixture(t, []string{"OPENAI_API_KEY=" + key}, append([]string{"--profile", "all"}, faultArgs(c.faults)...)...)[0])
			s.Env = vars("OPENAI_API_KEY", key)
			f := look(t, s, "leak.scan", m("stream", c.stream))
			judge(t, f, c.want, c.says)
			if strings.Contains(fmt.Sprintf("%+v", f), key) {
				t.Errorf("the key is told: %+v", f)
			}
		})
	}
	mute := stub(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	judge(t, look(t, scopeOf(t, mute), "leak.scan", m("stream", "responses")), checks.Inconclusive)
	judge(t, look(t, scopeOf(t, gone(t)), "leak.scan", m("stream", "errors")), checks.Error)
	judge(t, look(t, &checks.Scope{}, "leak.scan", m("stream", "errors")), checks.Skip)
}

func TestLeak_Logs(t *testing.T) {
	t.Parallel()
	file := func(text string) *checks.Scope {
		path := filepath.Join(t.TempDir(), "backend.log")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return &checks.Scope{Logs: []checks.LogSource{{Kind: "file", At: path}}}
	}
	canaries := m("stream", "logs", "canaries", list("client", "mail", "phone", "text"))
	clean := `{"ts":"2026-11-24T15:38:59.456Z","level":"info","msg":"request","request_id":"2afd0c57-5d9c-41d6-809a-bd684e24f73d","ms":1732460000123,"route":"/ws"}` + "\n"
	for name, c := range map[string]struct {
		text string
		with map[string]any
		want checks.State
		says string
	}{
		"clean":            {clean + clean, canaries, checks.Pass, "lines:2"},
		"a mail address":   {clean + "to jane.doe@customer.example\n", m("stream", "logs", "detectors", list("key", "mail", "phone", "jwt")), checks.Fail, "a mail address"},
		"a phone number":   {"from +14155550123\n", canaries, checks.Fail, "a phone number"},
		"a client":         {`{"client_id": 5001}` + "\n", canaries, checks.Fail, "the number of a client"},
		"words":            {`{"text": "my card was stolen"}` + "\n", canaries, checks.Fail, "the words of a talk"},
		"a key":            {"using sk-proj-4fJq82hQzLm0Xw7Tn5Vb9c\n", canaries, checks.Fail, "a key or password"},
		"a token":          {"got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc\n", canaries, checks.Fail, "a JSON web token"},
		"a card":           {"paid with 4111 1111 1111 1111\n", canaries, checks.Fail, "a card number"},
		"an empty file":    {"", canaries, checks.Inconclusive, "no line"},
		"a line of a book": {strings.Repeat("x", 200_000) + "\nend\n", canaries, checks.Pass, ""},
	} {
		t.Run(name, func(t *testing.T) { judge(t, look(t, file(c.text), "leak.scan", c.with), c.want, c.says) })
	}
	s := file("using the-very-secret-value-1\n")
	s.Env = vars("CARTESIA_API_KEY", "the-very-secret-value-1")
	judge(t, look(t, s, "leak.scan", canaries), checks.Fail, "the value of CARTESIA_API_KEY", "File:backend.log Line:1")
	judge(t, look(t, &checks.Scope{}, "leak.scan", canaries), checks.Skip)
	judge(t, look(t, &checks.Scope{Logs: []checks.LogSource{{Kind: "docker", At: "x"}}}, "leak.scan", canaries), checks.Skip)
	judge(t, look(t, &checks.Scope{Logs: []checks.LogSource{{Kind: "file", At: "/nowhere/x.log"}}}, "leak.scan", canaries), checks.Error, "read log")
}

func TestLeak_TheFixturesPersonalDataIsFound(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "own.log")
	for fault, want := range map[string]checks.State{"logs_personal_data": checks.Fail, "no_metrics": checks.Pass} {
		_ = os.Remove(log)
		target := fixture(t, nil, "--log", log, "--fault", fault)[0]
		s := scopeOf(t, target)
		judge(t, look(t, s, "health.probe", nil), checks.Pass)
		s.Logs = []checks.LogSource{{Kind: "file", At: log}}
		judge(t, look(t, s, "leak.scan", m("stream", "logs", "canaries", list("client", "mail", "phone", "text"))), want)
	}
}
