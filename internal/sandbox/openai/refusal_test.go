package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/provider/guard"
	client "github.com/voicectl/voicectl/internal/provider/openai"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

func withMessages(list string) string { return `{"model":"m","messages":` + list + `}` }

func withTools(list string) string { return ask("hi", `,"tools":`+list) }

func manyTools(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`{"type":"function","function":{"name":"f%d"}}`, i))
	}
	return "[" + strings.Join(list, ",") + "]"
}

func TestChat_RefusesWhatTheVendorRefuses(t *testing.T) {
	_, base := mount(t)
	called := `{"role":"user","content":"x"},{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"b","type":"function","function":{"name":"f","arguments":"{}"}}]}`
	tests := map[string]struct {
		body               string
		status             int
		param, code, words string
	}{
		"no JSON":                 {`{"model":`, 400, "", "", "could not parse the JSON body"},
		"no object":               {`[1]`, 400, "", "", "could not parse the JSON body"},
		"no model":                {`{"messages":[]}`, 400, "", "", "you must provide a model parameter"},
		"model is a number":       {`{"model":1,"messages":[]}`, 400, "model", "invalid_type", "expected a string, but got an integer"},
		"no such model":           {`{"model":"no-such-model","messages":[{"role":"user","content":"x"}]}`, 404, "", "model_not_found", "The model `no-such-model` does not exist"},
		"missing model":           {`{"model":"missing-9","messages":[{"role":"user","content":"x"}]}`, 404, "", "model_not_found", "does not exist"},
		"unknown field":           {ask("x", `,"colour":"red"`), 400, "colour", "unknown_parameter", "Unknown parameter: 'colour'."},
		"no messages":             {`{"model":"m"}`, 400, "messages", "missing_required_parameter", "Missing required parameter: 'messages'."},
		"messages is a string":    {withMessages(`"hi"`), 400, "messages", "invalid_type", "but got a string instead"},
		"messages empty":          {withMessages(`[]`), 400, "messages", "empty_array", "minimum length 1"},
		"message is a string":     {withMessages(`["hi"]`), 400, "messages[0]", "invalid_type", "expected an object"},
		"no role":                 {withMessages(`[{"content":"x"}]`), 400, "messages[0].role", "missing_required_parameter", "messages[0].role"},
		"wrong role":              {withMessages(`[{"role":"bot","content":"x"}]`), 400, "messages[0].role", "invalid_value", "Invalid value: 'bot'. Supported values are: 'system', 'assistant', 'user'"},
		"no content":              {withMessages(`[{"role":"user"}]`), 400, "messages[0].content", "missing_required_parameter", "messages[0].content"},
		"null content":            {withMessages(`[{"role":"user","content":null}]`), 400, "messages.[0].content", "", "expected a string, got null"},
		"content is a number":     {withMessages(`[{"role":"user","content":7}]`), 400, "messages[0].content", "invalid_type", "string or array"},
		"content without parts":   {withMessages(`[{"role":"user","content":[]}]`), 400, "messages[0].content", "empty_array", "empty array"},
		"unknown part":            {withMessages(`[{"role":"user","content":[{"type":"smell"}]}]`), 400, "messages[0].content[0].type", "invalid_value", "Invalid value: 'smell'"},
		"audio part":              {withMessages(`[{"role":"user","content":[{"type":"input_audio"}]}]`), 400, "messages[0].content[0]", "invalid_value", "audio"},
		"tool message from afar":  {withMessages(`[{"role":"user","content":"x"},{"role":"tool","tool_call_id":"a","content":"{}"}]`), 400, "messages.[1].role", "", "must be a response to a preceeding message with 'tool_calls'"},
		"tool message without id": {withMessages(`[` + called + `,{"role":"tool","content":"{}"}]`), 400, "messages[2].tool_call_id", "missing_required_parameter", "tool_call_id"},
		"wrong tool id":           {withMessages(`[` + called + `,{"role":"tool","tool_call_id":"z","content":"{}"}]`), 400, "messages.[2].tool_call_id", "", "'z' not found"},
		"answered twice":          {withMessages(`[` + called + `,{"role":"tool","tool_call_id":"a","content":"{}"},{"role":"tool","tool_call_id":"a","content":"{}"}]`), 400, "messages.[3].tool_call_id", "", "not found"},
		"not all answered":        {withMessages(`[` + called + `,{"role":"tool","tool_call_id":"a","content":"{}"}]`), 400, "messages.[1].role", "", "did not have response messages: b"},
		"not answered in time":    {withMessages(`[` + called + `,{"role":"user","content":"y"}]`), 400, "messages.[1].role", "", "did not have response messages: a, b"},
		"call without arguments":  {withMessages(`[{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f"}}]}]`), 400, "messages[0].tool_calls[0].function.arguments", "missing_required_parameter", "arguments"},
		"user with tool calls":    {withMessages(`[{"role":"user","content":"x","tool_calls":[]}]`), 400, "messages[0].tool_calls", "unknown_parameter", "Unknown parameter"},
		"tools empty":             {withTools(`[]`), 400, "tools", "empty_array", "empty array"},
		"too many tools":          {withTools(manyTools(129)), 400, "tools", "array_above_max_length", "maximum length 128, but got an array with length 129"},
		"tool without name":       {withTools(`[{"type":"function","function":{}}]`), 400, "tools[0].function.name", "missing_required_parameter", "tools[0].function.name"},
		"tool without type":       {withTools(`[{"function":{"name":"f"}}]`), 400, "tools[0].type", "missing_required_parameter", "tools[0].type"},
		"tool with a space":       {withTools(`[{"type":"function","function":{"name":"a b"}}]`), 400, "tools[0].function.name", "invalid_value", "'^[a-zA-Z0-9_-]+$'"},
		"tool with a long name":   {withTools(`[{"type":"function","function":{"name":"` + strings.Repeat("x", 65) + `"}}]`), 400, "tools[0].function.name", "string_above_max_length", "length 65"},
		"schema is a string":      {withTools(`[{"type":"function","function":{"name":"f","parameters":{"type":"string"}}}]`), 400, "tools[0].function.parameters", "invalid_function_parameters", `got 'type: "string"'`},
		"array without items":     {withTools(`[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"array"}}}}}]`), 400, "tools[0].function.parameters", "invalid_function_parameters", "In context=('properties', 'a'), array schema missing items."},
		"no such type":            {withTools(`[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"text"}}}}}]`), 400, "tools[0].function.parameters", "invalid_function_parameters", "'text' is not valid"},
		"strict, but open":        {withTools(`[{"type":"function","function":{"name":"f","strict":true,"parameters":{"type":"object","properties":{}}}}]`), 400, "tools[0].function.parameters", "invalid_function_parameters", "additionalProperties"},
		"strict, not required":    {withTools(`[{"type":"function","function":{"name":"f","strict":true,"parameters":{"type":"object","properties":{"a":{"type":"string"}},"required":[],"additionalProperties":false}}}]`), 400, "tools[0].function.parameters", "invalid_function_parameters", "Missing 'a'"},
		"choice without tools":    {ask("x", `,"tool_choice":"auto"`), 400, "tool_choice", "", "only allowed when 'tools' are specified"},
		"unknown choice":          {ask("x", `,"tools":`+manyTools(1)+`,"tool_choice":"maybe"`), 400, "tool_choice", "invalid_value", "'none', 'auto', and 'required'"},
		"choice of no tool":       {ask("x", `,"tools":`+manyTools(1)+`,"tool_choice":{"type":"function","function":{"name":"g"}}`), 400, "tool_choice", "", "'g' not found"},
		"parallel without tools":  {ask("x", `,"parallel_tool_calls":true`), 400, "parallel_tool_calls", "", "only allowed when 'tools'"},
		"usage without stream":    {ask("x", `,"stream_options":{"include_usage":true}`), 400, "stream_options", "", "only allowed when 'stream' is enabled"},
		"stream is a string":      {ask("x", `,"stream":"yes"`), 400, "stream", "invalid_type", "expected a boolean, but got a string"},
		"too hot":                 {ask("x", `,"temperature":3`), 400, "temperature", "decimal_above_max_value", "<= 2, but got 3"},
		"temperature of a mind":   {`{"model":"gpt-5","messages":[{"role":"user","content":"x"}],"temperature":0.2}`, 400, "temperature", "unsupported_value", "does not support 0.2"},
		"max_tokens of a mind":    {`{"model":"o4-mini","messages":[{"role":"user","content":"x"}],"max_tokens":9}`, 400, "max_tokens", "unsupported_parameter", "max_completion_tokens"},
		"no answers":              {ask("x", `,"n":0`), 400, "n", "integer_below_min_value", ">= 1, but got 0"},
		"too long":                {ask(strings.Repeat("word ", 120_000), ""), 400, "messages", "context_length_exceeded", "maximum context length"},
		"too large":               {ask(strings.Repeat("x", maxBody), ""), 413, "", "", "too large"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			status, header, body := post(t, base+"/chat/completions", tt.body)
			var got struct {
				Error struct {
					Message, Type string
					Param, Code   *string
				}
			}
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatalf("%v in %q", err, body)
			}
			text := func(p *string) string {
				if p == nil {
					return ""
				}
				return *p
			}
			e := got.Error
			if status != tt.status || text(e.Param) != tt.param || text(e.Code) != tt.code || !strings.Contains(e.Message, tt.words) || e.Type != badRequest {
				t.Errorf("got %d param %q code %q %s: %q", status, text(e.Param), text(e.Code), e.Type, e.Message)
			}
			if header.Get("X-Request-Id") == "" || !strings.Contains(body, `"param":`) || !strings.Contains(body, `"code":`) {
				t.Errorf("got %v %s, want an id, and param and code even when null", header, body)
			}
		})
	}
}

