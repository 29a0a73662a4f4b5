package cartesia

import (
	"context"
	"errors"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/provider/guard"
	"github.com/voicectl/voicectl/internal/secret"
	"github.com/voicectl/voicectl/internal/ws"
)

func TestSpeech_SpeaksTheProtocol(t *testing.T) {
	got := make(chan []map[string]any, 1)
	c := scripted(t, nil, func(f far) {
		var all []map[string]any
		for {
			m, id, ok := f.hear()
			if !ok {
				return
			}
			all = append(all, m)
			if m["continue"] == true {
				continue
			}
			f.say(`{"type":"future","context_id":%q}`, id)
			_ = f.conn.Write(ws.Binary, []byte{1})
			f.chunk("somebody else", 9, 9)
			f.chunk(id, 1, 2, 3) // a sample and a half
			f.say(`{"type":"timestamps","context_id":%q,"word_timestamps":{"words":["Hi","there","x"],"start":[0.1,-5],"end":[0.2,0.1,7]}}`, id)
			f.say(`{"type":"phoneme_timestamps","context_id":%q}`, id)
			f.say(`{"type":"flush_done","context_id":%q,"flush_done":true,"flush_id":1}`, id)
			f.chunk(id, 4)
			f.chunk(id)
			f.chunk(id, 5, 6)
			f.done(id)
			f.chunk(id, 7, 8) // after the end
			f.done(id)
			got <- all
			f.drain()
			return
		}
	})
	sp, events := open(t, c, media.BrowserOut)
	must(t, sp.Say("Hi"))
	must(t, sp.Say("  \n"))
	must(t, sp.Say("there, “friend”. "))
	must(t, sp.End())
	if err := sp.End(); !errors.Is(err, ErrOver) {
		t.Errorf("second end: %v", err)
	}
	all := <-got
	if len(all) != 3 || all[0]["transcript"] != "Hi " || all[1]["transcript"] != "there, “friend”. " || all[2]["transcript"] != "" {
		t.Fatalf("client sent %v", all)
	}
	for _, m := range all {
		delete(m, "transcript")
		delete(m, "continue")
	}
	want := map[string]any{
		"context_id": sp.id, "model_id": DefaultModel, "voice": map[string]any{"mode": "id", "id": "v"}, "language": "en",
		"output_format":       map[string]any{"container": "raw", "encoding": "pcm_s16le", "sample_rate": 24000.0},
		"max_buffer_delay_ms": 0.0, "add_timestamps": true,
	}
	for _, m := range all {
		if !reflect.DeepEqual(m, want) {
			t.Errorf("client sent %v, want %v", m, want)
		}
	}
	var sound []byte
	for {
		e := next(t, events)
		switch e.Kind {
		case Audio:
			if len(e.Data)%2 != 0 {
				t.Errorf("%d bytes of sound", len(e.Data))
			}
			sound = append(sound, e.Data...)
		case Words:
			want := []Word{{"Hi", 100 * time.Millisecond, 200 * time.Millisecond}, {"there", 0, 100 * time.Millisecond}}
			if !reflect.DeepEqual(e.Words, want) {
				t.Errorf("words %v, want %v", e.Words, want)
			}
		case Failed:
			t.Fatal(e.Err)
		case Complete:
			if string(sound) != "\x01\x02\x03\x04\x05\x06" {
				t.Errorf("sound %v", sound)
			}
			if err := c.Prewarm(t.Context()); err != nil { // after it, what followed has been read
				t.Error(err)
			}
			if len(events) != 0 {
				t.Errorf("%+v after the end", <-events)
			}
			return
		}
	}
}

