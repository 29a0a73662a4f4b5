package openai

import "encoding/json"

// Chunk is one event of a streamed answer ("chat.completion.chunk").
type Chunk struct {
	ID                string        `json:"id"`
	Object            string        `json:"object"`
	Created           int64         `json:"created"` // seconds since 1970
	Model             string        `json:"model"`
	ServiceTier       string        `json:"service_tier,omitempty"`
	SystemFingerprint string        `json:"system_fingerprint,omitempty"`
	Choices           []ChunkChoice `json:"choices"` // empty in the usage chunk, never null
	// Usage is absent unless asked for; then it is null in every chunk but the last.
	Usage json.RawMessage `json:"usage,omitempty"`
}

// ChunkChoice is one alternative's part of a Chunk.
type ChunkChoice struct {
	Index        int        `json:"index"`
	Delta        ChunkDelta `json:"delta"`
	Logprobs     *struct{}  `json:"logprobs"`
	FinishReason *string    `json:"finish_reason"` // stop length tool_calls content_filter, null until the end
}

// ChunkDelta is what a chunk adds. Content is raw because "", null and nothing at all occur.
type ChunkDelta struct {
	Role      string          `json:"role,omitempty"`
	Content   json.RawMessage `json:"content,omitempty"`
	ToolCalls []CallFragment  `json:"tool_calls,omitempty"`
	Refusal   *string         `json:"refusal,omitempty"`
}

// CallFragment is a piece of a tool call: the first of an index holds id, type and name, the later ones
// only arguments.
type CallFragment struct {
	Index    int          `json:"index"`
	ID       string       `json:"id,omitempty"`
	Type     string       `json:"type,omitempty"`
	Function CallFunction `json:"function"`
}

// CallFunction is the function part of a tool call or fragment.
type CallFunction struct {
	Name      string `json:"name,omitempty"`
	Arguments string `json:"arguments"` // JSON text, or a piece of it
}

// Completion is a whole answer ("chat.completion").
type Completion struct {
	ID                string             `json:"id"`
	Object            string             `json:"object"`
	Created           int64              `json:"created"`
	Model             string             `json:"model"`
	Choices           []CompletionChoice `json:"choices"`
	Usage             UsageBody          `json:"usage"`
	ServiceTier       string             `json:"service_tier,omitempty"`
	SystemFingerprint string             `json:"system_fingerprint,omitempty"`
}

// CompletionChoice is one alternative of a Completion.
type CompletionChoice struct {
	Index        int         `json:"index"`
	Message      MessageBody `json:"message"`
	Logprobs     *struct{}   `json:"logprobs"`
	FinishReason string      `json:"finish_reason"`
}

// MessageBody is a message as it lies on the wire. Content is a string, a list of parts, or null.
type MessageBody struct {
	Role       string          `json:"role"`
	Content    json.RawMessage `json:"content"`
	Refusal    *string         `json:"refusal"`
	Name       string          `json:"name,omitempty"`
	ToolCalls  []CallBody      `json:"tool_calls,omitempty"`
	ToolCallID string          `json:"tool_call_id,omitempty"`
}

// CallBody is a whole tool call.
type CallBody struct {
	ID       string       `json:"id"`
	Type     string       `json:"type"`
	Function CallFunction `json:"function"`
}

// UsageBody counts tokens.
type UsageBody struct {
	PromptTokens        int           `json:"prompt_tokens"`
	CompletionTokens    int           `json:"completion_tokens"`
	TotalTokens         int           `json:"total_tokens"`
	PromptDetails       PromptUsage   `json:"prompt_tokens_details"`
	CompletionBreakdown AnsweredUsage `json:"completion_tokens_details"`
}

// PromptUsage says what the question's tokens were.
type PromptUsage struct {
	CachedTokens int `json:"cached_tokens"`
	AudioTokens  int `json:"audio_tokens"`
}

// AnsweredUsage says what the answer's tokens were.
type AnsweredUsage struct {
	ReasoningTokens int `json:"reasoning_tokens"`
	AudioTokens     int `json:"audio_tokens"`
}

// ModelBody is one entry of the list of models.
type ModelBody struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

// ModelList is the answer of GET /v1/models.
type ModelList struct {
	Object string      `json:"object"`
	Data   []ModelBody `json:"data"`
}

// ErrorBody is the vendor's error document.
type ErrorBody struct {
	Error ErrorDetail `json:"error"`
}

// ErrorDetail is the error proper. Param and Code are null when there is none.
type ErrorDetail struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}
