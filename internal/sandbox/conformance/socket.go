package conformance

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/media/tonecode"
	"github.com/voicectl/voicectl/internal/ws"
)

// socket opens one, plays its script and judges what came.
func (a *act) socket(ctx context.Context, s Socket) ([]Difference, error) {
	base, err := a.base(s.Base)
	if err != nil {
		return nil, err
	}
	headers, err := a.vars.headers(a.c.Key, a.doc.Headers, s.Headers)
	if err != nil {
		return nil, err
	}
	head := http.Header{}
	for name, value := range headers {
		head.Set(name, value)
	}
	if strings.HasPrefix(base, "http") {
		base = "ws" + strings.TrimPrefix(base, "http") // https becomes wss
	}
	if len(s.Status) == 0 {
		s.Status = Codes{http.StatusSwitchingProtocols}
	}
	conn, err := ws.Dial(ctx, base+s.Path, ws.DialOptions{Header: head, Limit: maxMessage, Timeout: a.t.Patience})
	var refused *ws.HandshakeError
	switch {
	case errors.As(err, &refused):
		if err := a.busy(refused.Status, s.Status); err != nil {
			return nil, err
		}
		return s.refused(refused), nil
	case err != nil:
		return failure(err)
	}
	if !s.Status.has(http.StatusSwitchingProtocols) {
		return []Difference{{"status", s.Status.String(), "101"}}, conn.Close(ws.CloseNormal, "")
	}
	p := &play{
		conn: conn, patience: a.t.Patience, came: make(chan message, 1024), quit: make(chan struct{}), ended: make(chan struct{}),
		seq: &sequence{member: a.doc.Kind, beside: s.Beside},
	}
	go p.read()
	err = p.script(ctx, s.Script)
	close(p.quit)
	_ = conn.Close(ws.CloseNormal, "") // it may be gone already, which the script has judged
	<-p.ended
	if err != nil || len(p.diffs) > 0 || p.seq.lost {
		return append(p.seq.diffs, p.diffs...), err
	}
	return append(p.seq.diffs, s.Whole.judge(p.seq.all, a.doc.Kind, a.vars)...), nil
}

func (s Socket) refused(e *ws.HandshakeError) (out []Difference) {
	if !s.Status.has(e.Status) {
		return []Difference{{"status", s.Status.String(), fmt.Sprint(e.Status)}}
	}
	if len(s.Refusal) == 0 {
		return nil
	}
	m := messageOf([]byte(e.Body))
	if !m.json {
		return []Difference{{"body", "JSON", e.Body}}
	}
	return s.Refusal.compare(m.value, "")
}

// play is a script under way.
type play struct {
	conn     *ws.Conn
	patience time.Duration
	seq      *sequence
	diffs    []Difference

	came  chan message
	quit  chan struct{} // nobody listens any more
	ended chan struct{} // closed when read has returned; err is set before
	err   error         // why the socket ended
}

func (p *play) read() {
	defer close(p.ended)
	total := 0
	for range maxMessages {
		kind, data, err := p.conn.Read(nil)
		if total += len(data); err == nil && total > maxBody {
			err = fmt.Errorf("more than %d bytes", maxBody)
		}
		if err != nil {
			p.err = err
			return
		}
		m := messageOf(data)
		if kind == ws.Binary {
			m = message{text: fmt.Sprintf("%d bytes", len(data))}
		}
		select {
		case p.came <- m:
		case <-p.quit:
			return
		}
	}
	p.err = fmt.Errorf("more than %d messages", maxMessages)
}

