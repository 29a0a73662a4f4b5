package twilio

import (
	"errors"
	"fmt"
)

// Event names a message of a media stream, in the vendor's words.
type Event string

// The events. connected, start, dtmf and stop come from the phone network only, clear goes to it only,
// media and mark go both ways.
const (
	EventConnected Event = "connected"
	EventStart     Event = "start"
	EventMedia     Event = "media"
	EventDTMF      Event = "dtmf"
	EventMark      Event = "mark"
	EventStop      Event = "stop"
	EventClear     Event = "clear"
)

// Bounds of one message. The vendor sends 216 characters of payload 50 times a second; the rest is room.
const (
	MaxMessage = 64 << 10 // bytes of one message
	maxDepth   = 6        // start > mediaFormat is 3
	maxDigits  = 15       // of a number: 2^53 has 16
	maxSID     = 64
	maxName    = 512
)

// Message is one decoded message. Which group is filled is told by Event; of an event that is not
// known only the common part is filled. Buffers inside are reused by the next Decode into it.
type Message struct {
	Event     Event
	Sequence  int64 // from 1 with start; 0 when absent
	StreamSID string

	Protocol, Version string // connected
	Start             Start
	Media             Media
	DTMF              DTMF
	Mark              string // name
	Stop              Stop
}

// Start opens a stream.
type Start struct {
	StreamSID, AccountSID, CallSID string
	Tracks                         []string
	Encoding                       string // "audio/x-mulaw"
	SampleRate, Channels           int64
	Parameters                     map[string]string // from TwiML <Parameter>; never nil after start
}

// Media is a stretch of sound, 20 ms = 160 bytes of mu-law.
type Media struct {
	Track     string
	Chunk     int64 // from 1, a track
	Timestamp int64 // ms since the stream began
	Payload   []byte
}

// DTMF is a key press.
type DTMF struct{ Track, Digit string }

// Stop ends a stream.
type Stop struct{ AccountSID, CallSID string }

func (m *Message) reset() {
	payload := m.Media.Payload[:0]
	if m.Event == EventMedia { // nothing else is filled, and this comes 50 times a second
		m.Event, m.Sequence, m.StreamSID, m.Media = "", 0, "", Media{Payload: payload}
		return
	}
	*m = Message{Media: Media{Payload: payload}}
}

// What can be wrong with a message, from the worst to the least.
var (
	// ErrTooLarge is a message beyond MaxMessage.
	ErrTooLarge = errors.New("message too large")
	// ErrEncoding is text that is not UTF-8: close 1007.
	ErrEncoding = errors.New("not utf-8")
	// ErrMalformed is not one flat-enough JSON object with unique keys: close 1003 or 1007.
	ErrMalformed = errors.New("malformed message")
	// ErrField is sound JSON with a field out of shape: drop the message and count it.
	ErrField = errors.New("bad field")
)

func malformed(format string, a ...any) error {
	return fmt.Errorf("twilio: decode message: %w: %s", ErrMalformed, fmt.Sprintf(format, a...))
}

func badField(name, why string) error {
	return fmt.Errorf("twilio: decode message: %w: %s: %s", ErrField, name, why)
}
