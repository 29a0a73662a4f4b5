package calls_test

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/provider/rtvi"
	"github.com/voicectl/voicectl/internal/ws"
)

// remote makes the helpers of a house work on a process.
func (p *process) remote() *house {
	return &house{t: p.t, url: p.url, logs: p.logs}
}

func phoneEnv() []string {
	return []string{"TWILIO_AUTH_TOKEN=" + authToken().Reveal(), "TWILIO_ACCOUNT_SID=" + account}
}

func (p *process) drained() {
	p.t.Helper()
	h := p.remote()
	until(p.t, "readiness to go off", func() bool {
		resp, _ := h.ask(http.MethodGet, "/readyz", "")
		return resp.StatusCode == http.StatusServiceUnavailable
	})
}

// COM-04: SIGTERM turns readiness off at once and takes no new session; the live one may end within the
// grace, and the process leaves with 0.
func TestCOM04_DrainLetsTheLiveCallEnd(t *testing.T) {
	t.Parallel()
	p := start(t, phoneEnv(), "--sandbox", "--dev", "--admin-addr", "off", "--drain-timeout", "30s")
	h := p.remote()
	live := h.page(visit{})
	p.signal(syscall.SIGTERM)
	p.drained()
	if resp, body := h.webhook("/twilio/voice", form(callA)); resp.StatusCode != http.StatusOK || !strings.Contains(body, "<Say>Sorry") || !strings.Contains(body, "<Hangup") {
		t.Errorf("a new call hears %d %s", resp.StatusCode, body)
	}
	if _, err := h.dial("", nil); !refusedWith(err, http.StatusServiceUnavailable) {
		t.Errorf("a new socket: %v", err)
	}
	if a := live.ask(question); !strings.Contains(a.text, "3 transactions") {
		t.Errorf("the live call is answered %q", a.text)
	}
	live.send(rtvi.DisconnectBot, "", nil)
	if code := p.exit(5 * time.Second); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.logs)
	}
}

// COM-04: at the end of the grace the live ones are closed with 1001, and the process is gone, with 0,
// within two seconds more; whoever is silent in a handshake, or has only connected, cannot hold it.
func TestCOM04_GraceIsOver(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "--sandbox", "--dev", "--admin-addr", "off", "--drain-timeout", "300ms")
	h := p.remote()
	live := h.page(visit{})
	silent, err := h.dial("", nil)
	must(t, err)
	defer func() { _ = silent.Drop() }() // closed by the far end already
	at, err := url.Parse(p.url)
	must(t, err)
	idle, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", at.Host)
	must(t, err)
	defer func() { _ = idle.Close() }() // likewise
	begun := time.Now()
	p.signal(syscall.SIGINT)
	if code, _ := live.closed(); code != ws.CloseGoingAway {
		t.Errorf("the live call is closed with %d, want 1001", code)
	}
	code := p.exit(10 * time.Second)
	if took := time.Since(begun); code != 0 || took > 2300*time.Millisecond+slack {
		t.Errorf("exit code %d after %v, want 0 within the grace and 2 s\n%s", code, took, p.logs)
	}
}

// slack is what a busy machine may add.
const slack = time.Second

// COM-04: a second signal leaves at once, with 130.
func TestCOM04_SecondSignal(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "--sandbox", "--dev", "--admin-addr", "off", "--drain-timeout", "10m")
	live := p.remote().page(visit{})
	p.signal(syscall.SIGTERM)
	p.drained()
	begun := time.Now()
	p.signal(syscall.SIGTERM)
	if code := p.exit(10 * time.Second); code != 130 || time.Since(begun) > 2*time.Second+slack {
		t.Errorf("exit code %d after %v, want 130 at once\n%s", code, time.Since(begun), p.logs)
	}
	live.closed()
}

// COM-04 in the house: connections that never became a session do not hold Shutdown, nor make it fail.
func TestCOM04_ShutdownWithStragglers(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	conns := []*ws.Conn{}
	for _, url := range []string{"", h.mediaURL()} {
		c, err := h.media(url)
		must(t, err)
		conns = append(conns, c)
	}
	tcp, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", h.srv.Addr().String())
	must(t, err)
	defer func() { _ = tcp.Close() }() // closed by the far end already
	begun := time.Now()
	must(t, h.stop(context.Background()))
	if took := time.Since(begun); took > 2*time.Second+slack {
		t.Errorf("shutdown took %v", took)
	}
	for _, c := range conns {
		if code := endOf(c); code != ws.CloseGoingAway {
			t.Errorf("a socket in its handshake is closed with %d, want 1001", code)
		}
		must(t, c.Drop())
	}
}

// COM-02: the whole configuration is validated before anything starts, every problem is printed, the exit
// code is 2; --check-config does that and no more.
func TestCOM02_EveryConfigurationFault(t *testing.T) {
	t.Parallel()
	env := []string{"OPENAI_API_KEY=sk-0123456789abcdef0123456789abcdef", "LOG_LEVEL=loud"}
	args := []string{"serve", "--port", "70000", "--base-path", "v4", "--drain-timeout", "soon", "--public-url", "ftp://x"}
	for _, more := range [][]string{nil, {"--check-config"}} {
		code, stdout, stderr := run(t, env, append(args, more...)...)
		if code != 2 || stdout != "" {
			t.Errorf("%v: exit code %d, stdout %q", more, code, stdout)
		}
		for _, fault := range []string{"port", "base_path", "drain-timeout", "public-url", "LOG_LEVEL", "SPEECHMATICS_API_KEY", "CARTESIA_API_KEY", "SUPABASE_URL"} {
			if !strings.Contains(stderr, fault) {
				t.Errorf("%v: %s is not reported in %s", more, fault, stderr)
			}
		}
	}
	code, stdout, stderr := run(t, nil, "serve", "--check-config", "--sandbox", "--port", "0")
	if code != 0 || strings.Contains(stdout+stderr, "listening") {
		t.Errorf("sound: exit code %d, %q %q", code, stdout, stderr)
	}
}
