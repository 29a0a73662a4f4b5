package speechmatics

// Names of the messages of the real-time API, version 2. Sound itself travels as binary frames.
const (
	MsgStartRecognition     = "StartRecognition"
	MsgSetRecognitionConfig = "SetRecognitionConfig"
	MsgForceEndOfUtterance  = "ForceEndOfUtterance"
	MsgEndOfStream          = "EndOfStream"
	MsgGetSpeakers          = "GetSpeakers"

	MsgRecognitionStarted   = "RecognitionStarted"
	MsgAudioAdded           = "AudioAdded"
	MsgAddPartialTranscript = "AddPartialTranscript"
	MsgAddTranscript        = "AddTranscript"
	MsgEndOfUtterance       = "EndOfUtterance"
	MsgEndOfTranscript      = "EndOfTranscript"
	MsgSpeakersResult       = "SpeakersResult"
	MsgInfo                 = "Info"
	MsgWarning              = "Warning"
	MsgError                = "Error"
)

// Limits of the API's numbers, in seconds.
const (
	MinMaxDelay       = 0.7
	MaxMaxDelay       = 4.0
	DefaultMaxDelay   = 4.0
	MaxSilenceTrigger = 2.0
)

// StartRecognition must be the first message of a client.
type StartRecognition struct {
	Message             string              `json:"message"`
	AudioFormat         AudioFormat         `json:"audio_format"`
	TranscriptionConfig TranscriptionConfig `json:"transcription_config"`
}

// AudioFormat says what the binary frames hold. Type "raw" needs the other two.
type AudioFormat struct {
	Type       string `json:"type"`                  // raw or file
	Encoding   string `json:"encoding,omitempty"`    // pcm_f32le, pcm_s16le or mulaw
	SampleRate int    `json:"sample_rate,omitempty"` // samples a second
}

// TranscriptionConfig is the part of the vendor's settings that is used. A nil field keeps the
// vendor's default, which is off for partials and for the end of an utterance.
type TranscriptionConfig struct {
	Language           string              `json:"language,omitempty"`
	Model              string              `json:"model,omitempty"`           // standard, enhanced, melia-1
	OperatingPoint     string              `json:"operating_point,omitempty"` // deprecated name of Model
	MaxDelay           *float64            `json:"max_delay,omitempty"`       // seconds, 0.7 to 4
	MaxDelayMode       string              `json:"max_delay_mode,omitempty"`  // flexible or fixed
	EnablePartials     *bool               `json:"enable_partials,omitempty"`
	ConversationConfig *ConversationConfig `json:"conversation_config,omitempty"`
}

// ConversationConfig holds the silence after which an utterance is over, in seconds; 0 is off.
type ConversationConfig struct {
	SilenceTrigger float64 `json:"end_of_utterance_silence_trigger"`
}

// ForceEndOfUtterance asks for the words still pending. Timestamp is in seconds of audio sent.
type ForceEndOfUtterance struct {
	Message   string   `json:"message"`
	Timestamp *float64 `json:"timestamp,omitempty"`
}

// EndOfStream says that LastSeqNo binary frames were sent and no more will come.
type EndOfStream struct {
	Message   string `json:"message"`
	LastSeqNo int64  `json:"last_seq_no"`
}

// RecognitionStarted allows sound to be sent.
type RecognitionStarted struct {
	Message             string           `json:"message"`
	ID                  string           `json:"id"`
	OrchestratorVersion string           `json:"orchestrator_version"`
	LanguagePackInfo    LanguagePackInfo `json:"language_pack_info"`
}

// LanguagePackInfo describes the language; WordDelimiter stands between two words.
type LanguagePackInfo struct {
	WordDelimiter       string `json:"word_delimiter"`
	LanguageDescription string `json:"language_description"`
	WritingDirection    string `json:"writing_direction"`
	ITN                 bool   `json:"itn"`
	Adapted             bool   `json:"adapted"`
}

// AudioAdded acknowledges one binary frame; the first is 1.
type AudioAdded struct {
	Message string `json:"message"`
	SeqNo   int64  `json:"seq_no"`
}

// Transcript is a partial (replaces the partial before it) or a final (appends).
type Transcript struct {
	Message  string   `json:"message"`
	Format   string   `json:"format"`
	Metadata Metadata `json:"metadata"`
	Results  []Result `json:"results"`
	Forced   bool     `json:"forced,omitempty"`
}

// Metadata places a transcript in the stream, in seconds. Transcript is joined, with a trailing
// delimiter.
type Metadata struct {
	StartTime  float64 `json:"start_time"`
	EndTime    float64 `json:"end_time"`
	Transcript string  `json:"transcript"`
}

// Result is one word or mark.
type Result struct {
	Type         string        `json:"type"` // word, punctuation or entity
	StartTime    float64       `json:"start_time"`
	EndTime      float64       `json:"end_time"`
	AttachesTo   string        `json:"attaches_to,omitempty"` // next, previous, none, both
	IsEOS        *bool         `json:"is_eos,omitempty"`
	Alternatives []Alternative `json:"alternatives"`
}

// Alternative is one reading of a Result.
type Alternative struct {
	Content    string  `json:"content"`
	Confidence float64 `json:"confidence"`
	Language   string  `json:"language"`
	Speaker    string  `json:"speaker,omitempty"`
}

// Utterance is the EndOfUtterance message; its start and end are the same moment.
type Utterance struct {
	Message  string            `json:"message"`
	Metadata UtteranceMetadata `json:"metadata"`
	Forced   bool              `json:"forced,omitempty"`
}

// UtteranceMetadata is the moment, in seconds.
type UtteranceMetadata struct {
	StartTime float64 `json:"start_time"`
	EndTime   float64 `json:"end_time"`
}

// Notice is an Info, Warning or Error. An Error ends the session.
type Notice struct {
	Message string `json:"message"`
	Type    string `json:"type"`
	Reason  string `json:"reason"`

	Quality     string `json:"quality,omitempty"` // Info recognition_quality
	Usage       *int   `json:"usage,omitempty"`   // Info concurrent_session_usage
	Quota       *int   `json:"quota,omitempty"`
	LastUpdated string `json:"last_updated,omitempty"`
	Region      string `json:"region,omitempty"`
}
