package calls_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/provider/rtvi"
	"github.com/voicectl/voicectl/internal/ws"
)

// page is a client of RTVI that can be told to misbehave. It reads all the time, as a page does.
type page struct {
	t      *testing.T
	conn   *ws.Conn
	binary bool

	mu      sync.Mutex
	msgs    []rtvi.Envelope
	sound   int // bytes
	over    bool
	code    int
	reason  string
	changed chan struct{} // closed and replaced at every change
	done    chan struct{}
	turn    int
}

// visit says how a page comes.
type visit struct {
	url     string // "" = the server's /ws
	header  http.Header
	text    bool   // JSON as text instead of protobuf
	version string // "" = the current one
	silent  bool   // no client-ready
}

// dial opens a socket or tells the status of the refusal.
func (h *house) dial(url string, header http.Header) (*ws.Conn, error) {
	if url == "" {
		url = "/ws"
	}
	if !strings.Contains(url, "://") {
		url = "ws" + strings.TrimPrefix(h.url, "http") + url
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.t.Context()), patience)
	defer cancel()
	return ws.Dial(ctx, url, ws.DialOptions{Header: header, Limit: 8 << 20})
}

func (h *house) page(v visit) *page {
	h.t.Helper()
	conn, err := h.dial(v.url, v.header)
	must(h.t, err)
	p := &page{t: h.t, conn: conn, binary: !v.text, changed: make(chan struct{}), done: make(chan struct{})}
	go p.read()
	h.t.Cleanup(p.close)
	if v.silent {
		return p
	}
	if v.version == "" {
		v.version = rtvi.Version
	}
	p.send(rtvi.ClientReady, "ready-01", rtvi.Ready{Version: v.version})
	if m := p.await(rtvi.BotReady); m.ID != "ready-01" {
		h.t.Fatalf("bot-ready has id %q", m.ID)
	}
	return p
}

func (p *page) close() {
	_ = p.conn.Close(ws.CloseNormal, "")
	<-p.done
}

