package calls_test

import (
	"context"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/agent/server"
	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/peer"
	"github.com/voicectl/voicectl/internal/ws"
)

// COM-08: whoever is in a session whose code fails hears a short apology, in the agent's voice, before the line
// closes with 1011. (tier: ci)
func TestCOM08_TheCallerHearsAnApology(t *testing.T) {
	t.Parallel()
	h := open(t, plan{tools: func(inner session.Tools) session.Tools { return explosive{inner} }})
	c := h.call(nil)
	c.speak(question)
	c.hears(t, "Sorry, something went wrong")
	c.closedWith(t, ws.CloseInternal)
}

// COM-08: when the voice does not come within a second, the recorded apology is heard; without one the line is
// closed all the same. (tier: ci)
func TestCOM08_TheApologyNeedsNoVendor(t *testing.T) {
	t.Parallel()
	clip := make([]byte, 8000) // a second
	for name, most := range map[string]time.Duration{"recorded": 4 * time.Second, "none": 3 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, plan{
				tools: func(inner session.Tools) session.Tools { return explosive{inner} },
				engines: func(e *server.Engines) {
					e.Synthesizer = voiceless{}
					if name == "recorded" {
						e.Clip = func(media.Format) []byte { return clip }
					}
				},
			})
			var heard time.Duration // by the goroutine that plays, until the call is over
			c := h.call(func(o *peer.PhoneOptions) {
				o.Played = func(p peer.Played) { heard += time.Duration(p.Sound) * time.Second / time.Duration(p.Rate) }
			})
			c.speak(question)
			until(t, "the panic", func() bool { return len(h.logs.lines("panic in a session")) == 1 })
			begun := time.Now()
			c.closedWith(t, ws.CloseInternal)
			took := time.Since(begun)
			if took > most {
				t.Errorf("closed after %v, want at most %v", took, most)
			}
			want := map[string]time.Duration{"recorded": time.Second}[name]
			if heard < want*9/10 || heard > want {
				t.Errorf("%v of the apology were heard, want %v", heard, want)
			}
		})
	}
}

// voiceless takes every word and never speaks.
type voiceless struct{}

func (voiceless) Open(context.Context, media.Format, func(session.Sound)) (session.Speech, error) {
	return voiceless{}, nil
}
func (voiceless) Say(string) error { return nil }
func (voiceless) End() error       { return nil }
func (voiceless) Cancel()          {}

// closedWith waits until the agent closes the stream, and wants this code.
func (c *caller) closedWith(t *testing.T, code int) {
	t.Helper()
	select {
	case all := <-c.events:
		for _, e := range all {
			if e.Kind == peer.Verb && e.Type == "Stream" {
				if e.Code != code {
					t.Errorf("the stream was closed with %d, want %d", e.Code, code)
				}
				return
			}
		}
		t.Error("the agent closed no stream")
	case <-time.After(patience):
		t.Fatalf("waited %v for the end of the stream", patience)
	}
}
