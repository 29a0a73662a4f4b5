package openai

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	client "github.com/voicectl/voicectl/internal/provider/openai"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
	"github.com/voicectl/voicectl/internal/secret"
)

// mount serves the emulator as the sandbox does.
func mount(t *testing.T) (*stage.Stage, string) {
	t.Helper()
	s := stage.New(stage.Options{})
	srv := httptest.NewServer(http.StripPrefix("/openai", s.Wrap(stage.OpenAI, New(s), Refuse)))
	t.Cleanup(srv.Close)
	return s, srv.URL + "/openai/v1"
}

func dial(t *testing.T, base string, change ...func(*client.Options)) *client.Client {
	t.Helper()
	o := client.Options{BaseURL: base, Key: secret.New("sk-any"), Model: "gpt-4o-mini"}
	for _, f := range change {
		f(&o)
	}
	c := client.New(o)
	t.Cleanup(c.Close)
	return c
}

// post sends a raw body and returns status, header and the whole answer.
func post(t *testing.T, url, body string, header ...string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer sk-any")
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(b)
}

const recordsTool = `{"type":"function","function":{"name":"query_transactions","description":"Transactions of a client","parameters":{"type":"object","properties":{"clientId":{"type":"string"}},"required":["clientId"]}}}`

func ask(text, more string) string {
	b, _ := json.Marshal(text)
	return `{"model":"gpt-4o-mini","messages":[{"role":"user","content":` + string(b) + `}]` + more + `}`
}

func TestChat_StreamsLikeTheVendor(t *testing.T) {
	_, base := mount(t)
	status, header, body := post(t, base+"/chat/completions", ask("hello", `,"stream":true,"stream_options":{"include_usage":true}`))
	if status != 200 || !strings.HasPrefix(header.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("got %d %q", status, header.Get("Content-Type"))
	}
	for _, h := range []string{"X-Request-Id", "Openai-Processing-Ms", "Openai-Version", "X-Ratelimit-Limit-Requests", "X-Ratelimit-Remaining-Tokens", "X-Ratelimit-Reset-Tokens"} {
		if header.Get(h) == "" {
			t.Errorf("got no header %s", h)
		}
	}
	events := strings.Split(strings.TrimSuffix(body, "\n\n"), "\n\n")
	if last := events[len(events)-1]; last != "data: [DONE]" {
		t.Fatalf("got the end %q", last)
	}
	type chunk struct {
		ID, Object string
		Choices    []struct {
			Delta struct {
				Role    string
				Content *string
			}
			FinishReason *string `json:"finish_reason"`
		}
		Usage *struct {
			Total int `json:"total_tokens"`
		}
	}
	var text strings.Builder
	for i, e := range events[:len(events)-1] {
		var c chunk
		if err := json.Unmarshal([]byte(strings.TrimPrefix(e, "data: ")), &c); err != nil {
			t.Fatalf("event %d: %v in %q", i, err, e)
		}
		if !strings.HasPrefix(c.ID, "chatcmpl-") || c.Object != "chat.completion.chunk" {
			t.Errorf("event %d: got %+v", i, c)
		}
		switch {
		case i == 0:
			if c.Choices[0].Delta.Role != "assistant" || c.Choices[0].Delta.Content == nil || *c.Choices[0].Delta.Content != "" {
				t.Errorf("got the first event %s, want role and empty content", e)
			}
		case i == len(events)-2:
			if len(c.Choices) != 0 || !strings.Contains(e, `"choices":[]`) || c.Usage == nil || c.Usage.Total == 0 {
				t.Errorf("got the usage event %s", e)
			}
		case i == len(events)-3:
			if r := c.Choices[0].FinishReason; r == nil || *r != "stop" {
				t.Errorf("got the last choice %s, want a finish reason", e)
			}
		default:
			if !strings.Contains(e, `"usage":null`) || !strings.Contains(e, `"finish_reason":null`) {
				t.Errorf("got %s, want null usage and finish reason", e)
			}
			text.WriteString(*c.Choices[0].Delta.Content)
		}
	}
	if !strings.Contains(text.String(), "Hello") || len(events) < 8 {
		t.Errorf("got %q in %d events", text.String(), len(events))
	}
	_, _, body = post(t, base+"/chat/completions", ask("hello", `,"stream":true`))
	if strings.Contains(body, "usage") {
		t.Error("got usage that was not asked for")
	}
}

