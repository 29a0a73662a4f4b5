package server

import (
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/voicectl/voicectl/internal/agent/session"
)

// live is a session in the books.
type live struct {
	id      uuid.UUID
	ip      string
	kind    string
	callSID string
	started time.Time
	session *session.Session
}

// book lists the live sessions.
type book struct {
	mu   sync.Mutex
	m    map[uuid.UUID]*live
	done chan struct{} // closed while the book is empty
}

func newBook() *book {
	b := &book{m: map[uuid.UUID]*live{}, done: make(chan struct{})}
	close(b.done)
	return b
}

func (b *book) add(l *live) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.m) == 0 {
		b.done = make(chan struct{})
	}
	b.m[l.id] = l
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

func (b *book) each(fn func(*live)) {
	b.mu.Lock()
	list := make([]*live, 0, len(b.m))
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
