package turn

import "time"

// Epoch counts replies. Every command and every event of a vendor carries the epoch it belongs to; an
// event of another epoch than the current one is dropped in Engine.Step and nowhere else.
type Epoch int

// Event is one thing that happened. At is the time since the session began, on the monotonic clock.
type Event struct {
	At   time.Duration `json:"at"`
	Kind EventKind     `json:"kind"`

	Epoch Epoch `json:"epoch,omitempty"`

	// Text of a partial, final, typed text, model delta or failure class.
	Text string `json:"text,omitempty"`
	// Start and End place a transcript in the caller's audio, since the session began.
	Start time.Duration `json:"start,omitempty"`
	End   time.Duration `json:"end,omitempty"`
	// Mute asks for an answer without speech (typed text with audio_response=false).
	Mute bool `json:"mute,omitempty"`
	// Later appends typed text without starting a reply (run_immediately=false).
	Later bool `json:"later,omitempty"`

	Calls  []ToolCall    `json:"calls,omitempty"`  // model asks for tools
	Result *ToolResult   `json:"result,omitempty"` // a tool answered
	Words  []Word        `json:"words,omitempty"`  // word times of a spoken segment
	Seg    int           `json:"seg,omitempty"`    // segment of the reply, from 0
	Audio  time.Duration `json:"audio,omitempty"`  // length of synthesised sound; or position played
	Done   bool          `json:"done,omitempty"`   // last of its kind in this epoch
	Timer  TimerID       `json:"timer,omitempty"`
	Digit  string        `json:"digit,omitempty"`
	Reason string        `json:"reason,omitempty"` // of a hang-up
}

// EventKind names an event.
type EventKind string

// What can happen to a session.
const (
	Started        EventKind = "started"          // the far end is ready to hear
	VoiceStart     EventKind = "voice_start"      // the caller's voice rises over the noise floor
	VoiceStop      EventKind = "voice_stop"       // and falls again
	Partial        EventKind = "partial"          // transcript that may change; replaces the one before
	Final          EventKind = "final"            // transcript that will not change; appends
	EndOfUtterance EventKind = "end_of_utterance" // the recognizer heard the end
	Typed          EventKind = "typed"            // text in place of speech
	ModelText      EventKind = "model_text"       // words of the reply
	ModelTools     EventKind = "model_tools"      // the model asks for tools
	ModelDone      EventKind = "model_done"       // the stream of a Generate is over, also after ModelTools
	ModelFailed    EventKind = "model_failed"     // in place of ModelDone; Text = class
	ToolDone       EventKind = "tool_done"        // Result
	SpeechAudio    EventKind = "speech_audio"     // synthesised sound arrived; Audio = length
	SpeechWords    EventKind = "speech_words"     // word times within segment Seg
	SpeechDone     EventKind = "speech_done"      // no more sound will come for this epoch
	SpeechFailed   EventKind = "speech_failed"    // Text = class
	Played         EventKind = "played"           // Audio of this epoch was heard; Done = all of it
	TimerFired     EventKind = "timer"            // Timer
	Key            EventKind = "dtmf"             // Digit
	HeardFailed    EventKind = "recognizer_fail"  // Text = class
	HangUp         EventKind = "hang_up"          // the far end is gone; Reason
	Leave          EventKind = "leave"            // say Text, then close for Reason
)

// Word is one spoken word with its place in the segment's sound.
type Word struct {
	Text  string        `json:"text"`
	Start time.Duration `json:"start"`
	End   time.Duration `json:"end"`
}

// TimerID names a timer of the engine. Setting a timer again moves it.
type TimerID string

// ToolCall is a request of the model.
type ToolCall struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Arguments string `json:"arguments"` // JSON text, as the model wrote it
}

// ToolResult is the answer to a ToolCall.
type ToolResult struct {
	ID      string        `json:"id"`
	Name    string        `json:"name"`
	Content string        `json:"content"` // JSON text for the model
	OK      bool          `json:"ok"`
	Class   string        `json:"class,omitempty"` // of a failure
	Took    time.Duration `json:"took,omitempty"`
}
