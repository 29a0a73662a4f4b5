package line

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/provider/rtvi"
	"github.com/voicectl/voicectl/internal/ws"
)

// Pacing to a browser: the stock client never drops what it has queued, so the lead is what it goes on
// saying after a barge-in; below 100 ms its player runs dry.
const (
	browserChunk = 40 * time.Millisecond
	browserLead  = 120 * time.Millisecond
)

// ToolDetail is how much of a tool call a client is shown.
type ToolDetail int

// The levels of the protocol.
const (
	ToolName ToolDetail = iota // names, success and time
	ToolFull                   // arguments and results too
	ToolNone                   // nothing at all
)

// RTVIOptions shape a browser's line.
type RTVIOptions struct {
	Limits     Limits
	Log        *slog.Logger
	First      []byte // the message that was read to tell the protocols apart
	Binary     bool   // protobuf frames; else JSON as text
	ToolDetail ToolDetail
}

// RTVI is the server's end of a browser's socket.
type RTVI struct {
	conn   *ws.Conn
	o      RTVIOptions
	limits Limits
	log    *slog.Logger

	first   []byte
	buf     []byte
	frame   rtvi.Frame
	pending []session.In
	ready   bool
	bad     int
	total   int
	pace    pace
	meter   meter
	input   *media.Resampler
	rate    int
	pcm     []int16
	pcm16   []int16

	mu     sync.Mutex // of everything below: Send, and answers from Recv
	legacy bool
	speak  speaking
	out    []byte
}

var _ session.Line = (*RTVI)(nil)

// AcceptRTVI makes a line of an open socket. The client may send sound before client-ready. On an error
// (the first message is of another protocol) the socket has been closed.
func AcceptRTVI(conn *ws.Conn, o RTVIOptions) (*RTVI, error) {
	if o.Binary && o.First != nil {
		var f rtvi.Frame
		if err := rtvi.DecodeFrame(o.First, &f); err != nil {
			_ = conn.Close(ws.CloseUnsupported, "neither RTVI nor a media stream") // refused whatever the close says
			return nil, err
		}
	}
	l := &RTVI{conn: conn, o: o, limits: o.Limits.withDefaults(), log: o.Log, first: o.First}
	l.meter = newMeter(l.limits)
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	conn.KeepAlive(l.limits.Ping)
	return l, nil
}

// Info implements session.Line.
func (l *RTVI) Info() session.Info {
	return session.Info{
		Kind: "rtvi", In: media.BrowserIn, Out: media.BrowserOut, Chunk: browserChunk, Lead: browserLead,
		Debug: l.o.ToolDetail == ToolFull,
	}
}

// Recv implements session.Line.
func (l *RTVI) Recv(context.Context) (session.In, error) {
	for {
		if len(l.pending) > 0 {
			in := l.pending[0]
			l.pending = l.pending[1:]
			return in, nil
		}
		msg, binary := l.first, l.o.Binary
		l.first = nil
		if msg == nil {
			wait := l.limits.Idle
			if !l.ready {
				wait = l.limits.Handshake
			}
			if err := l.conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
				return session.In{}, lineError(err)
			}
			kind, b, err := l.conn.Read(l.buf)
			l.buf = b
			if err != nil {
				return session.In{}, lineError(err)
			}
			msg, binary = b, kind == ws.Binary
		}
		now := time.Now()
		err := l.meter.take(now)
		if err == nil {
			err = l.take(msg, binary, now)
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				return session.In{}, io.EOF
			}
			var r *refusal
			if errors.As(err, &r) {
				_ = l.conn.Close(r.code, r.why) // the reason is in err
			}
			return session.In{}, lineError(err)
		}
	}
}

// take puts what a message means into pending.
func (l *RTVI) take(msg []byte, binary bool, now time.Time) error {
	if binary != l.o.Binary {
		return &refusal{ws.CloseUnsupported, "one encoding a socket: protobuf or JSON", session.EndProtocol}
	}
	if !binary {
		return l.takeMessage(msg, now)
	}
	if err := rtvi.DecodeFrame(msg, &l.frame); err != nil {
		return l.useless(err)
	}
	switch l.frame.Kind {
	case rtvi.FrameAudio:
		return l.takeAudio(l.frame.Audio, int(l.frame.Rate), int(l.frame.Channels), now)
	case rtvi.FrameMessage:
		return l.takeMessage(l.frame.Data, now)
	case rtvi.FrameText:
		l.text(l.frame.Text, false, false, now)
	case rtvi.FrameTranscription, rtvi.FrameInterruption:
	}
	return nil
}

// text queues typed words, bounded.
func (l *RTVI) text(s string, mute, later bool, now time.Time) {
	const maxText = 8 << 10
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") // the cut may go through a character
	}
	l.pending = append(l.pending, session.In{Kind: session.InText, Text: s, Mute: mute, Later: later, At: now})
}

// takeAudio brings sound to 16 kHz mono.
func (l *RTVI) takeAudio(data []byte, rate, channels int, now time.Time) error {
	if rate == 0 {
		rate = media.BrowserIn.Rate
	}
	if channels == 0 {
		channels = 1
	}
	if rate < 8000 || rate > 48000 || channels > 2 {
		return l.useless(fmt.Errorf("sound of %d Hz, %d channels", rate, channels))
	}
	l.bad = 0
	f := media.NewFrame(media.BrowserIn, now)
	if rate == media.BrowserIn.Rate && channels == 1 {
		f.Data = append(f.Data, data[:len(data)&^1]...)
	} else {
		if l.input == nil || l.rate != rate {
			l.input, l.rate = media.NewResampler(rate, media.BrowserIn.Rate), rate
		}
		l.pcm = media.DecodePCM16(l.pcm[:0], data)
		if channels == 2 {
			l.pcm = mono(l.pcm)
		}
		l.pcm16 = l.input.Append(l.pcm16[:0], l.pcm)
		f.Data = media.AppendPCM16(f.Data, l.pcm16)
	}
	if l.pace.ahead(now, f.Duration()) > l.limits.Ahead {
		f.Release()
		return &refusal{ws.ClosePolicy, "sound faster than real time", session.EndPolicy}
	}
	if len(f.Data) == 0 {
		f.Release()
		return nil
	}
	l.pending = append(l.pending, session.In{Kind: session.InAudio, Frame: f, At: now})
	return nil
}

func mono(stereo []int16) []int16 {
	n := len(stereo) / 2
	for i := range n {
		stereo[i] = int16((int(stereo[2*i]) + int(stereo[2*i+1])) / 2)
	}
	return stereo[:n]
}

// useless counts a message of no use; too many in a row end the line.
func (l *RTVI) useless(err error) error {
	l.bad++
	if l.total++; l.total == 1 {
		l.log.Warn("message dropped", "component", "line", "err", err)
	}
	if l.bad >= l.limits.BadInRow {
		return &refusal{ws.CloseUnsupported, "too many malformed messages", session.EndProtocol}
	}
	return nil
}

// Close implements session.Line.
func (l *RTVI) Close(why session.End) error {
	code, text := closeCode(why)
	return l.conn.Close(code, text)
}
