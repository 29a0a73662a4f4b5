package cartesia

import (
	"context"
	"net/http"
	"strings"
	"time"
	"unicode"

	wire "github.com/voicectl/voicectl/internal/provider/cartesia"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

// defaultDelay is how long the vendor keeps text in the hope of more.
const defaultDelay = 3 * time.Second

// run speaks what comes into a context until it is done, cancelled, or forgotten. It keeps text until a
// sentence is complete, a flush or the end comes, or it has waited long enough.
func (s *socket) run(ctx context.Context, sp *speech) {
	var (
		kept    string
		said    strings.Builder
		flushes int
		due     = time.NewTimer(time.Hour) // of kept text, or of being forgotten
	)
	defer due.Stop()
	status := http.StatusOK
	defer func() { sp.rec.End(status) }()
	say := func(text string) bool {
		kept = ""
		if sp.speak(ctx, text) != nil {
			s.forget(sp)
			if status = statusFailed; sp.cancelled.Load() {
				status = statusCancelled
			}
			return false
		}
		return true
	}
	due.Stop()
	for {
		select {
		case <-ctx.Done():
			if status = statusFailed; sp.cancelled.Load() {
				status = statusCancelled
			}
			return
		case <-due.C:
			if kept == "" {
				if s.forgetIdle(sp) {
					return
				}
				continue
			}
			if !say(kept) {
				return
			}
		case p := <-sp.pieces:
			kept += p.text
			said.WriteString(p.text)
			sp.rec.Set("text", strings.TrimSpace(said.String()))
			if (p.last || p.flush || sp.delay == 0 || sentence(kept) || len(kept) > maxTranscript) && !say(kept) {
				return
			}
			if p.flush {
				flushes++
				_ = sp.write(wire.TypeFlushDone, encode(wire.FlushDone{
					Type: wire.TypeFlushDone, ContextID: sp.id, FlushDone: true, FlushID: flushes, StatusCode: http.StatusPartialContent,
				}))
			}
			if p.last {
				s.forget(sp)
				sp.rec.End(status) // before the client can know, so that it may look
				done := encode(wire.Done{Type: wire.TypeDone, ContextID: sp.id, Done: true, StatusCode: http.StatusOK})
				_ = sp.write(wire.TypeDone, done)
				if sp.fault.Mode == stage.ModeTwice {
					_ = sp.write(wire.TypeDone, done)
				}
				return
			}
		}
		wait := s.e.Expiry
		if kept != "" {
			wait = sp.delay
		}
		due.Reset(wait)
	}
}

// Statuses of the record of a context that did not end well.
const (
	statusCancelled = 499
	statusFailed    = 500
)

// sentence tells whether text ends with one.
func sentence(text string) bool {
	text = strings.TrimRightFunc(text, unicode.IsSpace)
	return strings.HasSuffix(text, ".") || strings.HasSuffix(text, "!") || strings.HasSuffix(text, "?")
}

// forget takes a context out of the socket, unless another one has its id by now.
func (s *socket) forget(sp *speech) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.contexts[sp.id] == sp {
		delete(s.contexts, sp.id)
	}
}

// forgetIdle forgets a context that has nothing to say; false when text came meanwhile.
func (s *socket) forgetIdle(sp *speech) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(sp.pieces) > 0 {
		return false
	}
	if s.contexts[sp.id] == sp {
		delete(s.contexts, sp.id)
	}
	return true
}
