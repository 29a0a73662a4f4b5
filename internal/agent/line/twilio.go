package line

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"sync"
	"time"

	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/provider/twilio"
	"github.com/voicectl/voicectl/internal/ws"
)

// Pacing on the phone: the network buffers what it gets and `clear` drops it, so 100 ms messages up to
// 200 ms ahead of the ear cost a fifth of the writes and nothing at barge-in.
const (
	phoneChunk = 100 * time.Millisecond
	phoneLead  = 200 * time.Millisecond
)

// Twilio is the server's end of a media stream.
type Twilio struct {
	conn   *ws.Conn
	limits Limits
	log    *slog.Logger
	start  twilio.Start

	dec   twilio.Decoder
	msg   twilio.Message
	buf   []byte
	ready bool
	armed time.Time // when the read deadline was set last
	bad   int
	total int
	pace  pace
	meter meter

	mu  sync.Mutex
	out []byte
}

var _ session.Line = (*Twilio)(nil)

// TwilioOptions shape the handshake.
type TwilioOptions struct {
	Limits Limits
	Log    *slog.Logger
	// Admit looks at the start message (its one-use token above all); an error refuses the stream.
	Admit func(twilio.Start) error
	// First is the message that was read to tell the protocols apart; nil reads it here.
	First []byte
}

// AcceptTwilio takes `connected` and `start`. On an error the socket has been closed with the code that
// says why: 1008 for a late or unknown caller, 1002 for a wrong order, 1007 for no JSON, 1003 for other JSON.
func AcceptTwilio(conn *ws.Conn, o TwilioOptions) (*Twilio, error) {
	t := &Twilio{conn: conn, limits: o.Limits.withDefaults(), log: o.Log}
	t.meter = newMeter(t.limits)
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	if err := t.handshake(o); err != nil {
		var r *refusal
		if !errors.As(err, &r) {
			r = &refusal{code: ws.ClosePolicy, why: "handshake not completed in time", end: session.EndPolicy}
		}
		_ = conn.Close(r.code, r.why) // the stream is refused whatever the close says
		return nil, err
	}
	return t, nil
}

func (t *Twilio) handshake(o TwilioOptions) error {
	msg := o.First
	for _, want := range []twilio.Event{twilio.EventConnected, twilio.EventStart} {
		if msg == nil {
			if err := t.conn.SetReadDeadline(time.Now().Add(t.limits.Handshake)); err != nil {
				return err
			}
			kind, b, err := t.conn.Read(t.buf)
			t.buf = b
			if err != nil {
				return fmt.Errorf("waiting for %s: %w", want, err)
			}
			if kind != ws.Text {
				return &refusal{ws.CloseUnsupported, "text messages only", session.EndProtocol}
			}
			msg = b
		}
		if err := t.dec.Decode(msg, &t.msg); err != nil {
			return broken(msg, err)
		}
		if t.msg.Event != want {
			return &refusal{ws.CloseProtocol, fmt.Sprintf("expected %s", want), session.EndProtocol}
		}
		msg = nil
	}
	f := t.msg.Start
	if f.Encoding != "" && (f.Encoding != "audio/x-mulaw" || f.SampleRate != 8000 || f.Channels != 1) {
		return &refusal{ws.CloseUnsupported, "mu-law 8 kHz mono only", session.EndProtocol}
	}
	if !twilio.ValidCallSID(f.CallSID) || f.StreamSID == "" {
		return &refusal{ws.ClosePolicy, "malformed start", session.EndPolicy}
	}
	if o.Admit != nil {
		if err := o.Admit(f); err != nil {
			return &refusal{ws.ClosePolicy, "not admitted", session.EndPolicy}
		}
	}
	t.start = f
	t.start.Parameters = maps.Clone(f.Parameters)
	return nil
}

// Info implements session.Line.
func (t *Twilio) Info() session.Info {
	return session.Info{
		Kind: "twilio", In: media.Phone, Out: media.Phone, Marks: true, Chunk: phoneChunk, Lead: phoneLead,
		CallSID: t.start.CallSID, StreamID: t.start.StreamSID, Params: t.start.Parameters,
	}
}

// Recv implements session.Line.
func (t *Twilio) Recv(context.Context) (in session.In, err error) {
	if !t.ready {
		t.ready = true
		in.Kind, in.At = session.InReady, time.Now()
		return in, nil
	}
	for {
		ok, err := t.recv(&in)
		if ok || err != nil {
			return in, err
		}
	}
}

