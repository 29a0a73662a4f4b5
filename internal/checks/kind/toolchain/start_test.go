package toolchain_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/kind/toolchain"
	"github.com/voicectl/voicectl/internal/clock"
	"github.com/voicectl/voicectl/internal/sandbox"
)

// backend is a small one that can misbehave by its arguments.
const backend = `import http.server, os, signal, sys, threading, time
mode = sys.argv[1:]
print("starting", flush=True)
if "careful" in mode:
    bare = [n for n in ("OPENAI_API_KEY", "SUPABASE_URL") if not os.environ.get(n)]
    if bare:
        if "silent" not in mode:
            print("missing: " + ", ".join(bare), file=sys.stderr)
        sys.exit(0 if "exit0" in mode else 1)
if "crash" in mode:
    sys.exit("Traceback: no module named nothing")
if "deaf" in mode:
    time.sleep(60)
if "stubborn" in mode:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = "\n".join(sorted(os.environ)).encode()
        self.send_response(200); self.end_headers(); self.wfile.write(body)
    def log_message(self, *a): pass
s = http.server.HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), H)
print("ERROR of the start" if "noisy" in mode else "ready", file=sys.stderr, flush=True)
if "short" in mode:
    threading.Timer(0.2, lambda: os._exit(7)).start()
s.serve_forever()
`

func started(t *testing.T, mode ...string) *checks.Scope {
	t.Helper()
	needs(t, "python3")
	return &checks.Scope{
		Repo: repo(t, map[string]string{"main.py": backend}), Start: append([]string{"python3", "main.py"}, mode...), Profile: "julia", Dir: t.TempDir(),
		Env: checks.Env{"OPENAI_API_KEY": {Value: "sk-a-key-of-a-test-1234"}, "SUPABASE_URL": {Value: "https://abc.supabase.co"}},
	}
}

func TestProcStart_RedGreenAndSkip(t *testing.T) {
	for name, c := range map[string]struct {
		mode []string
		with map[string]any
		want checks.State
		says string
	}{
		"comes up, stays, ends":     {nil, map[string]any{"ready_s": 20, "alive_s": 1}, checks.Pass, "ready_ms"},
		"ends at an interrupt":      {nil, map[string]any{"signal": "INT", "tolerance": "2s"}, checks.Pass, "stop_ms"},
		"ends at once":              {[]string{"crash"}, nil, checks.Fail, "exit code 1 before it answered"},
		"never answers":             {[]string{"deaf"}, map[string]any{"ready_s": 1}, checks.Fail, "did not answer"},
		"does not stay":             {[]string{"short"}, map[string]any{"alive_s": 5}, checks.Fail, "ended within 5 s after it was ready, with exit code 7"},
		"does not heed the signal":  {[]string{"stubborn"}, map[string]any{"grace": "300ms"}, checks.Fail, "did not end within 300ms after TERM"},
		"does not reload":           {nil, map[string]any{"reload": true}, checks.Fail, "no switch that reloads"},
		"reloads":                   {[]string{"--reload"}, map[string]any{"reload": true, "mode": "serve"}, checks.Pass, ""},
		"each is named":             {[]string{"careful"}, map[string]any{"mutate": "env", "expect": []any{"exit!=0", "name"}}, checks.Pass, "2 of 2"},
		"starts without":            {nil, map[string]any{"mutate": "env"}, checks.Fail, "starts without OPENAI_API_KEY"},
		"ends well without":         {[]string{"careful", "exit0"}, map[string]any{"mutate": "env"}, checks.Fail, "exit code 0, which says that all is well"},
		"ends without a name":       {[]string{"careful", "silent"}, map[string]any{"mutate": "env"}, checks.Fail, "does not name the variable"},
		"does not start with all":   {[]string{"crash"}, map[string]any{"mutate": "env"}, checks.Inconclusive, "does not start with all variables either"},
		"no variable of that kind":  {nil, map[string]any{"mutate": "env", "names": []any{"NOWHERE"}}, checks.Skip, "NOWHERE"},
		"looks for it, not allowed": {nil, map[string]any{"mode": "find"}, checks.Skip, "leave to look"},
	} {
		t.Run(name, func(t *testing.T) {
			scope := started(t, c.mode...)
			f := look(t, scope, "proc.start", c.with)
			text := fmt.Sprintf("%+v", f)
			if f.State != c.want || !strings.Contains(text, c.says) {
				t.Errorf("got %s", text)
			}
			if pid, ok := f.Saw["pid"].(int); ok && living(pid) {
				t.Errorf("the group %d still lives", pid)
			}
			if strings.Contains(text, "sk-a-key") {
				t.Errorf("a secret is told: %s", text)
			}
		})
	}
	f := look(t, &checks.Scope{Repo: t.TempDir()}, "proc.start", nil)
	if f.State != checks.Skip || !strings.Contains(f.Fix.Commands[0], "--start-cmd") {
		t.Errorf("without a command: %+v", f)
	}
	scope := started(t)
	scope.Start = []string{"./no-such-program"}
	if f := look(t, scope, "proc.start", nil); f.State != checks.Error {
		t.Errorf("a command that is not there: %+v", f)
	}
}

