// Package calls_test holds whole calls: the real server with the real chain on an in-process sandbox, over
// real sockets, judged by what came back and by what the sandbox's recorder saw.
package calls_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/voicectl/voicectl/internal/agent"
	"github.com/voicectl/voicectl/internal/agent/archive"
	"github.com/voicectl/voicectl/internal/agent/chain"
	"github.com/voicectl/voicectl/internal/agent/server"
	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/agent/tools"
	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/provider/cartesia"
	"github.com/voicectl/voicectl/internal/provider/guard"
	"github.com/voicectl/voicectl/internal/provider/openai"
	"github.com/voicectl/voicectl/internal/provider/speechmatics"
	"github.com/voicectl/voicectl/internal/provider/supabase"
	"github.com/voicectl/voicectl/internal/sandbox"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
	"github.com/voicectl/voicectl/internal/secret"
	"github.com/voicectl/voicectl/templates"
)

const (
	patience = 15 * time.Second // for anything that should happen at once; long, because the machine is shared
	account  = "AC00000000000000000000000000000001"
	apiKey   = "sentinel-access-key-0123456789"
)

func authToken() secret.Secret { return secret.New("sandbox-twilio-token") }

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		removeBinary()
		os.Exit(code)
	}))
}

// plan is what a test wants to be different.
type plan struct {
	config   server.Config
	agent    func(*agent.Definition)
	greet    bool // keep the greeting
	openai   func(*openai.Options)
	supabase func(*supabase.Options)
	ears     func(*speechmatics.Options)
	voice    func(*cartesia.Options)
	policy   tools.Policy
	turn     turn.Config
	engines  func(*server.Engines)                   // has the last word
	tools    func(inner session.Tools) session.Tools // around the tools of each session
}

// house is one assembled server on a sandbox of its own.
type house struct {
	t     *testing.T
	srv   *server.Server
	stage *stage.Stage
	base  string // of the sandbox
	url   string // of the server, with its base path
	logs  *journal
	dir   string // of the archive
	stop  func(context.Context) error
	agent agent.Definition
}

