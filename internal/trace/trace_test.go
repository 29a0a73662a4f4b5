package trace

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// exampleCall is a call of two turns: one answered with a tool, one that cuts the answer off.
func exampleCall() (agent, caller []Event) {
	a := func(t float64, turn int, name Name, change func(*Event)) {
		e := Event{T: t, At: epoch.Add(time.Duration(t * float64(time.Millisecond))), Side: Agent, Event: name, Turn: turn}
		if change != nil {
			change(&e)
		}
		agent = append(agent, e)
	}
	c := func(t float64, name Name, change func(*Event)) {
		e := Event{T: t, At: epoch.Add(time.Duration(t * float64(time.Millisecond))), Side: Caller, Event: name}
		if change != nil {
			change(&e)
		}
		caller = append(caller, e)
	}
	text := func(s string) func(*Event) { return func(e *Event) { e.Text = s } }
	c(0, Dialed, nil)
	c(12, Webhook, nil)
	c(20, StreamOpen, nil)
	a(25, 0, CallStarted, nil)
	a(30, 0, SpeechRequested, text("Hello, this is Julia."))
	a(32, 0, FirstAudioSent, nil)
	c(40, AudioFirst, nil)
	c(1500, Heard, text("Hello, this is Julia."))
	c(2000, SayStarted, text("What transactions does client 5001 have?"))
	a(2060, 1, UserStarted, nil)
	c(4000, SayDone, nil)
	a(4200, 1, UserStopped, nil)
	a(4180, 1, Final, text("What transactions does client 5001 have?"))
	a(4210, 1, TurnAccepted, text("What transactions does client 5001 have?"))
	a(4211, 1, ModelStarted, nil)
	a(4320, 1, ModelFirstToken, nil)
	a(4330, 1, ToolStarted, func(e *Event) { e.Tool, e.Args = "query_transactions", json.RawMessage(`{"client_id": 5001}`) })
	a(4371, 1, ToolDone, func(e *Event) {
		e.Tool, e.MS, e.Result = "query_transactions", 41, json.RawMessage(`{"transactions":[{"amount":120.5}]}`)
		e.Attrs = map[string]any{"ok": true}
	})
	a(4500, 1, SpeechRequested, text("Client 5001 has one transaction of 120 dollars and 50 cents."))
	a(4640, 1, SpeechFirstAudio, nil)
	a(4641, 1, FirstAudioSent, nil)
	c(4660, AudioFirst, nil)
	c(6000, Heard, text("Client 5001 has one"))
	c(6200, SayStarted, text("Stop."))
	a(6300, 1, Interrupted, text("Client 5001 has one"))
	c(6310, Clear, nil)
	c(6500, SayDone, nil)
	a(6700, 2, TurnAccepted, text("Stop."))
	a(6720, 2, ToolStarted, func(e *Event) { e.Tool = "web_search" })
	a(6900, 2, Error, text("the language model did not answer in time"))
	c(7000, Warning, text("31951 extra field \"x\" in a media message"))
	a(7100, 0, HangUp, func(e *Event) { e.Attrs = map[string]any{"reason": "completed"} })
	return agent, caller
}

func ms(f float64) *float64 { return &f }

func TestTurns_BothSides(t *testing.T) {
	got := Turns(Merge(exampleCall()))
	want := []Turn{
		{N: 0, Start: 0, Said: "Hello, this is Julia.", Tools: []Tool{}, Origin: ms(20), Sent: ms(12), Arrived: ms(20)},
		{
			N: 1, Start: 2000, Heard: "What transactions does client 5001 have?", Said: "Client 5001 has one",
			Tools: []Tool{{
				Name: "query_transactions", Args: json.RawMessage(`{"client_id": 5001}`), Result: json.RawMessage(`{"transactions":[{"amount":120.5}]}`),
				Start: ms(330), MS: ms(41), OK: true,
			}},
			Origin: ms(4000), Final: ms(180), Accepted: ms(210), FirstToken: ms(320), FirstAudio: ms(640), Sent: ms(641), Arrived: ms(660), Interrupted: true,
		},
		{
			N: 2, Start: 6200, Heard: "Stop.", Tools: []Tool{{Name: "web_search", Start: ms(220)}},
			Origin: ms(6500), Accepted: ms(200), Errors: []string{"the language model did not answer in time"},
		},
	}
	if !reflect.DeepEqual(got, want) {
		g, _ := json.MarshalIndent(got, "", " ")
		w, _ := json.MarshalIndent(want, "", " ")
		t.Fatalf("got  %s\nwant %s", g, w)
	}
}

