package chain

import (
	"context"
	"sync"
	"time"

	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/media"
)

// DefaultReplay is how much of the caller's sound is kept for another recognizer: longer than a stall takes to be
// found, and an utterance before it. It costs 64 KiB on a phone call.
const DefaultReplay = 8 * time.Second

// maxSwitches bounds how often one stream changes its endpoint without a final word in between; then the
// session is told, which pauses before it tries again.
const maxSwitches = 2

// Recognizers is a recognizer with a second one behind it. When a stream fails, another is opened at the other
// endpoint and hears again what had not become final words, so that the caller need not repeat it.
type Recognizers struct {
	First, Second session.Recognizer
	Replay        time.Duration // of sound that may be heard again; 0 = DefaultReplay
	budget        budget
}

var _ session.Recognizer = (*Recognizers)(nil)

// Open implements session.Recognizer. The first endpoint is taken unless its circuit is open.
func (r *Recognizers) Open(ctx context.Context, f media.Format, sink func(session.Heard)) (session.Hearing, error) {
	r.budget.asked()
	keep := r.Replay
	if keep <= 0 {
		keep = DefaultReplay
	}
	l := &listening{r: r, ctx: ctx, format: f, sink: sink, most: f.Bytes(keep)}
	l.mu.Lock()
	first := l.open(r.First)
	if first == nil {
		l.mu.Unlock()
		return l, nil
	}
	if !r.budget.allows(first) {
		l.mu.Unlock()
		return nil, first
	}
	l.second, l.note, l.failed = true, first, first
	err := l.open(r.Second)
	l.mu.Unlock()
	if err != nil {
		r.budget.spent(first, err)
		return nil, err
	}
	return l, nil
}

// listening is one stream of a session over one or two streams of endpoints. Its lock is never held while the
// session's sink runs: the session may write while its inbox is full.
type listening struct {
	r      *Recognizers
	ctx    context.Context //nolint:containedctx // the stream's own life: a later stream is opened in it
	format media.Format
	sink   func(session.Heard)
	most   int // bytes kept

	mu       sync.Mutex
	gen      int
	cur      session.Hearing
	old      []session.Hearing // failed; they end by themselves
	second   bool
	note     error // why the first was not taken, not told yet
	failed   error // of the endpoint before, until this one has heard something
	switches int
	base     int64  // bytes written before this stream's first
	written  int64  // bytes
	settled  int64  // bytes that have become final words
	kept     []byte // the newest of what was written
	finalize bool   // asked for and not yet answered
	closed   bool
}

// open starts a stream at an endpoint. l.mu is held.
func (l *listening) open(at session.Recognizer) error {
	l.gen++
	gen := l.gen
	st, err := at.Open(l.ctx, l.format, func(h session.Heard) { l.heard(gen, h) })
	if err != nil {
		return err
	}
	l.cur = st
	return nil
}

// Write implements session.Hearing.
func (l *listening) Write(data []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.written += int64(len(data))
	if len(l.kept)+len(data) > l.most+l.most/8 { // moved now and then, not with every frame
		n := copy(l.kept, l.kept[max(0, len(l.kept)+len(data)-l.most):])
		l.kept = l.kept[:n]
	}
	if l.kept == nil {
		l.kept = make([]byte, 0, l.most+l.most/8)
	}
	l.kept = append(l.kept, data[max(0, len(data)-l.most):]...)
	if l.cur != nil {
		l.cur.Write(data)
	}
}

// Finalize implements session.Hearing.
func (l *listening) Finalize() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.finalize = true
	if l.cur != nil {
		l.cur.Finalize()
	}
}

// Close implements session.Hearing.
func (l *listening) Close(ctx context.Context) error {
	l.mu.Lock()
	l.closed = true
	cur, old := l.cur, l.old
	l.mu.Unlock()
	for _, h := range old {
		_ = h.Close(ctx) // it has failed before, and that was told
	}
	if cur == nil {
		return nil
	}
	return cur.Close(ctx)
}

// heard takes what a stream tells.
func (l *listening) heard(gen int, h session.Heard) {
	l.mu.Lock()
	if gen != l.gen || l.closed && h.Kind == turn.HeardFailed {
		l.mu.Unlock()
		return
	}
	note := l.note
	l.note = nil
	if h.Kind == turn.HeardFailed {
		h = l.lost(h)
		l.mu.Unlock()
		l.tell(note, h)
		return
	}
	end := l.base + int64(l.format.Bytes(h.End))
	switch {
	case h.Kind == turn.Final && h.Text != "":
		l.settled, l.switches = max(l.settled, end), 0
		l.finalize = false
	case h.Kind == turn.EndOfUtterance:
		l.settled = max(l.settled, end)
		l.finalize = false
	}
	if l.failed != nil {
		l.r.budget.spent(l.failed, nil)
		l.failed = nil
	}
	if h.End > 0 {
		before := l.length(l.base)
		h.Start += before
		h.End += before
	}
	l.mu.Unlock()
	l.tell(note, h)
}

// tell gives an event to the session. What Open has to tell waits for it: Open runs where nobody empties the
// inbox.
func (l *listening) tell(note error, h session.Heard) {
	if note != nil {
		l.sink(session.Heard{Switched: note, At: h.At})
	}
	l.sink(h)
}

// lost goes on at the other endpoint, or says that it cannot. l.mu is held.
func (l *listening) lost(h session.Heard) session.Heard {
	if l.cur != nil {
		l.old = append(l.old, l.cur)
		l.cur = nil
	}
	deaf := l.failed != nil // this one has heard nothing either
	if deaf {
		l.r.budget.spent(l.failed, h.Err)
		l.failed = nil
	}
	if deaf || l.switches >= maxSwitches || l.ctx.Err() != nil || ours(h.Err) || !l.r.budget.allows(h.Err) {
		l.gen++
		return h
	}
	l.switches++
	l.second = !l.second
	other := l.r.First
	if l.second {
		other = l.r.Second
	}
	if err := l.open(other); err != nil {
		l.r.budget.spent(h.Err, err)
		l.gen++
		return h
	}
	l.failed = h.Err
	l.replay()
	return session.Heard{Switched: h.Err, At: h.At}
}

// replay gives the new stream what has not become words. l.mu is held.
func (l *listening) replay() {
	oldest := l.written - int64(len(l.kept))
	l.base = min(max(l.settled, oldest), l.written)
	l.base += (l.written - l.base) % int64(l.format.SampleBytes())
	if l.base < l.written {
		l.cur.Write(l.kept[l.base-oldest:])
	}
	if l.finalize {
		l.cur.Finalize()
	}
}

// length is how long n bytes of sound last, for more of them than an int may hold.
func (l *listening) length(n int64) time.Duration {
	second := int64(l.format.Bytes(time.Second))
	return time.Duration(n/second)*time.Second + l.format.Duration(int(n%second))
}
