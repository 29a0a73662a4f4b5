package reliability

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/agent/line"
	"github.com/voicectl/voicectl/internal/agent/server"
	"github.com/voicectl/voicectl/internal/ws"
)

// raw upgrades by hand, so that frames of any kind can be sent.
func (h *house) raw(t *testing.T) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", h.srv.Addr().String())
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() }) // it may be closed already
	must(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", h.srv.Addr())
	must(t, err)
	r := bufio.NewReader(conn)
	for {
		text, err := r.ReadString('\n')
		must(t, err)
		if strings.TrimSpace(text) == "" {
			return conn, r
		}
	}
}

// frame is one frame of a client; the mask is zero, so that a payload of up to 125 bytes stays as it is.
func frame(opcode byte, payload string) []byte {
	return append([]byte{0x80 | opcode, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)
}

// closedWith reads small frames of the server until it closes, and counts those before.
func closedWith(r *bufio.Reader) (code, frames int) {
	for ; ; frames++ {
		head := make([]byte, 2)
		if _, err := io.ReadFull(r, head); err != nil {
			return ws.CloseAbnormal, frames
		}
		n := int(head[1])
		if n > 125 {
			ext := make([]byte, 2)
			if _, err := io.ReadFull(r, ext); err != nil {
				return ws.CloseAbnormal, frames
			}
			n = int(ext[0])<<8 | int(ext[1])
		}
		payload := make([]byte, n)
		if _, err := io.ReadFull(r, payload); err != nil {
			return ws.CloseAbnormal, frames
		}
		if head[0]&0x0f == 8 && n >= 2 {
			return int(payload[0])<<8 | int(payload[1]), frames
		}
	}
}

// H32: ten thousand pings a second, before or after the handshake, or as many pongs that nobody asked for: the
// socket is closed with 1008 after a hundred, and nobody else notices. A peer that pings now and then is served.
// Tiers: ci and nightly alike.
func TestHostile_H32_PingFlood(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	other := h.page(visit{})
	const ready = `{"label":"rtvi-ai","type":"client-ready","id":"1","data":{"version":"2.1.0"}}`
	for name, c := range map[string]struct {
		first  []byte
		opcode byte
	}{
		"pings at the door":    {nil, 9},
		"pings in a session":   {frame(1, ready), 9},
		"pongs at the door":    {nil, 10},
		"pongs in the session": {frame(1, ready), 10},
	} {
		t.Run(name, func(t *testing.T) {
			conn, r := h.raw(t)
			flood := make(chan struct{})
			go func() {
				defer close(flood)
				_, _ = conn.Write(c.first) // it may be closed at any moment
				f := frame(c.opcode, "x")
				for tick := range 100 { // 100 each 10 ms
					for range 100 {
						if _, err := conn.Write(f); err != nil {
							return
						}
					}
					time.Sleep(time.Duration(tick%2) * 10 * time.Millisecond)
				}
			}()
			code, answers := closedWith(r)
			<-flood
			if code != ws.ClosePolicy || answers > 200 {
				t.Errorf("closed with %d after %d answers, want 1008 after about a hundred", code, answers)
			}
		})
	}
	if other.ask("Hello") == "" {
		t.Error("the other session is hurt")
	}
	for _, l := range h.logs.lines("session ended") {
		if l["reason"] != "policy" {
			t.Errorf("a session ended by %v, want policy", l["reason"])
		}
	}
	conn, r := h.raw(t)
	for range 50 {
		_, err := conn.Write(frame(9, "x"))
		must(t, err)
	}
	head := make([]byte, 3)
	for range 50 {
		if _, err := io.ReadFull(r, head); err != nil || head[0] != 0x8a || head[2] != 'x' {
			t.Fatalf("a modest peer is answered % x, %v, want a pong", head, err)
		}
	}
}

// H44: 500 sockets that are opened and say nothing are dropped at the limit of the handshake (10 s by default)
// with 1008, no session begins for them, and a call that goes on meanwhile is not hurt. Tiers: ci with a limit of
// 1 s, nightly with the default.
func TestHostile_H44_SilentSockets(t *testing.T) {
	limit := nightly(0, time.Second)
	most := nightly(10*time.Second, time.Second) + 4*time.Second
	h := open(t, plan{config: server.Config{MaxSessions: 600, Line: line.Limits{Handshake: limit}}})
	other := h.page(visit{})
	const many = 500
	var wg sync.WaitGroup
	var wrong, late atomic.Int64
	gate := make(chan struct{}, 50)
	for range many {
		wg.Go(func() {
			gate <- struct{}{}
			conn, err := h.dial(visit{})
			<-gate
			if err != nil {
				wrong.Add(1)
				return
			}
			begun := time.Now()
			if endOf(conn) != ws.ClosePolicy {
				wrong.Add(1)
			}
			if time.Since(begun) > most {
				late.Add(1)
			}
			_ = conn.Drop()
		})
	}
	over := make(chan struct{})
	go func() { wg.Wait(); close(over) }()
	turns, worst := h.busy(other, over)
	if wrong.Load() > 0 || late.Load() > 0 {
		t.Errorf("%d of %d were not dropped with 1008, %d later than %v", wrong.Load(), many, late.Load(), most)
	}
	if n := len(h.logs.lines("session started")); n != 1 {
		t.Errorf("%d sessions began, want the one good one", n)
	}
	t.Logf("%d turns of another call meanwhile, the longest %v", turns, worst)
}

// busy holds a conversation until over is closed: at least one turn, none of them slow.
func (h *house) busy(p *page, over <-chan struct{}) (turns int, worst time.Duration) {
	h.t.Helper()
	for {
		begun := time.Now()
		if p.ask("Hello") == "" {
			h.t.Error("no answer")
		}
		turns++
		if worst = max(worst, time.Since(begun)); worst > 3*time.Second {
			h.t.Errorf("a turn took %v", worst)
		}
		select {
		case <-over:
			return turns, worst
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// H45: 500 clients that send their head a byte at a time are cut when the head's time is over (5 s by default),
// while a call goes on. Tiers: ci with 1 s, nightly with the default.
func TestHostile_H45_Slowloris(t *testing.T) {
	limit := nightly(0, time.Second)
	most := nightly(5*time.Second, time.Second) + 4*time.Second
	h := open(t, plan{config: server.Config{ReadTime: limit}})
	other := h.page(visit{})
	const many = 500
	ctx, cancel := context.WithTimeout(t.Context(), 2*most)
	defer cancel()
	var wg sync.WaitGroup
	var open atomic.Int64
	begun := time.Now()
	for range many {
		wg.Go(func() {
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", h.srv.Addr().String())
			if err != nil {
				open.Add(1)
				return
			}
			defer func() { _ = conn.Close() }() // the server is to close it
			gone := make(chan struct{})
			go func() {
				defer close(gone)
				_, _ = io.Copy(io.Discard, conn) // an answer (408) may come before the end
			}()
			const head = "GET /health HTTP/1.1\r\nHost: example\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			tick := time.NewTicker(200 * time.Millisecond)
			defer tick.Stop()
			for i := 0; ; i++ {
				select {
				case <-gone:
					if time.Since(begun) > most {
						open.Add(1)
					}
					return
				case <-ctx.Done():
					open.Add(1)
					_ = conn.Close()
					<-gone
					return
				case <-tick.C:
					_, _ = conn.Write([]byte{head[i%len(head)]}) // gone tells
				}
			}
		})
	}
	over := make(chan struct{})
	go func() { wg.Wait(); close(over) }()
	turns, worst := h.busy(other, over)
	if open.Load() > 0 {
		t.Errorf("%d of %d were open after %v", open.Load(), many, most)
	}
	t.Logf("all cut after %v; %d turns of another call meanwhile, the longest %v", time.Since(begun), turns, worst)
}
