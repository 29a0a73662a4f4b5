package calls_test

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/media/tonecode"
	"github.com/voicectl/voicectl/internal/peer"
	"github.com/voicectl/voicectl/internal/provider/rtvi"
	"github.com/voicectl/voicectl/internal/provider/speechmatics"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
	"github.com/voicectl/voicectl/internal/ws"
)

const question = "What transactions does client 5001 have?"

// JUL-01: the socket speaks protobuf or JSON text, told by the first frame, and a text frame makes a turn
// without the recognizer.
func TestJUL01_BothEncodingsAndTextFrames(t *testing.T) {
	t.Parallel()
	for _, text := range []bool{false, true} {
		name := map[bool]string{false: "protobuf", true: "json"}[text]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, plan{greet: true})
			p := h.page(visit{text: text})
			p.wait("sound of the greeting", func() bool { return p.sound > 0 })
			if a := p.ask(question); a.tools() != "query_transactions" || !regexp.MustCompile(`\b(3|three)\b`).MatchString(a.text) {
				t.Errorf("typed: tools %q, answer %q", a.tools(), a.text)
			}
			if text {
				return
			}
			a := p.during("a text frame", func() {
				must(t, p.conn.Write(ws.Binary, rtvi.AppendFrame(nil, rtvi.Frame{Kind: rtvi.FrameText, Text: "What transactions does client 5002 have?"})))
			})
			if a.tools() != "query_transactions" || h.heardWords() != "" {
				t.Errorf("text frame: tools %q, the recognizer heard %q", a.tools(), h.heardWords())
			}
		})
	}
}

// heardWords is what the recognizer has made of sound so far.
func (h *house) heardWords() (words string) {
	calls, _ := h.stage.Calls(stage.Speechmatics, 0)
	for _, c := range calls {
		if s, ok := c.Detail["transcript"].(string); ok {
			words += s
		}
	}
	return words
}

// JUL-01: 16 kHz mono PCM16 goes in and is transcribed; what comes out is heard. By voice, both ways.
func TestJUL01_VoiceBothWays(t *testing.T) {
	t.Parallel()
	h := open(t, plan{ears: func(o *speechmatics.Options) { o.EndOfUtteranceSilence = 300 * time.Millisecond }})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b, err := peer.CallRTVI(ctx, peer.BrowserOptions{Options: peer.Options{URL: h.url, Listen: true}})
	must(t, err)
	t.Cleanup(func() { _ = b.Close() }) // it has no error of its own
	b.Speak(question, tonecode.Encode(question, 16000), 16000)
	var said string
	for e := range b.Events() {
		if e.Kind == peer.Warning {
			t.Errorf("the stock client would complain: %s", e.Text)
		}
		if e.Kind == peer.Heard {
			if !e.OK {
				t.Errorf("sound was damaged: lost %v", e.Lost)
			}
			if said += " " + e.Text; regexp.MustCompile(`1,250[.]75`).MatchString(said) {
				return
			}
		}
	}
	t.Fatalf("the call ended; heard %q", said)
}

// JUL-02: every connection has a UUIDv4, logged at its start, sent as the first event after bot-ready and
// counted in active_sessions, which goes back within 5 s.
func TestJUL02_SessionIDAndCount(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	uuid4 := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	active := func() float64 { n, _ := h.health("/health")["active_sessions"].(float64); return n }
	if n := active(); n != 0 {
		t.Fatalf("active_sessions is %v before any call", n)
	}
	var pages []*page
	for i := range 3 {
		p := h.page(visit{text: i == 1})
		pages = append(pages, p)
		p.await(rtvi.ServerMessage)
		p.mu.Lock()
		second := p.msgs[1]
		p.mu.Unlock()
		var m struct {
			Type string `json:"type"`
			ID   string `json:"session_id"`
		}
		must(t, json.Unmarshal(second.Data, &m))
		if second.Type != rtvi.ServerMessage || m.Type != "session" || !uuid4.MatchString(m.ID) || seen[m.ID] {
			t.Fatalf("after bot-ready came %s %s, want a new session id", second.Type, second.Data)
		}
		seen[m.ID] = true
		if n := active(); n != float64(i+1) {
			t.Errorf("active_sessions is %v, want %d", n, i+1)
		}
	}
	var logged int
	for _, l := range h.logs.lines("session started") {
		if id, _ := l["session"].(string); seen[id] {
			logged++
		}
	}
	if logged != 3 {
		t.Errorf("%d of 3 ids are in the log", logged)
	}
	_ = pages[0].conn.Drop() // a wire that breaks
	pages[1].send(rtvi.DisconnectBot, "", nil)
	pages[2].close()
	untilIn(t, 5*time.Second, "active_sessions to be 0", func() bool { return active() == 0 })
	if code, _ := pages[1].closed(); code != ws.CloseNormal {
		t.Errorf("disconnect-bot closed with %d", code)
	}
	if resp, body := h.ask(http.MethodGet, "/phone/health", ""); resp.StatusCode != http.StatusOK {
		t.Errorf("phone health: %s", body)
	}
}
