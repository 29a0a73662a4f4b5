package twilio

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/media"
)

const (
	testStream = "MZ18ad3ab5a668481ce02b83e7395059f0"
	testCall   = "CA1234567890abcdef1234567890abcdef"
	testAcct   = "AC00000000000000000000000000000001"
)

func frame160() []byte {
	raw := make([]byte, 160)
	for i := range raw {
		raw[i] = byte(i*37 + 11)
	}
	return raw
}

func inboundMedia() []byte {
	return []byte(`{"event":"media","sequenceNumber":"4213","media":{"track":"inbound","chunk":"4212","timestamp":"84240","payload":"` +
		base64.StdEncoding.EncodeToString(frame160()) + `"},"streamSid":"` + testStream + `"}`)
}

func TestDecoder_EveryEvent(t *testing.T) {
	tests := map[string]struct {
		msg  string
		want Message
	}{
		"connected": {
			`{"event":"connected","protocol":"Call","version":"1.0.0"}`,
			Message{Event: EventConnected, Protocol: "Call", Version: "1.0.0"},
		},
		"start": {
			`{"event":"start","sequenceNumber":"1","streamSid":"MZ1","start":{"streamSid":"MZ1","accountSid":"AC1","callSid":"CA1",` +
				`"tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":{"token":"a\"b"}}}`,
			Message{Event: EventStart, Sequence: 1, StreamSID: "MZ1", Start: Start{
				StreamSID: "MZ1", AccountSID: "AC1", CallSID: "CA1", Tracks: []string{"inbound"},
				Encoding: "audio/x-mulaw", SampleRate: 8000, Channels: 1, Parameters: map[string]string{"token": `a"b`},
			}},
		},
		"start without parameters": {
			`{"event":"start","streamSid":"MZ1","start":{"streamSid":"MZ1","callSid":"CA1"}}`,
			Message{Event: EventStart, StreamSID: "MZ1", Start: Start{StreamSID: "MZ1", CallSID: "CA1", Parameters: map[string]string{}}},
		},
		"media with strings": {
			`{"event":"media","sequenceNumber":"3","streamSid":"MZ1","media":{"track":"inbound","chunk":"1","timestamp":"5","payload":"//8="}}`,
			Message{Event: EventMedia, Sequence: 3, StreamSID: "MZ1", Media: Media{Track: "inbound", Chunk: 1, Timestamp: 5, Payload: []byte{0xff, 0xff}}},
		},
		"media with numbers, other order, spaces": {
			" {\n\"media\" : {\"payload\":\"//8=\", \"timestamp\":5,\"chunk\": 1 ,\"track\":\"inbound\"} ,\t\"streamSid\":\"MZ1\",\"sequenceNumber\":3,\"event\":\"media\"} ",
			Message{Event: EventMedia, Sequence: 3, StreamSID: "MZ1", Media: Media{Track: "inbound", Chunk: 1, Timestamp: 5, Payload: []byte{0xff, 0xff}}},
		},
		"media with an escape and a new field": {
			`{"event":"m\u0065dia","streamSid":"MZ1","media":{"payload":"\/\/8="},"novel":{"a":[1,null]}}`,
			Message{Event: EventMedia, StreamSID: "MZ1", Media: Media{Payload: []byte{0xff, 0xff}}},
		},
		"empty payload": {
			`{"event":"media","streamSid":"MZ1","media":{"payload":""}}`,
			Message{Event: EventMedia, StreamSID: "MZ1", Media: Media{Payload: []byte{}}},
		},
		"dtmf": {
			`{"event":"dtmf","sequenceNumber":"5","streamSid":"MZ1","dtmf":{"track":"inbound_track","digit":"#"}}`,
			Message{Event: EventDTMF, Sequence: 5, StreamSID: "MZ1", DTMF: DTMF{"inbound_track", "#"}},
		},
		"mark": {
			`{"event":"mark","sequenceNumber":"4","streamSid":"MZ1","mark":{"name":"label"}}`,
			Message{Event: EventMark, Sequence: 4, StreamSID: "MZ1", Mark: "label"},
		},
		"mark in other letters": {
			`{"event":"mark","streamSid":"MZ1","mark":{"name":"né"}}`,
			Message{Event: EventMark, StreamSID: "MZ1", Mark: "né"},
		},
		"stop": {
			`{"event":"stop","sequenceNumber":"5","streamSid":"MZ1","stop":{"accountSid":"AC1","callSid":"CA1"}}`,
			Message{Event: EventStop, Sequence: 5, StreamSID: "MZ1", Stop: Stop{"AC1", "CA1"}},
		},
		"an event of tomorrow": {
			`{"event":"weather","streamSid":"MZ1"}`, Message{Event: "weather", StreamSID: "MZ1"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var d Decoder
			var got Message
			if err := d.Decode([]byte(tc.msg), &got); err != nil {
				t.Fatal(err)
			}
			if len(got.Media.Payload) == 0 && len(tc.want.Media.Payload) == 0 {
				got.Media.Payload, tc.want.Media.Payload = nil, nil
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Fatalf("got  %+v\nwant %+v", got, tc.want)
			}
		})
	}
}

