package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/voicectl/voicectl/internal/agent"
	"github.com/voicectl/voicectl/internal/agent/archive"
	"github.com/voicectl/voicectl/internal/agent/chain"
	"github.com/voicectl/voicectl/internal/agent/line"
	"github.com/voicectl/voicectl/internal/agent/server"
	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/agent/tools"
	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/config"
	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/provider/guard"
	"github.com/voicectl/voicectl/internal/provider/supabase"
	"github.com/voicectl/voicectl/internal/secret"
	"github.com/voicectl/voicectl/templates"
)

// wire.go is the only place where wings, vendors and configuration meet.

// serving is an assembled server with all it stands on. Stop undoes everything in reverse order.
type serving struct {
	server *server.Server
	stops  []func(context.Context) error
	idle   []func() // drop connections that nobody uses
}

func (s *serving) onStop(fn func(context.Context) error) { s.stops = append(s.stops, fn) }

// stop tears down, last in, first out, within five seconds, and joins the errors.
func (s *serving) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	var errs []error
	for i := len(s.stops) - 1; i >= 0; i-- {
		errs = append(errs, s.stops[i](ctx))
	}
	s.stops = nil
	return errors.Join(errs...)
}

// assemble builds the server of a configuration. What was opened before an error is closed again.
func (p *Proc) assemble(ctx context.Context, cfg *config.Config, src *config.Sources, log *slog.Logger) (_ *serving, err error) {
	s := &serving{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop(ctx))
		}
	}()
	var extras sandboxExtras
	if cfg.Sandbox {
		if extras, err = p.startSandbox(ctx, s, cfg, src, log); err != nil {
			return nil, err
		}
	}
	def, err := p.agentOf(cfg)
	if err != nil {
		return nil, err
	}
	arch, err := archive.Open(archive.Options{Dir: p.path(cfg.DataDir), Database: cfg.Archive.DatabaseURL, Log: log, Retention: archive.Retention{Text: cfg.Archive.TextRetention}})
	if err != nil {
		return nil, err
	}
	s.onStop(func(context.Context) error { return arch.Close() })
	s.onStop(sweeper(ctx, arch, log))
	sched := media.NewScheduler(time.Now)
	s.onStop(func(context.Context) error { sched.Close(); return nil })

	registry := prometheus.NewRegistry()
	var observe func(guard.Observation)
	vendors := engines(s, cfg, func(o guard.Observation) {
		if observe != nil {
			observe(o)
		}
	})
	conf, err := serverConfig(cfg)
	if err != nil {
		return nil, err
	}
	turns := turnConfig(cfg.Turn)
	if turns.Window = cfg.Providers.OpenAI.Window; turns.Window == 0 {
		if turns.Window, err = agent.Window(templates.FS, cfg.Providers.OpenAI.Model); err != nil {
			return nil, err
		}
	}
	s.server, err = server.New(server.Options{
		Config: conf, Agents: map[string]agent.Definition{def.Name: def}, Agent: def.Name, Turn: turns,
		Engines: vendors, Archive: arch, Scheduler: scheduler{sched},
		Pages: pages(cfg, def), Outbox: extras.outbox, Phrase: extras.phrase,
		Registry: registry, Clock: p.Clock, Log: log, Notice: func(t string) { p.UI.Say("%s", t) },
	})
	if err != nil {
		return nil, err
	}
	observe = s.server.Vendor
	return s, nil
}

// agentOf reads the agent's definition: --agent FILE, else the built-in one of the profile.
func (p *Proc) agentOf(cfg *config.Config) (agent.Definition, error) {
	if cfg.Agent == "" {
		return agent.Load(templates.FS, cfg.Profile)
	}
	f, err := os.Open(p.path(cfg.Agent))
	if err != nil {
		return agent.Definition{}, badFile(fmt.Errorf("read agent: %w", err), "check --agent, or leave it out for the built-in agent")
	}
	defer func() { _ = f.Close() }()
	def, err := agent.Read(f, cfg.Agent)
	if err != nil {
		return agent.Definition{}, badFile(err)
	}
	return def, nil
}

// engines makes the vendors' clients, one of each for the whole process.
func engines(s *serving, cfg *config.Config, observe func(guard.Observation)) server.Engines {
	c := cfg.Providers
	responder, ends := model(s, c.OpenAI, observe)
	recognizer, more := ears(c.Speechmatics, observe)
	ends = append(ends, more...)
	synthesizer, more, prewarm := voice(s, c.Cartesia, observe)
	ends = append(ends, more...)
	functions := map[string]string{}
	for tool, fn := range c.Supabase.Functions {
		functions[functionOf(tool)] = fn
	}
	data, dataErr := supabase.New(supabase.Options{URL: c.Supabase.URL, Key: c.Supabase.AnonKey, Functions: functions, Timeout: c.Supabase.Timeout, Observe: observe})
	ends = append(ends, endpoint{"supabase", func() bool { return data != nil && data.Open() }})
	if dataErr == nil {
		s.idle = append(s.idle, data.Close)
	}
	policy := tools.Policy{Timeout: cfg.Tools.Timeout}
	if cfg.Environment != "production" && len(cfg.Tools.MailDomains) > 0 {
		policy.MailDomains = cfg.Tools.MailDomains
	}
	return server.Engines{
		Recognizer: recognizer, Responder: responder, Synthesizer: synthesizer, Clip: new(chain.Clips).Apology,
		Tools: func(names []string, log *slog.Logger) (session.Tools, error) {
			if dataErr != nil {
				return nil, dataErr
			}
			return chain.NewTools(tools.Options{Backend: data, Policy: policy}, names, log)
		},
		All: len(ends),
		Down: func() []string {
			var down []string
			for _, e := range ends {
				if e.down() {
					down = append(down, e.name)
				}
			}
			return down
		},
		Forget: func() {
			for _, drop := range s.idle {
				drop()
			}
		},
		Warm: func() error {
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
			defer cancel()
			return prewarm(ctx)
		},
	}
}

