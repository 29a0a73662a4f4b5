package calls_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/provider/openai"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

// R9: with a second endpoint a hard fault is heard as at most a short pause: from the question to the first sound of
// the answer no more than 1.5 s in 95 of 100 turns, fault included. Four turns each, as the fifth opens the circuit and
// is faster still. (tier: ci)
func TestR09_HardFaultIsHeardAsAShortPause(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var waits []time.Duration
	together(t, map[string]stage.Fault{
		"model 401":   {Vendor: stage.OpenAI, Route: "/v1/chat", Mode: stage.ModeStatus, Status: http.StatusUnauthorized},
		"model 500":   {Vendor: stage.OpenAI, Route: "/v1/chat", Mode: stage.ModeStatus, Status: http.StatusInternalServerError},
		"model reset": {Vendor: stage.OpenAI, Route: "/v1/chat", Mode: stage.ModeReset, After: -1},
		"voice 429":   {Vendor: stage.Cartesia, Mode: stage.ModeStatus, Status: http.StatusTooManyRequests},
		"voice 503":   {Vendor: stage.Cartesia, Mode: stage.ModeStatus, Status: http.StatusServiceUnavailable},
		"voice reset": {Vendor: stage.Cartesia, Mode: stage.ModeReset, After: -1},
	}, func(t *testing.T, _ string, f stage.Fault) {
		h := openTwin(t, "", plan{})
		h.fault(f)
		v := h.browser()
		for range 4 {
			asked := time.Now()
			v.loud.Store(nil)
			v.types("Hello")
			v.hears("?")
			first := *v.loud.Load()
			mu.Lock()
			waits = append(waits, first.Sub(asked))
			mu.Unlock()
		}
	})
	slices.Sort(waits)
	if len(waits) != 24 {
		t.Fatalf("%d turns were measured, want 24", len(waits))
	}
	p95 := waits[len(waits)*95/100]
	t.Logf("from the question to the first sound, after a hard fault: p50 %v, p95 %v, most %v", waits[len(waits)/2], p95, waits[len(waits)-1])
	if p95 > 1500*time.Millisecond {
		t.Errorf("p95 %v, want at most 1.5 s", p95)
	}
}

// chatterbox is a model whose first answer is so many bytes of the same words, in small pieces, and whose others are
// short.
func chatterbox(t *testing.T, piece string, size int, others string) string {
	t.Helper()
	var asked atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		say := func(text string) error {
			_, err := fmt.Fprintf(w, "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":%q}}]}\n\n", text)
			return err
		}
		if asked.Add(1) > 1 {
			_ = say(others) // a far end that is gone reads nothing
		} else {
			for sent := 0; sent < size && say(piece) == nil; sent += len(piece) {
			}
		}
		_, _ = io.WriteString(w, "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// R10: retries cannot amplify. With both endpoints of the model failing all the time, requests are a tenth more than
// turns, the reserve of the budget (5), and a trial now and then; with a failure that opens a circuit they are far
// fewer. (tier: ci)
func TestR10_BothEndpointsDown(t *testing.T) {
	t.Parallel()
	const pages, turns = 4, 15
	for _, status := range []int{http.StatusInternalServerError, http.StatusNotFound} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			h := openTwin(t, "", plan{})
			down := stage.Fault{Vendor: stage.OpenAI, Route: "/v1/chat", Mode: stage.ModeStatus, Status: status}
			h.fault(down)
			_, err := h.second.AddFault(down)
			must(t, err)
			begun := time.Now()
			var all sync.WaitGroup
			for range pages {
				p := h.page(visit{})
				all.Go(func() {
					for range turns {
						p.ask("Hello")
					}
				})
			}
			all.Wait()
			first := h.asked(stage.OpenAI, "/v1/chat")
			second := (&house{stage: h.second}).asked(stage.OpenAI, "/v1/chat")
			trials := 2 * (1 + int(time.Since(begun)/(9*time.Second)))
			t.Logf("%d turns: %d requests to the first, %d to the second", pages*turns, first, second)
			if most := pages*turns*11/10 + 5 + pages + trials; first+second > most {
				t.Errorf("%d requests for %d turns, want at most %d", first+second, pages*turns, most)
			}
			// 5 failures open a circuit; those that were on their way when it opened come on top.
			if status >= 500 && first+second > 2*(5+pages)+trials {
				t.Errorf("%d requests with both circuits open: the breakers did not hold them back", first+second)
			}
		})
	}
}

// H92: an answer of ten megabytes, and a voice that speaks for an hour, are cut: the caller hears sixty words at most,
// and no more sound than the words are long. The next turn works, and nobody else notices. (tier: ci)
func TestHostile_H92_EndlessAnswerAndEndlessSpeech(t *testing.T) {
	t.Parallel()
	t.Run("model", func(t *testing.T) {
		t.Parallel()
		url := chatterbox(t, "word after word without an end ", 10<<20, "That was enough.")
		h := open(t, plan{openai: func(o *openai.Options) { o.BaseURL = url }})
		other, v := h.browser(), h.browser()
		v.types("Tell me everything.")
		all := v.hears("word after word")
		v.types("Stop.")
		all += v.hears("That was enough.")
		if n := len(strings.Fields(all)); n > 70 {
			t.Errorf("%d words are heard, want about 60", n)
		}
		other.types("Hello")
		other.hears("That was enough.")
	})
	t.Run("voice", func(t *testing.T) {
		t.Parallel()
		h := open(t, plan{})
		v, other := h.browser(), h.browser()
		h.fault(stage.Fault{Vendor: stage.Cartesia, Mode: stage.ModeEndless, Count: 1})
		v.types("Hello")
		line := failure(h, "speech failed", stage.Cartesia)
		if line["class"] != "protocol" {
			t.Errorf("class %v of %v", line["class"], line)
		}
		calls, _ := h.stage.Calls(stage.Cartesia, 0)
		if s, _ := calls[0].Detail["seconds"].(float64); s > 60 {
			t.Errorf("%.0f s of sound were taken", s)
		}
		other.types(question)
		other.hears("5001")
		v.types(question)
		v.hears("5001", "1,250.75")
		if got := v.Stats().Received; got > 30*time.Second {
			t.Errorf("the caller got %v of sound", got)
		}
	})
}
