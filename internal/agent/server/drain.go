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

// Shutdown takes no more calls and waits for the live ones, for the drain timeout at most; then it ends
// them, and all else. The end of ctx (a second signal) ends the wait at once.
func (s *Server) Shutdown(ctx context.Context) error {
	var err error
	s.once.Do(func() {
		s.draining.Store(true)
		s.shut()
		s.log.Info("draining", "component", "server", "sessions", s.book.count())
		s.waitSessions(ctx, s.o.Config.DrainTimeout)
		s.book.each(func(l *session.Session) { l.End(session.EndDrain) })
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
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
