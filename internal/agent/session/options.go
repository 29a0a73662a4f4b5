package session

import (
	"context"
	"log/slog"
	"time"

	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/clock"
	"github.com/voicectl/voicectl/internal/media"
)

// Options are what a session is made of.
type Options struct {
	ID     string    // UUIDv4
	Start  time.Time // from which all times of the session count; zero = the call of Run
	Prompt string    // the agent's instructions
	Turn   turn.Config

	Line        Line
	Recognizer  Recognizer
	Responder   Responder
	Synthesizer Synthesizer
	Tools       Tools
	Keeper      Keeper // nil keeps nothing
	Scheduler   Scheduler
	VAD         media.VAD
	// Clip is a recorded apology, for when the voice does not come; nil = none. The sound is not changed.
	Clip func(media.Format) []byte

	Clock   clock.Clock
	Log     *slog.Logger
	Journal Journal // nil writes no journal
	Observe func(Measure)
}

// Tools runs what the model asks for. It is the session's own: BeginTurn starts the rules of a turn.
type Tools interface {
	Specs() []ToolSpec
	BeginTurn(userText string)
	// Run never panics and ends within its own limit of time.
	Run(ctx context.Context, call turn.ToolCall) ToolOutcome
	// Facts are pinned to the prompt: what later turns may refer to. "" = none.
	Facts() string
}

// ToolOutcome is what a tool did.
type ToolOutcome struct {
	Result   turn.ToolResult
	Before   []ToolRun // ran by rule before this one, in order
	Messages []any     // for the client: charts, mails
}

// ToolRun is a call with its result.
type ToolRun struct {
	Call   turn.ToolCall
	Result turn.ToolResult
}

// Keeper stores finished turns. Keep returns once the turn is durable, or spooled when ctx ends before.
type Keeper interface {
	Keep(ctx context.Context, rec turn.Record, stages []Stage) error
}

// Scheduler calls fn every interval on one absolute grid for all calls, until fn returns false or stop
// is called. fn must not block.
type Scheduler interface {
	Every(interval time.Duration, fn func(now time.Time) (again bool)) (stop func())
}

// Journal keeps the happenings of a call: what went into the engine, what came out, and when.
type Journal interface {
	// Step is one run of the engine; ev and out are the journal's own from now on.
	Step(ev turn.Event, out []turn.Command)
	// Tool is a tool that ran by rule, without being asked for by the model.
	Tool(at time.Duration, run ToolRun)
	// Stage is a moment of the current turn, reached for the first time.
	Stage(at time.Duration, name string)
}

// Measure is one figure for the metrics.
type Measure struct {
	Kind string // turn, first_audio, tool, commit, interrupted
	Took time.Duration
	Name string // tool name, outcome
	OK   bool
	Tool bool // the turn used a tool
}

// Stage is one part of a turn's time, from the end of the caller's speech.
type Stage struct {
	Name    string `json:"name"`
	StartMS int64  `json:"start_ms"`
	EndMS   int64  `json:"end_ms"`
}
