package trace

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// A line that is written by hand is what the library writes, byte for byte where no string of a client is in it;
// args and results stay as they came.
func TestAppendEvent_AsTheLibraryDoes(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 123456789, time.UTC)
	for name, e := range map[string]Event{
		"nothing":    {},
		"plain":      {T: 12.345, At: at, Side: Agent, Event: Final, Turn: 3, Text: "What is it?"},
		"escapes":    {T: 0.001, At: at, Side: Caller, Event: Final, Text: "a \"b\" <c> \\ \n ü \u2028 \x7f \xff"},
		"raw":        {T: 1e11, At: at, Side: Agent, Event: "step", Args: json.RawMessage(`{"a":1}`), Result: json.RawMessage(`[{"b":"c"},null]`)},
		"whole time": {T: 1, At: at.Truncate(time.Second), Side: Agent, Event: ToolDone, Tool: "look", MS: 0.5},
		"negative":   {T: -0.25, At: at, Side: Agent, Event: Error, MS: 3},
	} {
		want, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := appendEvent(nil, &e)
		if !ok || !bytes.Equal(got, want) {
			t.Errorf("%s:\n%s %v, want\n%s", name, got, ok, want)
		}
	}
	for name, e := range map[string]Event{
		"attributes":   {Attrs: map[string]any{"a": 1}},
		"lines":        {Args: json.RawMessage("{\n}")},
		"small number": {T: 1e-9},
	} {
		if _, ok := appendEvent(nil, &e); ok {
			t.Errorf("%s: want this to be left to the library", name)
		}
	}
}

// Whatever is emitted, there is one line of JSON for it, which reads back.
func TestWriter_LinesReadBack(t *testing.T) {
	var b strings.Builder
	w := NewWriter(&b, WriterOptions{Side: Agent})
	for _, args := range []string{`{"a": [1, 2],  "b": "<x>"}`, "{\n\"a\": 1\n}", `no json`, "", `"` + strings.Repeat("x", maxJSON) + `"`} {
		w.Emit(Event{Event: ToolStarted, Text: "t\nu", Args: json.RawMessage(args)})
	}
	if n := strings.Count(b.String(), "\n"); n != 5 {
		t.Errorf("%d lines, want 5: %s", n, b.String())
	}
	events, err := Read(strings.NewReader(b.String()))
	if err != nil || len(events) != 5 || w.Err() != nil {
		t.Fatalf("%d events, %v, %v", len(events), err, w.Err())
	}
	for _, e := range events {
		if e.Text != "t\nu" {
			t.Errorf("text is %q", e.Text)
		}
	}
}
