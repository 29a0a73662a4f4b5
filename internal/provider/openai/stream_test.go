package openai

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/provider/guard"
	"github.com/voicectl/voicectl/internal/secret"
)

// serve starts a server that answers every request with h, and a client of it.
func serve(t *testing.T, h http.HandlerFunc, change ...func(*Options)) *Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	o := Options{BaseURL: srv.URL + "/v1", Key: secret.New("sk-test"), Model: "gpt-4o-mini", Timeout: 3 * time.Second, Stall: 3 * time.Second}
	for _, f := range change {
		f(&o)
	}
	c := New(o)
	t.Cleanup(c.Close)
	return c
}

func script(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("X-Request-Id", "req_7")
		_, _ = io.WriteString(w, body)
	}
}

type answer struct {
	text, finish string
	calls        []ToolCall
	usage        Usage
}

func ask(ctx context.Context, c *Client, r ChatRequest) (answer, error) {
	var a answer
	u, err := c.Stream(ctx, r, func(d Delta) error {
		a.text += d.Text
		a.calls = append(a.calls, d.ToolCalls...)
		a.finish += d.Finish
		return nil
	})
	a.usage = u
	return a, err
}

func hello() ChatRequest { return ChatRequest{Messages: []Message{{Role: "user", Text: "hello"}}} }

func content(s string) string {
	b, _ := json.Marshal(s)
	return fmt.Sprintf("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%s},\"finish_reason\":null}]}\n\n", b)
}

func finish(s string) string {
	return fmt.Sprintf("data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":%q}]}\n\n", s)
}

func tool(fragment string) string {
	return fmt.Sprintf("data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[%s]},\"finish_reason\":null}]}\n\n", fragment)
}

const done = "data: [DONE]\n\n"

