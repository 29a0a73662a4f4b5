package openai

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	wire "github.com/voicectl/voicectl/internal/provider/openai"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

const (
	maxBody    = 8 << 20
	maxContext = 128000 // tokens
	maxN       = 128
)

// request is a chat completion request that passed every check.
type request struct {
	Model        string
	Messages     []message
	Tools        []toolBody
	Choice       choice
	OneCall      bool
	Stream       bool
	IncludeUsage bool
	N            int
	MaxTokens    int
	Stop         []string
	promptTokens int
}

type message struct {
	wire.MessageBody
	text string // of Content
}

type toolBody struct {
	Type     string `json:"type"`
	Function *struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		Parameters  json.RawMessage `json:"parameters"`
		Strict      *bool           `json:"strict"`
	} `json:"function"`
}

type choice struct{ mode, name string }

const knownFields = ` model messages tools tool_choice parallel_tool_calls stream stream_options temperature top_p n stop max_tokens max_completion_tokens
presence_penalty frequency_penalty logit_bias logprobs top_logprobs user seed response_format functions function_call store metadata reasoning_effort
modalities audio prediction service_tier verbosity web_search_options safety_identifier prompt_cache_key prompt_cache_retention `

// read takes and checks the body.
func read(w http.ResponseWriter, r *http.Request, rec *stage.Record) (*request, *refusal) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	rec.Complete() // from here on it is the vendor's time
	if err != nil {
		return nil, refuse(http.StatusRequestEntityTooLarge, "", "", "Request body too large: the maximum is %d bytes.", maxBody)
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil || fields == nil {
		return nil, invalid("", "", "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON. If you have trouble figuring out how to fix this, please contact us through our help center at help.openai.com.)")
	}
	names := make([]string, 0, len(fields))
	for n := range fields {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		if n == "" || !slices.Contains(strings.Fields(knownFields), n) {
			return nil, invalid(clip(n), "unknown_parameter", "Unknown parameter: '%s'.", clip(n))
		}
	}
	req := &request{N: 1}
	for _, step := range []func(fieldSet) *refusal{req.model, req.messages, req.tools, req.toolChoice, req.streaming, req.numbers, req.rest} {
		if ref := step(fields); ref != nil {
			return nil, ref
		}
	}
	return req, nil
}

// fieldSet is the top level of the body.
type fieldSet map[string]json.RawMessage

func (f fieldSet) has(name string) bool {
	raw, ok := f[name]
	return ok && string(raw) != "null"
}

// take decodes one field, or says what type was wanted and what came.
func (f fieldSet) take(name, want string, into any) *refusal {
	if !f.has(name) {
		return nil
	}
	if json.Unmarshal(f[name], into) != nil {
		return invalid(name, "invalid_type", "Invalid type for '%s': expected %s, but got %s instead.", name, want, kindOf(f[name]))
	}
	return nil
}

func kindOf(raw json.RawMessage) string {
	switch s := strings.TrimSpace(string(raw)); {
	case s == "":
		return "nothing"
	case s[0] == '"':
		return "a string"
	case s[0] == '{':
		return "an object"
	case s[0] == '[':
		return "an array"
	case s == "true" || s == "false":
		return "a boolean"
	case s == "null":
		return "null"
	case strings.ContainsAny(s, ".eE"):
		return "a decimal number"
	}
	return "an integer"
}

func (r *request) model(f fieldSet) *refusal {
	if !f.has("model") {
		return invalid("", "", "you must provide a model parameter")
	}
	if ref := f.take("model", "a string", &r.Model); ref != nil {
		return ref
	}
	if r.Model == "" {
		return invalid("", "", "you must provide a model parameter")
	}
	if missingModel(r.Model) {
		return refuse(http.StatusNotFound, "", "model_not_found", "The model `%s` does not exist or you do not have access to it.", clip(r.Model))
	}
	return nil
}

// thinks tells the models that reason; they refuse some parameters.
func thinks(model string) bool {
	for _, p := range []string{"o1", "o3", "o4", "gpt-5"} {
		if strings.HasPrefix(model, p) {
			return true
		}
	}
	return false
}

