package calls_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/agent"
	"github.com/voicectl/voicectl/internal/agent/server"
	"github.com/voicectl/voicectl/internal/peer"
	"github.com/voicectl/voicectl/internal/provider/rtvi"
	"github.com/voicectl/voicectl/internal/provider/twilio"
	"github.com/voicectl/voicectl/internal/secret"
)

const mount = "/v4/PROJECT/APP"

// COM-01: under a base path every route moves along, and nothing answers at the old place.
func TestCOM01_BasePathMovesEveryRoute(t *testing.T) {
	t.Parallel()
	h := open(t, plan{config: server.Config{BasePath: mount}})
	root := strings.TrimSuffix(h.url, mount)
	for _, route := range []string{
		"GET /health", "GET /julia/health", "GET /phone/health", "GET /audio/health", "GET /livez", "GET /readyz", "GET /ws", "POST /start",
		"POST /connect", "POST /twilio/voice", "POST /", "POST ", "POST /twilio/fallback", "POST /twilio/status", "GET /twilio/media", "GET /api/calls",
	} {
		method, path, _ := strings.Cut(route, " ")
		if resp, body := h.ask(method, h.url+path, ""); resp.StatusCode == http.StatusNotFound || resp.StatusCode/100 == 3 {
			t.Errorf("%s under %s: %d %s", route, mount, resp.StatusCode, body)
		}
		if path == "" {
			continue
		}
		resp, body := h.ask(method, root+path, "")
		wantProblem(t, resp, body, http.StatusNotFound)
	}
	_, body := h.ask(http.MethodPost, "/start", "{}", "Content-Type", "application/json")
	var start map[string]string
	must(t, json.Unmarshal([]byte(body), &start))
	if want := "ws" + strings.TrimPrefix(h.url, "http") + "/ws"; len(start) != 1 || start["wsUrl"] != want {
		t.Errorf("/start answers %s, want exactly wsUrl %s", body, want)
	}
}

// COM-01: the address of the media socket and the signatures follow the base path; a whole call by phone
// and one by browser work there.
func TestCOM01_CallsUnderABasePath(t *testing.T) {
	t.Parallel()
	h := open(t, plan{config: server.Config{BasePath: mount}, greet: true})
	c := h.call(nil)
	c.hears(t, "Julia")
	c.hangUp()
	b, err := peer.CallRTVI(t.Context(), peer.BrowserOptions{Options: peer.Options{URL: h.url + "/start"}})
	must(t, err)
	must(t, b.Close())
	for e := range b.Events() {
		if e.Kind == peer.Warning {
			t.Errorf("browser: %s", e.Text)
		}
	}
	for _, path := range []string{"/twilio/voice", "/", ""} {
		resp, body := h.webhook(path, form(callA))
		if want := `url="ws` + strings.TrimPrefix(h.url, "http") + `/twilio/media"`; resp.StatusCode != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("POST %q: %d %s, want %s", path, resp.StatusCode, body, want)
		}
		short := strings.TrimSuffix(h.url, mount) + path // signed as if there were no base path
		resp, body = h.ask(http.MethodPost, path, form(callA).Encode(), "Content-Type", formType, twilio.SignatureHeader, twilio.Sign(authToken(), short, form(callA)))
		wantProblem(t, resp, body, http.StatusForbidden)
	}
}

// COM-01: behind a proxy all is built from PUBLIC_URL, with wss, never from what a request says of itself.
func TestCOM01_PublicURLAndBasePath(t *testing.T) {
	t.Parallel()
	public, err := url.Parse("https://voice.example.com")
	must(t, err)
	h := open(t, plan{config: server.Config{BasePath: mount, PublicURL: public}, greet: true})
	full := "https://voice.example.com" + mount + "/twilio/voice"
	resp, body := h.ask(http.MethodPost, "/twilio/voice", form(callA).Encode(), "Content-Type", formType, "Host", "evil.example",
		"X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "http", twilio.SignatureHeader, twilio.Sign(authToken(), full, form(callA)))
	want := `url="wss://voice.example.com` + mount + `/twilio/media"`
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, want) {
		t.Fatalf("%d %s, want %s", resp.StatusCode, body, want)
	}
	verbs, err := twilio.ParseTwiML([]byte(body), twilio.TwiMLOptions{})
	must(t, err)
	token := verbs[0].Verbs[0].Parameters()["token"]
	hd := http.Header{}
	hd.Set(twilio.SignatureHeader, twilio.Sign(authToken(), "wss://voice.example.com"+mount+"/twilio/media", nil))
	conn, err := h.dial("/twilio/media", hd)
	must(t, err)
	s := &stream{t: t, conn: conn}
	s.handshake(callA, token)
	if _, msg, err := conn.Read(nil); err != nil || !strings.Contains(string(msg), `"event":"media"`) {
		t.Errorf("got %s %v, want the greeting", msg, err)
	}
	must(t, conn.Drop())
}