func TestChat_TakesWhatTheVendorTakes(t *testing.T) {
	_, base := mount(t)
	for name, body := range map[string]string{
		"parts":            withMessages(`[{"role":"developer","content":[{"type":"text","text":"a"}]},{"role":"user","content":[{"type":"text","text":"hi"},{"type":"image_url","image_url":{"url":"x"}}]}]`),
		"empty tool text":  withMessages(`[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":""}}]},{"role":"tool","tool_call_id":"a","content":""}]`),
		"only a system":    withMessages(`[{"role":"system","content":"Greet the caller."}]`),
		"nulls":            ask("x", `,"tools":null,"stop":null,"stream_options":null,"temperature":null,"n":null`),
		"all the settings": ask("x", `,"temperature":0,"top_p":1,"stop":["a","b"],"seed":1,"user":"u","store":false,"metadata":{},"response_format":{"type":"json_object"},"logit_bias":{},"service_tier":"auto"`),
		"references":       withTools(`[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{"type":"string"}}}}}]`),
	} {
		if status, _, answer := post(t, base+"/chat/completions", body); status != 200 {
			t.Errorf("%s: got %d %s", name, status, answer)
		}
	}
}

func TestChat_RefusesKeys(t *testing.T) {
	_, base := mount(t)
	for name, tt := range map[string]struct{ key, words string }{
		"none":    {"", "You didn't provide an API key"},
		"no word": {"Bearer ", "You didn't provide an API key"},
		"basic":   {"Basic abc", "You didn't provide an API key"},
		"bad":     {"Bearer bad-key-1234567890", "Incorrect API key provided: bad-key-******7890."},
		"short":   {"Bearer bad", "Incorrect API key provided: bad."},
	} {
		status, _, body := post(t, base+"/chat/completions", ask("x", ""), "Authorization", tt.key)
		if status != 401 || !strings.Contains(body, tt.words) || !strings.Contains(body, `"code":"invalid_api_key"`) {
			t.Errorf("%s: got %d %s", name, status, body)
		}
	}
	for path, want := range map[string]int{"/nothing": 404, "/models/no-such": 405} {
		if status, _, body := post(t, base+path, "{}"); status != want {
			t.Errorf("%s: got %d %s", path, status, body)
		}
	}
}