func (r *request) streaming(f fieldSet) *refusal {
	if ref := f.take("stream", "a boolean", &r.Stream); ref != nil {
		return ref
	}
	var o struct {
		IncludeUsage bool `json:"include_usage"`
	}
	if ref := f.take("stream_options", "an object", &o); ref != nil {
		return ref
	}
	if f.has("stream_options") && !r.Stream {
		return invalid("stream_options", "", "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
	}
	r.IncludeUsage = o.IncludeUsage
	return nil
}

func (r *request) numbers(f fieldSet) *refusal {
	for name, limit := range map[string][2]float64{"temperature": {0, 2}, "top_p": {0, 1}, "presence_penalty": {-2, 2}, "frequency_penalty": {-2, 2}} {
		n := 1.0
		if ref := f.take(name, "a decimal number", &n); ref != nil {
			return ref
		}
		if f.has(name) && n > limit[1] {
			return invalid(name, "decimal_above_max_value", "Invalid '%s': decimal above maximum value. Expected a value <= %v, but got %v instead.", name, limit[1], n)
		}
		if f.has(name) && n < limit[0] {
			return invalid(name, "decimal_below_min_value", "Invalid '%s': decimal below minimum value. Expected a value >= %v, but got %v instead.", name, limit[0], n)
		}
		if name == "temperature" && n != 1 && thinks(r.Model) {
			return invalid(name, "unsupported_value", "Unsupported value: 'temperature' does not support %v with this model. Only the default (1) value is supported.", n)
		}
	}
	tokens := map[string]*int{"max_tokens": new(int), "max_completion_tokens": new(int), "n": &r.N}
	for _, name := range []string{"max_tokens", "max_completion_tokens", "n"} {
		if ref := f.take(name, "an integer", tokens[name]); ref != nil {
			return ref
		}
		if f.has(name) && *tokens[name] < 1 {
			return invalid(name, "integer_below_min_value", "Invalid '%s': integer below minimum value. Expected a value >= 1, but got %d instead.", name, *tokens[name])
		}
	}
	if r.N > maxN {
		return invalid("n", "integer_above_max_value", "Invalid 'n': integer above maximum value. Expected a value <= %d, but got %d instead.", maxN, r.N)
	}
	if f.has("max_tokens") && thinks(r.Model) {
		return invalid("max_tokens", "unsupported_parameter", "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.")
	}
	if f.has("max_tokens") && f.has("max_completion_tokens") {
		return invalid("max_tokens", "invalid_parameter_combination", "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.")
	}
	r.MaxTokens = max(*tokens["max_tokens"], *tokens["max_completion_tokens"])
	return nil
}

func (r *request) rest(f fieldSet) *refusal {
	if f.has("stop") {
		var one string
		if json.Unmarshal(f["stop"], &one) == nil {
			r.Stop = []string{one}
		} else if ref := f.take("stop", "a string or an array of strings", &r.Stop); ref != nil {
			return ref
		}
		if len(r.Stop) > 4 {
			return invalid("stop", "array_above_max_length", "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length %d instead.", len(r.Stop))
		}
	}
	var format struct {
		Type string `json:"type"`
	}
	if ref := f.take("response_format", "an object", &format); ref != nil {
		return ref
	}
	if f.has("response_format") && !slices.Contains([]string{"text", "json_object", "json_schema"}, format.Type) {
		return invalid("response_format.type", "invalid_value", "Invalid value: '%s'. Supported values are: 'json_object', 'json_schema', and 'text'.", clip(format.Type))
	}
	for _, m := range r.Messages {
		r.promptTokens += 4 + len(m.text)/4
		for _, c := range m.ToolCalls {
			r.promptTokens += (len(c.Function.Name) + len(c.Function.Arguments)) / 4
		}
	}
	r.promptTokens += len(f["tools"]) / 4
	if r.promptTokens > maxContext {
		return invalid("messages", "context_length_exceeded", "This model's maximum context length is %d tokens. However, your messages resulted in %d tokens. Please reduce the length of the messages.", maxContext, r.promptTokens)
	}
	return nil
}

func at(format string, args ...any) string { return fmt.Sprintf(format, args...) }
