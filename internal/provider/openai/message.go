package openai

import (
	"encoding/json"
	"math"

	api "github.com/sashabaranov/go-openai"
)

// Message is one entry of the conversation.
type Message struct {
	Role       string     // system, developer, user, assistant, tool
	Text       string     //
	ToolCalls  []ToolCall // of an assistant message
	ToolCallID string     // of a tool message: the call it answers
	Name       string     // optional name of the speaker
}

// ToolCall is a whole call that the model asks for.
type ToolCall struct {
	ID        string
	Name      string
	Arguments string // JSON text as the model wrote it; it may be wrong
}

// Tool describes a function to the model.
type Tool struct {
	Name        string
	Description string
	Parameters  json.RawMessage // JSON Schema of type object; empty = no parameters
	Strict      bool
}

// ChatRequest is one question to the model. Zero fields fall back to Options, then to the vendor.
type ChatRequest struct {
	Model      string
	Messages   []Message
	Tools      []Tool
	ToolChoice string // "", auto, none, required, or the name of a tool
	OneCall    bool   // at most one tool call an answer (parallel_tool_calls=false)
	MaxTokens  int
}

// Delta is a piece of an answer. Exactly one field is set.
type Delta struct {
	Text      string
	ToolCalls []ToolCall // all of them, whole, once, before Finish
	Finish    string     // stop, length, tool_calls, content_filter
}

// Usage counts tokens; all zero when the server did not say.
type Usage struct {
	PromptTokens, CompletionTokens, TotalTokens int
	CachedTokens, ReasoningTokens               int
}

// request is all of a question but its tools, which withTools adds.
func (c *Client) request(r ChatRequest) api.ChatCompletionRequest {
	out := api.ChatCompletionRequest{
		Model: first(r.Model, c.o.Model), Messages: make([]api.ChatCompletionMessage, 0, len(r.Messages)),
		Stream: true, StreamOptions: &api.StreamOptions{IncludeUsage: true},
		MaxCompletionTokens: c.o.MaxTokens, ReasoningEffort: c.o.Effort,
	}
	if r.MaxTokens > 0 {
		out.MaxCompletionTokens = r.MaxTokens
	}
	for _, m := range r.Messages {
		out.Messages = append(out.Messages, message(m))
	}
	if len(r.Tools) > 0 { // the vendor refuses both without tools
		out.ToolChoice = toolChoice(r.ToolChoice)
		if r.OneCall {
			out.ParallelToolCalls = false
		}
	}
	if c.o.Temperature != nil {
		out.Temperature = float32(*c.o.Temperature)
		if out.Temperature == 0 { // go-openai drops a zero, and the vendor's default is 1
			out.Temperature = math.SmallestNonzeroFloat32
		}
		if api.NewReasoningValidator().Validate(out) != nil { // models that think take no temperature
			out.Temperature = 0
		}
	}
	return out
}

// message works around omitempty in go-openai: a content or arguments member that is empty would be
// left out, and the vendor refuses the message.
func message(m Message) api.ChatCompletionMessage {
	out := api.ChatCompletionMessage{Role: m.Role, Content: m.Text, Name: m.Name, ToolCallID: m.ToolCallID}
	for _, t := range m.ToolCalls {
		out.ToolCalls = append(out.ToolCalls, api.ToolCall{
			ID: t.ID, Type: api.ToolTypeFunction,
			Function: api.FunctionCall{Name: t.Name, Arguments: first(t.Arguments, "{}")},
		})
	}
	if out.Content == "" && len(out.ToolCalls) == 0 {
		out.Content = " "
		if m.Role == api.ChatMessageRoleTool {
			out.Content = "{}"
		}
	}
	return out
}

func toolChoice(s string) any {
	switch s {
	case "":
		return nil
	case "auto", "none", "required":
		return s
	}
	return api.ToolChoice{Type: api.ToolTypeFunction, Function: api.ToolFunction{Name: s}}
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