// A client reads each injected fault as what it stands for.
func TestChat_SuffersFaults(t *testing.T) {
	tests := map[string]struct {
		fault stage.Fault
		class guard.Class
		code  string
		text  bool // some text arrives before
	}{
		"500":       {stage.Fault{Mode: "status", Status: 500}, guard.VendorFault, "", false},
		"503":       {stage.Fault{Mode: "status", Status: 503}, guard.VendorFault, "", false},
		"401":       {stage.Fault{Mode: "status", Status: 401}, guard.Unauthorized, "invalid_api_key", false},
		"rate":      {stage.Fault{Mode: "status", Status: 429}, guard.RateLimited, "rate_limit_exceeded", false},
		"quota":     {stage.Fault{Mode: "status", Status: 429, Code: "insufficient_quota"}, guard.Quota, "insufficient_quota", false},
		"length":    {stage.Fault{Mode: "status", Status: 400, Code: "context_length_exceeded"}, guard.BadRequest, "context_length_exceeded", false},
		"stall":     {stage.Fault{Mode: "stall"}, guard.Timeout, "", true},
		"malformed": {stage.Fault{Mode: "malformed"}, guard.Protocol, "", true},
		"close":     {stage.Fault{Mode: "close"}, guard.Protocol, "", true},
		"reset":     {stage.Fault{Mode: "reset"}, guard.Unreachable, "", true},
		"drip":      {stage.Fault{Mode: "drip"}, "", "", true},
		"hiccup":    {stage.Fault{Mode: "stall", MS: 20}, "", "", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, base := mount(t)
			tt.fault.Vendor, tt.fault.Count = stage.OpenAI, 1
			if _, err := s.AddFault(tt.fault); err != nil {
				t.Fatal(err)
			}
			c := dial(t, base, func(o *client.Options) {
				if name == "stall" {
					o.Stall = 100 * time.Millisecond
				}
			})
			say := func() (string, error) {
				var text string
				_, err := c.Stream(t.Context(), client.ChatRequest{Messages: []client.Message{{Role: "user", Text: "hello"}}}, func(d client.Delta) error { text += d.Text; return nil })
				return text, err
			}
			text, err := say()
			if guard.ClassOf(err) != tt.class || (text != "") != tt.text {
				t.Fatalf("got %q, %v; want class %q", text, err, tt.class)
			}
			var ge *guard.Error
			if errors.As(err, &ge) && ge.Code != tt.code {
				t.Errorf("got code %q, want %q", ge.Code, tt.code)
			}
			if name == "rate" && ge.RetryAfter != time.Second {
				t.Errorf("got retry after %s", ge.RetryAfter)
			}
			if text, err = say(); err != nil || !strings.Contains(text, "Hello") {
				t.Errorf("got %q, %v after the fault", text, err)
			}
		})
	}
}

