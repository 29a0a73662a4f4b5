package peer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/provider/twilio"
	"github.com/voicectl/voicectl/internal/trace"
	"github.com/voicectl/voicectl/internal/ws"
)

// Codes of the vendor for a stream that does not come about.
const (
	codeStreamTimeout   = 31901
	codeStreamRefused   = 31902
	codeStreamHandshake = 31920
)

// digitEvery is how many frames lie between two keys.
const digitEvery = 10

func streamCode(err error) int {
	var he *ws.HandshakeError
	switch {
	case errors.As(err, &he):
		return codeStreamHandshake
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return codeStreamTimeout
	}
	return codeStreamRefused
}

// stream is one media socket of the call.
type stream struct {
	p    *Phone
	conn *ws.Conn
	sid  string
	gone chan struct{} // closed by the reader, after code and reason are set
	code int
	why  string

	// The owner's: it alone writes.
	seq, chunk      int64
	buf, codes      []byte
	frames, nextKey int64
}

// connect opens the stream of a <Connect>, and lives in it until it is over.
func (p *Phone) connect(ctx context.Context, v twilio.Verb) (ending, int, error) {
	if v.Verbs[0].Name != "Stream" {
		return endGone, 0, fmt.Errorf("peer: <Connect><%s> is not emulated", v.Verbs[0].Name)
	}
	noun := v.Verbs[0]
	s, err := p.dial(ctx, noun.Attr("url"))
	if err != nil {
		if ctx.Err() != nil {
			return endHung, 0, nil //nolint:nilerr // the caller hung up: the dial was broken off by that
		}
		return endGone, 0, err
	}
	go s.read()
	end, err := s.begin(noun.Parameters())
	if err == nil {
		end = p.pace(ctx, s, s.gone, p.order)
	}
	switch {
	case end == endGone:
		_ = s.conn.Close(ws.CloseNormal, "")
	case p.po.SilentHangup && end == endHung:
		_ = s.conn.Drop()
	default:
		_ = s.send(func(b []byte, seq int64) []byte {
			return twilio.AppendStop(b, seq, s.sid, twilio.Stop{AccountSID: p.po.AccountSID, CallSID: p.po.CallSID})
		})
		_ = s.conn.Close(ws.CloseNormal, "")
	}
	<-s.gone
	p.dropBuffer()
	if end == endGone {
		p.tell(Event{Kind: Verb, Type: "Stream", Code: s.code, Text: "closed by the agent: " + s.why})
	}
	return end, s.code, nil
}

// dropBuffer forgets sound and marks of a stream that is over; nobody is left to be told.
func (p *Phone) dropBuffer() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.play.clear()
	p.echoes = nil
	p.fresh = true
}

// dial opens the socket with a signed upgrade. A URL without a path is signed, and asked, with "/".
func (p *Phone) dial(ctx context.Context, raw string) (*stream, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("peer: stream url is no url")
	}
	if u.Path == "" {
		u.Path = "/"
	}
	header := http.Header{}
	header.Set("User-Agent", "TwilioMediaStreams/1.0")
	if p.po.AuthToken.Set() {
		header.Set(twilio.SignatureHeader, twilio.Sign(p.po.AuthToken, u.String(), nil))
	}
	begun := p.clk.Now()
	conn, err := ws.Dial(ctx, u.String(), ws.DialOptions{
		NoProxy: true,
		Header:  header, Timeout: dialTimeout, TLS: p.o.TLS, Dialer: p.reach.dial, Limit: 4 << 20,
	})
	if err != nil {
		return nil, err
	}
	s := &stream{p: p, conn: conn, sid: randomSID("MZ"), gone: make(chan struct{})}
	p.o.Trace.Emit(trace.Event{
		Event: trace.StreamOpen, Side: trace.Caller, MS: trace.Milliseconds(p.clk.Now().Sub(begun)),
		Attrs: map[string]any{"stream": s.sid, "call": p.po.CallSID},
	})
	return s, nil
}

// begin sends connected and start.
func (s *stream) begin(params map[string]string) (ending, error) {
	if err := s.conn.Write(ws.Text, twilio.AppendConnected(nil)); err != nil {
		return endGone, err
	}
	start := twilio.Start{StreamSID: s.sid, AccountSID: s.p.po.AccountSID, CallSID: s.p.po.CallSID, Parameters: params}
	s.seq = 1
	msg, err := twilio.AppendStart(nil, s.seq, start)
	if err != nil {
		return endGone, err
	}
	if err = s.conn.Write(ws.Text, msg); err != nil {
		return endGone, err
	}
	s.p.tell(Event{Kind: Open, ID: s.sid})
	return endGone, nil
}

// send writes one numbered message.
func (s *stream) send(build func(dst []byte, seq int64) []byte) error {
	s.seq++
	s.buf = build(s.buf[:0], s.seq)
	return s.conn.Write(ws.Text, s.buf)
}

// audio implements wire.
func (s *stream) audio(n int64, samples []int16) error {
	s.seq++
	s.chunk++
	s.codes = media.EncodeMuLaw(s.codes[:0], samples)
	s.buf = twilio.AppendInboundMedia(s.buf[:0], s.seq, s.sid, twilio.Media{
		Chunk: s.chunk, Timestamp: n * media.FrameTime.Milliseconds(), Payload: s.codes,
	})
	return s.conn.Write(ws.Text, s.buf)
}

// echo implements wire.
func (s *stream) echo(e echo) error {
	return s.send(func(b []byte, seq int64) []byte { return twilio.AppendMarkEcho(b, seq, s.sid, e.name) })
}

// idle implements wire: it presses the next key when it is time.
func (s *stream) idle() error {
	s.frames++
	if s.frames < s.nextKey {
		return nil
	}
	s.p.omu.Lock()
	var key string
	if len(s.p.digits) > 0 {
		key, s.p.digits = s.p.digits[0], s.p.digits[1:]
	}
	s.p.omu.Unlock()
	if key == "" {
		return nil
	}
	s.nextKey = s.frames + digitEvery
	return s.send(func(b []byte, seq int64) []byte { return twilio.AppendDTMF(b, seq, s.sid, key) })
}

// read takes what the agent sends until the socket ends.
func (s *stream) read() {
	defer close(s.gone)
	var (
		in      twilio.Inspector
		m       twilio.Message
		buf     []byte
		samples []int16
	)
	for {
		kind, msg, err := s.conn.Read(buf)
		if err != nil {
			s.code, s.why = ws.CloseCode(err), ws.CloseReason(err)
			return
		}
		buf = msg
		acts, warnings := in.Inspect(kind == ws.Binary, msg, s.sid, &m)
		for _, w := range warnings {
			s.p.tell(Event{Kind: Warning, Code: w.Code, Text: w.Reason})
		}
		if !acts {
			continue
		}
		switch m.Event {
		case twilio.EventMedia:
			samples = media.DecodeMuLaw(samples[:0], m.Media.Payload)
			s.p.arrive(samples)
		case twilio.EventMark:
			s.p.mark(m.Mark)
		case twilio.EventClear:
			s.p.flush()
		case twilio.EventConnected, twilio.EventStart, twilio.EventDTMF, twilio.EventStop: // Inspect lets none through
		}
	}
}
