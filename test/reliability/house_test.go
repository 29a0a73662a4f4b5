package reliability

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/voicectl/voicectl/internal/agent"
	"github.com/voicectl/voicectl/internal/agent/archive"
	"github.com/voicectl/voicectl/internal/agent/chain"
	"github.com/voicectl/voicectl/internal/agent/server"
	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/agent/tools"
	"github.com/voicectl/voicectl/internal/clock"
	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/provider/cartesia"
	"github.com/voicectl/voicectl/internal/provider/openai"
	"github.com/voicectl/voicectl/internal/provider/speechmatics"
	"github.com/voicectl/voicectl/internal/provider/supabase"
	"github.com/voicectl/voicectl/internal/sandbox"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
	"github.com/voicectl/voicectl/internal/secret"
	"github.com/voicectl/voicectl/templates"
)

func authToken() secret.Secret { return secret.New("sandbox-auth-token") }

// plan is what a test wants to be different.
type plan struct {
	config server.Config
	base   string // of a sandbox in another process; "" makes one here
	ears   func(*speechmatics.Options)
	voice  func(*cartesia.Options)
	clock  clock.Clock
	now    func() time.Time // of the scheduler
	greet  string
}

// house is one assembled server with its sandbox, or the address of one in another process.
type house struct {
	t     *testing.T
	srv   *server.Server
	arch  *archive.Archive
	stage *stage.Stage
	box   string // address of the sandbox
	url   string
	logs  *journal
}

// open assembles what cmd/voicectl assembles, with debug logs kept, and closes it at the end of the test.
func open(t *testing.T, p plan) *house {
	t.Helper()
	h := &house{t: t, logs: &journal{}}
	log := slog.New(slog.NewJSONHandler(h.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if p.base == "" {
		box := sandbox.New(sandbox.Options{})
		base, stop, err := box.Start(context.WithoutCancel(t.Context()), "127.0.0.1:0")
		must(t, err)
		p.base, h.stage = base, box.Stage()
		t.Cleanup(func() { must(t, within(stop)) })
	}
	h.box = p.base
	def, err := agent.Load(templates.FS, "julia")
	must(t, err)
	def.Greeting = p.greet
	h.arch, err = archive.Open(archive.Options{Dir: t.TempDir(), Log: log})
	must(t, err)
	t.Cleanup(func() { must(t, h.arch.Close()) })
	sched := media.NewScheduler(p.now)
	t.Cleanup(sched.Close)

	c := p.config
	c.Profile, c.Addr, c.AdminAddr = "julia", "127.0.0.1:0", "127.0.0.1:0"
	c.TwilioAccount, c.TwilioTokens, c.Version = account, []secret.Secret{authToken()}, "1.2.3"
	h.srv, err = server.New(server.Options{
		Config: c, Agents: map[string]agent.Definition{def.Name: def}, Agent: def.Name, Engines: engines(t, p),
		Archive: h.arch, Scheduler: grid{sched}, Registry: prometheus.NewRegistry(), Log: log, Clock: p.clock,
	})
	must(t, err)
	must(t, h.srv.Start(t.Context()))
	h.url = h.srv.URL()
	t.Cleanup(func() { must(t, within(h.srv.Shutdown)) })
	return h
}

func engines(t *testing.T, p plan) server.Engines {
	mo := openai.Options{BaseURL: p.base + "/openai/v1", Key: secret.New("sandbox-openai"), Model: "gpt-4.1-mini"}
	so := supabase.Options{URL: p.base + "/supabase", Key: secret.New("sandbox-supabase")}
	eo := speechmatics.Options{URL: "ws" + strings.TrimPrefix(p.base, "http") + "/speechmatics/v2", Key: secret.New("sandbox-speechmatics")}
	vo := cartesia.Options{BaseURL: p.base + "/cartesia", Key: secret.New("sandbox-cartesia"), Voice: "6ccbfb76-1fc6-48f7-b71d-91ac6298247b", Model: "sonic-3"}
	if p.ears != nil {
		p.ears(&eo)
	}
	if p.voice != nil {
		p.voice(&vo)
	}
	model, ears, voice := openai.New(mo), speechmatics.New(eo), cartesia.New(vo)
	data, err := supabase.New(so)
	must(t, err)
	t.Cleanup(func() { must(t, within(voice.Close)) })
	t.Cleanup(model.Close)
	return server.Engines{
		Recognizer: chain.Speechmatics{Client: ears}, Responder: chain.OpenAI{Client: model}, Synthesizer: chain.Cartesia{Client: voice},
		Tools: func(names []string, log *slog.Logger) (session.Tools, error) {
			return chain.NewTools(tools.Options{Backend: data}, names, log)
		},
		All: 4, Forget: func() { model.Close(); data.Close() },
	}
}

// grid fits the scheduler to the session's seam, as cmd/voicectl does.
type grid struct{ s *media.Scheduler }

func (g grid) Every(d time.Duration, fn func(time.Time) bool) func() { return g.s.Add(d, fn).Stop }

// ask makes one HTTP request on a connection of its own and returns the answer with its body read.
func (h *house) ask(method, url, body string, header ...string) (*http.Response, string) {
	h.t.Helper()
	resp, text, err := request(method, h.at(url), body, header...)
	must(h.t, err)
	return resp, text
}

func (h *house) at(url string) string {
	if strings.Contains(url, "://") {
		return url
	}
	return h.url + url
}

func request(method, url, body string, header ...string) (*http.Response, string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return resp, string(b), err
}
