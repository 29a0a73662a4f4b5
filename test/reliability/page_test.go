package reliability

import (
	"context"
	"encoding/json"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/provider/rtvi"
	"github.com/voicectl/voicectl/internal/ws"
)

// page is a client of RTVI that reads all the time, as a page does.
type page struct {
	t    *testing.T
	conn *ws.Conn

	mu      sync.Mutex
	msgs    []rtvi.Envelope
	sound   int // bytes
	over    bool
	code    int
	at      time.Time     // of the end
	changed chan struct{} // closed and replaced at every change
	done    chan struct{}
	turn    int
}

// visit says how a page comes.
type visit struct {
	url  string // of the server; "" = the house's
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

func (h *house) dial(v visit) (*ws.Conn, error) {
	if v.url == "" {
		v.url = h.url
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.t.Context()), patience)
	defer cancel()
	return ws.Dial(ctx, "ws"+strings.TrimPrefix(v.url, "http")+"/ws", ws.DialOptions{Limit: 8 << 20, NoProxy: true, Dialer: v.dial})
}

func (h *house) page(v visit) *page {
	h.t.Helper()
	conn, err := h.dial(v)
	must(h.t, err)
	p := &page{t: h.t, conn: conn, changed: make(chan struct{}), done: make(chan struct{})}
	go p.read()
	h.t.Cleanup(p.close)
	p.send(rtvi.ClientReady, "ready-01", rtvi.Ready{Version: rtvi.Version})
	if !p.wait("bot-ready", func() bool { return len(p.msgs) > 0 && p.msgs[0].Type == rtvi.BotReady }) {
		h.t.FailNow()
	}
	return p
}

func (p *page) close() {
	_ = p.conn.Close(ws.CloseNormal, "") // it may be closed already
	<-p.done
}

func (p *page) read() {
	defer close(p.done)
	var buf []byte
	for {
		_, b, err := p.conn.Read(buf)
		buf = b
		p.mu.Lock()
		var f rtvi.Frame
		switch {
		case err != nil:
			p.over, p.code, p.at = true, ws.CloseCode(err), time.Now()
		case rtvi.DecodeFrame(b, &f) == nil && f.Kind == rtvi.FrameMessage:
			if e, err := rtvi.Decode(f.Data); err == nil {
				e.Data = append([]byte(nil), e.Data...)
				p.msgs = append(p.msgs, e)
			}
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

// wait blocks until fn, which runs under the lock, is true; false when the socket closed first.
func (p *page) wait(what string, fn func() bool) bool {
	p.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		p.mu.Lock()
		ok, over, changed, code := fn(), p.over, p.changed, p.code
		p.mu.Unlock()
		switch {
		case ok:
			return true
		case over:
			p.t.Logf("socket closed (%d) while waiting for %s", code, what)
			return false
		}
		select {
		case <-changed:
		case <-timer.C:
			p.t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// closed waits for the end of the socket.
func (p *page) closed(most time.Duration) (code int, at time.Time) {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(most):
		p.t.Fatalf("the socket is open after %v", most)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.code, p.at
}

func (p *page) send(t rtvi.Type, id string, data any) {
	p.t.Helper()
	must(p.t, p.trySend(t, id, data))
}

func (p *page) trySend(t rtvi.Type, id string, data any) error {
	msg, err := rtvi.Encode(t, id, data)
	if err != nil {
		return err
	}
	return p.conn.Write(ws.Binary, rtvi.AppendMessage(nil, msg))
}

// ask types words, without speech, and gives what was answered when the turn is over.
func (p *page) ask(text string) string { p.t.Helper(); return p.turnOf(text, true) }

// say types words and waits until the spoken answer was heard.
func (p *page) say(text string) string { p.t.Helper(); return p.turnOf(text, false) }

func (p *page) turnOf(text string, mute bool) string {
	p.t.Helper()
	var o rtvi.TextOptions
	if mute {
		no := false
		o.AudioResponse = &no
	}
	p.mu.Lock()
	from, to := len(p.msgs), 0
	p.mu.Unlock()
	p.turn++
	p.send(rtvi.SendText, "", rtvi.TextInput{Content: text, Options: o})
	if !p.wait("the end of the turn: "+text, func() bool {
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
	defer p.mu.Unlock()
	var words []string
	seen := map[string]bool{}
	for _, m := range p.msgs[from:to] {
		var o rtvi.Output
		if m.Type == rtvi.BotOutput && m.Unpack(&o) == nil && !seen[o.SegmentID] {
			seen[o.SegmentID] = true
			words = append(words, o.Text)
		}
	}
	return strings.Join(words, " ")
}

// session is the id that the server told.
func (p *page) session() string {
	p.t.Helper()
	var id string
	p.wait("the session's id", func() bool {
		for _, m := range p.msgs {
			var d struct {
				Type      string `json:"type"`
				SessionID string `json:"session_id"`
			}
			if m.Type == rtvi.ServerMessage && json.Unmarshal(m.Data, &d) == nil && d.Type == "session" {
				id = d.SessionID
				return true
			}
		}
		return false
	})
	return id
}
