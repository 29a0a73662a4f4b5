package calls_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/media/tonecode"
	"github.com/voicectl/voicectl/internal/peer"
	"github.com/voicectl/voicectl/internal/provider/twilio"
	"github.com/voicectl/voicectl/internal/ws"
)

// Ids of the vendor's shape.
const (
	callA   = "CA0000000000000000000000000000000a"
	callB   = "CA0000000000000000000000000000000b"
	callC   = "CA0000000000000000000000000000000c"
	streamA = "MZ0000000000000000000000000000000a"
	streamB = "MZ0000000000000000000000000000000b"
)

// caller is a phone call with its events kept.
type caller struct {
	*peer.Phone
	events chan []peer.Event
	heard  chan string // whole texts as the caller's ear got them
}

// call places a phone call; more changes the options.
func (h *house) call(more func(*peer.PhoneOptions)) *caller {
	h.t.Helper()
	o := peer.PhoneOptions{Options: peer.Options{URL: h.url + "/twilio/voice", Listen: true}, AuthToken: authToken(), AccountSID: account}
	if more != nil {
		more(&o)
	}
	p, err := peer.CallTwilio(h.t.Context(), o)
	must(h.t, err)
	c := &caller{Phone: p, events: make(chan []peer.Event, 1), heard: make(chan string, 64)}
	go func() {
		var all []peer.Event
		for e := range p.Events() {
			all = append(all, e)
			if e.Kind == peer.Heard {
				c.heard <- e.Text
			}
		}
		close(c.heard)
		c.events <- all
	}()
	h.t.Cleanup(func() { _ = p.Close() }) // it has no error of its own
	return c
}

// speak says words as sound.
func (c *caller) speak(text string) { c.Speak(text, tonecode.Encode(text, 8000), 8000) }

// hears waits until what was heard, piece by piece, holds all the words.
func (c *caller) hears(t *testing.T, words ...string) string {
	t.Helper()
	var all string
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		missing := false
		for _, w := range words {
			missing = missing || !strings.Contains(all, w)
		}
		if !missing {
			return all
		}
		select {
		case text, ok := <-c.heard:
			if !ok {
				t.Fatalf("the call ended, and only %q was heard, not %q", all, words)
			}
			all += " " + text
		case <-timer.C:
			t.Fatalf("waited %v, and only %q was heard, not %q", patience, all, words)
		}
	}
}

// hangUp ends the call and returns all its events.
func (c *caller) hangUp() []peer.Event {
	_ = c.Close() // it has no error of its own
	return <-c.events
}

// form is the parameter set of a voice webhook.
func form(callSID string) url.Values {
	return url.Values{
		"CallSid": {callSID}, "AccountSid": {account}, "From": {"+15550100001"}, "To": {"+15550100002"}, "CallStatus": {"ringing"},
	}
}

const formType = "application/x-www-form-urlencoded"

// webhook posts a form, signed for the URL under which this server is reached.
func (h *house) webhook(path string, v url.Values, header ...string) (*http.Response, string) {
	h.t.Helper()
	sig := twilio.Sign(authToken(), h.url+path, v)
	return h.ask(http.MethodPost, path, v.Encode(), append([]string{"Content-Type", formType, twilio.SignatureHeader, sig}, header...)...)
}

// invite gets the media socket's address and one-use token of a call.
func (h *house) invite(callSID string) (stream, token string) {
	h.t.Helper()
	resp, body := h.webhook("/twilio/voice", form(callSID))
	if resp.StatusCode != http.StatusOK {
		h.t.Fatalf("webhook: %d %s", resp.StatusCode, body)
	}
	verbs, err := twilio.ParseTwiML([]byte(body), twilio.TwiMLOptions{LoopbackStreams: true})
	must(h.t, err)
	if verbs[0].Name != "Connect" {
		h.t.Fatalf("TwiML does not connect: %s", body)
	}
	noun := verbs[0].Verbs[0]
	return noun.Attr("url"), noun.Parameters()["token"]
}

// media opens a signed media socket.
func (h *house) media(stream string, header ...string) (*ws.Conn, error) {
	hd := http.Header{}
	hd.Set(twilio.SignatureHeader, twilio.Sign(authToken(), stream, nil))
	for i := 0; i < len(header); i += 2 {
		hd.Set(header[i], header[i+1])
	}
	return h.dial(stream, hd)
}

// stream is a media socket that may break every rule.
type stream struct {
	t    *testing.T
	conn *ws.Conn
}

// started is a media stream whose handshake is done.
func (h *house) started(callSID string) *stream {
	h.t.Helper()
	url, token := h.invite(callSID)
	s := h.opened(url)
	s.handshake(callSID, token)
	return s
}

func (h *house) opened(url string) *stream {
	h.t.Helper()
	conn, err := h.media(url)
	must(h.t, err)
	h.t.Cleanup(func() { _ = conn.Close(ws.CloseNormal, "") }) // it may be closed already
	return &stream{t: h.t, conn: conn}
}

func (s *stream) text(msg string) {
	s.t.Helper()
	must(s.t, s.conn.Write(ws.Text, []byte(msg)))
}

func (s *stream) handshake(callSID, token string) {
	s.t.Helper()
	s.text(string(twilio.AppendConnected(nil)))
	b, err := twilio.AppendStart(nil, 1, twilio.Start{StreamSID: streamA, AccountSID: account, CallSID: callSID, Parameters: map[string]string{"token": token}})
	must(s.t, err)
	s.text(string(b))
}

// end reads until the socket closes.
func (s *stream) end() int { return endOf(s.conn) }

func endOf(c *ws.Conn) int {
	var buf []byte
	for {
		var err error
		if _, buf, err = c.Read(buf); err != nil {
			return ws.CloseCode(err)
		}
	}
}

// mediaURL is the media socket's address without asking for it.
func (h *house) mediaURL() string { return "ws" + strings.TrimPrefix(h.url, "http") + "/twilio/media" }
