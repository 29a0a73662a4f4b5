package session

import (
	"context"
	"sync"
	"time"

	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/media"
)

// hearing owns the recognizer's stream of a session: it opens it, opens it again when it breaks, and
// keeps the times of a new stream on the time line of the call. The reader writes into it; the rest is the
// loop's.
type hearing struct {
	mu      sync.Mutex // of the two that follow
	stream  Hearing
	written time.Duration // sound given to streams of the past and this one

	gen    int32
	base   time.Duration // written when this stream was opened
	breaks int
}

// maxBreaks is how often a recognizer is opened anew at once without a word heard in between; after that it is
// an outage, which a call outlasts by asking now and then.
const (
	maxBreaks  = 3
	outageWait = 5 * time.Second
)

func (h *hearing) open(ctx context.Context, s *Session) {
	if s.o.Recognizer == nil {
		return
	}
	h.gen++
	gen := h.gen
	h.mu.Lock() // no frame may fall between the count and the stream
	h.base = h.written
	st, err := s.o.Recognizer.Open(ctx, s.info.In, func(got Heard) {
		s.send(ctx, item{kind: itemHeardSTT, n: gen, what: &got})
	})
	if err == nil {
		h.stream = st
	}
	h.mu.Unlock()
	if err != nil {
		h.broken(ctx, s, err)
	}
}

func (h *hearing) write(f *media.Frame) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.written += f.Duration()
	if h.stream != nil {
		h.stream.Write(f.Data)
	}
}

func (h *hearing) finalize() {
	if st := h.current(); st != nil {
		st.Finalize()
	}
}

func (h *hearing) current() Hearing {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stream
}

// take gives the stream away.
func (h *hearing) take() Hearing {
	h.mu.Lock()
	defer h.mu.Unlock()
	st := h.stream
	h.stream = nil
	return st
}

func (h *hearing) heard(ctx context.Context, s *Session, gen int32, got Heard) {
	if gen != h.gen {
		return // of a stream given up
	}
	if got.Switched != nil {
		s.switched("recognizer", got.Switched)
		return
	}
	if got.Kind == turn.HeardFailed {
		h.broken(ctx, s, got.Err)
		return
	}
	if got.Text != "" {
		h.breaks = 0
		if got.Kind == turn.Final {
			s.mark(stageFinal, got.At)
		}
	}
	if got.End > 0 {
		got.Start += h.base
		got.End += h.base
	}
	s.step(turn.Event{Kind: got.Kind, Text: got.Text, Start: got.Start, End: got.End})
}

func (h *hearing) broken(ctx context.Context, s *Session, err error) {
	s.o.Log.Warn("recognizer failed", "component", "recognizer", "attempt", h.breaks+1, "err", err)
	h.gen++
	if old := h.take(); old != nil {
		s.spawn(ctx, "recognizer", func(ctx context.Context) {
			cctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			_ = old.Close(cctx) // it has failed already; what it says now changes nothing
		})
	}
	h.breaks++
	if h.breaks == 1 || h.breaks == maxBreaks+1 {
		s.step(turn.Event{Kind: turn.HeardFailed, Text: class(err)})
	}
	if ctx.Err() != nil {
		return
	}
	// The pause lets a vendor breathe; the caller's words in it are lost to this stream, and said so.
	wait := time.Duration(h.breaks) * 300 * time.Millisecond
	if h.breaks > maxBreaks {
		wait = outageWait
	}
	s.spawn(ctx, "recognizer", func(ctx context.Context) {
		t := s.o.Clock.NewTimer(wait)
		defer t.Stop()
		select {
		case <-ctx.Done():
		case <-t.C():
			s.send(ctx, item{kind: itemReopen})
		}
	})
}

func (h *hearing) close(ctx context.Context) {
	st := h.current()
	if st == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_ = st.Close(ctx) // the call is over; an unclean end of the vendor's stream changes nothing
}