// COM-03: alive while it runs; ready when warm and not while draining, when new callers hear words.
func TestCOM03_LivenessReadinessAndDrain(t *testing.T) {
	t.Parallel()
	warm := make(chan struct{})
	h := open(t, plan{
		config:  server.Config{DrainTimeout: time.Minute},
		engines: func(e *server.Engines) { e.Warm = func() error { <-warm; return nil } },
	})
	ready := func(status int, word string) {
		t.Helper()
		if resp, body := h.ask(http.MethodGet, "/readyz", ""); resp.StatusCode != status || !strings.Contains(body, word) {
			t.Errorf("readyz: %d %s, want %d %q", resp.StatusCode, body, status, word)
		}
		if resp, body := h.ask(http.MethodGet, "/livez", ""); resp.StatusCode != http.StatusOK {
			t.Errorf("livez: %d %s", resp.StatusCode, body)
		}
	}
	ready(503, "warming")
	close(warm)
	until(t, "warmth", func() bool { resp, _ := h.ask(http.MethodGet, "/readyz", ""); return resp.StatusCode == http.StatusOK })
	p := h.page(visit{})
	down := make(chan error, 1)
	go func() { down <- h.stop(context.Background()) }()
	until(t, "drain", func() bool {
		resp, _ := h.ask(http.MethodGet, "/readyz", "")
		return resp.StatusCode == http.StatusServiceUnavailable
	})
	ready(503, "draining")
	if resp, body := h.webhook("/twilio/voice", form(callA)); resp.StatusCode != http.StatusOK || !strings.Contains(body, "<Say>Sorry") || strings.Contains(body, "<Connect") {
		t.Errorf("a new phone call hears %d %s", resp.StatusCode, body)
	}
	resp, body := h.ask(http.MethodPost, "/start", "")
	wantProblem(t, resp, body, http.StatusServiceUnavailable)
	if _, err := h.dial("", nil); !refusedWith(err, http.StatusServiceUnavailable) {
		t.Errorf("a new socket: %v", err)
	}
	if a := p.ask(question); !strings.Contains(a.text, "3 transactions") {
		t.Errorf("the live call is answered %q", a.text)
	}
	p.send(rtvi.DisconnectBot, "", nil)
	select {
	case err := <-down:
		must(t, err)
	case <-time.After(patience):
		t.Fatal("still draining after the last call ended")
	}
}

// COM-03: metrics, profiles and admin routes are on the admin listener alone, which is for this machine.
func TestCOM03_AdminListenerAlone(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	for path, holds := range map[string]string{
		"/metrics": "voicectl_build_info", "/debug/pprof/": "goroutine", "/debug/pprof/cmdline": "", "/admin/health": "active_sessions",
	} {
		resp, body := h.ask(http.MethodGet, path, "")
		wantProblem(t, resp, body, http.StatusNotFound)
		if resp, body = h.ask(http.MethodGet, h.admin()+path, ""); resp.StatusCode != http.StatusOK || !strings.Contains(body, holds) {
			t.Errorf("admin %s: %d %.80s", path, resp.StatusCode, body)
		}
		resp, _ = h.ask(http.MethodGet, h.admin()+path, "", "Host", "rebound.example")
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("admin %s by a foreign name: %d", path, resp.StatusCode)
		}
	}
	o := server.Options{
		Config: server.Config{Addr: "127.0.0.1:0", AdminAddr: "0.0.0.0:0"}, Agent: h.agent.Name, Agents: map[string]agent.Definition{h.agent.Name: h.agent},
	}
	if _, err := server.New(o); err == nil || !strings.Contains(err.Error(), "admin listener") {
		t.Errorf("H99: an admin listener open to all, without keys: %v", err)
	}
	o.Config.APIKeys = []secret.Secret{secret.New(apiKey)}
	if _, err := server.New(o); err != nil {
		t.Errorf("with keys: %v", err)
	}
}
