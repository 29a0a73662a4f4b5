package rtvi

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// FrameKind is the member of the Frame union; the values are its field numbers.
type FrameKind int

// The kinds.
const (
	FrameText          FrameKind = 1
	FrameAudio         FrameKind = 2
	FrameTranscription FrameKind = 3
	FrameMessage       FrameKind = 4
	FrameInterruption  FrameKind = 5
)

// Frame is one binary WebSocket message. Audio and Data are parts of the decoded bytes.
type Frame struct {
	Kind FrameKind
	ID   uint64
	Name string

	Text              string // text, transcription
	UserID, Timestamp string // transcription

	Audio          []byte // audio: PCM16 little endian
	Rate, Channels uint32
	PTS            uint64
	HasPTS         bool

	Data []byte // message: an RTVI message as JSON
}

// ErrFrame is wrapped by every error of DecodeFrame.
var ErrFrame = errors.New("malformed frame")

const (
	maxRate     = 384000
	maxChannels = 8
)

func frameError(why string) error { return fmt.Errorf("rtvi: decode frame: %w: %s", ErrFrame, why) }

// DecodeFrame reads one frame with proto3's rules: fields in any order, the last one wins, unknown ones
// are passed over, text must be UTF-8. An empty union is an error. Audio costs no allocation.
func DecodeFrame(msg []byte, into *Frame) error {
	*into = Frame{}
	if len(msg) > MaxMessage+1024 {
		return frameError("too large")
	}
	for len(msg) > 0 {
		num, typ, n := protowire.ConsumeTag(msg)
		if n < 0 || num > protowire.MaxValidNumber {
			return frameError("bad tag")
		}
		msg = msg[n:]
		kind := FrameKind(num)
		if kind < FrameText || kind > FrameInterruption || typ != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(num, typ, msg); n < 0 {
				return frameError("bad field")
			}
			msg = msg[n:]
			continue
		}
		inner, n := protowire.ConsumeBytes(msg)
		if n < 0 {
			return frameError("cut off")
		}
		msg = msg[n:]
		if into.Kind != kind { // another member of the union replaces the one before; the same one is merged
			*into = Frame{Kind: kind}
		}
		if err := into.fields(inner); err != nil {
			return err
		}
	}
	if into.Kind == 0 {
		return frameError("neither text, audio, transcription, message nor interruption")
	}
	if into.Rate > maxRate || into.Channels > maxChannels {
		return frameError("audio of an impossible format")
	}
	return nil
}

// Field numbers within the members. message has data as 1, all others id and name as 1 and 2.
const (
	fieldID = iota + 1
	fieldName
	fieldBody // text or audio
	fieldFour // sample_rate or user_id
	fieldFive // num_channels or timestamp
	fieldPTS
)

func (f *Frame) fields(b []byte) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 || num > protowire.MaxValidNumber {
			return frameError("bad tag")
		}
		b = b[n:]
		var (
			number uint64
			body   []byte
		)
		switch typ {
		case protowire.VarintType:
			number, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			body, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
			num = 0
		}
		if n < 0 {
			return frameError("bad field")
		}
		b = b[n:]
		var ok bool
		switch typ {
		case protowire.VarintType:
			ok = true
			f.number(num, number)
		case protowire.BytesType:
			ok = f.bytes(num, body)
		default:
			ok = true
		}
		if !ok {
			return frameError("text is not utf-8")
		}
	}
	return nil
}

func (f *Frame) number(num protowire.Number, v uint64) {
	switch {
	case f.Kind == FrameMessage:
	case num == fieldID:
		f.ID = v
	case f.Kind != FrameAudio:
	case num == fieldFour:
		f.Rate = uint32(v) // proto3 cuts off what does not fit
	case num == fieldFive:
		f.Channels = uint32(v)
	case num == fieldPTS:
		f.PTS, f.HasPTS = v, true
	}
}

// bytes takes a field and tells whether it may hold what it holds.
func (f *Frame) bytes(num protowire.Number, v []byte) bool {
	text := func(dst *string) bool {
		*dst = string(v)
		return utf8.Valid(v)
	}
	switch {
	case f.Kind == FrameMessage:
		if num == fieldID {
			f.Data = v
			return utf8.Valid(v)
		}
	case num == fieldName:
		return text(&f.Name)
	case f.Kind == FrameAudio:
		if num == fieldBody {
			f.Audio = v
		}
	case f.Kind == FrameText || f.Kind == FrameTranscription:
		switch {
		case num == fieldBody:
			return text(&f.Text)
		case num == fieldFour && f.Kind == FrameTranscription:
			return text(&f.UserID)
		case num == fieldFive && f.Kind == FrameTranscription:
			return text(&f.Timestamp)
		}
	}
	return true
}
