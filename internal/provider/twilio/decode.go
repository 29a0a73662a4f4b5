package twilio

import (
	"encoding/base64"
	"strings"
)

// Decoder decodes the messages of one stream. It keeps the strings that repeat, so a media message
// costs no allocation. The zero value is ready; one goroutine may use it.
type Decoder struct {
	s                 scan
	sid, track, digit string
}

// Decode reads one message. The vendor's own shape takes a hand-written path; everything else (escapes,
// start, keys that are not known, whatever is wrong) goes through a full parser with the same
// strictness. Errors are ErrTooLarge, ErrEncoding, ErrMalformed or ErrField; after ErrField, Event tells
// which message was dropped.
func (d *Decoder) Decode(msg []byte, into *Message) error {
	if len(msg) > MaxMessage {
		into.reset()
		return ErrTooLarge
	}
	if d.fast(msg, into) {
		return nil
	}
	return decodeSlow(msg, into)
}

// fast tells whether the plain path took the message, whole and sound.
func (d *Decoder) fast(msg []byte, into *Message) bool {
	into.reset()
	s := &d.s
	if !s.walk(msg) {
		return false
	}
	var ok bool
	if into.Sequence, ok = digits(s.top[topSequence], s.seen&(1<<topSequence) == 0); !ok {
		return false
	}
	if len(s.top[topStream]) > maxSID {
		return false
	}
	into.StreamSID = keep(&d.sid, s.top[topStream])
	switch string(s.top[topEvent]) {
	case string(EventMedia):
		into.Event = EventMedia
		return s.obj == EventMedia && d.fastMedia(into)
	case string(EventMark):
		into.Event = EventMark
		into.Mark = string(s.in[slotName])
		return s.obj == EventMark && s.has(slotName) && len(into.Mark) <= maxName
	case string(EventDTMF):
		into.Event = EventDTMF
		if s.obj != EventDTMF || !s.has(slotDigit) || !validDigit(s.in[slotDigit]) || len(s.in[slotTrack]) > maxSID {
			return false
		}
		into.DTMF = DTMF{Track: string(s.in[slotTrack]), Digit: keep(&d.digit, s.in[slotDigit])}
		return true
	case string(EventStop):
		into.Event = EventStop
		if s.obj != EventStop || len(s.in[slotAccount]) > maxSID || len(s.in[slotCall]) > maxSID {
			return false
		}
		into.Stop = Stop{AccountSID: string(s.in[slotAccount]), CallSID: string(s.in[slotCall])}
		return true
	case string(EventClear):
		into.Event = EventClear
		return s.obj == ""
	}
	return false
}

func (d *Decoder) fastMedia(into *Message) bool {
	s, m := &d.s, &into.Media
	var ok bool
	if m.Chunk, ok = digits(s.in[slotChunk], !s.has(slotChunk)); !ok {
		return false
	}
	if m.Timestamp, ok = digits(s.in[slotTimestamp], !s.has(slotTimestamp)); !ok {
		return false
	}
	if len(s.in[slotTrack]) > maxSID || !s.has(slotPayload) {
		return false
	}
	m.Track = keep(&d.track, s.in[slotTrack])
	m.Payload, ok = appendPayload(m.Payload, s.in[slotPayload])
	return ok
}

func (s *scan) has(slot int) bool { return s.seen&(1<<(slot+16)) != 0 }

// appendPayload decodes base64 in place of dst. It is false for anything but whole, padded base64:
// the decoder of the standard library would pass over line ends.
func appendPayload(dst, src []byte) ([]byte, bool) {
	if len(src)%4 != 0 {
		return dst[:0], false
	}
	want := len(src) / 4 * 3
	for i := len(src) - 1; i >= 0 && i >= len(src)-2 && src[i] == '='; i-- {
		want--
	}
	if cap(dst) < want+3 {
		dst = make([]byte, 0, max(want+3, 256))
	}
	n, err := base64.StdEncoding.Decode(dst[:cap(dst)], src)
	if err != nil || n != want {
		return dst[:0], false
	}
	return dst[:n], true
}

// keep returns b as a string, the same one as last time when it did not change.
func keep(last *string, b []byte) string {
	if string(b) != *last {
		*last = string(b)
	}
	return *last
}

// digits reads a count of at most maxDigits digits. An absent one is 0.
func digits[T string | []byte](b T, absent bool) (int64, bool) {
	if absent {
		return 0, true
	}
	if len(b) == 0 || len(b) > maxDigits {
		return 0, false
	}
	var n int64
	for i := range len(b) {
		c := b[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

func validDigit[T string | []byte](d T) bool {
	return len(d) == 1 && strings.IndexByte("0123456789*#ABCD", d[0]) >= 0
}