func TestChat_SuffersFaultsWhenWhole(t *testing.T) {
	for _, mode := range []string{"malformed", "close", "drip"} {
		s, base := mount(t)
		if _, err := s.AddFault(stage.Fault{Vendor: stage.OpenAI, Mode: mode, Count: 1}); err != nil {
			t.Fatal(err)
		}
		status, _, body := post(t, base+"/chat/completions", ask("hello", ""))
		if status != http.StatusOK || json.Valid([]byte(body)) != (mode == "drip") {
			t.Errorf("%s: got %d %s", mode, status, body)
		}
	}
}

func FuzzChat(f *testing.F) {
	for _, s := range []string{
		ask("transactions of client 5001", `,"tools":[`+recordsTool+`]`), ask("hi", `,"stream":true,"n":3,"stop":""`), `{}`, `{"model":"m","messages":[{"role":"assistant","tool_calls":[{}]}]}`,
		`{"model":"m","messages":[{"role":"tool"}],"tools":[{"type":"function","function":{"name":"a","parameters":{"type":["object"],"properties":{"a":{"items":[]}}}}}]}`,
	} {
		f.Add([]byte(s))
	}
	s := stage.New(stage.Options{})
	h := New(s)
	f.Fuzz(func(t *testing.T, body []byte) {
		rec := httptest.NewRecorder()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/chat/completions", strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer k")
		h.ServeHTTP(rec, req)
		switch {
		case rec.Code == 200 && strings.HasPrefix(rec.Header().Get("Content-Type"), "text/event-stream"):
			if !strings.HasSuffix(rec.Body.String(), "data: [DONE]\n\n") {
				t.Fatalf("got a stream without end: %q", rec.Body.String())
			}
		case !json.Valid(rec.Body.Bytes()):
			t.Fatalf("got %d %q", rec.Code, rec.Body.String())
		case rec.Code >= 500:
			t.Fatalf("got %d %s for %q", rec.Code, rec.Body.String(), body)
		}
	})
}
