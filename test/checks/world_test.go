package checks_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/voicectl/voicectl/internal/checks"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(built{m})
}

// built builds the program before the tests, and takes what the tests share away after them.
type built struct{ *testing.M }

func (b built) Run() int {
	dir, err := os.MkdirTemp("", "voicectl-checks-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "voicectl")
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/voicectl/voicectl/cmd/voicectl").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		return 1
	}
	return b.M.Run()
}

const (
	token       = "fixture-token-5f1c9d2a"
	twilioToken = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
	origin      = "https://app.example"
)

// world is all that a run of check is given.
type world struct {
	t       *testing.T
	shared  *shared
	repo    string
	url     string            // of the backend
	plain   string            // port without TLS
	log     string            // of the backend
	metrics string            // URL
	vars    map[string]string // of .env
	token   string
}

// shared is what all worlds stand on: it does not change.
type shared struct {
	dir      string
	ca       string // file with all authorities
	cert     string
	old      string // a certificate that ends in three days
	key      string
	sandbox  string // URL
	vendors  string // URL of the scripted vendors
	database string // URL of a PostgreSQL, "" = none on this machine
	open     string // one without protection
	remote   string // bare repository that holds the healthy one's commits
	repo     string // the healthy repository
}

// backend starts the fixture with these faults.
func (s *shared) backend(t *testing.T, vars map[string]string, args ...string) (url, plain, log string) {
	t.Helper()
	log = filepath.Join(t.TempDir(), "backend.log")
	argv := append([]string{
		abs(t, "../fixture/backend.py"), "--port", "0", "--plain-port", "0", "--profile", "all", "--cert", s.cert, "--key", s.key, "--token", token,
		"--twilio-token", twilioToken, "--log", log, "--rate", "50", "--lines", "1",
	}, args...)
	cmd := exec.Command("python3", argv...)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "SSL_CERT_FILE="+s.ca, "OPENAI_BASE_URL="+vars["OPENAI_BASE_URL"], "OPENAI_API_KEY="+vars["OPENAI_API_KEY"], "ALLOWED_ORIGINS="+origin)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("the fixture backend needs Python 3: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		stop := time.AfterFunc(15*time.Second, func() { _ = cmd.Process.Kill() })
		defer stop.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the fixture did not leave as it should: %v", err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	urls, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	list := strings.Split(urls, " and ")
	if err != nil || !ok || len(list) != 2 {
		t.Fatalf("the fixture said %q: %v", line, err)
	}
	return list[0], list[1][strings.LastIndexByte(list[1], ':')+1:], log
}

// run runs check with everything that the world holds, and returns its report.
func (w *world) run(args ...string) checks.Report {
	w.t.Helper()
	report, text, code := w.attempt(args...)
	if report.SchemaVersion == 0 {
		w.t.Fatalf("exit code %d and no report: %s", code, text)
	}
	return report
}

func (w *world) attempt(args ...string) (checks.Report, string, int) {
	w.t.Helper()
	dir := w.t.TempDir()
	env := filepath.Join(dir, "backend.env")
	write(w.t, dir, map[string]string{"backend.env": dotenv(w.vars), "names.yaml": "overlay: names\nnames: {http-port: \"" + w.plain + "\"}\n"})
	argv := append([]string{
		"check", w.url, "--profile", "any", "--repo", w.repo, "--env-file", env, "--ca-file", w.shared.ca, "--overlay", "names.yaml",
		"--logs", w.log, "--metrics-url", w.metrics, "--origin", origin, "--sandbox-url", w.shared.sandbox,
		"--start-cmd", "python3 main.py", "--host-checks", "--allow-exec", "--allow-load", "--allow-paid", "--stage", "production", "-o", "json",
	}, args...)
	out, talk, code := voicectl(w.t, dir, []string{"VOICECTL_TOKEN=" + w.token, "PATH=" + filepath.Join(w.shared.dir, "bin") + ":" + os.Getenv("PATH")}, argv...)
	var report checks.Report
	if err := json.Unmarshal(out, &report); err != nil {
		return report, string(out) + talk, code
	}
	return report, talk, code
}

// voicectl runs the program in a folder, with nothing of this process's environment but what tools need.
func voicectl(t *testing.T, dir string, env []string, args ...string) (stdout []byte, talk string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &errs
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "PYTHONDONTWRITEBYTECODE=1", "PYENV_ROOT=" + os.Getenv("PYENV_ROOT")}, env...)
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.Bytes(), errs.String(), cmd.ProcessState.ExitCode()
}

// copied gives the world a repository of its own, with these files changed: "" removes one.
func (w *world) copied(files map[string]string) {
	w.t.Helper()
	dir := filepath.Join(w.t.TempDir(), "repo")
	if err := os.CopyFS(dir, os.DirFS(w.repo)); err != nil {
		w.t.Fatal(err)
	}
	w.repo = dir
	for name, text := range files {
		if text == "" {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				w.t.Fatal(err)
			}
			continue
		}
		write(w.t, dir, map[string]string{name: text})
	}
}

// edit replaces text in a file of the world's own repository.
func (w *world) edit(name, old, new string) {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.repo, name))
	if err != nil {
		w.t.Fatal(err)
	}
	if !strings.Contains(string(b), old) {
		w.t.Fatalf("%s holds no %q", name, old)
	}
	write(w.t, w.repo, map[string]string{name: strings.ReplaceAll(string(b), old, new)})
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o600)
		if strings.HasPrefix(text, "#!") {
			mode = 0o700
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=Fixture", "-c", "user.email=fixture@example.com", "-c", "commit.gpgsign=false"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func abs(t *testing.T, path string) string {
	t.Helper()
	out, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func dotenv(vars map[string]string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(vars)) {
		fmt.Fprintf(&b, "%s=%s\n", k, vars[k])
	}
	return b.String()
}

func byID(r checks.Report) map[string]checks.Finding {
	out := map[string]checks.Finding{}
	for _, f := range r.Findings {
		out[f.ID] = f
	}
	return out
}
