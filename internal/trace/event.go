// Package trace keeps a call as lines of JSON, of both sides: what the agent did and what the caller
// sent and heard. `call`, `smoke` and `replay` share this format and its one drawing.
package trace

import (
	"encoding/json"
	"time"
)

// Side tells who saw an event.
type Side string

// The sides.
const (
	Agent  Side = "agent"
	Caller Side = "caller"
)

// Valid tells whether s is a side.
func (s Side) Valid() bool { return s == Agent || s == Caller }

// Name names an event.
type Name string

// What the agent sees and does.
const (
	CallStarted      Name = "call_started"       // the line is open; attrs: call, stream, line
	Ready            Name = "ready"              // the far end can hear
	UserStarted      Name = "user_started"       // the caller's voice rose
	UserStopped      Name = "user_stopped"       // and fell
	Partial          Name = "partial"            // text so far
	Final            Name = "final"              // text that will not change
	TurnAccepted     Name = "turn_accepted"      // text given to the model
	ModelStarted     Name = "model_started"      // the model is asked
	ModelFirstToken  Name = "model_first_token"  // ms: since it was asked
	ToolStarted      Name = "tool_started"       // tool, args
	ToolDone         Name = "tool_done"          // tool, result, ms; attrs: ok, class
	SpeechRequested  Name = "speech_requested"   // text of a clause
	SpeechFirstAudio Name = "speech_first_audio" // sound came back; ms: since it was asked for
	FirstAudioSent   Name = "first_audio_sent"   // and went onto the wire
	BotStarted       Name = "bot_started"        // the caller hears the agent
	BotStopped       Name = "bot_stopped"
	Interrupted      Name = "interrupted" // the caller spoke over the agent; text: what was heard of the reply
	TurnDone         Name = "turn_done"
	Error            Name = "error"   // text in our words; attrs: class, vendor
	HangUp           Name = "hang_up" // attrs: reason
)

// What the caller sees and does.
const (
	Dialed     Name = "dialed"      // attrs: url
	Webhook    Name = "webhook"     // answered; ms; attrs: status
	StreamOpen Name = "stream_open" // the media socket is open; ms: of its handshake
	Verb       Name = "verb"        // of TwiML; text: its content; attrs: kind
	SayStarted Name = "say_started" // text when it is known
	SayDone    Name = "say_done"    // the last sample was sent
	Typed      Name = "typed"       // text sent in place of speech
	AudioFirst Name = "audio_first" // first sound after silence arrived
	Heard      Name = "heard"       // text decoded from what was played
	Message    Name = "message"     // of the protocol; text: its type, args: its data
	Mark       Name = "mark"        // reached or flushed; text: its name
	Clear      Name = "clear"       // the agent dropped what was not played
	Warning    Name = "warning"     // the agent broke the protocol
	Closed     Name = "closed"      // attrs: code, reason
)

// Event is one line. T is in milliseconds since the trace began and orders the events; At is wall time
// and joins two traces. Turn counts the caller's turns from 1; 0 is before the first, or not known.
type Event struct {
	T      float64         `json:"t"`
	At     time.Time       `json:"at,omitzero"`
	Side   Side            `json:"side"`
	Event  Name            `json:"event"`
	Turn   int             `json:"turn,omitempty"`
	Text   string          `json:"text,omitempty"`
	Tool   string          `json:"tool,omitempty"`
	Args   json.RawMessage `json:"args,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	MS     float64         `json:"ms,omitempty"` // how long what ended here took
	Attrs  map[string]any  `json:"attrs,omitempty"`
}

func (e Event) attr(name string) string {
	s, _ := e.Attrs[name].(string)
	return s
}