// scheduler fits the shared scheduler to the session's seam.
type scheduler struct{ s *media.Scheduler }

// Every implements session.Scheduler.
func (s scheduler) Every(interval time.Duration, fn func(time.Time) bool) func() {
	return s.s.Add(interval, fn).Stop
}

// Stats tells the metrics how punctual it is.
func (s scheduler) Stats() media.SchedulerStats { return s.s.Stats() }

func serverConfig(cfg *config.Config) (server.Config, error) {
	c := server.Config{
		Profile: cfg.Profile, Addr: net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port)), AdminAddr: cfg.AdminAddr,
		BasePath: cfg.BasePath, Dev: cfg.Dev, Sandbox: cfg.Sandbox,
		APIKeys: cfg.Auth.APIKeys, AllowedOrigins: cfg.Auth.AllowedOrigins,
		TwilioAccount: cfg.Providers.Twilio.AccountSID,
		MaxSessions:   cfg.Limits.MaxSessions, MaxPerIP: cfg.Limits.PerIP, NewPerMinute: cfg.Limits.NewPerMinute,
		APIPerMinute: cfg.Limits.APIPerMinute, HookPerMinute: cfg.Limits.HooksPerMinute,
		SessionTime: cfg.Limits.SessionTimeout, DrainTimeout: cfg.DrainTimeout,
		Line:      line.Limits{Handshake: cfg.Limits.HandshakeTimeout, Idle: cfg.Limits.IdleTimeout, BadInRow: cfg.Limits.BadMessages},
		NoContent: !cfg.Archive.Text,
		TokenTTL:  cfg.Limits.TokenTTL, FirstMessage: int64(cfg.Limits.FirstMessageBytes), Message: int64(cfg.Limits.MessageBytes),
		Body: int64(cfg.Limits.BodyBytes), ReportLevel: cfg.Tools.ReportLevel,
		Version: buildInfo().Version, Commit: buildInfo().Commit,
	}
	if strings.EqualFold(cfg.AdminAddr, "off") {
		c.AdminAddr = ""
	}
	for _, text := range cfg.Limits.TrustedProxies {
		p, err := config.Network(text)
		if err != nil {
			return c, fmt.Errorf("trusted proxies: %w", err)
		}
		c.TrustedProxies = append(c.TrustedProxies, p)
	}
	c.AdminFree = cfg.Dev || cfg.Sandbox || cfg.Port == 0
	for _, t := range []secret.Secret{cfg.Providers.Twilio.AuthToken, cfg.Providers.Twilio.AuthTokenPrevious} {
		if t.Set() {
			c.TwilioTokens = append(c.TwilioTokens, t)
		}
	}
	if cfg.PublicURL != "" {
		u, err := url.Parse(cfg.PublicURL)
		if err != nil {
			return c, fmt.Errorf("public url: %w", err)
		}
		c.PublicURL = u
	}
	return c, nil
}

func turnConfig(t config.Turn) turn.Config {
	return turn.Config{
		EndComplete: t.EndComplete, EndOpen: t.EndOpen, EndDangling: t.EndDangling, FinalWait: t.FinalWait, Watchdog: t.Watchdog,
		BargeInOff: !t.BargeIn, BargeInVoice: t.BargeInVoice, BargeInMinWords: t.BargeInMinWords,
		FillerAfter: t.FillerAfter, MaxWords: t.MaxWords, MaxRounds: t.MaxRounds, MaxMessages: t.MaxMessages,
	}
}

// functionOf is the data function's own name behind a tool.
func functionOf(tool string) string {
	switch tool {
	case "query_transactions":
		return supabase.FnTransactions
	case "search_documents":
		return supabase.FnDocuments
	case "web_search":
		return supabase.FnWeb
	case "send_email_report":
		return supabase.FnEmail
	case "generate_transaction_chart":
		return supabase.FnChart
	}
	return tool
}

// sweeper erases what is older than its retention, a minute after the start and then once a day.
func sweeper(ctx context.Context, a *archive.Archive, log *slog.Logger) (stop func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTimer(time.Minute)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
			swept, err := a.Sweep(ctx, time.Now())
			if err != nil && ctx.Err() == nil {
				log.Error("sweep", "component", "archive", "err", err)
			}
			if swept.Texts > 0 {
				log.Info("old words erased", "component", "archive", "calls", swept.Texts)
			}
			t.Reset(24 * time.Hour)
		}
	}()
	return func(context.Context) error {
		cancel()
		<-done
		return nil
	}
}
