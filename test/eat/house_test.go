package eat

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const accessKey = "eat-5f0c1d2e3b4a59687786950a1b2c3d4e" // of this test's server alone

var program string // the built binary

func TestMain(m *testing.M) {
	code := 1
	dir, err := os.MkdirTemp("", "voicectl-eat")
	if err == nil {
		program = filepath.Join(dir, "voicectl")
		var said []byte
		if said, err = exec.Command("go", "build", "-o", program, "../../cmd/voicectl").CombinedOutput(); err != nil {
			err = fmt.Errorf("%w\n%s", err, said)
		} else if code = m.Run(); code == 0 {
			if err = goleak.Find(); err != nil {
				code = 1
			}
		}
		_ = os.RemoveAll(dir) // of the system's folder for such things
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// command is the binary in a folder of its own, with an environment of its own: nothing of the machine's leaks in.
func command(t *testing.T, dir string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	cmd.Env = append([]string{"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()}, env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	return cmd
}

var ready = regexp.MustCompile(`listening on (http://\S+)`)

// start runs a command until the end of the test, and returns the address that it tells. Its talk goes to a file.
func start(t *testing.T, env []string, args ...string) (url, logs string) {
	t.Helper()
	dir := t.TempDir()
	logs = filepath.Join(dir, args[0]+".log")
	file, err := os.Create(logs)
	must(t, err)
	cmd := command(t, dir, env, args...)
	cmd.Stderr = file
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	said := bufio.NewReader(out)
	line, err := said.ReadString('\n')
	var wait sync.WaitGroup
	wait.Go(func() { _, _ = said.WriteTo(discard{}) }) // until it ends
	t.Cleanup(func() {
		wait.Wait() // the end of the test's context is its signal
		if err := cmd.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v\n%s", args[0], err, tail(logs))
		}
		_ = file.Close()
	})
	m := ready.FindStringSubmatch(line)
	if err != nil || m == nil {
		t.Fatalf("%s: no address in %q: %v\n%s", args[0], line, err, tail(logs))
	}
	return m[1], logs
}

func tail(path string) []byte {
	b := read(path)
	return b[max(0, len(b)-2000):]
}

func read(path string) []byte {
	b, _ := os.ReadFile(path) // for a message
	return b
}

// backend is a server with the settings of production behind a front, with emulated vendors.
type backend struct {
	*front
	logs string
	box  string   // the sandbox
	env  []string // of its vendors
}

func newBackend(t *testing.T) *backend {
	t.Helper()
	box, _ := start(t, nil, "sandbox", "--addr", "127.0.0.1:0")
	out, err := command(t, t.TempDir(), nil, "sandbox", "env", "--url", box).Output()
	must(t, err)
	b := &backend{front: newFront(t), box: box}
	own := map[string]string{ // in the form that each vendor gives
		"OPENAI_API_KEY": "sk-eat0123456789abcdefghijklmnopqrstuvwxyz0123", "CARTESIA_API_KEY": "sk_car_eat0123456789abcdefgh", "SPEECHMATICS_API_KEY": "eatA0123456789abcdefghijklmnopqr",
		"SUPABASE_ANON_KEY": "sb_publishable_eat0123456789abcdefg_h1234567", "TWILIO_AUTH_TOKEN": "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
	}
	for _, m := range regexp.MustCompile(`(?m)^export (\w+)='([^']*)'$`).FindAllStringSubmatch(string(out), -1) {
		if own[m[1]] == "" {
			own[m[1]] = m[2]
		}
	}
	for name, value := range own {
		b.env = append(b.env, name+"="+value)
	}
	b.env = append(b.env, "TWILIO_ACCOUNT_SID=AC0123456789abcdef0123456789abcdef", "PUBLIC_URL="+b.url, "ENVIRONMENT=production", "LOG_LEVEL=INFO",
		"VOICECTL_API_KEYS="+accessKey, "ALLOWED_ORIGINS="+page)
	address, logs := start(t, append(b.env, "VOICECTL_LIMITS_TRUSTED_PROXIES=127.0.0.1", "LOG_FORMAT=json"), "serve", "--port", "0", "--admin-addr", "off")
	back, err := url.Parse(address)
	must(t, err)
	b.back.Store(back)
	b.logs = logs
	return b
}

// outbox is what the emulated vendors sent, "" for nothing.
func (b *backend) outbox(t *testing.T) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.box+"/_sandbox/outbox", nil)
	must(t, err)
	tr := &http.Transport{DisableKeepAlives: true}
	resp, err := tr.RoundTrip(r)
	must(t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	must(t, err)
	var box struct {
		Mails []json.RawMessage `json:"mails"`
	}
	must(t, json.Unmarshal(text, &box))
	if len(box.Mails) == 0 {
		return ""
	}
	return string(text)
}

// judgement is what `voicectl check` says, as far as it is looked at here.
type judgement struct {
	Verdict  string         `json:"verdict"`
	ExitCode int            `json:"exit_code"`
	Counts   map[string]int `json:"counts"`
	Findings []struct {
		ID       string          `json:"id"`
		Kind     string          `json:"kind"`
		State    string          `json:"state"`
		Severity string          `json:"severity"`
		Saw      json.RawMessage `json:"saw"`
		Wanted   string          `json:"wanted"`
		Waiver   any             `json:"waiver"`
	} `json:"findings"`
	code  int
	text  string
	talk  string
	inner time.Duration
}

// check runs `voicectl check` to its end.
func check(t *testing.T, dir string, env []string, args ...string) *judgement {
	t.Helper()
	report := filepath.Join(t.TempDir(), "report.json")
	cmd := command(t, dir, env, append([]string{"check", "--no-save", "-o", "text", "-o", "json=" + report}, args...)...)
	var out, talk bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &talk
	begin := time.Now()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	j := &judgement{code: cmd.ProcessState.ExitCode(), text: out.String(), talk: talk.String(), inner: time.Since(begin)}
	if err := json.Unmarshal(read(report), j); err != nil {
		t.Fatalf("exit code %d and no report: %v\n%s\n%s", j.code, err, j.text, j.talk)
	}
	t.Logf("check %s: %s in %v: %v", strings.Join(args, " "), j.Verdict, j.inner.Round(time.Millisecond), j.Counts)
	return j
}
