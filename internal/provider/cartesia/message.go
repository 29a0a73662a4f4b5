package cartesia

// DefaultVersion is the API version that this package speaks. From it on, errors are JSON.
const DefaultVersion = "2026-03-01"

// Types of the messages of a server.
const (
	TypeChunk      = "chunk"
	TypeTimestamps = "timestamps"
	TypeFlushDone  = "flush_done"
	TypeDone       = "done"
	TypeError      = "error"
)

// Codes of errors that mean something to a caller.
const (
	CodeConcurrency   = "concurrency_limited"
	CodeModelNotFound = "model_not_found"
)

// Encodings by the vendor's names.
const (
	EncodingMuLaw = "pcm_mulaw"
	EncodingALaw  = "pcm_alaw"
	EncodingPCM16 = "pcm_s16le"
	EncodingFloat = "pcm_f32le"
)

// VoiceRef chooses a voice.
type VoiceRef struct {
	Mode string `json:"mode"` // id
	ID   string `json:"id"`
}

// OutputFormat is the shape of the sound. A WebSocket takes container raw alone.
type OutputFormat struct {
	Container  string `json:"container"` // raw, wav or mp3
	Encoding   string `json:"encoding,omitempty"`
	SampleRate int    `json:"sample_rate"`
	BitRate    int    `json:"bit_rate,omitempty"` // mp3
}

// Generate is one piece of text on the socket. All but Transcript, Continue and Flush must stay the
// same within a context.
type Generate struct {
	ContextID        string       `json:"context_id"`
	ModelID          string       `json:"model_id"`
	Transcript       string       `json:"transcript"`
	Voice            VoiceRef     `json:"voice"`
	OutputFormat     OutputFormat `json:"output_format"`
	Language         string       `json:"language,omitempty"`
	Continue         bool         `json:"continue"`
	Flush            bool         `json:"flush,omitempty"`
	MaxBufferDelayMS *int         `json:"max_buffer_delay_ms,omitempty"` // 0 to 5000; nil = 3000
	AddTimestamps    bool         `json:"add_timestamps,omitempty"`
}

// Cancel ends a context.
type Cancel struct {
	ContextID string `json:"context_id"`
	Cancel    bool   `json:"cancel"`
}

// Speak is the body of POST /tts/bytes and /tts/sse.
type Speak struct {
	ModelID       string       `json:"model_id"`
	Transcript    string       `json:"transcript"`
	Voice         VoiceRef     `json:"voice"`
	OutputFormat  OutputFormat `json:"output_format"`
	Language      string       `json:"language,omitempty"`
	AddTimestamps bool         `json:"add_timestamps,omitempty"` // sse
	ContextID     string       `json:"context_id,omitempty"`     // sse
}

// Chunk is a piece of sound.
type Chunk struct {
	Type       string  `json:"type"`
	ContextID  string  `json:"context_id,omitempty"`
	Data       string  `json:"data"` // base64
	Done       bool    `json:"done"`
	StatusCode int     `json:"status_code"`
	StepTime   float64 `json:"step_time"` // ms
	FlushID    int     `json:"flush_id,omitempty"`
}

// Timestamps places words in the sound of a context.
type Timestamps struct {
	Type           string         `json:"type"`
	ContextID      string         `json:"context_id,omitempty"`
	WordTimestamps WordTimestamps `json:"word_timestamps"`
	Done           bool           `json:"done"`
	StatusCode     int            `json:"status_code"`
}

// WordTimestamps are three lists of the same length; times are in seconds.
type WordTimestamps struct {
	Words []string  `json:"words"`
	Start []float64 `json:"start"`
	End   []float64 `json:"end"`
}

// FlushDone answers a flush; the first of a context is 1.
type FlushDone struct {
	Type       string `json:"type"`
	ContextID  string `json:"context_id"`
	FlushDone  bool   `json:"flush_done"`
	FlushID    int    `json:"flush_id"`
	Done       bool   `json:"done"`
	StatusCode int    `json:"status_code"`
}

// Done ends a context.
type Done struct {
	Type       string `json:"type"`
	ContextID  string `json:"context_id,omitempty"`
	Done       bool   `json:"done"`
	StatusCode int    `json:"status_code"`
}

// Problem is an error since version 2026-03-01: the body of an HTTP answer, and part of a Failure.
type Problem struct {
	ErrorCode *string `json:"error_code"`
	Title     string  `json:"title"`
	Message   string  `json:"message"`
	RequestID string  `json:"request_id"`
	DocURL    string  `json:"doc_url,omitempty"`
}

// Failure is an error on a socket or event stream.
type Failure struct {
	Type       string `json:"type"`
	Done       bool   `json:"done"`
	StatusCode int    `json:"status_code"`
	ContextID  string `json:"context_id,omitempty"`
	Problem
}

// OldFailure is the same before version 2026-03-01.
type OldFailure struct {
	Type       string `json:"type"`
	ContextID  string `json:"context_id,omitempty"`
	StatusCode int    `json:"status_code"`
	Done       bool   `json:"done"`
	Error      string `json:"error"`
}

// Voice is an entry of the vendor's catalogue, as far as it is used.
type Voice struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Language    string `json:"language"`
	Gender      string `json:"gender,omitempty"`
	IsOwner     bool   `json:"is_owner"`
	CreatedAt   string `json:"created_at,omitempty"`
}

// VoicePage is the answer of GET /voices.
type VoicePage struct {
	Data     []Voice `json:"data"`
	HasMore  bool    `json:"has_more"`
	NextPage string  `json:"next_page,omitempty"` // deprecated
}
