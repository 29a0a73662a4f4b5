package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/provider/guard"
)

func refuse(status int, header map[string]string, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for k, v := range header {
			w.Header().Set(k, v)
		}
		w.Header().Set("X-Request-Id", "req_9")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func vendorError(kind, code, message string) string {
	return fmt.Sprintf(`{"error":{"message":%q,"type":%q,"param":null,"code":%q}}`, message, kind, code)
}

func TestStream_SortsRefusals(t *testing.T) {
	tests := map[string]struct {
		h     http.HandlerFunc
		class guard.Class
		code  string
		after time.Duration
	}{
		"wrong key":              {refuse(401, nil, vendorError("invalid_request_error", "invalid_api_key", "Incorrect API key provided: sk-ab***cd.")), guard.Unauthorized, "invalid_api_key", 0},
		"country":                {refuse(403, nil, vendorError("", "unsupported_country_region_territory", "no")), guard.Unauthorized, "unsupported_country_region_territory", 0},
		"no such model":          {refuse(404, nil, vendorError("invalid_request_error", "model_not_found", "no")), guard.NotFound, "model_not_found", 0},
		"too long":               {refuse(400, nil, vendorError("invalid_request_error", "context_length_exceeded", "no")), guard.BadRequest, "context_length_exceeded", 0},
		"rate, seconds":          {refuse(429, map[string]string{"Retry-After": "3"}, vendorError("tokens", "rate_limit_exceeded", "slow")), guard.RateLimited, "rate_limit_exceeded", 3 * time.Second},
		"rate, milliseconds win": {refuse(429, map[string]string{"Retry-After": "3", "Retry-After-Ms": "250"}, vendorError("tokens", "rate_limit_exceeded", "slow")), guard.RateLimited, "rate_limit_exceeded", 250 * time.Millisecond},
		"rate, only in words":    {refuse(429, nil, vendorError("tokens", "rate_limit_exceeded", "Please try again in 3.89s. Visit us.")), guard.RateLimited, "rate_limit_exceeded", 3890 * time.Millisecond},
		"rate, never fits":       {refuse(429, nil, vendorError("tokens", "rate_limit_exceeded", "Request too large for gpt-4o")), guard.BadRequest, "rate_limit_exceeded", 0},
		"quota":                  {refuse(429, map[string]string{"Retry-After": "1"}, vendorError("insufficient_quota", "insufficient_quota", "pay")), guard.Quota, "insufficient_quota", time.Second},
		"credit":                 {refuse(429, nil, vendorError("x", "credit_balance_exhausted", "pay")), guard.Quota, "credit_balance_exhausted", 0},
		"down":                   {refuse(503, nil, vendorError("server_error", "", "overloaded")), guard.VendorFault, "", 0},
		"gateway page":           {refuse(502, nil, "<html>Bad Gateway</html>"), guard.VendorFault, "", 0},
		"string error":           {refuse(401, nil, `{"error":"Unauthorized"}`), guard.Unauthorized, "", 0},
		"flat error":             {refuse(400, nil, `{"object":"error","message":"no","code":400}`), guard.BadRequest, "400", 0},
		"empty body":             {refuse(500, nil, ""), guard.VendorFault, "", 0},
		"error dressed as 200": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, vendorError("x", "invalid_api_key", "no"))
		}, guard.Unauthorized, "invalid_api_key", 0},
		"no stream": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			_, _ = io.WriteString(w, `{"choices":[]}`)
		}, guard.Protocol, "", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			c := serve(t, func(w http.ResponseWriter, r *http.Request) { asked.Add(1); tt.h(w, r) })
			_, err := ask(t.Context(), c, hello())
			var ge *guard.Error
			if !errors.As(err, &ge) {
				t.Fatalf("got %v, want a *guard.Error", err)
			}
			if ge.Class != tt.class || ge.Code != tt.code || ge.RetryAfter != tt.after {
				t.Errorf("got %q %q %s, want %q %q %s", ge.Class, ge.Code, ge.RetryAfter, tt.class, tt.code, tt.after)
			}
			if strings.Contains(err.Error(), "sk-") {
				t.Errorf("the error shows the key: %v", err)
			}
			if asked.Load() != 1 {
				t.Errorf("asked %d times, want once", asked.Load())
			}
		})
	}
}

func TestStream_KeepsRequestID(t *testing.T) {
	_, err := ask(t.Context(), serve(t, refuse(500, nil, "")), hello())
	var ge *guard.Error
	if !errors.As(err, &ge) || ge.RequestID != "req_9" || ge.Status != 500 {
		t.Errorf("got %+v, want id and status of a refusal", ge)
	}
	_, err = ask(t.Context(), serve(t, script(content("Hel"))), hello())
	if !errors.As(err, &ge) || ge.RequestID != "req_7" {
		t.Errorf("got %+v, want the id of a cut stream", ge)
	}
}

func TestStream_NobodyThere(t *testing.T) {
	c := New(Options{BaseURL: "http://127.0.0.1:1/v1", Model: "m"})
	t.Cleanup(c.Close)
	if _, err := ask(t.Context(), c, hello()); guard.ClassOf(err) != guard.Unreachable {
		t.Errorf("got %v, want class unreachable", err)
	}
}