func TestSpeech_Failures(t *testing.T) {
	big := []byte(`{"type":"chunk","data":"` + strings.Repeat("A", 10<<20) + `"}`)
	fail := func(body string) func(far) {
		return func(f far) {
			_, id, _ := f.hear()
			f.say(body, id)
			f.drain()
		}
	}
	for _, tt := range []struct {
		name   string
		script func(far)
		want   guard.Class
		code   string
	}{
		{"silence", func(f far) { f.drain() }, guard.Timeout, "stall"},
		{"stops midway", func(f far) { _, id, _ := f.hear(); f.hear(); f.chunk(id, 1); f.drain() }, guard.Timeout, "stall"},
		{"gone midway", func(f far) { _, id, _ := f.hear(); f.chunk(id, 1) }, guard.Unreachable, ""},
		{"gone at once", func(far) {}, guard.Unreachable, ""},
		{"closed as overloaded", func(f far) { f.hear(); _ = f.conn.Close(ws.CloseTryLater, "") }, guard.RateLimited, ""},
		{"broken JSON", fail(`{"type":"chunk","context_id":%q`), guard.Protocol, ""},
		{"not JSON", func(f far) { f.hear(); f.say("hello"); f.drain() }, guard.Protocol, ""},
		{"no type", fail(`{"context_id":%q}`), guard.Protocol, ""},
		{"not base64", fail(`{"type":"chunk","context_id":%q,"data":"???"}`), guard.Protocol, ""},
		{"ten megabytes", func(f far) {
			f.hear()
			_ = f.conn.Write(ws.Text, big) // the client hangs up midway
			f.drain()
		}, guard.Protocol, ""},
		{"limit", fail(`{"type":"error","context_id":%q,"done":true,"status_code":429,"error_code":"concurrency_limited","title":"Too many","message":"m","request_id":"r"}`), guard.RateLimited, CodeConcurrency},
		{"credit", fail(`{"type":"error","context_id":%q,"done":true,"status_code":402,"error_code":null,"title":"t","message":"m"}`), guard.Quota, ""},
		{"old version", fail(`{"type":"error","context_id":%q,"done":true,"status_code":400,"error":"Invalid: voice"}`), guard.BadRequest, ""},
		{"no status", fail(`{"type":"error","context_id":%q,"done":true}`), guard.VendorFault, ""},
		{"of nobody", func(f far) { f.hear(); f.say(`{"type":"error","status_code":401,"title":"no"}`); f.drain() }, guard.Unauthorized, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := scripted(t, func(o *Options) { o.Stall = 700 * time.Millisecond }, tt.script)
			sp, events := open(t, c, media.Phone)
			must(t, sp.Say("hello"))
			_ = sp.End() // may be over already
			if err := failure(t, events); err.Class != tt.want || err.Code != tt.code {
				t.Errorf("failed with %v, want %s %s", err, tt.want, tt.code)
			}
			if err := sp.Say("more"); !errors.Is(err, ErrOver) {
				t.Errorf("say after the failure: %v", err)
			}
			sp.Cancel()
			if len(events) != 0 {
				t.Errorf("%+v after the failure", <-events)
			}
		})
	}
}

func TestSpeech_LostSocketFailsEachOnceAndIsRedialled(t *testing.T) {
	c := scripted(t, nil, func(f far) {
		if f.nth > 0 {
			for {
				m, id, ok := f.hear()
				if !ok {
					return
				}
				if m["continue"] == false {
					f.chunk(id, 1)
					f.done(id)
				}
			}
		}
		for range 3 {
			_, id, _ := f.hear()
			f.chunk(id, 1)
		}
		f.hear() // wait for the test
	})
	var failed [3]<-chan Event
	var last *Speech
	for i := range failed {
		sp, events := open(t, c, media.Phone)
		must(t, sp.Say("x"))
		if e := next(t, events); e.Kind != Audio {
			t.Fatalf("event %+v", e)
		}
		failed[i], last = events, sp
	}
	silent, events := open(t, c, media.Phone) // has said nothing: loses nothing
	must(t, last.Say("y"))
	for _, ev := range failed {
		if err := failure(t, ev); err.Class != guard.Unreachable {
			t.Errorf("failed with %v", err)
		}
	}
	must(t, silent.Say("z"))
	must(t, silent.End())
	for e := next(t, events); e.Kind != Complete; e = next(t, events) {
		if e.Kind == Failed {
			t.Fatal(e.Err)
		}
	}
	for _, ev := range failed {
		if len(ev) != 0 {
			t.Errorf("%+v after the failure", <-ev)
		}
	}
	if st := c.Stats(); st.Dials != 2 || st.Lost != 1 || st.Replayed != 0 {
		t.Errorf("stats %+v", st)
	}
	if c.guard.Open() {
		t.Error("one lost socket opened the circuit")
	}
}

func TestSpeech_IsToldAgainWhenNothingWasHeard(t *testing.T) {
	c := scripted(t, nil, func(f far) {
		var text string
		for {
			m, id, ok := f.hear()
			if !ok {
				return
			}
			piece, _ := m["transcript"].(string)
			text += piece
			if m["continue"] == false {
				if f.nth == 0 {
					return // gone without a sound
				}
				f.chunk(id, []byte(text)...)
				f.done(id)
				text = ""
			}
		}
	})
	sp, events := open(t, c, media.Phone)
	must(t, sp.Say("one"))
	must(t, sp.Say("two"))
	must(t, sp.End())
	if e := next(t, events); e.Kind != Audio || string(e.Data) != "one two " {
		t.Errorf("event %+v", e)
	}
	if e := next(t, events); e.Kind != Complete {
		t.Errorf("event %+v", e)
	}
	if st := c.Stats(); st.Replayed != 1 || st.Dials != 2 {
		t.Errorf("stats %+v", st)
	}
}

