package rtvi

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestDecode(t *testing.T) {
	for name, tc := range map[string]struct {
		msg  string
		want error
	}{
		"client-ready":       {`{"label":"rtvi-ai","type":"client-ready","id":"abcdefgh","data":{"version":"2.1.0","about":{"library":"x"}}}`, nil},
		"no id, no data":     {`{"label":"rtvi-ai","type":"disconnect-bot"}`, nil},
		"another label":      {`{"label":"other","type":"x"}`, ErrLabel},
		"signalling":         {`{"type":"signalling","message":{}}`, ErrLabel},
		"no type":            {`{"label":"rtvi-ai"}`, ErrMalformed},
		"id a number":        {`{"label":"rtvi-ai","type":"x","id":1}`, ErrMalformed},
		"id of a kilobyte":   {`{"label":"rtvi-ai","type":"x","id":"` + strings.Repeat("a", 1024) + `"}`, ErrMalformed},
		"type of a kilobyte": {`{"label":"rtvi-ai","type":"` + strings.Repeat("a", 1024) + `"}`, ErrMalformed},
		"array":              {`[]`, ErrMalformed},
		"ping text":          {`ping: 12`, ErrMalformed},
		"not utf-8":          {"{\"label\":\"rtvi-ai\",\"type\":\"\xff\"}", ErrMalformed},
		"deep":               {`{"label":"rtvi-ai","type":"x","data":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`, ErrMalformed},
		"too large":          {strings.Repeat(" ", MaxMessage+1), ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Decode([]byte(tc.msg)); !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestEncode_RoundTrip(t *testing.T) {
	b, err := Encode(BotReady, "abc", Ready{Version: Version})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"label":"rtvi-ai","type":"bot-ready","id":"abc","data":{"version":"2.1.0"}}`; string(b) != want {
		t.Fatalf("got %s, want %s", b, want)
	}
	e, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	var r Ready
	if err = e.Unpack(&r); err != nil || r.Version != Version || e.Type != BotReady || e.ID != "abc" {
		t.Fatalf("got %+v, %+v, %v", e, r, err)
	}
	if b, err = Encode(BotStarted, "", nil); err != nil || string(b) != `{"label":"rtvi-ai","type":"bot-started-speaking"}` {
		t.Fatalf("got %s, %v", b, err)
	}
}

func TestTextInput_Options(t *testing.T) {
	for name, tc := range map[string]struct {
		data       string
		run, speak bool
		bad        bool
	}{
		"none":          {`{"content":"x"}`, true, true, false},
		"empty":         {`{"content":"x","options":{}}`, true, true, false},
		"mute":          {`{"content":"x","options":{"audio_response":false}}`, true, false, false},
		"later":         {`{"content":"x","options":{"run_immediately":false}}`, false, true, false},
		"not a bool":    {`{"content":"x","options":{"audio_response":"yes"}}`, false, false, true},
		"not an object": {`"x"`, false, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			var in TextInput
			err := Envelope{Type: SendText, Data: json.RawMessage(tc.data)}.Unpack(&in)
			if (err != nil) != tc.bad {
				t.Fatalf("got %v, want an error: %v", err, tc.bad)
			}
			if err == nil && (in.Options.Run() != tc.run || in.Options.Speak() != tc.speak) {
				t.Fatalf("got %v %v", in.Options.Run(), in.Options.Speak())
			}
		})
	}
}

func TestCheck_Versions(t *testing.T) {
	for version, want := range map[string]Compatibility{
		"2.0.0": Current, "2.1.0": Current, "2.3.1": Current, "1.0.0": Legacy, "1.9.2": Legacy,
		"0.3.0": Mismatch, "3.0.0": Mismatch, "": Mismatch, "garbage": Mismatch, "2.1": Mismatch, "2.-1.0": Mismatch,
		"+2.1.0": Mismatch, "2.1.0.0": Mismatch, strings.Repeat("2", 100) + ".0.0": Mismatch,
	} {
		got, text := Check(version)
		if got != want || (want == Mismatch) != (text != "") {
			t.Errorf("%q: got %v %q, want %v", version, got, text, want)
		}
		if want == Mismatch && !strings.HasSuffix(text, "Compatibility issues may occur.") {
			t.Errorf("%q: text is %q", version, text)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"label":"rtvi-ai","type":"send-text","id":"1","data":{"content":"x","options":{"audio_response":true}}}`))
	f.Add([]byte(`{"label":"rtvi-ai","type":"dtmf","data":{"buttons":["1"]}}`))
	f.Add([]byte(`{"label":"rtvi-ai","type":"client-ready","data":null}`))
	f.Fuzz(func(t *testing.T, msg []byte) {
		e, err := Decode(msg)
		if err != nil {
			return
		}
		b, err := Encode(e.Type, e.ID, e.Data)
		if err != nil {
			t.Fatalf("read but not written: %v", err)
		}
		again, err := Decode(b)
		if err != nil || again.Type != e.Type || again.ID != e.ID {
			t.Fatalf("got %+v, want %+v (%v)", again, e, err)
		}
		var in TextInput
		if err = e.Unpack(&in); err != nil && !errors.Is(err, ErrMalformed) {
			t.Fatal(err)
		}
	})
}
