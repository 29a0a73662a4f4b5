package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/voicectl/voicectl/internal/agent"
	"github.com/voicectl/voicectl/internal/clock"
	"github.com/voicectl/voicectl/internal/provider/guard"
	"github.com/voicectl/voicectl/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newServer makes a server of a configuration, not started.
func newServer(t *testing.T, c Config, log *slog.Logger) *Server {
	t.Helper()
	s, err := New(Options{Config: c, Agents: map[string]agent.Definition{"a": {Name: "a", Tools: []string{"look_up"}}}, Agent: "a", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.cancel)
	return s
}

// COM-07: the HTTP servers have bounds on every wait; H45: a header that drips in is cut after 5 s.
func TestCOM07_EveryWaitOfTheServersIsBounded(t *testing.T) {
	s := newServer(t, Config{Addr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0"}, nil)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, srv := range map[string]*http.Server{"web": s.web, "admin": s.adminWeb} {
		if srv.ReadHeaderTimeout <= 0 || srv.ReadHeaderTimeout > 5*time.Second || srv.IdleTimeout <= 0 || srv.MaxHeaderBytes <= 0 || srv.MaxHeaderBytes > 16<<10 {
			t.Errorf("%s: header %v, idle %v, %d bytes", name, srv.ReadHeaderTimeout, srv.IdleTimeout, srv.MaxHeaderBytes)
		}
	}
	if s.web.ReadTimeout <= 0 || s.web.WriteTimeout <= 0 {
		t.Errorf("web: read %v, write %v", s.web.ReadTimeout, s.web.WriteTimeout)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// manual is a clock that a test moves.
type manual struct {
	clock.Real
	now time.Time
}

func (m *manual) Now() time.Time { return m.now }

func TestTokens_AreGoodOnceForOneThingAndAMinute(t *testing.T) {
	c := &manual{now: time.Unix(1000, 0)}
	tk := newTokens(c.Now, time.Minute)
	one := tk.issue(pass{bound: "CA1", agent: "a"})
	if len(one) != 43 || one == tk.issue(pass{bound: "CA1", agent: "a"}) {
		t.Errorf("token %q: want 256 bits, another each time", one)
	}
	if _, ok := tk.spend(one, "CA2"); ok {
		t.Error("good for another call")
	}
	if p, ok := tk.spend(one, "CA1"); !ok || p.agent != "a" {
		t.Error("an attempt for another call has spent it")
	}
	if _, ok := tk.spend(one, "CA1"); ok {
		t.Error("good twice")
	}
	late := tk.issue(pass{bound: "CA1"})
	c.now = c.now.Add(time.Minute + time.Second)
	if _, ok := tk.spend(late, "CA1"); ok {
		t.Error("good after a minute")
	}
	for range maxTokens + 100 {
		tk.issue(pass{})
	}
	if len(tk.m) > maxTokens {
		t.Errorf("%d tokens are kept, at most %d", len(tk.m), maxTokens)
	}
}

func TestGate_PlacesRatesAndMemory(t *testing.T) {
	c := &manual{now: time.Unix(1000, 0)}
	g := newGate(Config{MaxSessions: 3, MaxPerIP: 2, NewPerMinute: 4}, c.Now)
	enter := func(ip, want string) func() {
		t.Helper()
		leave, why := g.enter(ip)
		if why != want {
			t.Errorf("%q: %q, want %q", ip, why, want)
		}
		return leave
	}
	a := enter("1", "")
	enter("1", "")
	enter("1", "per_ip")
	enter("", "") // the phone network is not counted by address
	enter("2", "capacity")
	a()
	a() // leaving twice is leaving once
	enter("1", "")()
	if g.inside != 2 {
		t.Errorf("%d inside, want 2", g.inside)
	}
	enter("1", "")()
	enter("1", "rate")
	c.now = c.now.Add(time.Minute)
	enter("1", "")()
	for i := range maxVisitors + 10 {
		if leave, _ := g.enter(fmt.Sprint("v", i)); leave != nil {
			leave()
		}
	}
	if len(g.news.visitors) > maxVisitors || len(g.byIP) > 3 {
		t.Errorf("%d visitors and %d addresses are kept", len(g.news.visitors), len(g.byIP))
	}
}

func TestNew_RefusesADoorOpenToTheWorld(t *testing.T) {
	keys := []secret.Secret{secret.New("k")}
	for name, c := range map[string]struct {
		config Config
		ok     bool
	}{
		"loopback":                {Config{Addr: "127.0.0.1:0"}, true},
		"loopback by name":        {Config{Addr: "localhost:0"}, true},
		"everywhere, no key":      {Config{Addr: "0.0.0.0:0"}, false},
		"everywhere, short":       {Config{Addr: ":0"}, false},
		"everywhere, a key":       {Config{Addr: "0.0.0.0:0", APIKeys: keys}, true},
		"admin everywhere":        {Config{Addr: "127.0.0.1:0", AdminAddr: "0.0.0.0:0"}, false},
		"admin everywhere, a key": {Config{Addr: "127.0.0.1:0", AdminAddr: "0.0.0.0:0", APIKeys: keys}, true},
		"base path without slash": {Config{Addr: "127.0.0.1:0", BasePath: "v4"}, false},
	} {
		s, err := New(Options{Config: c.config, Agents: map[string]agent.Definition{"a": {}}, Agent: "a"})
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		if s != nil {
			s.cancel()
		}
	}
	if _, err := New(Options{Agent: "nobody"}); err == nil {
		t.Error("an agent that does not exist is taken")
	}
}

// A panic in a handler is an answer of 500 with the request's id, and a line with its type and place,
// never its value.
func TestWrap_PanicIsAnAnswer(t *testing.T) {
	var logs bytes.Buffer
	s := newServer(t, Config{Addr: "127.0.0.1:0"}, slog.New(slog.NewJSONHandler(&logs, nil)))
	w := httptest.NewRecorder()
	s.wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(errors.New("zanzibar")) })).
		ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	var p problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != 500 || p.RequestID == "" || p.RequestID != w.Header().Get("X-Request-Id") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if got := logs.String(); strings.Contains(got, "zanzibar") || !strings.Contains(got, p.RequestID) || !strings.Contains(got, "*errors.errorString") {
		t.Errorf("logged %s", got)
	}
}

func TestDiscreet_KeepsFactsAndDropsWords(t *testing.T) {
	vendor := &guard.Error{Vendor: "openai", Op: "chat", Class: guard.BadRequest, Status: 400, Code: "x", RequestID: "req-1", Err: errors.New("zanzibar")}
	dial := &guard.Error{Vendor: "openai", Op: "chat", Class: guard.Unreachable, Err: errors.New("connection refused")}
	for name, c := range map[string]struct {
		log   func(*slog.Logger)
		holds []string
	}{
		"a vendor's error":    {func(l *slog.Logger) { l.Warn("m", "err", vendor) }, []string{`"vendor":"openai"`, `"status":400`, `"request_id":"req-1"`, `"class":"bad_request"`, `"component":"c"`}},
		"wrapped":             {func(l *slog.Logger) { l.Warn("m", "err", fmt.Errorf("zanzibar: %w", vendor)) }, []string{`"vendor":"openai"`}},
		"joined":              {func(l *slog.Logger) { l.Warn("m", "err", errors.Join(errors.New("zanzibar"), vendor)) }, []string{`"vendor":"openai"`}},
		"given by With":       {func(l *slog.Logger) { l.With("err", vendor).Warn("m") }, []string{`"vendor":"openai"`, `"component":"c"`}},
		"our own transport":   {func(l *slog.Logger) { l.Warn("m", "err", dial) }, []string{"connection refused"}},
		"any other error":     {func(l *slog.Logger) { l.Warn("m", "err", errors.New("disk full")) }, []string{"disk full"}},
		"a component":         {func(l *slog.Logger) { l.Warn("m", "component", "d") }, []string{`"component":"d"`}},
		"a component by With": {func(l *slog.Logger) { l.With("component", "d").Warn("m") }, []string{`"component":"d"`}},
	} {
		var b bytes.Buffer
		c.log(slog.New(discreet{next: slog.NewJSONHandler(&b, nil), component: "c"}))
		if strings.Contains(b.String(), "zanzibar") || strings.Count(b.String(), `"component"`) != 1 {
			t.Errorf("%s: %s", name, b.String())
		}
		for _, h := range c.holds {
			if !strings.Contains(b.String(), h) {
				t.Errorf("%s: %s, want %s", name, b.String(), h)
			}
		}
	}
}

func TestMetrics_NamesOfAModelAreNoLabels(t *testing.T) {
	s := newServer(t, Config{Addr: "127.0.0.1:0"}, nil)
	if a, b := s.metrics.tool("look_up"), s.metrics.tool("zanzibar"); a != "look_up" || b != "other" {
		t.Errorf("labels %q and %q", a, b)
	}
	if knownMethod("ZANZIBAR") != "other" || knownMethod(http.MethodGet) != http.MethodGet {
		t.Error("methods of strangers are labels")
	}
}