func TestSpeech_NoEventAfterCancel(t *testing.T) {
	cancelled := make(chan string, 1)
	c := scripted(t, nil, func(f far) {
		_, id, _ := f.hear()
		f.chunk(id, 1)
		for {
			m, of, ok := f.hear()
			switch {
			case !ok:
				return
			case m["cancel"] == true:
				f.chunk(id, 2) // late
				f.done(id)
				cancelled <- of
			default:
				f.chunk(of, 3)
				f.done(of)
			}
		}
	})
	sp, events := open(t, c, media.Phone)
	must(t, sp.Say("x"))
	next(t, events)
	sp.Cancel()
	sp.Cancel()
	if got := <-cancelled; got != sp.id {
		t.Errorf("cancel of %q", got)
	}
	other, more := open(t, c, media.Phone)
	must(t, other.Say("y"))
	next(t, more)
	if len(events) != 0 {
		t.Errorf("%+v after cancel", <-events)
	}
	if st := c.Stats(); st.Late != 2 || st.Dials != 1 {
		t.Errorf("stats %+v", st)
	}
	other.Cancel()
}

func TestSpeech_WithoutTextNeedsNoVendor(t *testing.T) {
	c := New(Options{BaseURL: "http://127.0.0.1:1", Key: secret.New("k"), Voice: "v"})
	sp, events := open(t, c, media.Phone)
	must(t, sp.Say(" "))
	must(t, sp.End())
	if e := next(t, events); e.Kind != Complete {
		t.Errorf("event %+v", e)
	}
	must(t, c.Close(t.Context()))
	if _, err := c.Open(t.Context(), media.Phone, func(Event) {}); guard.ClassOf(err) != guard.Cancelled {
		t.Errorf("open after close: %v", err)
	}
	if err := c.Prewarm(t.Context()); guard.ClassOf(err) != guard.Cancelled {
		t.Errorf("prewarm after close: %v", err)
	}
	must(t, c.Close(t.Context()))
}

func TestClient_NoServer(t *testing.T) {
	c := New(Options{BaseURL: "http://127.0.0.1:1", Key: secret.New("k"), Voice: "v"})
	defer func() { must(t, c.Close(t.Context())) }()
	if err := c.Prewarm(t.Context()); guard.ClassOf(err) != guard.Unreachable {
		t.Errorf("prewarm: %v", err)
	}
	sp, events := open(t, c, media.Phone)
	must(t, sp.Say("x"))
	if err := failure(t, events); err.Class != guard.Unreachable {
		t.Errorf("failed with %v", err)
	}
	if _, err := c.Bytes(t.Context(), "x", media.Phone); guard.ClassOf(err) != guard.Unreachable {
		t.Errorf("bytes: %v", err)
	}
}

// A server that takes connections and never answers the upgrade.
func TestClient_CloseWhileDialling(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = l.Close() }()
	c := New(Options{BaseURL: "http://" + l.Addr().String(), Key: secret.New("k"), Voice: "v"})
	sp, events := open(t, c, media.Phone)
	must(t, sp.Say("x"))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err = c.Prewarm(ctx); guard.ClassOf(err) != guard.Timeout {
		t.Errorf("prewarm: %v", err)
	}
	start := time.Now()
	must(t, c.Close(t.Context()))
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("close took %v", took)
	}
	if err := failure(t, events); err.Class != guard.Cancelled {
		t.Errorf("failed with %v", err)
	}
}

func TestSpeech_SilenceBetweenClausesIsNoStall(t *testing.T) {
	c := scripted(t, func(o *Options) { o.Stall = 100 * time.Millisecond }, func(f far) {
		for {
			m, id, ok := f.hear()
			switch {
			case !ok:
				return
			case m["continue"] == false:
				f.done(id)
			default:
				f.chunk(id, 1)
			}
		}
	})
	sp, events := open(t, c, media.Phone)
	for range 2 {
		must(t, sp.Say("x"))
		if e := next(t, events); e.Kind != Audio {
			t.Fatalf("event %+v", e)
		}
		thinking := time.NewTimer(300 * time.Millisecond) // three times as long as a stall
		<-thinking.C
	}
	must(t, sp.End())
	if e := next(t, events); e.Kind != Complete {
		t.Errorf("event %+v", e)
	}
}

func TestSpeech_BoundsOfText(t *testing.T) {
	c := New(Options{BaseURL: "http://127.0.0.1:1", Key: secret.New("k"), Voice: "v"})
	defer func() { must(t, c.Close(t.Context())) }()
	sp, _ := open(t, c, media.Phone)
	if err := sp.Say(strings.Repeat("x", maxText+1)); err == nil {
		t.Error("too long a text is accepted")
	}
	sp.Cancel()
}

