package checks_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
)

// A bare URL is all that is given: what is told of a target that does not behave, and by which exit code.
// Tier: ci.
func TestHostile_TargetsAreToldApartAndEndInTime(t *testing.T) {
	none, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := none.Addr().String()
	if err := none.Close(); err != nil {
		t.Fatal(err)
	}
	s := &shared{dir: t.TempDir()}
	issue(t, s)
	fixture := func(faults ...string) func(t *testing.T) string {
		return func(t *testing.T) string {
			w := &world{t: t, shared: s, vars: map[string]string{}}
			var args []string
			for _, f := range faults {
				args = append(args, "--fault", f)
			}
			_, plain, _ := s.backend(t, w.vars, args...)
			return "http://127.0.0.1:" + plain
		}
	}
	for name, c := range map[string]struct {
		target func(*testing.T) string
		code   int
		words  []string // of the finding about health
		state  checks.State
	}{
		"it accepts and never answers": {target: silent, code: 3, state: checks.Error, words: []string{"no answer"}},
		"nothing listens":              {target: func(*testing.T) string { return "http://" + refused }, code: 3, state: checks.Error, words: []string{"connection refused"}},
		"the name does not resolve":    {target: func(*testing.T) string { return "https://no-such-host.invalid" }, code: 3, state: checks.Error, words: []string{"does not resolve"}},
		"a certificate of nobody": {target: func(t *testing.T) string {
			url, _, _ := s.backend(t, map[string]string{})
			return url
		}, code: 1, state: checks.Error, words: []string{"TLS", "certificate"}},
		"TLS is asked of a plain port": {target: func(t *testing.T) string {
			return "https" + strings.TrimPrefix(page(t, "{}"), "http")
		}, code: 1, state: checks.Error, words: []string{"TLS"}},
		"no HTTP":               {target: babble, code: 3, state: checks.Error},
		"redirects in a circle": {target: fixture("plain_http_ok", "redirect_loop"), code: 3, state: checks.Error, words: []string{"in a circle"}},
		"a body without end":    {target: fixture("plain_http_ok", "endless_body"), code: 1, state: checks.Fail, words: []string{"more than 65536 bytes"}},
		"two gigabytes":         {target: fixture("plain_http_ok", "huge_body"), code: 1, state: checks.Fail, words: []string{"more than 65536 bytes"}},
		"IPv6 alone":            {target: six, code: 3, state: checks.Pass},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := c.target(t)
			dir := t.TempDir()
			start := time.Now()
			out, talk, code := voicectl(t, dir, nil, "check", target, "-o", "json")
			took := time.Since(start)
			var r checks.Report
			if err := json.Unmarshal(out, &r); err != nil {
				t.Fatalf("exit code %d, and stdout is no report: %v\n%s%s", code, err, out, talk)
			}
			health := byID(r)["url.health"]
			text := fmt.Sprint(health.State, health.Wanted, health.Saw, health.Problems)
			if code != c.code || c.state != "" && health.State != c.state {
				t.Errorf("exit code %d and %s, want %d and %s: %s", code, health.State, c.code, c.state, text)
			}
			for _, word := range c.words {
				if !strings.Contains(text, word) {
					t.Errorf("%q is not said: %s", word, text)
				}
			}
			if health.State != checks.Pass && health.Fix.Text == "" && len(health.Fix.Commands) == 0 {
				t.Errorf("no next step: %s", text)
			}
			if took > 2*time.Minute {
				t.Errorf("took %v", took)
			}
			t.Logf("%.1f s, exit code %d, %s", took.Seconds(), code, text[:min(len(text), 200)])
		})
	}
}

// silent accepts connections and says nothing.
func silent(t *testing.T) string {
	return raw(t, "127.0.0.1:0", func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
}

// babble answers what is no HTTP.
func babble(t *testing.T) string {
	return raw(t, "127.0.0.1:0", func(c net.Conn) { _, _ = io.WriteString(c, "220 mail.example ESMTP\r\n") })
}

func raw(t *testing.T, addr string, talk func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-done })
	go func() {
		defer close(done)
		var open []net.Conn
		defer func() {
			for _, c := range open {
				_ = c.Close()
			}
		}()
		ended := make(chan struct{}, 1024)
		for {
			c, err := l.Accept()
			if err != nil {
				for _, c := range open {
					_ = c.Close()
				}
				for range open {
					<-ended
				}
				return
			}
			open = append(open, c)
			go func() { talk(c); _ = c.Close(); ended <- struct{}{} }()
		}
	}()
	return "http://" + l.Addr().String()
}

func page(t *testing.T, body string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
	t.Cleanup(srv.Close)
	return srv.URL
}

// six is a backend that listens on the loopback address of IPv6 alone.
func six(t *testing.T) string {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skipf("no IPv6 on this machine: %v", err)
	}
	srv := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/health" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"status":"ok","active_sessions":0}`)
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	return "http://" + l.Addr().String()
}

// Tier: ci.
func TestHostile_RepositoriesWithCirclesAndBinariesAreRead(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"README.md": "# Us\n\n## Usage\n\nRun it.\n", "main.py": "\"\"\"Ours.\"\"\"\n", ".env.example": "# Key.\nOUR_KEY=\n",
		"blob.bin": strings.Repeat("\x00\xff\xfe", 1<<16), "image.py": "\x00\x01\x02\xff",
	})
	big, err := os.Create(filepath.Join(dir, "huge.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(big.Truncate(8<<30), big.Close(), // it takes no room on the disk
		os.Symlink(".", filepath.Join(dir, "loop")), os.Symlink("loop2", filepath.Join(dir, "loop2")),
		os.Symlink("/", filepath.Join(dir, "root")), os.Symlink("/etc/passwd", filepath.Join(dir, "passwd.md"))); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "init", "-q")
	start := time.Now()
	out, talk, code := voicectl(t, t.TempDir(), nil, "check", "--repo", dir, "-o", "json")
	var r checks.Report
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("exit code %d, and stdout is no report: %v\n%s%s", code, err, out, talk)
	}
	if code != 1 || r.Counts[checks.Pass] == 0 {
		t.Errorf("exit code %d, %v", code, r.Counts)
	}
	for _, f := range r.Findings {
		if f.State == checks.Error {
			t.Errorf("%s could not look: %v", f.ID, f.Saw)
		}
	}
	if strings.Contains(string(out), "root:x:") || strings.Contains(string(out), "/etc/passwd") {
		t.Error("what lies outside of the repository is told")
	}
	t.Logf("%.1f s, %v", time.Since(start).Seconds(), r.Counts)
}
