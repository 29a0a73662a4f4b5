package reliability

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/agent/server"
	"github.com/voicectl/voicectl/internal/provider/twilio"
	"github.com/voicectl/voicectl/internal/ws"
)

// Strangers of every kind at once (2 000 nightly, 80 in ci) hold sockets while phone calls are made: sockets that
// say nothing, heads that never end, floods of pings, garbage after the upgrade, media sockets without a
// signature and webhooks with a wrong one, big messages, and peers that leave in the middle. Each call says hello
// and hears its answer, and when the strangers are gone nothing of them is left. Tiers: ci and nightly.
func TestHostile_MixWhileCallsRun(t *testing.T) {
	strangers := nightly(2000, 80)
	h := open(t, plan{config: server.Config{MaxSessions: strangers + 50}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	kinds := []func(context.Context, *house){silentSocket, endlessHead, pinger, garbler, unsigned, forger, shouter, leaver}
	var crowd sync.WaitGroup
	var visits atomic.Int64
	pause := nightly(10*time.Second, time.Second) // between visits of one: strangers and server share this machine
	for i := range strangers {
		crowd.Go(func() {
			select {
			case <-ctx.Done():
			case <-time.After(pause * time.Duration(i) / time.Duration(strangers)):
			}
			for ctx.Err() == nil {
				kinds[i%len(kinds)](ctx, h)
				visits.Add(1)
				select {
				case <-ctx.Done():
				case <-time.After(pause):
				}
			}
		})
	}
	calls := nightly(20, 5)
	for n := range calls {
		c := h.call(nil)
		begun := time.Now()
		c.speak("Hello")
		c.hears("Hello")
		if took := time.Since(begun); took > 8*time.Second {
			t.Errorf("call %d was answered after %v", n, took)
		}
		_ = c.Close() // it has no error of its own
	}
	cancel()
	crowd.Wait()
	until(t, patience, "the sessions to end", func() bool {
		_, body := h.ask(http.MethodGet, "/health", "")
		return strings.Contains(body, `"active_sessions":0`)
	})
	done := 0
	for _, l := range h.logs.lines("session started") {
		if l["kind"] == "twilio" {
			done++
		}
	}
	t.Logf("%d visits of %d strangers, %d calls", visits.Load(), strangers, done)
	if done != calls || visits.Load() < int64(strangers) {
		t.Errorf("%d calls for %d made, %d visits", done, calls, visits.Load())
	}
}

// What follows are strangers. Their errors are what they deserve.

// socketOf opens /ws.
func (h *house) socketOf(ctx context.Context) *ws.Conn {
	c, err := ws.Dial(ctx, "ws"+strings.TrimPrefix(h.url, "http")+"/ws", ws.DialOptions{NoProxy: true})
	if err != nil {
		return nil
	}
	return c
}

func silentSocket(ctx context.Context, h *house) {
	if c := h.socketOf(ctx); c != nil {
		defer context.AfterFunc(ctx, func() { _ = c.Drop() })()
		endOf(c)
		_ = c.Drop()
	}
}

func (h *house) tcp(ctx context.Context, do func(net.Conn)) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", h.srv.Addr().String())
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	do(c)
}

func endlessHead(ctx context.Context, h *house) {
	h.tcp(ctx, func(c net.Conn) {
		_, _ = io.WriteString(c, "POST /twilio/voice HTTP/1.1\r\nHost: x\r\nX-Slow: ")
		_, _ = io.Copy(io.Discard, c)
	})
}

func pinger(ctx context.Context, h *house) {
	h.tcp(ctx, func(c net.Conn) {
		_, _ = fmt.Fprintf(c, "GET /ws HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", h.srv.Addr())
		flood := []byte(strings.Repeat(string(frame(9, "x")), 100))
		for range 50 {
			if _, err := c.Write(flood); err != nil {
				return
			}
		}
	})
}

func garbler(ctx context.Context, h *house) {
	if c := h.socketOf(ctx); c != nil {
		_ = c.Write(ws.Binary, []byte(strings.Repeat("\xff", 1000)))
		endOf(c)
		_ = c.Drop()
	}
}

func unsigned(ctx context.Context, h *house) {
	if c, err := ws.Dial(ctx, "ws"+strings.TrimPrefix(h.url, "http")+"/twilio/media", ws.DialOptions{NoProxy: true}); err == nil {
		h.t.Error("an unsigned media socket was let in")
		_ = c.Drop()
	}
}

func forger(_ context.Context, h *house) {
	resp, _, err := request(http.MethodPost, h.url+"/twilio/voice", form(callSID(1)).Encode(),
		"Content-Type", "application/x-www-form-urlencoded", twilio.SignatureHeader, "AAAA")
	if err == nil && resp.StatusCode != http.StatusForbidden {
		h.t.Errorf("a forged webhook was answered %d", resp.StatusCode)
	}
}

func shouter(ctx context.Context, h *house) {
	if c := h.socketOf(ctx); c != nil {
		_ = c.Write(ws.Text, make([]byte, 1<<20))
		endOf(c)
		_ = c.Drop()
	}
}

func leaver(ctx context.Context, h *house) {
	if c := h.socketOf(ctx); c != nil {
		_ = c.Write(ws.Text, []byte(`{"label":"rtvi-ai","type":"client-ready","id":"1","data":{"version":"2.1.0"}}`))
		_ = c.Write(ws.Text, []byte(`{"label":"rtvi-ai","type":"send-text","id":"2","data":{"content":"Hello"}}`))
		_ = c.Drop()
	}
}