func TestChat_FragmentsToolCalls(t *testing.T) {
	_, base := mount(t)
	_, _, body := post(t, base+"/chat/completions", ask("transactions of clients 5001 and 5002", `,"stream":true,"tools":[`+recordsTool+`]`))
	var heads, pieces int
	sc := bufio.NewScanner(strings.NewReader(body))
	for sc.Scan() {
		switch line := sc.Text(); {
		case strings.Contains(line, `"name":"query_transactions"`):
			heads++
			if !strings.Contains(line, `"id":"call_`) || !strings.Contains(line, `"arguments":""`) || !strings.Contains(line, `"type":"function"`) {
				t.Errorf("got the head %s", line)
			}
		case strings.Contains(line, `"tool_calls":[`):
			pieces++
			if strings.Contains(line, `"id":"call_`) {
				t.Errorf("got an id in a later fragment: %s", line)
			}
		}
	}
	if heads != 2 || pieces < 4 || !strings.Contains(body, `"index":1`) || !strings.Contains(body, `"finish_reason":"tool_calls"`) || !strings.Contains(body, `"content":null`) {
		t.Errorf("got %d heads and %d pieces in %s", heads, pieces, body)
	}
}

func TestChat_AnswersWhole(t *testing.T) {
	_, base := mount(t)
	var got struct {
		Object  string
		Choices []struct {
			Message struct {
				Role      string
				Content   *string
				ToolCalls []struct {
					ID, Type string
					Function struct{ Name, Arguments string }
				} `json:"tool_calls"`
			}
			FinishReason string `json:"finish_reason"`
		}
		Usage struct {
			Total int `json:"total_tokens"`
		}
	}
	_, _, body := post(t, base+"/chat/completions", ask("show client fifty oh one", `,"tools":[`+recordsTool+`]`))
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	c := got.Choices[0]
	if c.FinishReason != "tool_calls" || c.Message.Content != nil || len(c.Message.ToolCalls) != 1 || c.Message.ToolCalls[0].Function.Arguments != `{"clientId":"5001"}` || got.Usage.Total == 0 {
		t.Errorf("got %s", body)
	}
	_, _, body = post(t, base+"/chat/completions", ask("hello", `,"n":2,"max_tokens":3`))
	got.Choices = nil
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Choices) != 2 || got.Choices[1].FinishReason != "length" || got.Choices[0].Message.Content == nil {
		t.Errorf("got %s, want two answers cut by the token limit", body)
	}
}

func TestChat_ToolChoice(t *testing.T) {
	_, base := mount(t)
	other := strings.ReplaceAll(recordsTool, "query_transactions", "get_client_orders")
	for name, tt := range map[string]struct{ say, more, want string }{
		"none":             {"transactions of client 5001", `,"tools":[` + recordsTool + `],"tool_choice":"none"`, `"tool_calls":`},
		"auto, small talk": {"hello", `,"tools":[` + recordsTool + `],"tool_choice":"auto"`, `"tool_calls":`},
	} {
		if _, _, body := post(t, base+"/chat/completions", ask(tt.say, tt.more)); strings.Contains(body, tt.want) {
			t.Errorf("%s: got %s, want no call", name, body)
		}
	}
	for name, tt := range map[string]struct{ say, more, want string }{
		"required, small talk": {"hello", `,"tools":[` + recordsTool + `],"tool_choice":"required"`, `"name":"query_transactions"`},
		"named":                {"transactions of client 5001", `,"tools":[` + recordsTool + `,` + other + `],"tool_choice":{"type":"function","function":{"name":"get_client_orders"}}`, `"name":"get_client_orders"`},
		"one call at a time":   {"transactions of clients 5001 and 5002", `,"tools":[` + recordsTool + `],"parallel_tool_calls":false`, `5001`},
	} {
		_, _, body := post(t, base+"/chat/completions", ask(tt.say, tt.more))
		if !strings.Contains(body, tt.want) || strings.Count(body, `"id":"call_`) != 1 {
			t.Errorf("%s: got %s, want one call with %s", name, body, tt.want)
		}
	}
}

