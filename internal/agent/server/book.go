package server

import (
	"sync"

	"github.com/google/uuid"

	"github.com/voicectl/voicectl/internal/agent/session"
)

// book lists the live sessions.
type book struct {
	mu   sync.Mutex
	m    map[uuid.UUID]*session.Session
	done chan struct{} // closed while the book is empty
}

func newBook() *book {
	b := &book{m: map[uuid.UUID]*session.Session{}, done: make(chan struct{})}
	close(b.done)
	return b
}

func (b *book) add(id uuid.UUID, s *session.Session) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.m) == 0 {
		b.done = make(chan struct{})
	}
	b.m[id] = s
}

func (b *book) remove(id uuid.UUID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.m[id]; !ok {
		return
	}
	delete(b.m, id)
	if len(b.m) == 0 {
		close(b.done)
	}
}

func (b *book) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.m)
}

func (b *book) each(fn func(*session.Session)) {
	b.mu.Lock()
	list := make([]*session.Session, 0, len(b.m))
	for _, l := range b.m {
		list = append(list, l)
	}
	b.mu.Unlock()
	for _, l := range list {
		fn(l)
	}
}

func (b *book) empty() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.done
}