// open assembles what cmd/voicectl assembles, with debug logs kept, and closes it at the end of the test.
func open(t *testing.T, p plan) *house {
	t.Helper()
	h := &house{t: t, logs: &journal{}, dir: t.TempDir()}
	log := slog.New(slog.NewJSONHandler(h.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	box := sandbox.New(sandbox.Options{})
	base, stopBox, err := box.Start(context.WithoutCancel(t.Context()), "127.0.0.1:0")
	must(t, err)
	h.stage, h.base = box.Stage(), base
	t.Cleanup(func() { must(t, within(stopBox)) })

	h.agent, err = agent.Load(templates.FS, "julia")
	must(t, err)
	if !p.greet {
		h.agent.Greeting = ""
	}
	if p.agent != nil {
		p.agent(&h.agent)
	}
	arch, err := archive.Open(archive.Options{Dir: h.dir, Log: log})
	must(t, err)
	t.Cleanup(func() { must(t, arch.Close()) })
	sched := media.NewScheduler(time.Now)
	t.Cleanup(sched.Close)

	c := p.config
	if c.Profile == "" {
		c.Profile = "julia"
	}
	if c.Addr == "" {
		c.Addr = "127.0.0.1:0"
	}
	if c.AdminAddr == "" {
		c.AdminAddr = "127.0.0.1:0"
	}
	c.TwilioAccount = account
	if c.TwilioTokens == nil {
		c.TwilioTokens = []secret.Secret{authToken()}
	}
	c.Version, c.Commit = "1.2.3", "abc"
	var observe func(guard.Observation)
	engines := h.engines(p, func(o guard.Observation) { observe(o) })
	if p.engines != nil {
		p.engines(&engines)
	}
	h.srv, err = server.New(server.Options{
		Config: c, Agents: map[string]agent.Definition{h.agent.Name: h.agent}, Agent: h.agent.Name, Turn: p.turn, Engines: engines,
		Archive: arch, Scheduler: grid{sched}, Registry: prometheus.NewRegistry(), Log: log,
	})
	must(t, err)
	observe = h.srv.Vendor
	must(t, h.srv.Start(t.Context()))
	h.url = h.srv.URL()
	var once sync.Once
	h.stop = func(ctx context.Context) (err error) {
		once.Do(func() { err = h.srv.Shutdown(ctx) })
		return err
	}
	t.Cleanup(func() { must(t, within(h.stop)) })
	return h
}

// in is the same house for a subtest.
func (h *house) in(t *testing.T) *house {
	c := *h
	c.t = t
	return &c
}

func (h *house) engines(p plan, observe func(guard.Observation)) server.Engines {
	mo := openai.Options{BaseURL: h.base + "/openai/v1", Key: secret.New("sandbox-openai"), Model: "gpt-4.1-mini", Observe: observe}
	so := supabase.Options{URL: h.base + "/supabase", Key: secret.New("sandbox-supabase"), Observe: observe}
	eo := speechmatics.Options{URL: "ws" + strings.TrimPrefix(h.base, "http") + "/speechmatics/v2", Key: secret.New("sandbox-speechmatics"), Observe: observe}
	vo := cartesia.Options{BaseURL: h.base + "/cartesia", Key: secret.New("sandbox-cartesia"), Voice: "6ccbfb76-1fc6-48f7-b71d-91ac6298247b", Model: "sonic-3", Observe: observe}
	change(p.openai, &mo)
	change(p.supabase, &so)
	change(p.ears, &eo)
	change(p.voice, &vo)
	model, ears, voice := openai.New(mo), speechmatics.New(eo), cartesia.New(vo)
	data, err := supabase.New(so)
	must(h.t, err)
	h.t.Cleanup(func() { must(h.t, within(voice.Close)) })
	h.t.Cleanup(model.Close)
	return server.Engines{
		Recognizer: chain.Speechmatics{Client: ears}, Responder: chain.OpenAI{Client: model}, Synthesizer: chain.Cartesia{Client: voice},
		Tools: func(names []string, log *slog.Logger) (session.Tools, error) {
			inner, err := chain.NewTools(tools.Options{Backend: data, Policy: p.policy}, names, log)
			if err != nil || p.tools == nil {
				return inner, err
			}
			return p.tools(inner), nil
		},
		All: 4,
		Down: func() []string {
			var down []string
			for name, is := range map[string]bool{"openai": model.Open(), "speechmatics": ears.Down(), "cartesia": voice.Down(), "supabase": data.Open()} {
				if is {
					down = append(down, name)
				}
			}
			return down
		},
	}
}

func change[T any](fn func(*T), o *T) {
	if fn != nil {
		fn(o)
	}
}

// grid fits the scheduler to the session's seam, as cmd/voicectl does.
type grid struct{ s *media.Scheduler }

func (g grid) Every(d time.Duration, fn func(time.Time) bool) func() { return g.s.Add(d, fn).Stop }

// journal keeps log lines.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// lines are the log lines with this message.
func (j *journal) lines(msg string) []map[string]any {
	var out []map[string]any
	for line := range strings.Lines(j.String()) {
		var m map[string]any
		if json.Unmarshal([]byte(line), &m) == nil && m["msg"] == msg {
			out = append(out, m)
		}
	}
	return out
}

// ask makes one HTTP request and returns the answer with its body read.
func (h *house) ask(method, url, body string, header ...string) (*http.Response, string) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.t.Context()), patience)
	defer cancel()
	if !strings.Contains(url, "://") {
		url = h.url + url
	}
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	must(h.t, err)
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
			continue
		}
		req.Header.Set(header[i], header[i+1])
	}
	// No redirect is followed, and no connection is kept: the one that is counted by goleak.
	c := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := c.Do(req)
	must(h.t, err)
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	must(h.t, err)
	return resp, string(b)
}

// admin is the address of the admin listener.
func (h *house) admin() string { return "http://" + h.srv.AdminAddr().String() }
