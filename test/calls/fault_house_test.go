package calls_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/agent/chain"
	"github.com/voicectl/voicectl/internal/agent/server"
	"github.com/voicectl/voicectl/internal/media/tonecode"
	"github.com/voicectl/voicectl/internal/peer"
	"github.com/voicectl/voicectl/internal/provider/cartesia"
	"github.com/voicectl/voicectl/internal/provider/openai"
	"github.com/voicectl/voicectl/internal/provider/speechmatics"
	"github.com/voicectl/voicectl/internal/provider/supabase"
	"github.com/voicectl/voicectl/internal/sandbox"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
	"github.com/voicectl/voicectl/internal/secret"
)

// shortly is the wait for a vendor that does not answer. Only the vendor that is at fault is given so little time: a
// busy machine must not be taken for a slow vendor.
const shortly = 1500 * time.Millisecond

// twin is a house whose vendors have second endpoints, on a sandbox of their own.
type twin struct {
	*house
	second *stage.Stage
}

// impatient shortens every wait for one vendor's first endpoint, after what the plan itself wants. "" = of none.
func impatient(vendor string, p plan) plan {
	model, ears, voice, data := p.openai, p.ears, p.voice, p.supabase
	switch vendor {
	case stage.OpenAI:
		p.openai = func(o *openai.Options) { o.Timeout, o.Stall = shortly, shortly; change(model, o) }
	case stage.Speechmatics:
		p.ears = func(o *speechmatics.Options) { o.StartTimeout, o.Stall = shortly, shortly; change(ears, o) }
	case stage.Cartesia:
		p.voice = func(o *cartesia.Options) { o.DialTimeout, o.Stall = shortly, shortly; change(voice, o) }
	case stage.Supabase:
		p.supabase = func(o *supabase.Options) { o.Timeout = shortly; change(data, o) }
	}
	return p
}

