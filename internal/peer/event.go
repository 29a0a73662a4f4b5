package peer

import (
	"encoding/json"
	"time"
)

// Kind names what happened on a call, seen from its far end.
type Kind string

// The kinds.
const (
	Open          Kind = "open"           // the media socket is open (phone), the agent is ready (browser)
	Verb          Kind = "verb"           // phone: a TwiML verb was carried out; Type = its name, Text = its content
	SayStarted    Kind = "say_started"    // the first sample of an utterance was sent
	SayDone       Kind = "say_done"       // the last one was
	AudioFirst    Kind = "audio_first"    // audible sound arrived after a pause; At = arrival
	SpeechStarted Kind = "speech_started" // the caller hears a voice (needs Options.Listen)
	SpeechStopped Kind = "speech_stopped"
	Heard         Kind = "heard" // text decoded from what was played (needs Options.Listen); OK = whole
	Mark          Kind = "mark"  // phone: Text came back; OK = it was reached, else flushed by a clear
	Clear         Kind = "clear" // what was not played is dropped; Lost = how much
	Message       Kind = "message"
	Warning       Kind = "warning" // the agent broke the protocol; Code = the vendor's, 0 = ours
	Closed        Kind = "closed"  // last event: Code = of the socket (0 = none was open), Text = why
)

// Event is one thing that happened.
type Event struct {
	Kind Kind
	At   time.Time
	Text string
	OK   bool
	Code int
	Lost time.Duration // Clear: dropped sound. Heard: missing sound

	Type, ID string          // Message: of RTVI. Verb: Type
	Data     json.RawMessage // Message
}

// Played is one frame as the caller's ear got it.
type Played struct {
	At      time.Time
	Samples []int16 // valid during the call only
	Rate    int
	Sound   int // how many samples came from the agent; the rest is the silence of an empty buffer
}

// Stats counts what a call did so far.
type Stats struct {
	FramesSent, FramesSkipped int           // 20 ms each; skipped = this machine was too late to send it
	FramesPlayed              int           // with sound of the agent in them
	Starved                   int           // times the buffer ran dry within a frame: a gap, or the end of speech
	Received                  time.Duration // sound taken from the agent
	Warnings                  int           // all of them; at most maxWarnings become events
	MaxLate                   time.Duration // worst lateness of a frame
}
