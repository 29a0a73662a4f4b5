package calls_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/voicectl/voicectl/internal/provider/guard"
	"github.com/voicectl/voicectl/internal/provider/openai"
)

// A model that does what a test wants, for what the sandbox's planner never would: forged arguments,
// markdown, endless loops.

type modelMessage struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
}

// text is the content, which is a string in all that this agent sends.
func (m modelMessage) text() string {
	var s string
	_ = json.Unmarshal(m.Content, &s) // null and absent are ""
	return s
}

type modelRequest struct {
	Messages []modelMessage `json:"messages"`
}

type modelAnswer struct {
	text   string
	calls  []forced
	status int // instead of an answer
	body   string
}

// scriptedModel serves chat completions and gives the base URL.
func scriptedModel(t *testing.T, fn func(modelRequest) modelAnswer) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req modelRequest
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		a := fn(req)
		if a.status != 0 {
			w.WriteHeader(a.status)
			_, _ = io.WriteString(w, a.body)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		finish := "stop"
		if len(a.calls) > 0 {
			finish = "tool_calls"
		}
		chunk := func(delta, finish any) {
			b, err := json.Marshal(map[string]any{
				"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "scripted",
				"choices": []any{map[string]any{"index": 0, "delta": delta, "finish_reason": finish}},
			})
			if err == nil {
				_, _ = fmt.Fprintf(w, "data: %s\n\n", b)
			}
		}
		chunk(map[string]any{"role": "assistant", "content": a.text}, nil)
		for i, c := range a.calls {
			chunk(map[string]any{"tool_calls": []any{map[string]any{
				"index": i, "id": fmt.Sprintf("call_%d", i), "type": "function", "function": map[string]any{"name": c.name, "arguments": c.args},
			}}}, nil)
		}
		chunk(map[string]any{}, finish)
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func unobserved(guard.Observation) {}

// watched puts an observer between the client and the sandbox's model.
func watched(t *testing.T, see func(modelRequest)) func(*openai.Options) {
	t.Helper()
	return func(o *openai.Options) {
		to, err := url.Parse(o.BaseURL)
		must(t, err)
		proxy := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			var req modelRequest
			if err == nil && json.Unmarshal(body, &req) == nil {
				see(req)
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			proxy.ServeHTTP(w, r)
		}))
		t.Cleanup(srv.Close)
		o.BaseURL = srv.URL
	}
}