// Ids follow the list of hostile inputs: H33, H35..H37, H39, H40.
func TestDecoder_Hostile(t *testing.T) {
	media := func(inner string) string { return `{"event":"media","streamSid":"MZ1","media":{` + inner + `}}` }
	tests := map[string]struct {
		msg  string
		want error
	}{
		"H33 payload not base64":            {media(`"payload":"**not**"`), ErrField},
		"H33 base64 without padding":        {media(`"payload":"//8"`), ErrField},
		"H33 line end in the payload":       {media(`"payload":"//8=\r\n\r\n"`), ErrField},
		"H33 raw line end in the payload":   {media("\"payload\":\"//8=\n\n\n\n\""), ErrMalformed},
		"H36 nested 10,000 deep":            {`{"event":"media","x":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000) + `}`, ErrMalformed},
		"H36 nested 30,000 objects":         {strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000), ErrMalformed},
		"H37 payload twice":                 {media(`"payload":"//8=","payload":"AAA="`), ErrMalformed},
		"H37 event twice":                   {`{"event":"media","event":"stop","streamSid":"MZ1","media":{"payload":"//8="}}`, ErrMalformed},
		"H37 media twice":                   {`{"event":"media","media":{"payload":"//8="},"media":{"payload":"//8="}}`, ErrMalformed},
		"H37 twice by an escape":            {`{"event":"media","streamSid":"a","stream\u0053id":"b","media":{"payload":"//8="}}`, ErrMalformed},
		"H37 unknown key twice":             {`{"event":"media","x":1,"x":2,"media":{"payload":"//8="}}`, ErrMalformed},
		"H39 not utf-8":                     {"{\"event\":\"media\",\"streamSid\":\"\xff\",\"media\":{\"payload\":\"//8=\"}}", ErrEncoding},
		"H40 negative timestamp":            {media(`"timestamp":-1,"payload":"//8="`), ErrField},
		"H40 negative timestamp as string":  {media(`"timestamp":"-1","payload":"//8="`), ErrField},
		"H40 chunk 1e400":                   {media(`"chunk":1e400,"payload":"//8="`), ErrField},
		"H40 chunk of 16 digits":            {media(`"chunk":"1234567890123456","payload":"//8="`), ErrField},
		"number with a leading zero":        {media(`"chunk":01,"payload":"//8="`), ErrMalformed},
		"no event":                          {`{"streamSid":"MZ1"}`, ErrField},
		"event of the wrong case":           {`{"Event":"media","streamSid":"MZ1","media":{"payload":"//8="}}`, ErrField},
		"media missing":                     {`{"event":"media","streamSid":"MZ1"}`, ErrField},
		"media under another name":          {`{"event":"media","streamSid":"MZ1","mark":{"payload":"//8="}}`, ErrField},
		"payload missing":                   {media(`"chunk":"1"`), ErrField},
		"payload a number":                  {media(`"payload":12`), ErrField},
		"a digit that no key has":           {`{"event":"dtmf","streamSid":"MZ1","dtmf":{"digit":"x"}}`, ErrField},
		"two digits":                        {`{"event":"dtmf","streamSid":"MZ1","dtmf":{"digit":"12"}}`, ErrField},
		"mark name too long":                {`{"event":"mark","streamSid":"MZ1","mark":{"name":"` + strings.Repeat("x", 513) + `"}}`, ErrField},
		"start without a call":              {`{"event":"start","streamSid":"MZ1","start":{"streamSid":"MZ1"}}`, ErrField},
		"start with 9 tracks":               {`{"event":"start","start":{"streamSid":"M","callSid":"C","tracks":["1","2","3","4","5","6","7","8","9"]}}`, ErrField},
		"not json":                          {`hello`, ErrMalformed},
		"empty":                             {``, ErrMalformed},
		"an array":                          {`[]`, ErrMalformed},
		"two objects":                       {`{"event":"clear"}{"event":"clear"}`, ErrMalformed},
		"comma at the end":                  {`{"event":"clear","streamSid":"M",}`, ErrMalformed},
		"comma missing":                     {`{"event":"clear" "streamSid":"M"}`, ErrMalformed},
		"a message of 64 KiB and one":       {media(`"payload":"` + strings.Repeat("A", MaxMessage) + `"`), ErrTooLarge},
		"control character within a string": {"{\"event\":\"clear\",\"streamSid\":\"a\tb\"}", ErrMalformed},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var d Decoder
			var got Message
			if err := d.Decode([]byte(tc.msg), &got); !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestDecoder_FieldErrorTellsTheEvent(t *testing.T) {
	var d Decoder
	var m Message
	err := d.Decode([]byte(`{"event":"media","streamSid":"MZ1","media":{"payload":"*"}}`), &m)
	if !errors.Is(err, ErrField) || m.Event != EventMedia || m.StreamSID != "MZ1" {
		t.Fatalf("got %v with %+v", err, m)
	}
}

func TestAppend_ReadBackByDecoder(t *testing.T) {
	start := Start{
		StreamSID: testStream, AccountSID: testAcct, CallSID: testCall, Tracks: []string{"inbound"},
		Encoding: "audio/x-mulaw", SampleRate: 8000, Channels: 1, Parameters: map[string]string{"a": "ü\n\"x\""},
	}
	startMsg, err := AppendStart(nil, 1, start)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		msg  []byte
		want Message
	}{
		"connected": {AppendConnected(nil), Message{Event: EventConnected, Protocol: "Call", Version: "1.0.0"}},
		"start":     {startMsg, Message{Event: EventStart, Sequence: 1, StreamSID: testStream, Start: start}},
		"inbound media": {
			AppendInboundMedia(nil, 7, testStream, Media{Chunk: 6, Timestamp: 120, Payload: frame160()}),
			Message{Event: EventMedia, Sequence: 7, StreamSID: testStream, Media: Media{"inbound", 6, 120, frame160()}},
		},
		"outbound media": {AppendMedia(nil, testStream, frame160()), Message{Event: EventMedia, StreamSID: testStream, Media: Media{Payload: frame160()}}},
		"dtmf":           {AppendDTMF(nil, 2, testStream, "*"), Message{Event: EventDTMF, Sequence: 2, StreamSID: testStream, DTMF: DTMF{"inbound_track", "*"}}},
		"mark":           {AppendMark(nil, testStream, `a"b`), Message{Event: EventMark, StreamSID: testStream, Mark: `a"b`}},
		"mark echo":      {AppendMarkEcho(nil, 3, testStream, "m"), Message{Event: EventMark, Sequence: 3, StreamSID: testStream, Mark: "m"}},
		"clear":          {AppendClear(nil, testStream), Message{Event: EventClear, StreamSID: testStream}},
		"stop":           {AppendStop(nil, 9, testStream, Stop{testAcct, testCall}), Message{Event: EventStop, Sequence: 9, StreamSID: testStream, Stop: Stop{testAcct, testCall}}},
	} {
		t.Run(name, func(t *testing.T) {
			if !json.Valid(tc.msg) {
				t.Fatalf("not json: %s", tc.msg)
			}
			var d Decoder
			var got Message
			if derr := d.Decode(tc.msg, &got); derr != nil {
				t.Fatal(derr)
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Fatalf("got  %+v\nwant %+v", got, tc.want)
			}
		})
	}
}

func TestAppend_NumbersAreStrings(t *testing.T) {
	got := string(AppendInboundMedia(nil, 3, "MZ1", Media{Chunk: 1, Timestamp: 5, Payload: []byte{0xff}}))
	want := `{"event":"media","sequenceNumber":"3","streamSid":"MZ1","media":{"track":"inbound","chunk":"1","timestamp":"5","payload":"/w=="}}`
	if got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}

func TestDecoder_MediaAllocatesNothing(t *testing.T) {
	msg, raw, out := inboundMedia(), frame160(), make([]byte, 0, 1024)
	var d Decoder
	var m Message
	if n := testing.AllocsPerRun(200, func() {
		if err := d.Decode(msg, &m); err != nil || !bytes.Equal(m.Media.Payload, raw) {
			t.Fatal("decode", err)
		}
		out = AppendMedia(out[:0], m.StreamSID, m.Media.Payload)
		out = AppendInboundMedia(out[:0], m.Sequence, m.StreamSID, m.Media)
	}); n != 0 {
		t.Fatalf("got %v allocations, want 0", n)
	}
}

func TestInspector_SaysWhatTheVendorsDebuggerWould(t *testing.T) {
	tests := map[string]struct {
		binary bool
		msg    string
		acts   bool
		codes  []int
	}{
		"media":                {msg: `{"event":"media","streamSid":"MZ1","media":{"payload":"//8="}}`, acts: true},
		"mark":                 {msg: `{"event":"mark","streamSid":"MZ1","mark":{"name":"a"}}`, acts: true},
		"clear":                {msg: `{"event":"clear","streamSid":"MZ1"}`, acts: true},
		"binary frame":         {binary: true, msg: "\x00\x01", codes: []int{CodeMalformed}},
		"not json":             {msg: `oops`, codes: []int{CodeInvalid}},
		"unknown event":        {msg: `{"event":"hangup","streamSid":"MZ1"}`, codes: []int{CodeInvalid}},
		"event of the net":     {msg: `{"event":"dtmf","streamSid":"MZ1","dtmf":{"digit":"1"}}`, codes: []int{CodeInvalid}},
		"missing payload":      {msg: `{"event":"media","streamSid":"MZ1","media":{}}`, codes: []int{CodeInvalid}},
		"bad base64":           {msg: `{"event":"media","streamSid":"MZ1","media":{"payload":"*"}}`, codes: []int{CodeInvalid}},
		"another stream":       {msg: `{"event":"clear","streamSid":"MZ2"}`, codes: []int{CodeInvalid}},
		"no stream":            {msg: `{"event":"clear"}`, codes: []int{CodeInvalid}},
		"known extra field":    {msg: `{"event":"media","sequenceNumber":"1","streamSid":"MZ1","media":{"payload":"//8="}}`, acts: true, codes: []int{CodeInvalid}},
		"known extra, mark":    {msg: `{"event":"mark","streamSid":"MZ1","mark":{"name":"a","track":"b"}}`, acts: true, codes: []int{CodeInvalid}},
		"new extra field":      {msg: `{"event":"media","id":1,"streamSid":"MZ1","media":{"payload":"//8=","x":1}}`, acts: true, codes: []int{CodeInvalid, CodeInvalid}},
		"ten seconds at once":  {msg: `{"event":"media","streamSid":"MZ1","media":{"payload":"` + strings.Repeat("AAAA", 80000/3) + `"}}`, acts: true},
		"more than a megabyte": {msg: `{"event":"media","streamSid":"MZ1","media":{"payload":"` + strings.Repeat("AAAA", 300000) + `"}}`, codes: []int{CodeInvalid}},
		"wav header":           {msg: `{"event":"media","streamSid":"MZ1","media":{"payload":"UklGRiQ="}}`, acts: true, codes: []int{0}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var in Inspector
			var m Message
			acts, warnings := in.Inspect(tc.binary, []byte(tc.msg), "MZ1", &m)
			var codes []int
			for _, w := range warnings {
				codes = append(codes, w.Code)
			}
			if acts != tc.acts || !reflect.DeepEqual(codes, tc.codes) {
				t.Fatalf("got acts=%v %v, want acts=%v %v", acts, warnings, tc.acts, tc.codes)
			}
		})
	}
}

// FuzzDecoder holds the three readings of a message against each other: what the scanner takes, the
// full parser must take with the same result; and what the full parser takes must be what encoding/json
// reads into a plain map.
func FuzzDecoder(f *testing.F) {
	start, err := AppendStart(nil, 1, Start{StreamSID: testStream, CallSID: testCall, Parameters: map[string]string{"k": "v"}})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		string(inboundMedia()), string(start), string(AppendConnected(nil)), string(AppendMedia(nil, testStream, frame160())),
		string(AppendDTMF(nil, 1, testStream, "1")), string(AppendMark(nil, testStream, "a")), string(AppendClear(nil, testStream)),
		string(AppendStop(nil, 2, testStream, Stop{testAcct, testCall})),
		`{"event":"media","sequenceNumber":3,"streamSid":"M","media":{"chunk":1,"timestamp":5,"payload":"//8="}}`,
		`{"event":"media","event":"stop"}`, `{"event":"media","media":{"payload":"\u0041AA="}}`, `{"event":"media","media":{"payload":"AAA=` + "\n" + `"}}`,
		`{"event":"mark","mark":{"name":"\ud800"}}`, `{"event":"media","media":{"payload":"AA==","payload":"AA=="}}`,
		`{"event":"clear","streamSid":"M"} x`, `{"event":"media","media":{"chunk":00,"payload":""}}`, `{"a":[{"b":{"c":[[]]}}]}`, `{,}`, `{}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		var d Decoder
		var fast, slow Message
		took := len(msg) <= MaxMessage && d.fast(msg, &fast)
		slowErr := decodeSlow(msg, &slow)
		if took {
			if slowErr != nil {
				t.Fatalf("scanner took what the parser refuses: %v", slowErr)
			}
			if len(fast.Media.Payload) == 0 && len(slow.Media.Payload) == 0 {
				fast.Media.Payload, slow.Media.Payload = nil, nil
			}
			if !reflect.DeepEqual(fast, slow) {
				t.Fatalf("scanner %+v\nparser  %+v", fast, slow)
			}
		}
		if slowErr != nil {
			return
		}
		var plain map[string]any
		if perr := json.Unmarshal(msg, &plain); perr != nil {
			t.Fatalf("parser took what encoding/json refuses: %v", perr)
		}
		if plain["event"] != string(slow.Event) {
			t.Fatalf("event %q, encoding/json %v", slow.Event, plain["event"])
		}
		if slow.Event == EventMedia {
			inner, _ := plain["media"].(map[string]any)
			text, _ := inner["payload"].(string)
			want, berr := base64.StdEncoding.DecodeString(text)
			if berr != nil || !bytes.Equal(want, slow.Media.Payload) {
				t.Fatalf("payload %x, encoding/json %x (%v)", slow.Media.Payload, want, berr)
			}
		}
		var in Inspector
		var m Message
		in.Inspect(false, msg, testStream, &m)
	})
}