func TestClient_OptionsThatCannotWork(t *testing.T) {
	key := secret.New("k")
	for name, o := range map[string]Options{
		"socket url": {BaseURL: "wss://host", Key: key, Voice: "v"},
		"no host":    {BaseURL: "https://", Key: key, Voice: "v"},
		"no key":     {Voice: "v"},
		"no voice":   {Key: key},
		"delay":      {Key: key, Voice: "v", BufferDelay: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			c := New(o)
			if _, err := c.Open(t.Context(), media.Phone, func(Event) {}); guard.ClassOf(err) != guard.BadRequest {
				t.Errorf("open: %v", err)
			}
			if _, err := c.Bytes(t.Context(), "x", media.Phone); guard.ClassOf(err) != guard.BadRequest {
				t.Errorf("bytes: %v", err)
			}
			if name == "no voice" {
				return
			}
			if err := c.Prewarm(t.Context()); guard.ClassOf(err) != guard.BadRequest {
				t.Errorf("prewarm: %v", err)
			}
			if err := c.Check(t.Context()); guard.ClassOf(err) != guard.BadRequest {
				t.Errorf("check: %v", err)
			}
		})
	}
	c := New(Options{Key: key, Voice: "v"})
	for _, f := range []media.Format{{}, {Encoding: media.PCM16, Rate: 11025}} {
		if _, err := c.Open(t.Context(), f, func(Event) {}); guard.ClassOf(err) != guard.BadRequest {
			t.Errorf("format %v: %v", f, err)
		}
	}
}

func TestHTTPError_EveryShape(t *testing.T) {
	for _, tt := range []struct {
		status int
		body   string
		want   guard.Error
	}{
		{429, `{"error_code":"concurrency_limited","title":"Too many concurrent requests","message":"m","request_id":"r"}`, guard.Error{Class: guard.RateLimited, Status: 429, Code: CodeConcurrency, RequestID: "r"}},
		{404, `{"error_code":"model_not_found","title":"t","message":"m"}`, guard.Error{Class: guard.NotFound, Status: 404, Code: CodeModelNotFound}},
		{402, `{"error_code":null,"title":"Payment required","message":""}`, guard.Error{Class: guard.Quota, Status: 402}},
		{401, `Unauthorized: invalid API key`, guard.Error{Class: guard.Unauthorized, Status: 401}},
		{500, ``, guard.Error{Class: guard.VendorFault, Status: 500}},
		{418, `{"other":"shape"}`, guard.Error{Class: guard.BadRequest, Status: 418}},
	} {
		got := httpError(tt.status, nil, []byte(tt.body))
		if got.Class != tt.want.Class || got.Status != tt.want.Status || got.Code != tt.want.Code || got.RequestID != tt.want.RequestID {
			t.Errorf("%d %s gives %+v", tt.status, tt.body, got)
		}
	}
}

func FuzzReceive(f *testing.F) {
	for _, seed := range []string{
		`{"type":"chunk","context_id":"c","data":"AAA="}`, `{"type":"chunk","context_id":"c","data":"A"}`,
		`{"type":"timestamps","context_id":"c","word_timestamps":{"words":["a","b"],"start":[1e308,-1],"end":[0]}}`,
		`{"type":"timestamps","context_id":"c","word_timestamps":{"words":["a"],"start":[0],"end":[0.5]}}`,
		`{"type":"done","context_id":"c"}`, `{"type":"error","context_id":"c","status_code":-1,"error":"x"}`,
		`{"type":"error","status_code":500}`, `{"type":"flush_done","context_id":"c"}`, `{"type":1}`, `[`, "\xff",
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, final bool) {
		c := New(Options{Key: secret.New("k"), Voice: "v"})
		ends := 0
		sp := &Speech{c: c, id: "c", format: media.BrowserOut, guard: func(err error, _ bool) error { return err }, release: func() bool { return true }}
		sp.final, sp.onWire = final, true
		sp.sink = func(e Event) {
			if ends > 0 {
				t.Errorf("%+v after the end", e)
			}
			if e.Kind == Complete || e.Kind == Failed {
				ends++
			}
			if len(e.Data)%2 != 0 {
				t.Errorf("%d bytes of sound", len(e.Data))
			}
			for _, w := range e.Words {
				if w.Start < 0 || w.End < w.Start {
					t.Errorf("word %+v", w)
				}
			}
		}
		c.open["c"] = sp
		var sound []byte
		for range 3 {
			m, err := decode(data)
			if err != nil {
				return
			}
			sound = c.receive(&m, time.Now(), sound)
			if sp.resumed = sp.length(); len(sp.half) > 1 {
				t.Errorf("%d bytes of half a sample", len(sp.half))
			}
		}
	})
}
