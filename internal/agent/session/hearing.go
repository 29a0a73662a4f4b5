package session

import (
	"context"
	"time"

	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/media"
)

// hearing owns the recognizer's stream of a session: it opens it, opens it again when it breaks, and
// keeps the times of a new stream on the time line of the call.
type hearing struct {
	stream  Hearing
	gen     int
	written time.Duration // sound given to streams of the past and this one
	base    time.Duration // written when this stream was opened
	breaks  int
}

// maxBreaks bounds how often a recognizer is opened anew in one call without a word heard in between.
const maxBreaks = 3

func (h *hearing) open(ctx context.Context, s *Session) {
	if s.o.Recognizer == nil {
		return
	}
	h.gen++
	gen := h.gen
	h.base = h.written
	st, err := s.o.Recognizer.Open(ctx, s.info.In, func(got Heard) {
		s.send(ctx, item{kind: itemHeardSTT, gen: gen, heard: &got})
	})
	if err != nil {
		h.broken(ctx, s, err)
		return
	}
	h.stream = st
}

func (h *hearing) write(f *media.Frame) {
	h.written += f.Duration()
	if h.stream != nil {
		h.stream.Write(f.Data)
	}
}

func (h *hearing) finalize() {
	if h.stream != nil {
		h.stream.Finalize()
	}
}

func (h *hearing) heard(ctx context.Context, s *Session, gen int, got Heard) {
	if gen != h.gen {
		return // of a stream given up
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
	old := h.stream
	h.stream = nil
	h.gen++
	if old != nil {
		s.spawn(ctx, "recognizer", func(ctx context.Context) {
			cctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			_ = old.Close(cctx) // it has failed already; what it says now changes nothing
		})
	}
	h.breaks++
	if h.breaks == 1 || h.breaks > maxBreaks {
		s.step(turn.Event{Kind: turn.HeardFailed, Text: class(err)})
	}
	if h.breaks > maxBreaks || ctx.Err() != nil {
		return
	}
	// The pause lets a vendor breathe; the caller's words in it are lost to this stream, and said so.
	wait := time.Duration(h.breaks) * 300 * time.Millisecond
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
	if h.stream == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_ = h.stream.Close(ctx) // the call is over; an unclean end of the vendor's stream changes nothing
}
