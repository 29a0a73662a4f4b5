package turn

import "time"

// Command is one thing that the session shall do now.
type Command struct {
	Kind  CommandKind   `json:"kind"`
	Epoch Epoch         `json:"epoch,omitempty"`
	Seg   int           `json:"seg,omitempty"`
	Text  string        `json:"text,omitempty"`
	Call  *ToolCall     `json:"call,omitempty"`
	Timer TimerID       `json:"timer,omitempty"`
	After time.Duration `json:"after,omitempty"`
	Note  *Note         `json:"note,omitempty"`
	Turn  *Record       `json:"turn,omitempty"`
	End   string        `json:"end,omitempty"`
}

// CommandKind names a command.
type CommandKind string

// What the engine can ask for.
const (
	Generate   CommandKind = "generate"   // ask the model with Engine.Messages as of now
	Cancel     CommandKind = "cancel"     // stop model, tools and speech of Epoch
	Speak      CommandKind = "speak"      // Text as segment Seg
	EndSpeech  CommandKind = "end_speech" // no more text until another Speak opens a new run
	Clear      CommandKind = "clear"      // the far end drops what it has not played
	RunTool    CommandKind = "run_tool"   // Call
	Finalize   CommandKind = "finalize"   // the recognizer shall finish the utterance
	SetTimer   CommandKind = "set_timer"  // Timer, After; replaces one of the same name
	StopTimer  CommandKind = "stop_timer" // Timer
	Notify     CommandKind = "notify"     // Note
	BeginTurn  CommandKind = "begin_turn" // Text = the caller's words; the tools' rules start anew
	CommitTurn CommandKind = "commit"     // Turn is finished and shall be kept
	Close      CommandKind = "close"      // End
)

// Record is a finished turn: what was asked, what was heard of the answer.
type Record struct {
	Turn     int           `json:"turn"`
	User     string        `json:"user"`
	Agent    string        `json:"agent"` // as heard
	Cut      bool          `json:"cut,omitempty"`
	Tools    []ToolResult  `json:"tools,omitempty"`
	Outcome  string        `json:"outcome"` // one of the outcomes below
	Failure  string        `json:"failure,omitempty"`
	Started  time.Duration `json:"started"` // the words were accepted
	Finished time.Duration `json:"finished"`
}

// How a turn can end.
const (
	outcomeAnswered    = "answered"
	outcomeInterrupted = "interrupted"
	outcomeFailed      = "failed"
	outcomeHungUp      = "hung_up"
)