func TestProcStart_FindsALivingOne(t *testing.T) {
	scope := started(t, "careful")
	scope.Host, scope.Clock = true, clock.Real{}
	with := map[string]any{"mode": "find"}
	if f := lookAs(t, scope, "proc.start", with); f.State != checks.Fail {
		t.Errorf("before: %+v", f)
	}
	p, err := toolchain.Start(t.Context(), scope, toolchain.Options{Ready: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop(context.Background())
	if f := lookAs(t, scope, "proc.start", with); f.State != checks.Pass || f.Saw["processes"] != 1 {
		t.Errorf("meanwhile: %+v", f)
	}
}

func TestStart_HandsInTheBackendsVariablesAndNoOthers(t *testing.T) {
	t.Setenv("VOICECTL_TOKEN", "of the operator")
	scope := started(t, "careful")
	scope.Clock = clock.Real{}
	box := sandbox.New(sandbox.Options{})
	base, stop, err := box.Start(context.Background(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stop(context.Background()) }()
	if scope.Sandbox, err = url.Parse(base); err != nil {
		t.Fatal(err)
	}
	p, err := toolchain.Start(t.Context(), scope, toolchain.Options{Ready: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop(context.Background())
	resp, err := http.Get(p.URL + "/")
	if err != nil {
		t.Fatalf("%v: %v", err, p.Lines())
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(string(body))
	has := map[string]bool{}
	for _, n := range got {
		has[n] = true
	}
	for _, v := range sandbox.Env(base) {
		if v.Name != "TWILIO_AUTH_TOKEN" && !has[v.Name] {
			t.Errorf("the sandbox's %s is not handed in", v.Name)
		}
	}
	if !has["PORT"] || !has["SUPABASE_URL"] || has["VOICECTL_TOKEN"] || has["OPENAI_ORG"] {
		t.Errorf("got %v", got)
	}
}

func TestStartup_ReturnsWhatWasWrittenUntilReady(t *testing.T) {
	scope := started(t, "noisy")
	scope.Clock = clock.Real{}
	lines, ready, err := toolchain.Startup(t.Context(), scope, 20*time.Second)
	if err != nil || !ready || len(lines) != 2 || lines[1] != "ERROR of the start" {
		t.Errorf("got %q, ready %v, %v", lines, ready, err)
	}
	scope = started(t, "crash")
	scope.Clock = clock.Real{}
	lines, ready, err = toolchain.Startup(t.Context(), scope, 20*time.Second)
	if err != nil || ready || !strings.Contains(strings.Join(lines, "\n"), "no module named nothing") {
		t.Errorf("got %q, ready %v, %v", lines, ready, err)
	}
}

func TestStart_ALookThatIsCancelledLeavesNobodyBehind(t *testing.T) {
	scope := started(t, "deaf")
	scope.Clock = clock.Real{}
	mark := filepath.Join(scope.Repo, "pid")
	scope.Start = []string{"sh", "-c", "echo $$ > " + mark + "; sleep 60 & python3 main.py deaf"}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for {
			if b, err := os.ReadFile(mark); err == nil && len(b) > 0 {
				return
			}
			time.Sleep(5 * time.Millisecond) // a file of another process tells nobody when it is there
		}
	}()
	if _, err := toolchain.Start(ctx, scope, toolchain.Options{Ready: time.Minute, Stop: time.Second}); err == nil {
		t.Fatal("a cancelled start is no start")
	}
	b, err := os.ReadFile(mark)
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(string(b), &pid); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); living(pid); {
		if time.Now().After(end) {
			t.Fatalf("the group %d still lives", pid)
		}
		time.Sleep(5 * time.Millisecond) // a killed orphan ends when the kernel gets to it
	}
}

// living tells whether a process of a group runs; what only waits to be buried by another does not.
func living(group int) bool {
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return false
	}
	for _, f := range all {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(b), ") ")
		if s := strings.Fields(rest); len(s) > 2 && s[2] == fmt.Sprint(group) && s[0] != "Z" {
			return true
		}
	}
	return false
}
