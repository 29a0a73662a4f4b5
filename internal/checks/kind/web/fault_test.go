package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/sandbox"
)

// vendors is a sandbox, and the environment that points the fixture at it.
func vendors(t *testing.T) (*sandbox.Sandbox, *url.URL, []string) {
	t.Helper()
	s := sandbox.New(sandbox.Options{})
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	return s, u, []string{"OPENAI_BASE_URL=" + srv.URL + "/openai/v1", "OPENAI_API_KEY=sk-fixture-0000000000000000"}
}

func TestFault_EachFaultIsSeen(t *testing.T) {
	t.Parallel()
	box, control, env := vendors(t)
	quick := m("system", list("each"), "within", "6s")
	for name, c := range map[string]struct {
		faults []string
		with   map[string]any
		want   checks.State
		says   string
	}{
		"it lives":                    {nil, quick, checks.Pass, "openai timeout"},
		"the row of the checklist":    {nil, m("system", list("each"), "fault", list(500)), checks.Pass, "openai 500"},
		"it cuts the connection":      {[]string{"vendor_drops"}, quick, checks.Fail, "was cut"},
		"it shows the stack":          {[]string{"vendor_stack"}, quick, checks.Fail, "a stack trace"},
		"its errors are pages":        {[]string{"errors_not_json"}, quick, checks.Fail, "the error is no JSON"},
		"nobody calls this vendor":    {nil, m("system", list("cartesia")), checks.Inconclusive, "voicectl smoke errors"},
		"a fault that does not exist": {nil, m("fault", list("hiccup")), checks.Error, "is no fault"},
	} {
		t.Run(name, func(t *testing.T) {
			s := scopeOf(t, fixture(t, env, append([]string{"--profile", "julia"}, faultArgs(c.faults)...)...)[0])
			s.Sandbox = control
			judge(t, look(t, s, "fault.inject", c.with), c.want, c.says)
			if n := len(box.Stage().Faults()); n > 0 {
				t.Errorf("%d faults are left in the sandbox", n)
			}
		})
	}
	s := scopeOf(t, gone(t))
	judge(t, look(t, s, "fault.inject", quick), checks.Elsewhere, "needs the sandbox")
	s.Sandbox = control
	judge(t, look(t, s, "fault.inject", quick), checks.Error)
}

func TestCalls_OneTooMany(t *testing.T) {
	t.Parallel()
	row := m("n", "limit+1", "expect", "busy-twiml")
	for name, c := range map[string]struct {
		faults []string
		env    checks.Env
		with   map[string]any
		want   checks.State
		says   string
	}{
		"one is let in, one is told": {nil, vars("TWILIO_AUTH_TOKEN", twilioToken, "REPLICA_CONCURRENCY", "1"), row, checks.Pass, "told in words:1"},
		"all are let in":             {[]string{"never_busy"}, vars("TWILIO_AUTH_TOKEN", twilioToken, "REPLICA_CONCURRENCY", "1"), row, checks.Inconclusive, "may count them when their streams open"},
		"one hears an error":         {[]string{"webhook_503"}, vars("TWILIO_AUTH_TOKEN", twilioToken, "REPLICA_CONCURRENCY", "1"), row, checks.Fail, "call 2 of 2: status 503"},
		"it was full before":         {nil, vars("TWILIO_AUTH_TOKEN", twilioToken), m("n", 2, "limit", 5), checks.Inconclusive, "too few calls"},
		"without the key":            {nil, vars("REPLICA_CONCURRENCY", "1"), row, checks.Skip, "set TWILIO_AUTH_TOKEN"},
		"with another key":           {nil, vars("TWILIO_AUTH_TOKEN", "another-key-0000", "REPLICA_CONCURRENCY", "1"), row, checks.Inconclusive, "did not fit"},
		"signatures do not count":    {[]string{"unsigned_webhook"}, vars("REPLICA_CONCURRENCY", "1"), row, checks.Pass, "let in:1"},
		"the limit is not said":      {nil, vars("TWILIO_AUTH_TOKEN", twilioToken), row, checks.Skip, "REPLICA_CONCURRENCY"},
		"too many for a check":       {nil, vars("REPLICA_CONCURRENCY", "500"), row, checks.Inconclusive, "at most 51"},
		"a number that is none":      {nil, vars("REPLICA_CONCURRENCY", "1"), m("n", "many"), checks.Error, "must be a number"},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"--profile", "phone"}
			if name == "it was full before" {
				args = append(args, "--lines", "5")
			}
			s := scopeOf(t, fixture(t, nil, append(args, faultArgs(c.faults)...)...)[0])
			s.Env = c.env
			judge(t, look(t, s, "load.calls", c.with), c.want, c.says)
		})
	}
	judge(t, look(t, scopeOf(t, fixture(t, nil, "--profile", "julia")[0]), "load.calls", m("n", "limit+1", "limit", 1)), checks.Inconclusive, "no voice webhook")
	s := scopeOf(t, gone(t))
	s.Env = vars("REPLICA_CONCURRENCY", "1")
	judge(t, look(t, s, "load.calls", row), checks.Error)
}

func TestCalls_TheLimitOfTheManifest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "cerebrium.toml"), []byte("[cerebrium.scaling]\nreplica_concurrency = 2 # calls\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	target := stub(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != "/":
			http.NotFound(w, r)
		case strings.HasPrefix(r.Header.Get("X-Twilio-Signature"), "AAAA"):
			w.WriteHeader(http.StatusForbidden)
		case n.Add(1) <= 2:
			fmt.Fprint(w, `<Response><Connect><Stream url="ws://127.0.0.1/ws"/></Connect></Response>`)
		default:
			fmt.Fprint(w, `<Response><Say>busy</Say></Response>`)
		}
	})
	s := scopeOf(t, target)
	s.Repo, s.Env = dir, vars("TWILIO_AUTH_TOKEN", twilioToken)
	judge(t, look(t, s, "load.calls", m("n", "limit+1")), checks.Pass, "cerebrium.toml", "let in:2")
	judge(t, look(t, s, "load.calls", m("n", "limit+1")), checks.Inconclusive, "full before the first call")
	n.Store(-1)
	judge(t, look(t, s, "load.calls", m("n", 4)), checks.Fail, "3 calls were let in, and the limit is 2")
}