func TestStream_ReadsWhatServersSend(t *testing.T) {
	call := []ToolCall{{ID: "a", Name: "f", Arguments: `{"x":1}`}, {ID: "b", Name: "g", Arguments: `{}`}}
	tests := map[string]struct {
		body string
		want answer
	}{
		"text and a usage chunk without choices": {
			body: content("") + content("Hel") + content("lo") + finish("stop") +
				`data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7,"prompt_tokens_details":{"cached_tokens":3}}}` + "\n\n" + done,
			want: answer{text: "Hello", finish: "stop", usage: Usage{PromptTokens: 5, CompletionTokens: 2, TotalTokens: 7, CachedTokens: 3}},
		},
		"a thousand keep-alive comments": {
			body: strings.Repeat(": ping\n\n", 1000) + content("Hi") + strings.Repeat("\n", 1000) + finish("stop") + done,
			want: answer{text: "Hi", finish: "stop"},
		},
		"carriage returns, no space, other fields": {
			body: "event: message\r\nid: 1\r\ndata:{\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\r\n\r\n" + finish("stop") + "data:[DONE]\r\n\r\n",
			want: answer{text: "Hi", finish: "stop"},
		},
		"one event on several lines": {
			body: "data: {\"choices\":\ndata: [{\"delta\":{\"content\":\"Hi\"}}]}\n\n" + finish("stop") + done,
			want: answer{text: "Hi", finish: "stop"},
		},
		"no [DONE] after a finish reason":    {body: content("Hi") + finish("stop"), want: answer{text: "Hi", finish: "stop"}},
		"[DONE] without a finish reason":     {body: content("Hi") + done, want: answer{text: "Hi", finish: "stop"}},
		"[DONE] without a line feed":         {body: content("Hi") + finish("stop") + "data: [DONE]", want: answer{text: "Hi", finish: "stop"}},
		"a refusal is what the caller hears": {body: "data: {\"choices\":[{\"delta\":{\"refusal\":\"No.\"}}]}\n\n" + finish("stop") + done, want: answer{text: "No.", finish: "stop"}},
		"calls by index, arguments in pieces": {
			body: tool(`{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}`) + tool(`{"index":1,"id":"b","type":"function","function":{"name":"g","arguments":"{"}}`) +
				tool(`{"index":0,"function":{"arguments":"{\"x\""}}`) + tool(`{"index":1,"function":{"arguments":"}"}}`) + tool(`{"index":0,"function":{"arguments":":1}"}}`) + finish("tool_calls") + done,
			want: answer{calls: call, finish: "tool_calls"},
		},
		"calls without index": {
			body: tool(`{"id":"a","function":{"name":"f","arguments":"{\"x\""}}`) + tool(`{"function":{"arguments":":1}"}}`) + tool(`{"id":"b","function":{"name":"g","arguments":"{}"}}`) + finish("tool_calls") + done,
			want: answer{calls: call, finish: "tool_calls"},
		},
		"whole calls at once, finish reason stop": {
			body: tool(`{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}},{"index":1,"id":"b","function":{"name":"g","arguments":""}}`) + finish("stop") + done,
			want: answer{calls: call, finish: "stop"},
		},
		"every call has index 0": {
			body: tool(`{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}`) + tool(`{"index":0,"id":"b","function":{"name":"g","arguments":"{}"}}`) + finish("tool_calls") + done,
			want: answer{calls: call, finish: "tool_calls"},
		},
		"id and name repeated in every fragment": {
			body: tool(`{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}}`) + tool(`{"index":0,"id":"a","function":{"name":"f","arguments":":1}"}}`) +
				tool(`{"index":1,"id":"b","function":{"name":"g"}}`) + finish("tool_calls") + done,
			want: answer{calls: call, finish: "tool_calls"},
		},
		"a call without id gets one": {
			body: tool(`{"index":0,"function":{"name":"f","arguments":"{}"}}`) + finish("tool_calls") + done,
			want: answer{calls: []ToolCall{{ID: "call_0", Name: "f", Arguments: "{}"}}, finish: "tool_calls"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ask(t.Context(), serve(t, script(tt.body)), hello())
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestStream_NeverTakesABrokenAnswerForAWholeOne(t *testing.T) {
	huge := strings.Repeat("x", maxArguments/2)
	tests := map[string]struct {
		body  string
		class guard.Class
		code  string
	}{
		"cut in the middle":               {body: content("Hel"), class: guard.Protocol},
		"nothing at all":                  {body: "", class: guard.Protocol},
		"only [DONE]":                     {body: done, class: guard.Protocol},
		"cut within a call":               {body: tool(`{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}`), class: guard.Protocol},
		"broken JSON":                     {body: content("Hel") + "data: {\"choices\":[{\"del\n\n" + content("lo") + finish("stop") + done, class: guard.Protocol},
		"an array":                        {body: "data: [1,2]\n\n" + done, class: guard.Protocol},
		"wrong types":                     {body: "data: {\"choices\":\"no\"}\n\n" + done, class: guard.Protocol},
		"error in the stream":             {body: content("Hel") + "data: {\"error\":{\"message\":\"oops\",\"type\":\"server_error\",\"code\":null}}\n\n", class: guard.VendorFault},
		"error with a space":              {body: "data: { \"error\": {\"message\":\"oops\",\"code\":\"rate_limit_exceeded\"}}\n\n" + done, class: guard.RateLimited, code: "rate_limit_exceeded"},
		"error after a comment":           {body: ": ping\n\ndata: {\"error\":{\"message\":\"oops\",\"code\":\"insufficient_quota\"}}\n\n", class: guard.Quota, code: "insufficient_quota"},
		"flat error with a number":        {body: "event: error\ndata: {\"object\":\"error\",\"message\":\"oops\",\"code\":500}\n\n", class: guard.VendorFault, code: "500"},
		"token limit within a call":       {body: tool(`{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}}`) + finish("length") + done, class: guard.Protocol},
		"arguments without end":           {body: strings.Repeat(tool(fmt.Sprintf(`{"index":0,"function":{"name":"f","arguments":%q}}`, huge)), 3), class: guard.Protocol},
		"calls without end":               {body: manyCalls(maxCalls + 1), class: guard.Protocol},
		"an event without end":            {body: "data: \"" + strings.Repeat("x", maxEvent+4096*2), class: guard.Protocol},
		"an event of lines without end":   {body: strings.Repeat("data: [\n", maxLines+2), class: guard.Protocol},
		"comments without end":            {body: strings.Repeat(":"+strings.Repeat("x", 1<<16)+"\n", 300), class: guard.Protocol},
		"a name without end":              {body: tool(fmt.Sprintf(`{"index":0,"function":{"name":%q}}`, huge)), class: guard.Protocol},
		"error beside a null is no error": {body: "data: {\"error\":null,\"choices\":[]}\n\n", class: guard.Protocol},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ask(t.Context(), serve(t, script(tt.body)), hello())
			var ge *guard.Error
			if !errors.As(err, &ge) {
				t.Fatalf("got %+v, %v; want a *guard.Error", got, err)
			}
			if ge.Class != tt.class || ge.Code != tt.code {
				t.Errorf("got class %q code %q, want %q %q (%v)", ge.Class, ge.Code, tt.class, tt.code, err)
			}
			if got.finish != "" {
				t.Errorf("got finish %q of a broken answer", got.finish)
			}
		})
	}
}

// Nobody listens to an answer of an hour: what is over the limit is cut, and what came is an answer.
func TestStream_CutsAnAnswerWithoutEnd(t *testing.T) {
	piece := strings.Repeat("word ", 1000)
	for name, body := range map[string]string{
		"in pieces":    strings.Repeat(content(piece), maxText/len(piece)*3),
		"in one event": content(strings.Repeat(piece, maxText/len(piece)*3)),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ask(t.Context(), serve(t, script(body)), hello())
			if err != nil || len(got.text) != maxText || got.finish != "length" {
				t.Errorf("got %d bytes, finish %q, %v; want %d bytes cut by length", len(got.text), got.finish, err, maxText)
			}
		})
	}
}

