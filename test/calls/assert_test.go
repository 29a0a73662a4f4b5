package calls_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/sandbox/stage"
	"github.com/voicectl/voicectl/internal/ws"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func within(stop func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return stop(ctx)
}

// until polls: the other side of a socket tells nobody when it is done.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	untilIn(t, patience, what, done)
}

func untilIn(t *testing.T, most time.Duration, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(most); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v for %s", most, what)
		}
	}
}

// problem is the body of every error.
type problem struct {
	Error      string `json:"error"`
	Details    string `json:"details"`
	StatusCode int    `json:"status_code"`
	RequestID  string `json:"request_id"`
}

// wantProblem judges an error answer: the status, and the JSON with the request's id in it.
func wantProblem(t *testing.T, resp *http.Response, body string, status int) problem {
	t.Helper()
	var p problem
	err := json.Unmarshal([]byte(body), &p)
	if resp.StatusCode != status || err != nil || p.StatusCode != status || p.Error == "" || p.Details == "" {
		t.Fatalf("%s %s: got %d %s, want %d with error, details and status_code", resp.Request.Method, resp.Request.URL.Path, resp.StatusCode, body, status)
	}
	if p.RequestID == "" || p.RequestID != resp.Header.Get("X-Request-Id") {
		t.Fatalf("request_id %q, header %q: want the same, not empty", p.RequestID, resp.Header.Get("X-Request-Id"))
	}
	return p
}

// functions lists the data functions that the sandbox saw, oldest first, with their arguments.
func (h *house) functions() (names []string, args []map[string]any) {
	h.t.Helper()
	calls, _ := h.stage.Calls(stage.Supabase, 0)
	for _, c := range calls {
		name, _ := c.Detail["function"].(string)
		names = append(names, name)
		raw, err := json.Marshal(c.Detail["args"])
		must(h.t, err)
		var m map[string]any
		must(h.t, json.Unmarshal(raw, &m))
		args = append(args, m)
	}
	return names, args
}

// fault arms one fault of the sandbox.
func (h *house) fault(f stage.Fault) {
	h.t.Helper()
	_, err := h.stage.AddFault(f)
	must(h.t, err)
}

// health is the default health answer, decoded.
func (h *house) health(path string) map[string]any {
	h.t.Helper()
	resp, body := h.ask(http.MethodGet, path, "")
	if resp.StatusCode != http.StatusOK {
		h.t.Fatalf("GET %s: %d %s", path, resp.StatusCode, body)
	}
	var m map[string]any
	must(h.t, json.Unmarshal([]byte(body), &m))
	return m
}

// refusedWith tells whether an upgrade was answered with this status and the JSON of an error.
func refusedWith(err error, status int) bool {
	var he *ws.HandshakeError
	var p problem
	return errors.As(err, &he) && he.Status == status && json.Unmarshal([]byte(he.Body), &p) == nil && p.StatusCode == status && p.RequestID != ""
}
