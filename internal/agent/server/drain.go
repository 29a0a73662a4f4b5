package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/ws"
)

// farewellText is what the callers of a process that leaves hear at the end of its grace, farewellTime how
// long before that end it begins at most, and partingTime what the last words may take beyond it.
const (
	farewellText = "Sorry, this service restarts now. Please call again."
	farewellTime = 5 * time.Second
	partingTime  = time.Second
)

// Shutdown takes no more calls and waits for the live ones, for the drain timeout at most. Those that are left
// towards its end hear a farewell; then it ends them, and all else. The end of ctx (a second signal) ends the
// wait at once and without words.
func (s *Server) Shutdown(ctx context.Context) error {
	var err error
	s.once.Do(func() {
		s.draining.Store(true)
		s.shut()
		s.log.Info("draining", "component", "server", "sessions", s.book.count())
		grace := s.o.Config.DrainTimeout
		words := min(farewellTime, grace/2)
		s.waitSessions(ctx, grace-words)
		s.farewell(ctx)
		s.waitSessions(ctx, words)
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		s.waitSessions(ctx, partingTime)
		s.book.each(func(l *session.Session) { l.End(session.EndDrain) })
		s.waitSessions(bounded, 2*time.Second)
		s.cancel()
		s.stopping.Store(true)
		s.dropFresh()
		err = errors.Join(shutdown(bounded, s.web), shutdown(bounded, s.adminWeb))
		_ = s.group.Wait() // its functions return nil; errors go to Fatal
		s.log.Info("stopped", "component", "server")
	})
	return err
}

// farewell asks every session to say goodbye.
func (s *Server) farewell(ctx context.Context) {
	if ctx.Err() != nil {
		return
	}
	s.book.each(func(l *session.Session) {
		s.spawn(func() { l.Leave(farewellText, session.EndDrain) }) // ends with the session at the latest
	})
}

// dropFresh closes connections on which nothing was said: a browser opens some in advance.
func (s *Server) dropFresh() {
	s.fresh.Range(func(c, _ any) bool {
		_ = c.(net.Conn).Close() //nolint:forcetypeassert // its only type
		return true
	})
}

// shutdown lets requests end while ctx lasts, then cuts them. A far end that does not leave is no failure
// of ours.
func shutdown(ctx context.Context, srv *http.Server) error {
	if srv == nil {
		return nil
	}
	err := srv.Shutdown(ctx)
	if err != nil && ctx.Err() != nil {
		return srv.Close()
	}
	return err
}

// leaving closes a socket that is still in its handshake when draining begins; the handshake's end calls
// stop.
func (s *Server) leaving(conn *ws.Conn) (stop func() bool) {
	return context.AfterFunc(s.door, func() { _ = conn.Close(ws.CloseGoingAway, "the service is restarting") })
}

func (s *Server) waitSessions(ctx context.Context, limit time.Duration) {
	t := s.o.Clock.NewTimer(limit)
	defer t.Stop()
	select {
	case <-s.book.empty():
	case <-ctx.Done():
	case <-t.C():
	}
}
