package sandbox

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// Start listens on addr (port 0 = a free one) and serves in the background; base is the URL to reach it.
// When it returns, connections are accepted. Cancelling ctx breaks off running answers; stop, which must be
// called once, does that too, ends all sockets and returns when every handler has, or with ctx's error.
func (s *Sandbox) Start(ctx context.Context, addr string) (base string, stop func(context.Context) error, err error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return "", nil, fmt.Errorf("start sandbox: %w", err)
	}
	scheme := "http"
	if s.o.TLS {
		scheme = "https"
		host, _, _ := net.SplitHostPort(addr) // Listen took it
		cert, err := s.issue(host)
		if err == nil && s.o.CAFile != "" {
			err = os.WriteFile(s.o.CAFile, s.CA(), 0o644) //nolint:gosec // a certificate is public
		}
		if err != nil {
			return "", nil, errors.Join(fmt.Errorf("start sandbox: certificate: %w", err), l.Close())
		}
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}})
	}
	running, cancel := context.WithCancel(ctx)
	var handlers sync.WaitGroup // net/http forgets the hijacked ones
	srv := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			handlers.Add(1)
			defer handlers.Done()
			s.ServeHTTP(w, r)
		}),
		BaseContext:       func(net.Listener) context.Context { return running },
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	return scheme + "://" + dialable(l.Addr()), func(ctx context.Context) error {
		cancel()
		down := srv.Shutdown(ctx)
		if down != nil {
			down = errors.Join(fmt.Errorf("stop sandbox: %w", down), srv.Close())
		}
		serve := <-served
		if errors.Is(serve, http.ErrServerClosed) {
			serve = nil
		}
		return errors.Join(down, serve, s.drain(ctx, &handlers))
	}, nil
}

// drain ends the emulators' sockets and waits for their handlers.
func (s *Sandbox) drain(ctx context.Context, handlers *sync.WaitGroup) error {
	done := make(chan error, 1)
	go func() {
		var errs []error
		for _, c := range s.closers {
			errs = append(errs, c.Close())
		}
		handlers.Wait()
		done <- errors.Join(errs...)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("stop sandbox: handlers still run: %w", ctx.Err())
	}
}

// dialable replaces "every address" by one that can be dialled.
func dialable(a net.Addr) string {
	t, ok := a.(*net.TCPAddr)
	if !ok || !t.IP.IsUnspecified() {
		return a.String()
	}
	return net.JoinHostPort("127.0.0.1", fmt.Sprint(t.Port))
}
