package stage

import (
	"context"
	"sync"

	"github.com/voicectl/voicectl/internal/ws"
)

// Sockets are the hijacked sockets of one emulator, which http.Server.Shutdown does not know. The zero value is
// ready for use, and safe for concurrent use.
type Sockets struct {
	mu     sync.Mutex
	closed bool
	open   map[*ws.Conn]context.CancelFunc
	live   sync.WaitGroup
}

// Enter counts a socket in; Close calls cancel. n is how many are open with this one. After Close nobody is let
// in any more: ok is false, and the socket is the caller's to close.
func (s *Sockets) Enter(c *ws.Conn, cancel context.CancelFunc) (n int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, false
	}
	if s.open == nil {
		s.open = map[*ws.Conn]context.CancelFunc{}
	}
	s.live.Add(1)
	s.open[c] = cancel
	return len(s.open), true
}

// Leave counts a socket out that Enter let in, when its handler has done with it.
func (s *Sockets) Leave(c *ws.Conn) {
	s.mu.Lock()
	delete(s.open, c)
	s.mu.Unlock()
	s.live.Done()
}

// Len is how many are open.
func (s *Sockets) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// Close implements io.Closer: it drops the sockets and waits until all have left.
func (s *Sockets) Close() error {
	s.mu.Lock()
	s.closed = true
	for c, cancel := range s.open {
		cancel()
		_ = c.Drop() // gone already is as good
	}
	s.mu.Unlock()
	s.live.Wait()
	return nil
}