func (p *page) read() {
	defer close(p.done)
	for {
		kind, b, err := p.conn.Read(nil)
		p.mu.Lock()
		var f rtvi.Frame
		switch {
		case err != nil:
			p.over, p.code, p.reason = true, ws.CloseCode(err), ws.CloseReason(err)
		case kind == ws.Text:
			p.take(b)
		case rtvi.DecodeFrame(b, &f) == nil && f.Kind == rtvi.FrameMessage:
			p.take(f.Data)
		case f.Kind == rtvi.FrameAudio:
			p.sound += len(f.Audio)
		}
		close(p.changed)
		p.changed = make(chan struct{})
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (p *page) take(b []byte) {
	if e, err := rtvi.Decode(b); err == nil {
		if e.Type == "bot-tts-audio" {
			p.sound += len(e.Data)
			return
		}
		p.msgs = append(p.msgs, e)
	}
}

// wait blocks until fn, which runs under the lock, is true; false when the socket closed first.
func (p *page) wait(what string, fn func() bool) bool {
	p.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		p.mu.Lock()
		ok, over, changed := fn(), p.over, p.changed
		code, reason := p.code, p.reason
		p.mu.Unlock()
		switch {
		case ok:
			return true
		case over:
			p.t.Logf("socket closed (%d %s) while waiting for %s", code, reason, what)
			return false
		}
		select {
		case <-changed:
		case <-timer.C:
			p.t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// await returns the first message of a type, from the beginning of the call.
func (p *page) await(t rtvi.Type) rtvi.Envelope { p.t.Helper(); return p.awaitNth(t, 1) }

func (p *page) awaitNth(t rtvi.Type, n int) (e rtvi.Envelope) {
	p.t.Helper()
	if !p.wait(string(t), func() bool {
		k := 0
		for _, m := range p.msgs {
			if m.Type == t {
				if k++; k == n {
					e = m
					return true
				}
			}
		}
		return false
	}) {
		p.t.FailNow()
	}
	return e
}

// all returns the messages of a type so far.
func (p *page) all(t rtvi.Type) []rtvi.Envelope {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []rtvi.Envelope
	for _, m := range p.msgs {
		if m.Type == t {
			out = append(out, m)
		}
	}
	return out
}

// closed waits for the end of the socket.
func (p *page) closed() (code int, reason string) {
	p.t.Helper()
	p.wait("close", func() bool { return p.over })
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.code, p.reason
}

func (p *page) send(t rtvi.Type, id string, data any) {
	p.t.Helper()
	msg, err := rtvi.Encode(t, id, data)
	must(p.t, err)
	p.raw(msg)
}

// raw sends one RTVI message as it is, in the socket's encoding.
func (p *page) raw(msg []byte) {
	p.t.Helper()
	if p.binary {
		must(p.t, p.conn.Write(ws.Binary, rtvi.AppendMessage(nil, msg)))
		return
	}
	must(p.t, p.conn.Write(ws.Text, msg))
}

// answer is one finished turn as the page saw it.
type answer struct {
	text  string // the segments of the reply
	msgs  []rtvi.Envelope
	calls []rtvi.Function // in progress
	ends  []rtvi.Function
}

// ask types words, without speech, and waits for the end of the turn.
func (p *page) ask(text string) answer {
	p.t.Helper()
	no := false
	return p.during(text, func() {
		p.send(rtvi.SendText, "", rtvi.TextInput{Content: text, Options: rtvi.TextOptions{AudioResponse: &no}})
	})
}

// typed types words and waits for nothing.
func (p *page) typed(text string) {
	p.t.Helper()
	p.send(rtvi.SendText, "", rtvi.TextInput{Content: text})
}

// say types words and waits until the spoken answer was heard.
func (p *page) say(text string) answer {
	p.t.Helper()
	return p.during(text, func() { p.typed(text) })
}

// during does something that makes a turn and returns that turn.
func (p *page) during(what string, fn func()) answer {
	p.t.Helper()
	p.turn++
	p.mu.Lock()
	from, to := len(p.msgs), 0
	p.mu.Unlock()
	fn()
	if !p.wait("the end of the turn: "+what, func() bool {
		for i := from; i < len(p.msgs); i++ {
			var d struct {
				Type string `json:"type"`
				Turn int    `json:"turn"`
			}
			if p.msgs[i].Type == rtvi.ServerMessage && json.Unmarshal(p.msgs[i].Data, &d) == nil && d.Type == "turn_latency" && d.Turn >= p.turn {
				p.turn, to = d.Turn, i+1
				return true
			}
		}
		return false
	}) {
		p.t.FailNow()
	}
	p.mu.Lock()
	a := answer{msgs: append([]rtvi.Envelope(nil), p.msgs[from:to]...)}
	p.mu.Unlock()
	a.digest(p.t)
	return a
}

func (a *answer) digest(t *testing.T) {
	t.Helper()
	seen := map[string]bool{}
	for _, m := range a.msgs {
		switch m.Type { //nolint:exhaustive // the others are looked at by the tests
		case rtvi.BotOutput:
			var o rtvi.Output
			must(t, m.Unpack(&o))
			if !seen[o.SegmentID] {
				seen[o.SegmentID] = true
				a.text = strings.TrimSpace(a.text + " " + o.Text)
			}
		case rtvi.FunctionInProgress:
			var f rtvi.Function
			must(t, m.Unpack(&f))
			a.calls = append(a.calls, f)
		case rtvi.FunctionStopped:
			var f rtvi.Function
			must(t, m.Unpack(&f))
			a.ends = append(a.ends, f)
		}
	}
}

// tools are the names of the tools that ran, in order.
func (a answer) tools() string {
	var names []string
	for _, f := range a.calls {
		names = append(names, f.Name)
	}
	return strings.Join(names, " ")
}
