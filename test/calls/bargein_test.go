package calls_test

import (
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/peer"
)

// The caller speaks over the greeting: what was not played is dropped at the carrier, the answer is to
// what the caller said, and the agent remembers no more of its greeting than was heard. (tier: ci)
func TestBargeIn_VoiceOverTheGreeting(t *testing.T) {
	t.Parallel()
	h := open(t, plan{greet: true})
	sounding := make(chan struct{}, 1)
	c := h.call(func(o *peer.PhoneOptions) {
		o.Played = func(f peer.Played) {
			if f.Sound > 0 {
				select {
				case sounding <- struct{}{}:
				default:
				}
			}
		}
	})
	select {
	case <-sounding:
	case <-time.After(patience):
		t.Fatal("no greeting")
	}
	c.speak("What transactions does client 5001 have?")
	c.hears(t, "5001", "1,250.75")
	var cleared *peer.Event
	spoke := time.Time{}
	for _, e := range c.hangUp() {
		if e.Kind == peer.SayStarted && spoke.IsZero() {
			spoke = e.At
		}
		if e.Kind == peer.Clear && cleared == nil {
			cleared = &e
		}
	}
	if cleared == nil {
		t.Fatal("the greeting was not cleared")
	}
	if took := cleared.At.Sub(spoke); took > 500*time.Millisecond { // JUL-19 and PHO-10: at most 500 ms
		t.Errorf("the agent went on for %v after the caller spoke", took)
	}
	if cleared.Lost <= 0 {
		t.Error("nothing was left to drop: the greeting had been sent whole, or was over")
	}
}
