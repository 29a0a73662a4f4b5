package turn

// Note is a happening in the session's own words; a line translates it to its protocol or drops it.
type Note struct {
	Kind   NoteKind    `json:"kind"`
	Text   string      `json:"text,omitempty"`
	Final  bool        `json:"final,omitempty"`
	Seg    int         `json:"seg,omitempty"`
	Spoken bool        `json:"spoken,omitempty"` // text that will be spoken
	Rest   string      `json:"rest,omitempty"`   // NoteSpoken: not yet heard
	Call   *ToolCall   `json:"call,omitempty"`
	Result *ToolResult `json:"result,omitempty"`
	Data   any         `json:"data,omitempty"` // NoteMessage, NoteMetrics
	Fatal  bool        `json:"fatal,omitempty"`
}

// NoteKind names a happening.
type NoteKind string

// The happenings a client can follow.
const (
	NoteUserStarted   NoteKind = "user_started"
	NoteUserStopped   NoteKind = "user_stopped"
	NoteBotStarted    NoteKind = "bot_started"
	NoteBotStopped    NoteKind = "bot_stopped"
	NoteInterrupted   NoteKind = "interrupted"
	NoteTranscript    NoteKind = "transcript" // Text, Final
	NoteUserText      NoteKind = "user_text"  // the text given to the model
	NoteModelStarted  NoteKind = "model_started"
	NoteModelText     NoteKind = "model_text"
	NoteModelStopped  NoteKind = "model_stopped"
	NoteSegment       NoteKind = "segment" // Text to be spoken (or only shown), Seg, Spoken
	NoteSpoken        NoteKind = "spoken"  // of Seg: Text = heard so far, Rest, Final = all of it
	NoteSpeechStarted NoteKind = "tts_started"
	NoteSpeechStopped NoteKind = "tts_stopped"
	NoteToolStarted   NoteKind = "tool_started"
	NoteToolStopped   NoteKind = "tool_stopped"
	NoteMetrics       NoteKind = "metrics"
	NoteMessage       NoteKind = "message" // Data: a server message
	NoteError         NoteKind = "error"   // Text in plain words
)
