package reliability

import (
	"fmt"
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

// caller is a phone call whose events are kept.
type caller struct {
	*peer.Phone
	t     *testing.T
	heard chan string // whole texts as the caller's ear got them
	over  chan peer.Event
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
	c := &caller{Phone: p, t: h.t, heard: make(chan string, 256), over: make(chan peer.Event, 1)}
	go func() {
		var last peer.Event
		for e := range p.Events() {
			if e.Kind == peer.Heard {
				select {
				case c.heard <- e.Text:
				default: // nobody wants to know
				}
			}
			last = e
		}
		close(c.heard)
		c.over <- last
	}()
	h.t.Cleanup(func() { _ = p.Close() }) // it has no error of its own
	return c
}

// speak says words as sound.
func (c *caller) speak(text string) { c.Speak(text, tonecode.Encode(text, 8000), 8000) }

// hears waits until what was heard, piece by piece, holds the words.
func (c *caller) hears(words string) string {
	c.t.Helper()
	var all string
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for !strings.Contains(all, words) {
		select {
		case text, ok := <-c.heard:
			if !ok {
				c.t.Fatalf("the call ended, and only %q was heard, not %q", all, words)
			}
			all += " " + text
		case <-timer.C:
			c.t.Fatalf("waited %v, and only %q was heard, not %q", patience, all, words)
		}
	}
	return all
}

// closed waits for the end of the call.
func (c *caller) closed(most time.Duration) peer.Event {
	c.t.Helper()
	select {
	case e := <-c.over:
		return e
	case <-time.After(most):
		c.t.Fatalf("the call goes on after %v", most)
		return peer.Event{}
	}
}

// form is the parameter set of a voice webhook.
func form(callSID string) url.Values {
	return url.Values{
		"CallSid": {callSID}, "AccountSid": {account}, "From": {"+15550100001"}, "To": {"+15550100002"}, "CallStatus": {"ringing"},
	}
}

// webhook asks for a call's document, signed.
func (h *house) webhook(callSID string) (*http.Response, string, error) {
	v := form(callSID)
	return request(http.MethodPost, h.url+"/twilio/voice", v.Encode(),
		"Content-Type", "application/x-www-form-urlencoded", twilio.SignatureHeader, twilio.Sign(authToken(), h.url+"/twilio/voice", v))
}

func callSID(n int) string { return fmt.Sprintf("CA%032x", n) }

// stream is a bare media socket, for callers that do less than a phone does.
type stream struct {
	conn *ws.Conn
	sid  string
	seq  int64
}

// connect opens a call's signed media socket and completes its handshake.
func (h *house) connect(sid string, v visit) (*stream, error) {
	resp, body, err := h.webhook(sid)
	if err != nil {
		return nil, err
	}
	verbs, err := twilio.ParseTwiML([]byte(body), twilio.TwiMLOptions{LoopbackStreams: true})
	if err != nil || resp.StatusCode != http.StatusOK || verbs[0].Name != "Connect" {
		return nil, fmt.Errorf("webhook: %d %s %w", resp.StatusCode, body, err)
	}
	noun := verbs[0].Verbs[0]
	addr := noun.Attr("url")
	header := http.Header{}
	header.Set(twilio.SignatureHeader, twilio.Sign(authToken(), addr, nil))
	conn, err := ws.Dial(h.t.Context(), addr, ws.DialOptions{Header: header, NoProxy: true, Dialer: v.dial})
	if err != nil {
		return nil, err
	}
	s := &stream{conn: conn, sid: "MZ" + sid[2:], seq: 1}
	start, err := twilio.AppendStart(nil, 1, twilio.Start{StreamSID: s.sid, AccountSID: account, CallSID: sid, Parameters: noun.Parameters()})
	if err == nil {
		err = conn.Write(ws.Text, twilio.AppendConnected(nil))
	}
	if err == nil {
		err = conn.Write(ws.Text, start)
	}
	return s, err
}

// frame sends 20 ms of silence.
func (s *stream) frame() error {
	s.seq++
	return s.conn.Write(ws.Text, twilio.AppendInboundMedia(nil, s.seq, s.sid, twilio.Media{
		Chunk: s.seq, Timestamp: s.seq * 20, Payload: silence(),
	}))
}

func silence() []byte {
	b := make([]byte, 160)
	for i := range b {
		b[i] = 0xff
	}
	return b
}

// hangUp ends the call as the network does.
func (s *stream) hangUp(sid string) {
	_ = s.conn.Write(ws.Text, twilio.AppendStop(nil, s.seq+1, s.sid, twilio.Stop{AccountSID: account, CallSID: sid})) // gone is gone
	_ = s.conn.Close(ws.CloseNormal, "")
}

// endOf reads until a socket closes.
func endOf(c *ws.Conn) int {
	var buf []byte
	for {
		var err error
		if _, buf, err = c.Read(buf); err != nil {
			return ws.CloseCode(err)
		}
	}
}