// FuzzAppendMark shows that names which need escapes come back as they went.
func FuzzAppendMark(f *testing.F) {
	f.Add("MZ1", "plain")
	f.Add(`"`, "\\\x00é\u2028")
	f.Add("MZ1", "\x9b\x9b")
	f.Fuzz(func(t *testing.T, sid, name string) {
		msg := AppendMark(nil, sid, name)
		if !json.Valid(msg) {
			t.Fatalf("not json: %q", msg)
		}
		var m Message
		var d Decoder
		if err := d.Decode(msg, &m); err != nil {
			return // too long
		}
		if want := string([]rune(name)); m.Mark != want { // each byte that is not UTF-8 becomes U+FFFD
			t.Fatalf("got %q, want %q", m.Mark, want)
		}
	})
}

type stdMedia struct {
	Event          string `json:"event"`
	SequenceNumber string `json:"sequenceNumber"`
	StreamSid      string `json:"streamSid"`
	Media          *struct {
		Track     string `json:"track"`
		Chunk     string `json:"chunk"`
		Timestamp string `json:"timestamp"`
		Payload   string `json:"payload"`
	} `json:"media,omitempty"`
}

type stdOut struct {
	Event     string `json:"event"`
	StreamSid string `json:"streamSid"`
	Media     struct {
		Payload string `json:"payload"`
	} `json:"media"`
}