func TestTurns_OneSideAlone(t *testing.T) {
	agent, caller := exampleCall()
	fromCaller := Turns(caller)
	if len(fromCaller) != 3 || fromCaller[1].Heard != "What transactions does client 5001 have?" || *fromCaller[1].Response() != 660 {
		t.Fatalf("caller's side: %+v", fromCaller)
	}
	if fromCaller[1].Final != nil || fromCaller[2].Response() != nil {
		t.Fatal("what was not seen must be null")
	}
	fromAgent := Turns(agent)
	if len(fromAgent) != 3 || *fromAgent[1].Origin != 4200 || *fromAgent[1].Response() != 441 {
		t.Fatalf("agent's side: %+v", fromAgent)
	}
	b, err := json.Marshal(fromCaller[2])
	if err != nil || !strings.Contains(string(b), `"heard_ms":null`) || !strings.Contains(string(b), `"tools":[]`) {
		t.Fatalf("json is %s, %v", b, err)
	}
}

func TestTurns_TypedAndUnnumbered(t *testing.T) {
	got := Turns([]Event{
		{T: 0, Side: Caller, Event: StreamOpen},
		{T: 10, Side: Caller, Event: Typed, Text: "hi"},
		{T: 30, Side: Caller, Event: AudioFirst},
		{T: 50, Side: Agent, Event: UserStarted},
		{T: 60, Side: Agent, Event: UserStopped},
		{T: 61, Side: Agent, Event: ToolDone, Tool: "x", MS: 3, Attrs: map[string]any{"ok": false}},
	})
	if len(got) != 3 || got[1].Heard != "hi" || *got[1].Arrived != 20 || len(got[2].Tools) != 1 || got[2].Tools[0].OK {
		t.Fatalf("got %+v", got)
	}
	if Turns(nil) == nil || len(Turns(nil)) != 0 {
		t.Fatal("no events are no turns, as an empty list")
	}
}

func TestTimeline_Golden(t *testing.T) {
	agent, caller := exampleCall()
	mark := func(r Role, s string) string { return fmt.Sprintf("<%d>%s</>", r, s) }
	for name, tc := range map[string]struct {
		events []Event
		o      TimelineOptions
	}{
		"both.txt":   {Merge(agent, caller), TimelineOptions{}},
		"narrow.txt": {Merge(agent, caller), TimelineOptions{Width: 10}},
		"caller.txt": {caller, TimelineOptions{Width: 100}},
		"styled.txt": {Merge(agent, caller), TimelineOptions{Style: mark}},
		"empty.txt":  {nil, TimelineOptions{}},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Timeline(&b, tc.events, tc.o); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name)
			if *update {
				if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if b.String() != string(want) {
				t.Fatalf("got\n%s\nwant\n%s", b.String(), want)
			}
		})
	}
}

func TestTimeline_TextCannotSteerTheTerminal(t *testing.T) {
	var b bytes.Buffer
	err := Timeline(&b, []Event{{Side: Caller, Event: Typed, Text: "a\x1b[2Jb\x07\u202e\nc"}}, TimelineOptions{})
	if err != nil || strings.ContainsAny(b.String(), "\x1b\x07\u202e") || !strings.Contains(b.String(), "a[2Jb c") {
		t.Fatalf("got %q, %v", b.String(), err)
	}
}

func TestWriter_ReadBack(t *testing.T) {
	now := epoch
	var b bytes.Buffer
	w := NewWriter(&b, WriterOptions{Side: Caller, Start: epoch, Now: func() time.Time { return now }})
	w.Emit(Event{Event: Dialed, Attrs: map[string]any{"url": "https://x"}})
	now = now.Add(1500 * time.Microsecond)
	w.Emit(Event{Event: ToolDone, Side: Agent, Tool: "t", Result: json.RawMessage(`{"a":1}`), Args: json.RawMessage(`{oops`), MS: 2.5, Turn: 1})
	if err := w.Err(); err != nil {
		t.Fatal(err)
	}
	got, err := Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	want := []Event{
		{At: epoch, Side: Caller, Event: Dialed, Attrs: map[string]any{"url": "https://x"}},
		{T: 1.5, At: now, Side: Agent, Event: ToolDone, Turn: 1, Tool: "t", Args: json.RawMessage(`"{oops"`), Result: json.RawMessage(`{"a":1}`), MS: 2.5},
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

func TestWriter_NilTakesEverything(t *testing.T) {
	var w *Writer
	w.Emit(Event{Event: Dialed})
	if w.Err() != nil {
		t.Fatal("a nil Writer has no error")
	}
}

func TestWriter_HashKeepsNoContent(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b, WriterOptions{Side: Agent, Hash: true})
	const private = "john@example.com"
	w.Emit(Event{Event: TurnAccepted, Turn: 1, Text: "mail " + private})
	w.Emit(Event{Event: Final, Turn: 1, Text: "mail " + private})
	w.Emit(Event{Event: ToolStarted, Tool: "send_email_report", Args: json.RawMessage(`{"to":"` + private + `"}`)})
	w.Emit(Event{
		Event: ToolDone, Tool: "send_email_report", Result: json.RawMessage(`"` + private + `"`),
		Attrs: map[string]any{"ok": true, "class": "timeout", "to": private, "list": []string{private}},
	})
	if strings.Contains(b.String(), "john") || strings.Contains(b.String(), "mail ") {
		t.Fatalf("content is left:\n%s", b.String())
	}
	events, err := Read(&b)
	if err != nil || w.Err() != nil {
		t.Fatal(err, w.Err())
	}
	if events[0].Text != events[1].Text || !strings.HasSuffix(events[0].Text, " 21]") {
		t.Fatalf("equal texts do not look equal: %q %q", events[0].Text, events[1].Text)
	}
	if events[3].Attrs["ok"] != true || events[3].Attrs["class"] != "timeout" || events[2].Tool != "send_email_report" {
		t.Fatalf("what is not content was hashed: %+v", events[3])
	}
	var again bytes.Buffer
	NewWriter(&again, WriterOptions{Side: Agent, Hash: true}).Emit(Event{Event: Final, Text: "mail " + private})
	if strings.Contains(again.String(), events[0].Text) {
		t.Fatal("two traces share a key: texts could be guessed")
	}
}

func TestWriter_Bounded(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b, WriterOptions{Side: Agent, Limit: 1000})
	for range 100 {
		w.Emit(Event{Event: Partial, Text: "some words"})
	}
	if b.Len() > 1000 || w.Err() == nil || !strings.Contains(w.Err().Error(), "left out") {
		t.Fatalf("%d bytes, %v", b.Len(), w.Err())
	}
	b.Reset()
	w = NewWriter(&b, WriterOptions{Side: Agent})
	w.Emit(Event{Event: Final, Text: strings.Repeat("é", 100_000), Args: json.RawMessage(`"` + strings.Repeat("x", 1<<20) + `"`)})
	if b.Len() > 64<<10 {
		t.Fatalf("one event of %d bytes", b.Len())
	}
	if _, err := Read(&b); err != nil {
		t.Fatal(err)
	}
}

