package bench

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// house is serve on a sandbox, two processes; the callers are the third.
type house struct {
	b          *testing.B
	box, agent *running
	admin      string
	dir        string
}

// open starts both. $LOAD_ADMIN=127.0.0.1:9191 gives the admin listener an address that is known, for whoever
// wants to look into serve while it is under load; $LOAD_GODEBUG and $LOAD_GOGC are its GODEBUG and GOGC.
func open(b *testing.B, calls int, more ...string) *house {
	b.Helper()
	h := &house{b: b, admin: os.Getenv("LOAD_ADMIN"), dir: b.TempDir()}
	if h.admin == "" {
		h.admin = freeAddr(b)
	}
	h.box = process(b, nil, "sandbox", "--addr", "127.0.0.1:0")
	env := append(sandboxEnv(b, h.box.url), "LOG_LEVEL=error", "VOICECTL_LIMITS_MAX_SESSIONS="+strconv.Itoa(calls+10), "VOICECTL_LIMITS_API_PER_MINUTE=0")
	for _, name := range []string{"GODEBUG", "GOGC"} {
		if v := os.Getenv("LOAD_" + name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	h.agent = process(b, append(env, more...), "serve", "--dev", "--port", "0", "--admin-addr", h.admin, "--data-dir", h.dir)
	return h
}

func (h *house) stop() {
	h.agent.stop()
	h.box.stop()
}

// webhook is where the phone network asks.
func (h *house) webhook() string { return h.agent.url + "/twilio/voice" }

// freeAddr is an address of loopback that nobody listens on just now.
func freeAddr(b *testing.B) string {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// metrics reads serve's figures; labels are part of the name.
func (h *house) metrics() map[string]float64 {
	h.b.Helper()
	resp, err := http.Get("http://" + h.admin + "/metrics")
	if err != nil {
		h.b.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	out := map[string]float64{}
	sc := bufio.NewScanner(resp.Body)
	for sc.Scan() {
		name, value, ok := strings.Cut(sc.Text(), " ")
		if v, err := strconv.ParseFloat(value, 64); ok && err == nil && !strings.HasPrefix(name, "#") {
			out[name] = v
		}
	}
	return out
}

// quantile reads one out of a histogram of the metrics, in seconds: the bucket's upper end, which is never less.
func quantile(m map[string]float64, name string, q float64) float64 {
	total := m[name+"_count"]
	best := 0.0
	for key, n := range m {
		rest, ok := strings.CutPrefix(key, name+`_bucket{le="`)
		le, err := strconv.ParseFloat(strings.TrimSuffix(rest, `"}`), 64)
		if ok && err == nil && n >= q*total && (best == 0 || le < best) {
			best = le
		}
	}
	return best
}

// goroutinesOver waits until no more goroutines are left than there were, and tells how many more there are.
func (h *house) goroutinesOver(before float64) float64 {
	h.b.Helper()
	end := time.Now().Add(10 * time.Second)
	for {
		over := h.metrics()["go_goroutines"] - before
		if over <= 0 {
			return 0
		}
		if time.Now().After(end) {
			h.b.Logf("%.0f goroutines more:\n%s", over, h.goroutines())
			return over
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// goroutines is what all of them do, the most frequent first.
func (h *house) goroutines() string {
	resp, err := http.Get("http://" + h.admin + "/debug/pprof/goroutine?debug=1")
	if err != nil {
		return err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 16<<10))
	return string(text)
}

// rested waits until no session lives and what they leave behind is gone.
func (h *house) rested() {
	h.b.Helper()
	for end := time.Now().Add(10 * time.Second); h.metrics()["voicectl_sessions_active"] > 0 && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
	}
	time.Sleep(time.Second)
}

// sandboxEnv asks the binary how to point at a sandbox.
func sandboxEnv(b *testing.B, url string) []string {
	b.Helper()
	var env []string
	out, err := command(binary(b), "sandbox", "env", "--url", url).Output()
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		env = append(env, fmt.Sprintf("%s=%s", name, strings.Trim(value, "'")))
	}
	return env
}