// BenchmarkMediaMessage is one message of a caller to samples and back to a message for the caller.
func BenchmarkMediaMessage(b *testing.B) {
	msg := inboundMedia()
	b.Run("scanner", func(b *testing.B) {
		b.ReportAllocs()
		var (
			d       Decoder
			m       Message
			samples = make([]int16, 0, 160)
			codes   = make([]byte, 0, 160)
			out     = make([]byte, 0, 512)
		)
		for b.Loop() {
			if err := d.Decode(msg, &m); err != nil {
				b.Fatal(err)
			}
			samples = media.DecodeMuLaw(samples[:0], m.Media.Payload)
			codes = media.EncodeMuLaw(codes[:0], samples)
			out = AppendMedia(out[:0], m.StreamSID, codes)
		}
		if len(out) == 0 {
			b.Fatal("nothing written")
		}
	})
	b.Run("encodingjson", func(b *testing.B) {
		b.ReportAllocs()
		var samples []int16
		var codes, out []byte
		for b.Loop() {
			var m stdMedia
			if err := json.Unmarshal(msg, &m); err != nil {
				b.Fatal(err)
			}
			payload, err := base64.StdEncoding.DecodeString(m.Media.Payload)
			if err != nil {
				b.Fatal(err)
			}
			samples = media.DecodeMuLaw(samples[:0], payload)
			codes = media.EncodeMuLaw(codes[:0], samples)
			o := stdOut{Event: "media", StreamSid: m.StreamSid}
			o.Media.Payload = base64.StdEncoding.EncodeToString(codes)
			if out, err = json.Marshal(o); err != nil {
				b.Fatal(err)
			}
		}
		if len(out) == 0 {
			b.Fatal("nothing written")
		}
	})
}
