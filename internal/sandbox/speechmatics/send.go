package speechmatics

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	sm "github.com/voicectl/voicectl/internal/provider/speechmatics"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
	"github.com/voicectl/voicectl/internal/ws"
)

const (
	dripWait      = 50 * time.Millisecond
	maxTranscript = 16 << 10 // bytes of the record
	maxTimes      = 100      // moments of the record
)

// sender writes what a session says, at the vendor's pace and with the faults that were injected.
type sender struct {
	stage *stage.Stage
	conn  *ws.Conn
	rec   *stage.Record
	route string

	silent atomic.Bool // stalled: not even acknowledgements

	paced      time.Time // when the last final had taken its time
	drip       time.Duration
	armed      *stage.Fault // that strikes at a later final
	transcript strings.Builder
	finals     int
	times      []time.Time // of the first finals
	utterances int
}

// aside is called by the reader, for what need not wait its turn behind transcripts that are paced.
func (s *sender) aside(m any) {
	if !s.silent.Load() {
		_ = s.conn.Write(ws.Text, encode(m)) // a far end that is gone is the reader's to notice
	}
}

// send writes the queue until it is closed. After a farewell, or the end of ctx, it only empties it.
func (s *sender) send(ctx context.Context, queue <-chan outgoing) {
	for m := range queue {
		if ctx.Err() != nil || s.silent.Load() {
			continue
		}
		if m.final != "" && !s.prepare(ctx, m) {
			continue
		}
		if m.close != 0 {
			_ = s.conn.Close(m.close, m.reason)
			s.silent.Store(true)
			continue
		}
		if s.drip > 0 && pause(ctx, s.drip) != nil {
			continue
		}
		s.note(m) // before the client can know, so that it may look
		if s.conn.Write(ws.Text, m.payload) != nil {
			_ = s.conn.Drop() // a far end that does not read is gone
			s.silent.Store(true)
		}
	}
}

// prepare takes the vendor's time for a final, and lets an injected fault strike; false when the final
// is not to be sent.
func (s *sender) prepare(ctx context.Context, m outgoing) bool {
	if m.at.After(s.paced) { // else it has waited while another one did: finals that are due together come together
		if s.stage.Pacer(stage.Speechmatics).First(ctx) != nil {
			return false
		}
		s.paced = s.stage.Now()
	}
	f, ok := s.fault()
	if !ok {
		return true
	}
	s.rec.Set("fault", f.Mode)
	switch f.Mode {
	case stage.ModeLate:
		return f.Hold(ctx) == nil
	case stage.ModeEmpty:
		m.final, m.is = "", ""
		m.payload = encode(sm.Transcript{Message: sm.MsgAddTranscript, Format: "2.1", Results: []sm.Result{}})
		_ = s.conn.Write(ws.Text, m.payload)
		return false
	case stage.ModeHuge:
		var big sm.Transcript
		big.Message, big.Metadata.Transcript = sm.MsgAddTranscript, "|"
		head, tail, _ := bytes.Cut(encode(big), []byte("|"))
		_ = s.conn.Write(ws.Text, slices.Concat(head, bytes.Repeat([]byte("words "), stage.HugeBytes/6), tail))
		return false
	case stage.ModeEndless:
		for range maxEndless {
			p := sm.Transcript{Message: sm.MsgAddPartialTranscript, Format: "2.1", Results: []sm.Result{}}
			p.Metadata.EndTime, p.Metadata.Transcript = 3600, m.final
			if s.conn.Write(ws.Text, encode(p)) != nil || f.Pause(ctx) != nil {
				break
			}
		}
		return false
	case stage.ModeTwice:
		_ = s.conn.Write(ws.Text, m.payload)
		return true
	case stage.ModeStall:
		s.silent.Store(true)
		if f.MS == 0 {
			return false // for good; the reader goes on, so that nobody sees it in the transport
		}
		if f.Hold(ctx) != nil {
			return false
		}
		s.silent.Store(false)
		return true
	case stage.ModeMalformed:
		_ = s.conn.Write(ws.Text, m.payload[:len(m.payload)/2])
		return false
	case stage.ModeDrip:
		if s.drip = time.Duration(f.MS) * time.Millisecond; s.drip == 0 {
			s.drip = dripWait
		}
		return true
	case stage.ModeReset:
		_ = s.conn.Drop()
	case stage.ModeClose:
		code, kind := farewell(f.Code)
		if kind != "" {
			_ = s.conn.Write(ws.Text, encode(sm.Notice{Message: sm.MsgError, Type: kind, Reason: "injected fault"}))
		}
		_ = s.conn.Close(code, kind)
	}
	s.silent.Store(true)
	return false
}

// maxEndless is enough for every listener to lose patience.
const maxEndless = 1_000_000

// fault is the fault that strikes at this final.
func (s *sender) fault() (stage.Fault, bool) {
	if s.armed == nil {
		f, ok := s.stage.Midway(stage.Speechmatics, s.route)
		if !ok || f.After <= 0 {
			return f, ok
		}
		s.armed = &f
	}
	if s.armed.After > 0 {
		s.armed.After--
		return stage.Fault{}, false
	}
	f := *s.armed
	s.armed = nil
	return f, true
}

// farewell reads the code of a fault of mode close: a close code (4005) or a type of Error
// (quota_exceeded). "" is an internal error.
func farewell(code string) (closeCode int, errorType string) {
	if code == "" {
		return ws.CloseInternal, sm.ErrUnknown
	}
	if n, err := strconv.Atoi(code); err == nil && n >= 1000 && n < 5000 {
		return n, sm.ErrorType(n)
	}
	return sm.CloseCode(code), code
}

// note records what is sent.
func (s *sender) note(m outgoing) {
	switch {
	case m.final != "":
		s.rec.First()
		s.finals++
		if s.transcript.Len() < maxTranscript {
			s.transcript.WriteString(m.final)
		}
		now := s.stage.Now()
		if len(s.times) < maxTimes { // what was set before is never changed, as it may be read
			s.times = append(s.times, now)
			s.rec.Set("final_times", s.times)
		}
		s.rec.Set("final_at", now)
		s.rec.Set("finals", s.finals)
		s.rec.Set("transcript", strings.TrimSpace(s.transcript.String()))
	case m.is == sm.MsgEndOfUtterance:
		s.utterances++
		s.rec.Set("utterances", s.utterances)
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