// A request that was never answered can still be found at the vendor: by the id that went out with it.
func TestStream_UnansweredRequestHasAnID(t *testing.T) {
	sent := make(chan string, 1)
	_, err := ask(t.Context(), serve(t, func(_ http.ResponseWriter, r *http.Request) {
		sent <- r.Header.Get("X-Client-Request-Id")
		panic(http.ErrAbortHandler)
	}), hello())
	var ge *guard.Error
	if id := <-sent; !errors.As(err, &ge) || id == "" || ge.RequestID != id {
		t.Errorf("sent id %q, got %+v", id, ge)
	}
}

func manyCalls(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(tool(fmt.Sprintf(`{"index":%d,"id":"c%d","function":{"name":"f","arguments":"{}"}}`, i, i)))
	}
	return b.String()
}

func TestStream_BrokenConnectionIsUnreachable(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		script(content("Hel"))(w, nil)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	got, err := ask(t.Context(), c, hello())
	if guard.ClassOf(err) != guard.Unreachable || got.text != "Hel" {
		t.Errorf("got %+v, %v; want the text so far and class unreachable", got, err)
	}
}

// hang answers with body and then keeps the line open until the client leaves.
func hang(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		script(body)(w, r)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
}

func TestStream_BoundsEveryWait(t *testing.T) {
	trickle := func(w http.ResponseWriter, r *http.Request) {
		script(content("Hel"))(w, r)
		for r.Context().Err() == nil { // events that hold nothing keep the line open, not the answer alive
			_, _ = io.WriteString(w, ": ping\n\n"+content(""))
			_ = http.NewResponseController(w).Flush()
		}
	}
	tests := map[string]struct {
		handler        http.HandlerFunc
		timeout, stall time.Duration
	}{
		"no headers":            {handler: func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body); <-r.Context().Done() }, timeout: 50 * time.Millisecond},
		"headers but no token":  {handler: hang(content("")), timeout: 50 * time.Millisecond},
		"silence in the middle": {handler: hang(content("Hel")), stall: 50 * time.Millisecond},
		"empty events":          {handler: trickle, stall: 50 * time.Millisecond},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := serve(t, tt.handler, func(o *Options) {
				o.Timeout, o.Stall = 20*time.Second, 20*time.Second
				if tt.timeout > 0 {
					o.Timeout = tt.timeout
				}
				if tt.stall > 0 {
					o.Stall = tt.stall
				}
			})
			began := time.Now()
			_, err := ask(t.Context(), c, hello())
			if guard.ClassOf(err) != guard.Timeout || time.Since(began) > 10*time.Second {
				t.Errorf("got %v after %s, want class timeout", err, time.Since(began))
			}
		})
	}
}

func TestStream_CancelReturnsAtOnce(t *testing.T) {
	c := serve(t, hang(content("Hel")))
	ctx, cancel := context.WithCancel(t.Context())
	began := time.Now()
	_, err := c.Stream(ctx, hello(), func(Delta) error { cancel(); return nil })
	if guard.ClassOf(err) != guard.Cancelled || time.Since(began) > time.Second {
		t.Errorf("got %v after %s, want class cancelled at once", err, time.Since(began))
	}
	_, err = ask(ctx, c, hello())
	if guard.ClassOf(err) != guard.Cancelled {
		t.Errorf("got %v on a dead context, want class cancelled", err)
	}
}

func TestStream_SinkErrorEndsTheAnswer(t *testing.T) {
	c := serve(t, hang(content("Hel")+content("lo")))
	full := errors.New("full")
	n := 0
	_, err := c.Stream(t.Context(), hello(), func(Delta) error { n++; return full })
	if guard.ClassOf(err) != guard.Cancelled || !errors.Is(err, full) || n != 1 {
		t.Errorf("got %v after %d deltas, want the sink's error as class cancelled after one", err, n)
	}
}

func TestStream_CallsArriveBeforeTheStreamEnds(t *testing.T) {
	c := serve(t, hang(tool(`{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}`)+finish("tool_calls")))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []ToolCall
	_, err := c.Stream(ctx, hello(), func(d Delta) error { got = d.ToolCalls; cancel(); return nil })
	if len(got) != 1 || guard.ClassOf(err) != guard.Cancelled {
		t.Errorf("got %v, %v; want the call as soon as it is whole", got, err)
	}
}

func TestStream_ReusesItsConnection(t *testing.T) {
	seen := map[string]int{}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen[r.RemoteAddr]++
		script(content("Hi")+finish("stop")+done)(w, r)
	})
	for range 5 {
		if _, err := ask(t.Context(), c, hello()); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) != 1 {
		t.Errorf("got %d connections for 5 answers in a row, want 1", len(seen))
	}
}
