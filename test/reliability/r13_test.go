package reliability

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/provider/rtvi"
	"github.com/voicectl/voicectl/internal/ws"
)

// R13: slow peers can't take memory. Pages (200 nightly, 50 in ci) stop reading and go on asking and sending: what
// waits for them is bounded by the kernel's buffer and one answer; within 40 s each is given up for the reason
// `peer_slow` (or `peer_lost`: a server that waits to write to it does not hear it either), the server's memory grows by 40 MB at most over what as many pages took that did read, and another
// call is not hurt. Tiers: ci and nightly.
func TestR13_PeersThatDoNotRead(t *testing.T) {
	many := nightly(200, 50)
	p := serveOn(t, box(t), "--admin-addr", "off")
	other := p.page(visit{})
	other.say("Hello")
	start := p.rss()
	crowd := func(reads bool, length time.Duration) (most int) {
		ctx, cancel := context.WithTimeout(t.Context(), length)
		defer cancel()
		var wg sync.WaitGroup
		for range many {
			wg.Go(func() { p.busyPage(ctx, reads) })
		}
		over, watched := make(chan struct{}), make(chan struct{})
		go func() { wg.Wait(); close(over) }()
		go func() {
			defer close(watched)
			for {
				most = max(most, p.rss())
				select {
				case <-over:
					return
				case <-time.After(50 * time.Millisecond):
				}
			}
		}()
		begun := time.Now()
		turns, worst := p.busy(other, over)
		<-watched
		t.Logf("%d pages (they read: %t) for %v: memory %d MB; %d turns of another call, the longest %v", many, reads, time.Since(begun), most>>20, turns, worst)
		return most
	}
	before := crowd(true, 8*time.Second)
	p.logs.ends(t, many, patience)
	after := crowd(false, 40*time.Second)
	if grown := after - before; grown > 40<<20 {
		t.Errorf("memory: %d MB, with readers %d, with those that do not read %d, want at most 40 more", start>>20, before>>20, after>>20)
	}
	ends := map[string]int{}
	for _, why := range p.logs.ends(t, 2*many, patience)[many:] {
		ends[why]++
	}
	if ends["peer_slow"]+ends["peer_lost"] != many || ends["peer_slow"] < many/2 {
		t.Errorf("sessions ended by %v, want peer_slow", ends)
	}
}

// busyPage asks and sends. One that reads does so until ctx is done; one that does not until the server has closed.
func (h *house) busyPage(ctx context.Context, reads bool) {
	conn, err := h.dial(visit{dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if tcp, ok := c.(*net.TCPConn); ok && !reads {
			err = tcp.SetReadBuffer(4 << 10)
		}
		return c, err
	}})
	if err != nil {
		h.t.Error(err)
		return
	}
	read := make(chan struct{})
	defer func() { _ = conn.Close(ws.CloseNormal, ""); <-read }() // it may be closed already
	go func() {
		defer close(read)
		if reads {
			endOf(conn)
		}
	}()
	send := func(t rtvi.Type, data any) error {
		msg, bad := rtvi.Encode(t, "1", data)
		if bad != nil {
			return bad
		}
		return conn.Write(ws.Binary, rtvi.AppendMessage(nil, msg))
	}
	err = send(rtvi.ClientReady, rtvi.Ready{Version: rtvi.Version})
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for i := 0; err == nil; i++ {
		select {
		case <-ctx.Done():
			if !reads {
				h.t.Error("a page that does not read was not given up")
			}
			return
		case <-tick.C:
		}
		if i%60 == 0 {
			err = send(rtvi.SendText, rtvi.TextInput{Content: "What is the refund policy?"})
		} else {
			err = send("nonsense", "each of these is answered with an error")
		}
	}
}
