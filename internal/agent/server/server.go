package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/voicectl/voicectl/internal/clock"
)

// Server is one serving process. New, Start, then Shutdown.
type Server struct {
	o        Options
	log      *slog.Logger
	public   *url.URL
	listener net.Listener
	admin    net.Listener
	web      *http.Server
	adminWeb *http.Server
	tokens   *tokens
	book     *book
	gate     *gate
	lobby    *gate // signed sockets before their handshake is complete
	api      *budget
	hooks    *budget
	keys     [][sha256.Size]byte // of the access keys
	past     past
	metrics  *metrics
	warm     atomic.Bool
	draining atomic.Bool
	stopping atomic.Bool // nobody is let in any more, not even to ask

	ctx    context.Context //nolint:containedctx // life of the sessions, which outlive their HTTP handlers
	cancel context.CancelFunc
	door   context.Context //nolint:containedctx // ends when draining begins: who is in a handshake then must leave
	shut   context.CancelFunc
	fresh  sync.Map // net.Conn that have not sent a byte; http.Server would wait seconds for each
	group  errgroup.Group
	fatal  chan error
	forgot struct {
		sync.Mutex
		at time.Time
	}
	once sync.Once
}

// New checks the options. It has no side effect.
func New(o Options) (*Server, error) {
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	if o.Notice == nil {
		o.Notice = func(string) {}
	}
	if _, ok := o.Agents[o.Agent]; !ok {
		return nil, fmt.Errorf("server: no agent named %q", o.Agent)
	}
	c := &o.Config
	if c.MaxSessions <= 0 {
		c.MaxSessions = 100
	}
	if c.SessionTime <= 0 {
		c.SessionTime = 2 * time.Hour
	}
	if c.ReadTime <= 0 {
		c.ReadTime = 15 * time.Second
	}
	if c.TokenTTL <= 0 {
		c.TokenTTL = time.Minute
	}
	size := func(v *int64, def int64) {
		if *v <= 0 {
			*v = def
		}
	}
	size(&c.FirstMessage, 64<<10)
	size(&c.Message, 1<<20)
	size(&c.Body, 64<<10)
	c.BasePath = strings.TrimRight(c.BasePath, "/")
	if c.BasePath != "" && !strings.HasPrefix(c.BasePath, "/") {
		return nil, fmt.Errorf("server: base path %q must begin with a slash", c.BasePath)
	}
	if err := checkExposure(*c); err != nil {
		return nil, err
	}
	s := &Server{o: o, keys: hashes(c.APIKeys), tokens: newTokens(o.Clock.Now, c.TokenTTL), book: newBook(), fatal: make(chan error, 2)}
	s.o.Config.APIKeys = nil // from here on their hashes do
	s.log = s.logOf("server")
	s.gate = newGate(*c, o.Clock.Now)
	s.lobby = newGate(Config{MaxSessions: c.MaxSessions + 64}, o.Clock.Now)
	s.api, s.hooks = newBudget(c.APIPerMinute, o.Clock.Now), newBudget(c.HookPerMinute, o.Clock.Now)
	s.metrics = newMetrics(o.Registry, *c, s)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.door, s.shut = context.WithCancel(s.ctx)
	return s, nil
}

// Start binds both listeners, then serves. When it returns nil, connections are taken.
func (s *Server) Start(ctx context.Context) error {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", s.o.Config.Addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w; choose another with --port (0 = any free one)", s.o.Config.Addr, err)
	}
	s.listener = ln
	if s.public = s.o.Config.PublicURL; s.public == nil {
		s.public = &url.URL{Scheme: "http", Host: loopbackHost(ln.Addr())}
	}
	if err := s.listenAdmin(ctx, &lc); err != nil {
		_ = ln.Close() // the bind error is the one to show
		return err
	}
	s.web = &http.Server{
		Handler: s.routes(), ReadHeaderTimeout: min(5*time.Second, s.o.Config.ReadTime), ReadTimeout: s.o.Config.ReadTime,
		WriteTimeout: 60 * time.Second, IdleTimeout: 60 * time.Second, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), ConnState: s.connState,
	}
	s.serve("web", s.web, ln)
	if s.admin != nil {
		s.adminWeb = &http.Server{
			Handler: s.adminRoutes(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 60 * time.Second, MaxHeaderBytes: 16 << 10,
			ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		}
		s.serve("admin", s.adminWeb, s.admin)
	}
	s.group.Go(func() error {
		if s.o.Engines.Warm != nil {
			if err := s.o.Engines.Warm(); err != nil {
				s.log.Warn("pre-warming failed; the first call may wait", "component", "server", "err", err)
			}
		}
		s.warm.Store(true)
		return nil
	})
	return nil
}

func (s *Server) listenAdmin(ctx context.Context, lc *net.ListenConfig) error {
	addr := s.o.Config.AdminAddr
	if addr == "" {
		return nil
	}
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil && s.o.Config.AdminFree {
		host, _, _ := net.SplitHostPort(addr)
		if ln, err = lc.Listen(ctx, "tcp", net.JoinHostPort(host, "0")); err == nil {
			s.o.Notice(fmt.Sprintf("%s is busy; metrics and admin are at http://%s", addr, ln.Addr()))
		}
	}
	if err != nil {
		return fmt.Errorf("listen on %s for metrics and admin: %w; choose another with --admin-addr", addr, err)
	}
	s.admin = ln
	return nil
}

func (s *Server) serve(name string, srv *http.Server, ln net.Listener) {
	s.group.Go(func() error {
		if err := srv.Serve(ln); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.fatal <- fmt.Errorf("serve %s: %w", name, err)
		}
		return nil
	})
}

func (s *Server) connState(c net.Conn, state http.ConnState) {
	if state != http.StateNew {
		s.fresh.Delete(c)
		return
	}
	s.fresh.Store(c, nil)
	if s.stopping.Load() {
		s.dropFresh()
	}
}

// Fatal gives an error when a listener dies; the process should then shut down.
func (s *Server) Fatal() <-chan error { return s.fatal }

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// AdminAddr is where metrics and admin are, nil without an admin listener.
func (s *Server) AdminAddr() net.Addr {
	if s.admin == nil {
		return nil
	}
	return s.admin.Addr()
}

// URL is the server's address for a person on this machine.
func (s *Server) URL() string {
	return "http://" + loopbackHost(s.listener.Addr()) + s.o.Config.BasePath
}

// loopbackHost is how this machine calls an address: a wildcard bind is reached at 127.0.0.1.
func loopbackHost(a net.Addr) string {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return a.String()
	}
	if t.IP == nil || t.IP.IsUnspecified() {
		return fmt.Sprintf("127.0.0.1:%d", t.Port)
	}
	return a.String()
}
