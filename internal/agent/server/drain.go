package server

import (
	"context"
	"errors"
	"time"

	"github.com/voicectl/voicectl/internal/agent/session"
)

// Shutdown takes no more calls and waits for the live ones, for the drain timeout at most; then it ends
// them, and all else. The end of ctx (a second signal) ends the wait at once.
func (s *Server) Shutdown(ctx context.Context) error {
	var err error
	s.once.Do(func() {
		s.draining.Store(true)
		s.log.Info("draining", "component", "server", "sessions", s.book.count())
		s.waitSessions(ctx, s.o.Config.DrainTimeout)
		s.book.each(func(l *live) { l.session.End(session.EndDrain) })
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		s.waitSessions(bounded, 2*time.Second)
		s.cancel()
		err = errors.Join(s.web.Shutdown(bounded), s.closeAdmin(bounded))
		if err != nil {
			err = errors.Join(err, s.web.Close())
		}
		_ = s.group.Wait() // its functions return nil; errors go to Fatal
		s.log.Info("stopped", "component", "server")
	})
	return err
}

func (s *Server) closeAdmin(ctx context.Context) error {
	if s.adminWeb == nil {
		return nil
	}
	return s.adminWeb.Shutdown(ctx)
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