func TestStream_SendsWhatTheVendorTakes(t *testing.T) {
	var body map[string]any
	var auth string
	zero := 0.0
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		auth = r.Header.Get("Authorization")
		body = nil
		_ = json.NewDecoder(r.Body).Decode(&body)
		script(content("Hi")+finish("stop")+done)(w, r)
	}, func(o *Options) { o.Temperature = &zero; o.MaxTokens = 200 })
	_, err := ask(t.Context(), c, ChatRequest{
		Messages: []Message{
			{Role: "system", Text: "s"},
			{Role: "user"},
			{Role: "assistant", ToolCalls: []ToolCall{{ID: "a", Name: "f"}}},
			{Role: "tool", ToolCallID: "a"},
		},
		Tools: []Tool{{Name: "f"}}, ToolChoice: "f", OneCall: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"model": "gpt-4o-mini", "stream": true, "stream_options": map[string]any{"include_usage": true}, "max_completion_tokens": 200.0,
		"temperature": body["temperature"], "parallel_tool_calls": false,
		"tool_choice": map[string]any{"type": "function", "function": map[string]any{"name": "f"}},
		"tools": []any{map[string]any{"type": "function", "function": map[string]any{
			"name": "f", "parameters": map[string]any{"type": "object", "properties": map[string]any{}},
		}}},
		"messages": []any{
			map[string]any{"role": "system", "content": "s"},
			map[string]any{"role": "user", "content": " "},
			map[string]any{"role": "assistant", "tool_calls": []any{map[string]any{
				"id": "a", "type": "function", "function": map[string]any{"name": "f", "arguments": "{}"},
			}}},
			map[string]any{"role": "tool", "content": "{}", "tool_call_id": "a"},
		},
	}
	if !reflect.DeepEqual(body, want) {
		t.Errorf("got  %v\nwant %v", body, want)
	}
	if temp, ok := body["temperature"].(float64); !ok || temp <= 0 || temp > 1e-6 {
		t.Errorf("got temperature %v, want next to nothing", body["temperature"])
	}
	if auth != "Bearer sk-test" {
		t.Errorf("got Authorization %q", auth)
	}

	r := hello()
	r.Model, r.OneCall = "gpt-5-mini", true
	if _, err = ask(t.Context(), c, r); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"temperature", "parallel_tool_calls", "tool_choice"} {
		if v, ok := body[name]; ok {
			t.Errorf("got %s=%v where the vendor refuses it", name, v)
		}
	}
}

func TestStream_BreakerOpensAfterFailures(t *testing.T) {
	var asked atomic.Int32
	var seen []guard.Observation
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { asked.Add(1); refuse(500, nil, "")(w, r) },
		func(o *Options) { o.Observe = func(ob guard.Observation) { seen = append(seen, ob) } })
	for range guard.BreakerFailures {
		_, _ = ask(t.Context(), c, hello())
	}
	_, err := ask(t.Context(), c, hello())
	if guard.ClassOf(err) != guard.CircuitOpen || asked.Load() != guard.BreakerFailures || !c.Open() {
		t.Errorf("got %v after %d requests, want an open circuit", err, asked.Load())
	}
	if last := seen[len(seen)-1]; len(seen) != guard.BreakerFailures+1 || last.Class != guard.CircuitOpen || last.Op != "chat" {
		t.Errorf("got %d observations, last %+v", len(seen), last)
	}
}

func TestModels_ListsAndTriesOnceMore(t *testing.T) {
	tests := map[string]struct {
		first http.HandlerFunc
		asked int32
		class guard.Class
	}{
		"at once":         {nil, 1, ""},
		"after a 503":     {refuse(503, nil, ""), 2, ""},
		"not after quota": {refuse(429, nil, vendorError("insufficient_quota", "insufficient_quota", "pay")), 1, guard.Quota},
		"not after 401":   {refuse(401, nil, vendorError("x", "invalid_api_key", "no")), 1, guard.Unauthorized},
		"broken JSON":     {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"data":[x`) }, 1, guard.Protocol},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if asked.Add(1) == 1 && tt.first != nil {
					tt.first(w, r)
					return
				}
				_, _ = io.WriteString(w, `{"object":"list","data":[{"id":"b"},{"id":"a"}]}`)
			})
			got, err := c.Models(t.Context())
			if guard.ClassOf(err) != tt.class || asked.Load() != tt.asked {
				t.Fatalf("got %v after %d requests, want class %q after %d", err, asked.Load(), tt.class, tt.asked)
			}
			if err == nil && !reflect.DeepEqual(got, []string{"a", "b"}) {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestCheck_TellsKeyFromModelFromScope(t *testing.T) {
	list := `{"object":"list","data":[{"id":"gpt-4o-mini"}]}`
	tests := map[string]struct {
		list, model http.HandlerFunc
		name        string
		class       guard.Class
	}{
		"listed":       {refuse(200, nil, list), nil, "gpt-4o-mini", ""},
		"alias":        {refuse(200, nil, list), refuse(200, nil, `{"id":"ft:x"}`), "ft:x", ""},
		"no model":     {refuse(200, nil, list), refuse(404, nil, vendorError("x", "model_not_found", "no")), "nope", guard.NotFound},
		"wrong key":    {refuse(401, nil, vendorError("x", "invalid_api_key", "no")), nil, "m", guard.Unauthorized},
		"narrow scope": {refuse(403, nil, vendorError("x", "", "You have insufficient permissions. Missing scopes: api.model.read.")), nil, "m", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/v1/models" {
					tt.list(w, r)
					return
				}
				tt.model(w, r)
			}, func(o *Options) { o.Model = tt.name })
			if err := c.Check(t.Context()); guard.ClassOf(err) != tt.class {
				t.Errorf("got %v, want class %q", err, tt.class)
			}
		})
	}
}