// openTwin opens a house with fallbacks; slow names the vendor whose first endpoint gets little time.
func openTwin(t *testing.T, slow string, p plan) *twin {
	t.Helper()
	box := sandbox.New(sandbox.Options{})
	base, stop, err := box.Start(context.WithoutCancel(t.Context()), "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { must(t, within(stop)) })
	model := openai.New(openai.Options{BaseURL: base + "/openai/v1", Key: secret.New("second-openai"), Model: "gpt-4.1-mini"})
	t.Cleanup(model.Close)
	ears := speechmatics.New(speechmatics.Options{
		URL: "ws" + strings.TrimPrefix(base, "http") + "/speechmatics/v2", Key: secret.New("second-speechmatics"),
	})
	voice := cartesia.New(cartesia.Options{
		BaseURL: base + "/cartesia", Key: secret.New("second-cartesia"), Voice: "6ccbfb76-1fc6-48f7-b71d-91ac6298247b", Model: "sonic-3",
	})
	t.Cleanup(func() { must(t, within(voice.Close)) })
	last := p.engines
	p.engines = func(e *server.Engines) {
		e.Responder = &chain.Responders{First: e.Responder, Second: chain.OpenAI{Client: model}}
		e.Recognizer = &chain.Recognizers{First: e.Recognizer, Second: chain.Speechmatics{Client: ears}}
		e.Synthesizer = &chain.Synthesizers{First: e.Synthesizer, Second: chain.Cartesia{Client: voice}, Clip: new(chain.Clips).Apology}
		if last != nil {
			last(e)
		}
	}
	h := open(t, impatient(slow, p))
	h.explain(t)
	return &twin{house: h, second: box.Stage()}
}

// explain shows the log of a test that failed.
func (h *house) explain(t *testing.T) {
	t.Cleanup(func() {
		for line := range strings.Lines(h.logs.String()) {
			if t.Failed() && !strings.Contains(line, `"level":"DEBUG"`) {
				t.Log(strings.TrimSpace(line))
			}
		}
	})
}

// alone is a house without fallbacks, as it is wired: the recorded apology is all that stands behind the voice.
func alone(t *testing.T, slow string) *house {
	t.Helper()
	var p plan
	p.engines = func(e *server.Engines) {
		e.Synthesizer = &chain.Synthesizers{First: e.Synthesizer, Clip: new(chain.Clips).Apology}
	}
	h := open(t, impatient(slow, p))
	h.explain(t)
	return h
}

// ear is a caller who listens: in a browser, where words can be typed, or on a phone. It reads the agent's sound and
// leaves out the gaps that a busy machine makes in it: they are not what these tests are about.
type ear struct {
	peer.Peer
	t      *testing.T
	events chan peer.Event
	loud   atomic.Pointer[time.Time] // the first sound above silence since it was set to nil

	voice *tonecode.Decoder // of the call's own goroutine
}

// played decodes the agent's part of a frame.
func (e *ear) played(f peer.Played) {
	if f.Sound == 0 {
		return
	}
	if e.voice == nil {
		e.voice = tonecode.NewDecoder(f.Rate)
	}
	if slices.Max(f.Samples) > 1000 && e.loud.CompareAndSwap(nil, &f.At) {
		e.events <- peer.Event{Kind: peer.SpeechStarted, At: f.At}
	}
	for _, ev := range e.voice.Write(f.Samples[:f.Sound]) {
		if ev.Kind == tonecode.Message {
			e.events <- peer.Event{Kind: peer.Heard, At: f.At, Text: ev.Text, OK: ev.OK}
		}
	}
}

func newEar(t *testing.T, call func(peer.Options) (peer.Peer, error), url string) *ear {
	t.Helper()
	e := &ear{t: t, events: make(chan peer.Event, 1<<14)}
	p, err := call(peer.Options{URL: url, Played: e.played})
	must(t, err)
	e.Peer = p
	go func() {
		for ev := range p.Events() {
			if ev.Kind == peer.Closed {
				e.events <- ev
			}
		}
	}()
	t.Cleanup(func() { _ = p.Close() }) // it has no error of its own
	return e
}

func (h *house) browser() *ear {
	h.t.Helper()
	return newEar(h.t, func(o peer.Options) (peer.Peer, error) {
		return peer.CallRTVI(h.t.Context(), peer.BrowserOptions{Options: o})
	}, h.url+"/start")
}

func (h *house) phone() *ear {
	h.t.Helper()
	return newEar(h.t, func(o peer.Options) (peer.Peer, error) {
		return peer.CallTwilio(h.t.Context(), peer.PhoneOptions{Options: o, AuthToken: authToken(), AccountSID: account})
	}, h.url+"/twilio/voice")
}

// says speaks a phrase as sound.
func (e *ear) says(text string) {
	speaks, _ := e.Format()
	e.Speak(text, tonecode.Encode(text, speaks.Rate), speaks.Rate)
}

// types sends a phrase as text.
func (e *ear) types(text string) { e.t.Helper(); must(e.t, e.SendText(text)) }

// hears waits until all the words were heard, and gives all that was.
func (e *ear) hears(words ...string) string {
	e.t.Helper()
	var all []string
	e.until("to hear "+strings.Join(words, ", "), func(ev peer.Event) bool {
		if ev.Kind == peer.Heard {
			all = append(all, ev.Text)
		}
		text := strings.Join(all, " ")
		for _, w := range words {
			if !strings.Contains(text, w) {
				return false
			}
		}
		return true
	}, &all)
	return strings.Join(all, " ")
}

// hearsOne waits until one of the words was heard.
func (e *ear) hearsOne(words ...string) {
	e.t.Helper()
	var all []string
	e.until("to hear one of "+strings.Join(words, ", "), func(ev peer.Event) bool {
		if ev.Kind != peer.Heard {
			return false
		}
		all = append(all, ev.Text)
		for _, w := range words {
			if strings.Contains(ev.Text, w) {
				return true
			}
		}
		return false
	}, &all)
}

// sounds waits until a voice is heard, whatever it says, and tells when it began.
func (e *ear) sounds() time.Time {
	e.t.Helper()
	var at time.Time
	e.until("a voice", func(ev peer.Event) bool { at = ev.At; return ev.Kind == peer.SpeechStarted }, nil)
	return at
}

func (e *ear) until(what string, fn func(peer.Event) bool, got *[]string) {
	e.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case ev := <-e.events:
			if ev.Kind == peer.Closed {
				e.t.Fatalf("the call ended (%d %s), waiting %s; got %v", ev.Code, ev.Text, what, got)
			}
			if fn(ev) {
				return
			}
		case <-timer.C:
			if got == nil {
				got = new([]string)
			}
			e.t.Fatalf("waited %v %s; got %q", patience, what, *got)
		}
	}
}

// Endpoints that are out of order in ways that no emulator can be.

// refused is an address at which nobody listens.
func refused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

// nowhere is a host that no resolver knows (RFC 6761).
const nowhere = "vendor.invalid"

// blackhole is an address whose connections never come about: its queue is full, and nobody takes from it.
func blackhole(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	must(t, err)
	t.Cleanup(func() { _ = syscall.Close(fd) })
	must(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(t, syscall.Listen(fd, 0))
	sa, err := syscall.Getsockname(fd)
	must(t, err)
	addr := (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: sa.(*syscall.SockaddrInet4).Port}).String()
	for range 4 { // the kernel takes one or two more than it was told
		c, err := net.DialTimeout("tcp", addr, 50*time.Millisecond)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Fatal("the queue does not fill")
	return ""
}

// selfSigned is the address of a server with a certificate that nobody trusts.
func selfSigned(t *testing.T) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = nil
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}
