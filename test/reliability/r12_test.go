package reliability

import (
	"net/http"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/agent/line"
	"github.com/voicectl/voicectl/internal/agent/server"
	"github.com/voicectl/voicectl/internal/provider/cartesia"
	"github.com/voicectl/voicectl/internal/provider/speechmatics"
)

// R12: half-open sockets die in 15 s. A browser and the vendors are pinged each 5 s and may miss two; a phone's
// stream, whose sound never pauses, is dead after 5 s without a message. Tiers: ci with intervals of 200 ms,
// nightly with the defaults.
func pingEvery() time.Duration { return nightly(0, 200*time.Millisecond) }

// lostWithin is the bound: 15 s by default, three intervals otherwise.
func lostWithin() time.Duration { return nightly(15*time.Second, 600*time.Millisecond+slack) }

func TestR12_HalfOpenPeersAreLost(t *testing.T) {
	t.Parallel()
	limits := line.Limits{Ping: pingEvery(), Quiet: pingEvery()}
	for name, come := range map[string]func(t *testing.T, h *house, p *proxy){
		"browser": func(t *testing.T, h *house, p *proxy) {
			h.page(visit{dial: p.dial}).ask("Hello")
		},
		"phone": func(t *testing.T, h *house, p *proxy) {
			s, err := h.connect(callSID(1), visit{dial: p.dial})
			must(t, err)
			t.Cleanup(func() { _ = s.conn.Drop() })
			for range 10 {
				must(t, s.frame())
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, plan{config: server.Config{Line: limits}})
			p := between(t, h.url)
			come(t, h, p)
			until(t, patience, "the session", func() bool { return len(h.logs.lines("session started")) == 1 })
			if len(h.logs.lines("session ended")) > 0 {
				t.Fatal("the session is over before the cable was pulled")
			}
			if p.cut() != 1 {
				t.Fatal("nothing to cut")
			}
			begun := time.Now()
			ends := h.logs.ends(t, 1, lostWithin()+patience)
			took := time.Since(begun)
			t.Logf("ended %v after %v", ends, took)
			if ends[0] != "peer_lost" || took > lostWithin() {
				t.Errorf("ended %v after %v, want peer_lost within %v", ends, took, lostWithin())
			}
			calls, err := h.calls()
			must(t, err)
			if len(calls) != 1 || calls[0].Call.EndReason != "peer_lost" {
				t.Errorf("the row says %+v, want peer_lost", calls)
			}
			until(t, patience, "the socket to be closed", func() bool { // by the server: nothing of the call is left
				_, body := h.ask(http.MethodGet, "/health", "")
				return body == "{\"status\":\"ok\",\"active_sessions\":0}\n"
			})
		})
	}
}

// A browser that is only quiet, and answers pings, is not lost.
func TestR12_QuietIsNotLost(t *testing.T) {
	t.Parallel()
	const ping = 50 * time.Millisecond
	h := open(t, plan{config: server.Config{Line: line.Limits{Ping: ping}}})
	p := h.page(visit{})
	select {
	case <-p.done:
		t.Fatal("a page that says nothing was closed")
	case <-time.After(20 * ping): // it is the passing of time that is tested
	}
	if p.ask("Hello") == "" {
		t.Error("no answer")
	}
}

func TestR12_HalfOpenVendorsAreLost(t *testing.T) {
	t.Parallel()
	// The sandbox stands behind a proxy for each vendor.
	h0 := open(t, plan{})
	t.Run("recognizer", func(t *testing.T) {
		t.Parallel()
		var cable *proxy
		h := open(t, plan{base: h0.box, ears: func(o *speechmatics.Options) {
			cable = between(t, o.URL[len("ws://"):len(o.URL)-len("/speechmatics/v2")])
			o.URL, o.Ping = "ws"+cable.url()[len("http"):]+"/speechmatics/v2", pingEvery()
		}})
		c := h.call(nil)
		c.speak("Hello")
		c.hears("Hello")
		cable.lost(t)
		until(t, patience, "the recognizer to fail", func() bool { return len(h.logs.lines("recognizer failed")) == 1 })
		until(t, patience, "the recognizer to be opened anew", func() bool { return cable.count() == 1 })
		c.speak("What is the refund policy?")
		c.hears("refund")
	})
	t.Run("synthesizer", func(t *testing.T) {
		t.Parallel()
		var cable *proxy
		h := open(t, plan{base: h0.box, voice: func(o *cartesia.Options) {
			cable = between(t, o.BaseURL[:len(o.BaseURL)-len("/cartesia")])
			o.BaseURL, o.Ping = cable.url()+"/cartesia", pingEvery()
		}})
		p := h.page(visit{})
		p.say("Hello")
		cable.lost(t)
		begun := time.Now()
		p.say("Hello again")
		t.Logf("the next answer was heard after %v", time.Since(begun))
	})
}

// lost pulls the cable and waits until the one who dialled has closed its end.
func (p *proxy) lost(t *testing.T) {
	t.Helper()
	before := p.gone.Load()
	n := p.cut()
	if n == 0 {
		t.Fatal("nothing to cut")
	}
	begun := time.Now()
	until(t, lostWithin()+patience, "the dead socket to be closed", func() bool { return p.gone.Load()-before >= int64(n) })
	t.Logf("closed after %v", time.Since(begun))
	if took := time.Since(begun); took > lostWithin() {
		t.Errorf("closed after %v, want %v", took, lostWithin())
	}
}
