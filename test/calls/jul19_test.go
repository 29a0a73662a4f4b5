package calls_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/media/tonecode"
	"github.com/voicectl/voicectl/internal/peer"
	"github.com/voicectl/voicectl/internal/provider/openai"
)

// JUL-19: the caller speaks over an answer. On the wire it stops within 500 ms, nothing of it comes after, and
// what the model is told of it afterwards is what was played. (tier: ci)
func TestJUL19_BargeInStopsAndIsRemembered(t *testing.T) {
	t.Parallel()
	long := strings.TrimSpace(strings.Repeat("this one long answer goes on and on without any pause or end ", 12)) + "."
	var mu sync.Mutex
	var asked []modelRequest
	url := scriptedModel(t, func(r modelRequest) modelAnswer {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r)
		if len(asked) == 1 {
			return modelAnswer{text: long}
		}
		return modelAnswer{text: "Very well."}
	})
	h := open(t, plan{openai: func(o *openai.Options) { o.BaseURL = url }})
	var played time.Duration // of sound, by the goroutine that plays
	reached := make(chan struct{})
	c := h.call(func(o *peer.PhoneOptions) {
		o.Played = func(p peer.Played) {
			played += time.Duration(p.Sound) * time.Second / time.Duration(p.Rate)
			if played >= 1500*time.Millisecond {
				select {
				case <-reached:
				default:
					close(reached)
				}
			}
		}
	})
	c.speak("Tell me something long.")
	select {
	case <-reached:
	case <-time.After(patience):
		t.Fatal("the answer does not come")
	}
	c.speak("Wait, stop.")
	c.hears(t, "Very well")
	var spoke, cleared time.Time
	for _, e := range c.hangUp() {
		switch e.Kind { //nolint:exhaustive // the others are no part of a barge-in
		case peer.SayStarted:
			spoke = e.At // the last one
		case peer.Clear:
			if cleared.IsZero() {
				cleared = e.At
			}
		}
	}
	if cleared.IsZero() {
		t.Fatal("the answer was not cleared")
	}
	took := cleared.Sub(spoke)
	t.Logf("stopped %v after the caller spoke", took)
	if took > 500*time.Millisecond {
		t.Errorf("the agent went on for %v after the caller spoke", took)
	}
	if rest := tonecode.Duration("Very well."); played-rest > 4*time.Second {
		t.Errorf("%v of sound were played: the answer went on", played)
	}

	mu.Lock()
	defer mu.Unlock()
	if len(asked) < 2 {
		t.Fatalf("the model was asked %d times", len(asked))
	}
	remembered := ""
	for _, m := range asked[len(asked)-1].Messages {
		if m.Role == "assistant" {
			remembered = m.text()
		}
	}
	words := strings.Fields(strings.TrimSuffix(strings.TrimRight(remembered, ".… "), "—"))
	all := strings.Fields(long)
	if len(words) == 0 || len(words) >= len(all)-1 || strings.Join(all[:len(words)], " ") != strings.Join(words, " ") {
		t.Fatalf("of the answer is remembered: %q", remembered)
	}
	cut := played - tonecode.Duration("Very well.") // what was played of it
	end := tonecode.WordTimes(long)[len(words)-1].End
	t.Logf("%v were played, the words remembered take %v", cut, end)
	if end > cut+100*time.Millisecond || end < cut-600*time.Millisecond {
		t.Errorf("%v of the answer were played, and the words that are remembered take %v", cut, end)
	}
}