// script plays the moves until one has no sense any more. What comes while something is sent waits in the socket.
func (p *play) script(ctx context.Context, moves []Move) error {
	for i, m := range moves {
		if m.Receive != nil {
			p.seq.events = append(p.seq.events, *m.Receive)
		}
		var err error
		switch {
		case m.Send != nil:
			var b []byte
			if b, err = json.Marshal(m.Send); err == nil {
				err = p.write(ws.Text, b)
			}
		case m.Say != "":
			err = p.write(ws.Text, []byte(m.Say))
		case m.Sound != nil:
			err = p.sound(ctx, *m.Sound)
		case len(m.Close) > 0:
			p.close(ctx, m.Close)
		case i+1 == len(moves) || moves[i+1].Receive == nil: // events that follow one another are waited for together
			p.receive(ctx)
		}
		if err != nil || p.seq.lost || len(p.diffs) > 0 {
			return err
		}
	}
	return nil
}

// write sends a message. That the vendor has ended the socket meanwhile is for the next move to tell.
func (p *play) write(kind ws.Kind, data []byte) error {
	err := p.conn.Write(kind, data)
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Errorf("the vendor does not read: %w", err)
	}
	return nil
}

// next is the next message, or how the socket ended, or that nothing came in time.
func (p *play) next(ctx context.Context, timer <-chan time.Time) (m message, saw string, ok bool) {
	select {
	case m = <-p.came:
		return m, "", true
	case <-p.ended:
		select {
		case m = <-p.came: // what came before the end
			return m, "", true
		default:
			return m, p.end(), false
		}
	case <-timer:
		return m, fmt.Sprintf("nothing for %v", p.patience), false
	case <-ctx.Done():
		return m, "nothing in time", false
	}
}

// end is how the socket ended, after read has returned.
func (p *play) end() string {
	code := ws.CloseCode(p.err)
	if code == 0 {
		return "the socket broke: " + cause(p.err)
	}
	return strings.TrimSpace(fmt.Sprintf("the end of the socket, code %d %s", code, ws.CloseReason(p.err)))
}

// receive waits until every event has come that must.
func (p *play) receive(ctx context.Context) {
	timer := time.NewTimer(p.patience)
	defer timer.Stop()
	for !p.seq.done() && !p.seq.lost {
		m, saw, ok := p.next(ctx, timer.C)
		if !ok {
			p.seq.end(saw)
			p.seq.lost = true
			return
		}
		timer.Reset(p.patience)
		p.seq.take(m)
	}
}

// close waits for the vendor to end the socket.
func (p *play) close(ctx context.Context, codes Codes) {
	timer := time.NewTimer(p.patience)
	defer timer.Stop()
	for {
		m, saw, ok := p.next(ctx, timer.C)
		if ok {
			if p.seq.take(m); p.seq.lost {
				return
			}
			continue
		}
		code := 0
		select {
		case <-p.ended:
			code = ws.CloseCode(p.err)
		default:
		}
		if !codes.has(code) {
			p.diffs = append(p.diffs, Difference{"end of the socket", "code " + codes.String(), saw})
		}
		return
	}
}

// sound sends what a Sound describes, as fast as the socket takes it.
func (p *play) sound(ctx context.Context, s Sound) error {
	for data, size := s.Bytes(), s.Frame(); len(data) > 0; {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		n := min(size, len(data))
		if err := p.write(ws.Binary, data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// Bytes is the whole sound in its encoding.
func (s Sound) Bytes() []byte {
	samples := make([]int16, s.Rate*s.MS/1000)
	if s.Words != "" {
		behind := make([]int16, 4*len(samples))
		samples = append(append(samples, tonecode.Encode(s.Words, s.Rate)...), behind...)
	}
	out := make([]byte, 0, 2*len(samples))
	for _, x := range samples {
		if s.Encoding == "mulaw" {
			out = append(out, media.MuLawCode(x))
			continue
		}
		out = binary.LittleEndian.AppendUint16(out, uint16(x))
	}
	return out
}

// Frame is how many bytes one message of it has.
func (s Sound) Frame() int {
	n := s.Rate * s.FrameMS / 1000
	if s.Encoding == "mulaw" {
		return n
	}
	return 2 * n
}