func TestModels_AreListed(t *testing.T) {
	_, base := mount(t)
	c := dial(t, base)
	names, err := c.Models(t.Context())
	if err != nil || len(names) < 3 {
		t.Fatalf("got %v, %v", names, err)
	}
	if err = c.Check(t.Context()); err != nil {
		t.Errorf("check: %v", err)
	}
}

func TestChat_IsRecorded(t *testing.T) {
	s, base := mount(t)
	c := dial(t, base)
	_, err := c.Stream(t.Context(), client.ChatRequest{
		Messages: []client.Message{{Role: "user", Text: "transactions of client 5001"}},
		Tools:    []client.Tool{{Name: "query_transactions", Parameters: json.RawMessage(`{"type":"object","properties":{"clientId":{"type":"string"}}}`)}},
	}, func(client.Delta) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	calls, _ := s.Calls(stage.OpenAI, 0)
	if len(calls) != 1 {
		t.Fatalf("got %d entries", len(calls))
	}
	e := calls[0]
	detail, _ := json.Marshal(e.Detail)
	if e.Route != "/v1/chat/completions" || e.First.IsZero() || e.First.Before(e.At) || !bytes.Contains(detail, []byte(`"5001"`)) || !bytes.Contains(detail, []byte(`"tools":["query_transactions"]`)) {
		t.Errorf("got %+v %s", e, detail)
	}
	if bytes.Contains(detail, []byte("sk-any")) {
		t.Error("the recorder shows the key")
	}
}

func TestChat_KeepsThePace(t *testing.T) {
	s, base := mount(t)
	if err := s.SetPace(stage.Pace{Vendor: stage.OpenAI, FirstMS: 60, PerTokenMS: 5}); err != nil {
		t.Fatal(err)
	}
	c := dial(t, base)
	start := time.Now()
	var first time.Duration
	n := 0
	_, err := c.Stream(t.Context(), client.ChatRequest{Messages: []client.Message{{Role: "user", Text: "hello"}}}, func(client.Delta) error {
		if n++; n == 1 {
			first = time.Since(start)
		}
		return nil
	})
	if all := time.Since(start); err != nil || first < 60*time.Millisecond || all < first+time.Duration(n-3)*5*time.Millisecond {
		t.Errorf("got the first token after %s and all %d after %s: %v", first, n, all, err)
	}
}

func TestChat_LeavesWithItsClient(t *testing.T) {
	s, base := mount(t)
	if err := s.SetPace(stage.Pace{Vendor: stage.OpenAI, FirstMS: 60_000}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := dial(t, base).Stream(ctx, client.ChatRequest{Messages: []client.Message{{Role: "user", Text: "hello"}}}, func(client.Delta) error { return nil })
	if err == nil {
		t.Fatal("got an answer")
	}
	deadline := time.Now().Add(5 * time.Second)
	for time.Now().Before(deadline) { // the server sees the client leave through its socket
		if calls, _ := s.Calls(stage.OpenAI, 0); len(calls) == 1 && !calls[0].Done.IsZero() {
			if calls[0].Status != unfinished {
				t.Errorf("got status %d", calls[0].Status)
			}
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("the emulator still waits for a client that left")
}