// recv reads one message; ok tells that it is for the session. The reader of a silent call waits in here: what it
// holds on its stack is held for every call.
func (t *Twilio) recv(in *session.In) (ok bool, err error) {
	// Fifty messages a second need no fifty deadlines: one in eight of the quiet time is enough.
	quiet := min(t.limits.Idle, t.limits.Quiet)
	if now, part := time.Now(), quiet/8; now.Sub(t.armed) >= part {
		t.armed = now
		if err = t.conn.SetReadDeadline(now.Add(quiet + part)); err != nil {
			return false, lineError(err)
		}
	}
	kind, b, err := t.conn.Read(t.buf)
	t.buf = b
	if err != nil {
		return false, t.lost(err)
	}
	now := time.Now()
	if err = t.meter.take(now); err == nil {
		ok, err = t.take(kind, b, now, in)
	}
	if err != nil {
		_ = t.closeWith(err) // the reason is in err
		return false, lineError(err)
	}
	return ok, nil
}

// lost tells a stream that fell silent, which a living one does not, from one that is over.
func (t *Twilio) lost(err error) error {
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() && t.limits.Quiet < t.limits.Idle {
		return &session.LineError{End: session.EndLost, Err: err}
	}
	return lineError(err)
}

func (t *Twilio) take(kind ws.Kind, b []byte, now time.Time, in *session.In) (ok bool, err error) {
	if kind != ws.Text {
		return false, &refusal{ws.CloseUnsupported, "text messages only", session.EndProtocol}
	}
	if err = t.dec.Decode(b, &t.msg); err != nil {
		if errors.Is(err, twilio.ErrField) {
			return false, t.useless()
		}
		return false, broken(b, err)
	}
	if t.msg.StreamSID != "" && t.msg.StreamSID != t.start.StreamSID {
		return false, &refusal{ws.CloseProtocol, "another stream's message", session.EndProtocol}
	}
	switch t.msg.Event {
	case twilio.EventMedia:
		if tr := t.msg.Media.Track; tr != "" && tr != "inbound" {
			return false, nil
		}
		t.bad = 0
		if len(t.msg.Media.Payload) == 0 {
			return false, nil
		}
		f := media.NewFrame(media.Phone, now)
		f.Data = append(f.Data, t.msg.Media.Payload...)
		if t.pace.ahead(now, f.Duration()) > t.limits.Ahead {
			f.Release()
			return false, &refusal{ws.ClosePolicy, "sound faster than real time", session.EndPolicy}
		}
		in.Kind, in.Frame, in.At = session.InAudio, f, now
		return true, nil
	case twilio.EventMark:
		in.Kind, in.Mark, in.At = session.InMark, t.msg.Mark, now
		return true, nil
	case twilio.EventDTMF:
		in.Kind, in.Digit, in.At = session.InKey, t.msg.DTMF.Digit, now
		return true, nil
	case twilio.EventStop:
		return false, &refusal{ws.CloseNormal, "", session.EndNormal}
	case twilio.EventConnected, twilio.EventStart:
		return false, &refusal{ws.CloseProtocol, "handshake twice", session.EndProtocol}
	case twilio.EventClear:
	}
	return false, nil // an event of tomorrow
}

// broken refuses what is no message of a media stream: 1007 for what is not even JSON text, else 1003.
func broken(msg []byte, err error) *refusal {
	switch {
	case errors.Is(err, twilio.ErrEncoding):
		return &refusal{ws.CloseInvalid, "not utf-8", session.EndProtocol}
	case !json.Valid(msg):
		return &refusal{ws.CloseInvalid, "not JSON", session.EndProtocol}
	}
	return &refusal{ws.CloseUnsupported, "not a message of a media stream", session.EndProtocol}
}

// useless counts a message of no use; too many in a row end the line.
func (t *Twilio) useless() error {
	t.bad++
	if t.total++; t.total == 1 {
		t.log.Warn("message dropped", "component", "line", "stream_sid", t.start.StreamSID)
	}
	if t.bad >= t.limits.BadInRow {
		return &refusal{ws.CloseUnsupported, "too many malformed messages", session.EndProtocol}
	}
	return nil
}

// Send implements session.Line.
func (t *Twilio) Send(o session.Out) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch o.Kind {
	case session.OutAudio:
		t.out = twilio.AppendMedia(t.out[:0], t.start.StreamSID, o.Audio)
	case session.OutMark:
		t.out = twilio.AppendMark(t.out[:0], t.start.StreamSID, o.Mark)
	case session.OutClear:
		t.out = twilio.AppendClear(t.out[:0], t.start.StreamSID)
	case session.OutNote, session.OutReply:
		return nil // the phone network knows no such things
	}
	return slowError(t.conn.Write(ws.Text, t.out))
}

func (t *Twilio) closeWith(err error) error {
	var r *refusal
	if errors.As(err, &r) {
		return t.conn.Close(r.code, r.why)
	}
	return t.conn.Close(ws.CloseInternal, "")
}

// Close implements session.Line. The phone network goes on with the TwiML behind <Connect>.
func (t *Twilio) Close(why session.End) error {
	code, text := closeCode(why)
	return t.conn.Close(code, text)
}
