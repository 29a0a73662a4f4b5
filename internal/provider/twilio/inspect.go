package twilio

import (
	"bytes"
	"fmt"
)

// Codes of the vendor's debugger for what a server sends on a media stream. Both are warnings there:
// the stream goes on, and the caller hears nothing.
const (
	CodeMalformed = 31950 // not a text frame
	CodeInvalid   = 31951 // not JSON, unknown event, missing or extra field, wrong streamSid
)

// maxOutbound is the largest message of a server that is read: its sound may come in pieces of any size.
const maxOutbound = 1 << 20

// Warning is one thing a server did wrong on a media stream.
type Warning struct {
	Code   int // the vendor's; 0 = the vendor says nothing, but a caller would hear it
	Reason string
}

func (w Warning) String() string { return fmt.Sprintf("%d %s", w.Code, w.Reason) }

// Inspector reads what a server sends, as the phone network does, and says what its debugger would.
// The zero value is ready; one goroutine may use it.
type Inspector struct{ d Decoder }

// Keys that a server's message may have, beside event and streamSid.
//
//nolint:gochecknoglobals // constant table
var outboundKeys = map[Event]struct{ object, member string }{
	EventMedia: {"media", "payload"},
	EventMark:  {"mark", "name"},
	EventClear: {},
}

// Inspect reads one message of the server of stream. It tells whether the phone network would act on
// it (into then holds a media, mark or clear) and everything that is wrong with it.
func (in *Inspector) Inspect(binary bool, msg []byte, stream string, into *Message) (bool, []Warning) {
	if binary {
		into.reset()
		return false, []Warning{{CodeMalformed, "binary frame; only JSON text is understood"}}
	}
	var extra []Warning
	if len(msg) <= maxOutbound && in.d.fast(msg, into) {
		extra = in.fastExtras(into.Event)
	} else {
		if len(msg) > maxOutbound {
			into.reset()
			return false, []Warning{{CodeInvalid, ErrTooLarge.Error()}}
		}
		into.reset()
		o, err := parse(msg)
		if err == nil {
			err = fill(o, into)
		}
		if err != nil {
			return false, []Warning{{CodeInvalid, err.Error()}}
		}
		extra = slowExtras(o, into.Event)
	}
	if _, ok := outboundKeys[into.Event]; !ok {
		return false, []Warning{{CodeInvalid, fmt.Sprintf("event %.40q is not one a server sends", into.Event)}}
	}
	if into.StreamSID != stream {
		return false, append(extra, Warning{CodeInvalid, fmt.Sprintf("streamSid %.40q is not this stream's", into.StreamSID)})
	}
	if into.Event == EventMedia && bytes.HasPrefix(into.Media.Payload, []byte("RIFF")) {
		extra = append(extra, Warning{0, "payload begins with a WAV header, which is heard as noise"})
	}
	return true, extra
}

func (in *Inspector) fastExtras(e Event) []Warning {
	const common = 1<<topEvent | 1<<topStream
	allowed := uint32(common)
	switch e {
	case EventMedia:
		allowed |= 1 << (slotPayload + 16)
	case EventMark:
		allowed |= 1 << (slotName + 16)
	case EventClear, EventConnected, EventStart, EventDTMF, EventStop:
	}
	if in.d.s.seen&^allowed == 0 {
		return nil
	}
	return []Warning{{CodeInvalid, fmt.Sprintf("extra field in a %s message", e)}}
}

func slowExtras(o object, e Event) []Warning {
	var out []Warning
	want := outboundKeys[e]
	for key := range o {
		if key != "event" && key != "streamSid" && key != want.object {
			out = append(out, Warning{CodeInvalid, fmt.Sprintf("extra field %.40q in a %s message", key, e)})
		}
	}
	inner, _ := o[want.object].(object)
	for key := range inner {
		if key != want.member {
			out = append(out, Warning{CodeInvalid, fmt.Sprintf("extra field %.40q in %s", key, want.object)})
		}
	}
	return out
}
