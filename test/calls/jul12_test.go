package calls_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/voicectl/voicectl/internal/agent/server"
	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/provider/rtvi"
	"github.com/voicectl/voicectl/internal/secret"
)

// JUL-12: above 75% of the context window the oldest half of the history is condensed, long before there are
// 30 messages, and the facts of JUL-10 outlive it. Measured on what the model was sent: prompt, facts and
// history. (tier: ci)
func TestJUL12_HistoryFitsTheContextWindow(t *testing.T) {
	t.Parallel()
	const window = 6000
	var mu sync.Mutex
	var sizes, counts []int
	condensed := 0
	var last string
	h := open(t, plan{turn: turn.Config{Window: window, MaxMessages: 1000}, openai: watched(t, func(req modelRequest) {
		n, gist := 0, 0
		for _, m := range req.Messages {
			n += turn.Tokens(string(m.Content))
			if strings.Contains(m.text(), "Earlier in this conversation") {
				gist = 1
			}
		}
		mu.Lock()
		defer mu.Unlock()
		sizes, counts, last = append(sizes, n), append(counts, len(req.Messages)), req.Messages[0].text()
		condensed += gist
	})})
	p := h.page(visit{})
	p.ask("What transactions does client 5001 have?")
	long := "Hello, " + strings.Repeat("and I would like to say that it is a fine day, ", 20) + "is it not?"
	for range 24 {
		p.ask(long)
	}
	p.ask("Send that report to john@example.com")
	mu.Lock()
	defer mu.Unlock()
	most, longest := 0, 0
	for i := range sizes {
		most, longest = max(most, sizes[i]), max(longest, counts[i])
	}
	if most > window*3/4 || most < window/3 {
		t.Errorf("the model was sent up to %d tokens, want near to 75%% of %d and not more", most, window)
	}
	if condensed == 0 || longest > 30 {
		t.Errorf("the longest history has %d messages, %d questions had a summary: it was not condensed by its size", longest, condensed)
	}
	if box := h.stage.Outbox(); len(box) != 1 || box[0].ClientID != "5001" || !strings.Contains(last, "5001") {
		t.Errorf("what was spoken of first is lost: mailed %+v, prompt ends with %.300q", box, last[max(0, len(last)-300):])
	}
	t.Logf("%d questions, at most %d tokens of %d, at most %d messages", len(sizes), most, window, longest)
}

// JUL-12: without a word in the configuration the window is the model's; a key of the configuration wins.
func TestJUL12_WindowIsConfigured(t *testing.T) {
	t.Parallel()
	for env, want := range map[string]int{"OPENAI_MODEL=gpt-4-0613": 8192, "VOICECTL_PROVIDERS_OPENAI_CONTEXT_WINDOW=5000": 5000} {
		p := start(t, append(phoneEnv(), "VOICECTL_API_KEYS="+apiKey, env), "--sandbox", "--dev", "--admin-addr", "off")
		h := p.remote()
		auth := []string{"Authorization", "Bearer " + apiKey}
		g := h.page(visit{header: http.Header{"Authorization": {auth[1]}}})
		var m struct {
			ID string `json:"session_id"`
		}
		must(t, g.await(rtvi.ServerMessage).Unpack(&m))
		g.ask("Hello")
		g.close()
		var conf turn.Config
		until(t, "the journal", func() bool {
			_, body := h.ask(http.MethodGet, "/api/calls/"+m.ID+"/events.jsonl", "", auth...)
			for line := range strings.Lines(body) {
				var e struct {
					Event string          `json:"event"`
					Args  json.RawMessage `json:"args"`
				}
				if json.Unmarshal([]byte(line), &e) == nil && e.Event == "config" {
					return json.Unmarshal(e.Args, &conf) == nil
				}
			}
			return false
		})
		if conf.Window != want || conf.Overhead < 500 {
			t.Errorf("%s: window %d with %d tokens beside the history, want %d", env, conf.Window, conf.Overhead, want)
		}
	}
}

// JUL-12: a window that is too small for anything still makes a talk.
func TestJUL12_TinyWindow(t *testing.T) {
	t.Parallel()
	h := open(t, plan{turn: turn.Config{Window: 10}, config: server.Config{APIKeys: []secret.Secret{}}})
	p := h.page(visit{})
	for range 3 {
		if a := p.ask("What transactions does client 5001 have?"); !strings.Contains(a.text, "3") {
			t.Errorf("said %q", a.text)
		}
	}
}