type brokenDisk struct{}

func (brokenDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWriter_FailureIsTold(t *testing.T) {
	w := NewWriter(brokenDisk{}, WriterOptions{Side: Agent})
	w.Emit(Event{Event: Final})
	w.Emit(Event{Event: Final, Attrs: map[string]any{"f": func() {}}})
	if w.Err() == nil || !strings.Contains(w.Err().Error(), "disk full") {
		t.Fatalf("got %v", w.Err())
	}
}

func TestWriter_Concurrent(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b, WriterOptions{Side: Agent})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				w.Emit(Event{Event: Partial, Text: "x"})
			}
		})
	}
	wg.Wait()
	events, err := Read(&b)
	if err != nil || len(events) != 400 {
		t.Fatalf("got %d events, %v", len(events), err)
	}
}

func TestRead_Strict(t *testing.T) {
	good := `{"t":1,"side":"agent","event":"final"}`
	for name, tc := range map[string]struct{ doc, want string }{
		"unknown key":     {good + "\n" + `{"t":1,"side":"agent","event":"final","tex":"x"}`, "line 2"},
		"no side":         {`{"t":1,"event":"final"}`, "side"},
		"no event":        {`{"t":1,"side":"agent"}`, "event missing"},
		"before the call": {`{"t":-1,"side":"agent","event":"final"}`, "line 1"},
		"not json":        {good + "\n\n" + `oops`, "line 3"},
		"two on a line":   {good + good, "follows"},
		"a long line":     {good + "\n" + `{"text":"` + strings.Repeat("x", maxLine) + `"}`, "line 2: longer"},
		"turn negative":   {`{"t":1,"side":"agent","event":"final","turn":-1}`, "turn"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(strings.NewReader(tc.doc))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %v, want it to say %q", err, tc.want)
			}
		})
	}
	if events, err := Read(strings.NewReader("")); err != nil || len(events) != 0 {
		t.Fatalf("empty: %v, %v", events, err)
	}
}

func TestMerge_WithoutWallTimeKeepsT(t *testing.T) {
	got := Merge([]Event{{T: 5, Side: Agent, Event: Final}}, []Event{{T: 2, Side: Caller, Event: SayDone}, {T: 5, Side: Caller, Event: Mark}})
	if got[0].Event != SayDone || got[1].Event != Final || got[2].Event != Mark {
		t.Fatalf("got %+v", got)
	}
}

func FuzzRead(f *testing.F) {
	agent, caller := exampleCall()
	var b bytes.Buffer
	w := NewWriter(&b, WriterOptions{Side: Agent})
	for _, e := range Merge(agent, caller) {
		w.Emit(e)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"t":1e300,"side":"agent","event":"final"}`))
	f.Add([]byte("{}\n[]\n"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		events, err := Read(bytes.NewReader(doc))
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err = Timeline(&out, Merge(events), TimelineOptions{}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "\x1b") {
			t.Fatal("a control character got through")
		}
		var again bytes.Buffer
		w := NewWriter(&again, WriterOptions{})
		for _, e := range events {
			w.Emit(e)
		}
		if w.Err() != nil {
			t.Fatal(w.Err())
		}
		if _, err = Read(&again); err != nil {
			t.Fatalf("what was read cannot be written and read again: %v", err)
		}
	})
}
