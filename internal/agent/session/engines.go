package session

import (
	"context"
	"encoding/json"
	"time"

	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/media"
)

// Recognizer opens one stream of speech to text for a call.
type Recognizer interface {
	Open(ctx context.Context, format media.Format, sink func(Heard)) (Hearing, error)
}

// Hearing is an open stream. All methods return at once except Close.
type Hearing interface {
	// Write takes sound in the opened format and copies it.
	Write(data []byte)
	// Finalize asks for the rest of the utterance now.
	Finalize()
	// Close drains what was said and waits for the end, bounded by ctx.
	Close(ctx context.Context) error
}

// Heard is one message of a recognizer.
type Heard struct {
	Kind       turn.EventKind // Partial, Final, EndOfUtterance, HeardFailed
	Text       string         // or the class of a failure
	Start, End time.Duration  // in the sound written so far
	At         time.Time      // receipt
	Err        error
	Switched   error // the endpoint before failed with this, and another one goes on; nothing else is set
}

// Responder is the language model.
type Responder interface {
	// Respond streams one reply and returns when it is complete. sink is called from the same goroutine.
	Respond(ctx context.Context, req Request, sink func(Delta)) error
}

// Request is what the model is asked.
type Request struct {
	System   string
	Messages []turn.Message
	Tools    []ToolSpec
}

// ToolSpec describes a tool to the model.
type ToolSpec struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Parameters  json.RawMessage `json:"parameters"` // JSON Schema
}

// Delta is a piece of a reply.
type Delta struct {
	Text  string
	Calls []turn.ToolCall // whole calls, at the end of the stream
	At    time.Time
	// Switched: the endpoint before failed with this, and another one goes on; nothing else is set.
	Switched error
}

// Synthesizer is text to speech.
type Synthesizer interface {
	// Open starts one reply's speech in the format. sink is called from one goroutine.
	Open(ctx context.Context, format media.Format, sink func(Sound)) (Speech, error)
}

// Speech is one reply being spoken.
type Speech interface {
	// Say adds a clause. It returns at once.
	Say(text string) error
	// End says that no more clauses come.
	End() error
	// Cancel stops; no sound is delivered after it returns.
	Cancel()
}

// Sound is one message of a synthesizer.
type Sound struct {
	Audio []byte      // valid during the call of sink
	Words []turn.Word // times from the beginning of this reply's sound
	Done  bool
	Err   error
	At    time.Time
	// Switched: the endpoint before failed with this, and another one goes on.
	Switched error
}
