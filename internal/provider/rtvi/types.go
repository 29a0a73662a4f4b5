package rtvi

import "encoding/json"

// Type names a message.
type Type string

// Client to server.
const (
	ClientReady     Type = "client-ready"
	DisconnectBot   Type = "disconnect-bot"
	ClientMessage   Type = "client-message"
	SendText        Type = "send-text"
	DTMF            Type = "dtmf"
	FunctionResult  Type = "llm-function-call-result"
	RawAudio        Type = "raw-audio"
	RawAudioBatch   Type = "raw-audio-batch"
	AppendToContext Type = "append-to-context" // old
)

// Server to client.
const (
	BotReady           Type = "bot-ready"
	Error              Type = "error"
	ErrorResponse      Type = "error-response"
	ServerResponse     Type = "server-response"
	ServerMessage      Type = "server-message"
	UserStarted        Type = "user-started-speaking"
	UserStopped        Type = "user-stopped-speaking"
	BotStarted         Type = "bot-started-speaking"
	BotStopped         Type = "bot-stopped-speaking"
	BotInterrupted     Type = "bot-interrupted"
	UserTranscription  Type = "user-transcription"
	UserLLMText        Type = "user-llm-text"
	BotLLMStarted      Type = "bot-llm-started"
	BotLLMText         Type = "bot-llm-text"
	BotLLMStopped      Type = "bot-llm-stopped"
	BotTTSStarted      Type = "bot-tts-started"
	BotTTSText         Type = "bot-tts-text"
	BotTTSStopped      Type = "bot-tts-stopped"
	BotTranscription   Type = "bot-transcription" // old: whole sentences
	BotOutput          Type = "bot-output"
	FunctionStarted    Type = "llm-function-call-started"
	FunctionInProgress Type = "llm-function-call-in-progress"
	FunctionStopped    Type = "llm-function-call-stopped"
	Metrics            Type = "metrics"
)

// About tells what a side is.
type About struct {
	Library         string `json:"library,omitempty"`
	LibraryVersion  string `json:"library_version,omitempty"`
	Platform        string `json:"platform,omitempty"`
	PlatformVersion string `json:"platform_version,omitempty"`
	PlatformDetails any    `json:"platform_details,omitempty"`
}

// Ready is the data of client-ready and bot-ready.
type Ready struct {
	Version string `json:"version"`
	About   *About `json:"about,omitempty"`
}

// Failure is the data of error-response.
type Failure struct {
	Error string `json:"error"`
}

// Fault is the data of error. Servers and pages name the text differently, so both names are written;
// fatal makes the stock client disconnect.
type Fault struct {
	Message string `json:"message"`
	Error   string `json:"error"`
	Fatal   bool   `json:"fatal"`
}

// NewFault fills both names.
func NewFault(text string, fatal bool) Fault { return Fault{Message: text, Error: text, Fatal: fatal} }

// Custom is the data of client-message and server-response.
type Custom struct {
	Kind string          `json:"t"`
	Data json.RawMessage `json:"d,omitempty"`
}

// TextInput is the data of send-text.
type TextInput struct {
	Content string      `json:"content"`
	Options TextOptions `json:"options"`
}

// TextOptions default to true, both, also when only one is given.
type TextOptions struct {
	RunImmediately *bool `json:"run_immediately,omitempty"`
	AudioResponse  *bool `json:"audio_response,omitempty"`
}

// Run tells whether a reply is wanted now.
func (o TextOptions) Run() bool { return o.RunImmediately == nil || *o.RunImmediately }

// Speak tells whether the reply is to be spoken.
func (o TextOptions) Speak() bool { return o.AudioResponse == nil || *o.AudioResponse }

// Keys is the data of dtmf. Button is the old form, which 2.1 refuses.
type Keys struct {
	Buttons []string `json:"buttons"`
	Button  string   `json:"button,omitempty"`
}

// AudioInput is the data of raw-audio and raw-audio-batch.
type AudioInput struct {
	Audio      string   `json:"base64Audio,omitempty"`
	Batch      []string `json:"base64AudioBatch,omitempty"`
	SampleRate int      `json:"sampleRate"`
	Channels   int      `json:"numChannels"`
}

// Text is the data of the messages that carry a piece of text alone.
type Text struct {
	Text string `json:"text"`
}

// Transcription is the data of user-transcription. Timestamp is ISO 8601.
type Transcription struct {
	Text      string `json:"text"`
	UserID    string `json:"user_id"`
	Timestamp string `json:"timestamp"`
	Final     bool   `json:"final"`
}

// Output is the data of bot-output in version 2: one segment of the reply and how far it was spoken.
type Output struct {
	Text         string    `json:"text"`
	AggregatedBy string    `json:"aggregated_by"`
	SegmentID    string    `json:"segment_id,omitempty"`
	WillBeSpoken bool      `json:"will_be_spoken"`
	Status       string    `json:"spoken_status,omitempty"` // new, in-progress, completed
	Progress     *Progress `json:"spoken_progress,omitempty"`
}

// LegacyOutput is the data of bot-output in version 1.
type LegacyOutput struct {
	Text         string `json:"text"`
	AggregatedBy string `json:"aggregated_by"`
	Spoken       bool   `json:"spoken"`
}

// Progress splits a segment into what was spoken and what was not.
type Progress struct {
	Accumulated string `json:"accumulated_text"`
	Remaining   string `json:"remaining_text"`
}

// The states of a spoken segment.
const (
	SpokenNew        = "new"
	SpokenInProgress = "in-progress"
	SpokenCompleted  = "completed"
)

// Function is the data of the llm-function-call messages; which fields are filled is the server's
// policy. Arguments and Result are JSON.
type Function struct {
	ID        string          `json:"tool_call_id,omitempty"`
	Name      string          `json:"function_name,omitempty"`
	Arguments json.RawMessage `json:"arguments,omitempty"`
	Result    json.RawMessage `json:"result,omitempty"`
	Cancelled *bool           `json:"cancelled,omitempty"` // of stopped only
}

// Metric is one measured value, in seconds or counts.
type Metric struct {
	Processor string  `json:"processor"`
	Model     string  `json:"model,omitempty"`
	Value     float64 `json:"value"`
}

// MetricSet is the data of metrics.
type MetricSet struct {
	TTFB       []Metric `json:"ttfb,omitempty"`
	TTFA       []Metric `json:"ttfa,omitempty"`
	Processing []Metric `json:"processing,omitempty"`
	Characters []Metric `json:"characters,omitempty"`
}
