package speechmatics

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/provider/guard"
	"github.com/voicectl/voicectl/internal/secret"
	"github.com/voicectl/voicectl/internal/ws"
)

func TestStream_SpeaksTheProtocol(t *testing.T) {
	type said struct {
		sounds []int
		texts  []map[string]any
	}
	got := make(chan said, 1)
	c := scripted(t, nil, func(f far) {
		var s said
		_, start, _ := f.hear()
		s.texts = append(s.texts, start)
		f.say(`{"message":"RecognitionStarted","id":"1","future_field":{"x":[1]}}`)
		f.say(`{"message":"FutureMessage"}`)
		f.say(`{"message":"Info","type":"recognition_quality","reason":"x"}`)
		f.say(`{"message":"Warning","type":"idle_timeout","reason":"x"}`)
		_ = f.conn.Write(ws.Binary, []byte{1, 2, 3})
		for {
			n, m, ok := f.hear()
			if !ok {
				t.Error("client left early")
				return
			}
			if m == nil {
				s.sounds = append(s.sounds, n)
				f.say(`{"message":"AudioAdded","seq_no":%d}`, len(s.sounds))
				continue
			}
			s.texts = append(s.texts, m)
			if m["message"] == MsgEndOfStream {
				f.final("bye ", 0, 0.1)
				f.say(`{"message":"EndOfTranscript"}`)
				got <- s
				f.drain()
				return
			}
		}
	})
	s, events := open(t, c, media.Phone)
	buf := make([]byte, 160)
	for range 12 { // 240 ms in frames of 20 ms
		s.Write(buf)
	}
	s.Finalize()
	s.Finalize() // nothing since: one is enough
	s.Write(buf)
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Write(buf) // of no effect
	s.Finalize()
	x := <-got
	if len(x.sounds) != 4 || x.sounds[0] != 800 || x.sounds[1] != 800 || x.sounds[2] != 320 || x.sounds[3] != 160 {
		t.Errorf("binary frames of %v bytes, want 800 800 320 160", x.sounds)
	}
	if len(x.texts) != 3 {
		t.Fatalf("text messages %v", x.texts)
	}
	audio, _ := x.texts[0]["audio_format"].(map[string]any)
	conf, _ := x.texts[0]["transcription_config"].(map[string]any)
	talk, _ := conf["conversation_config"].(map[string]any)
	if audio["type"] != "raw" || audio["encoding"] != "mulaw" || audio["sample_rate"] != 8000.0 || conf["enable_partials"] != true ||
		conf["max_delay"] != 1.0 || conf["language"] != "en" || talk["end_of_utterance_silence_trigger"] != 0.5 {
		t.Errorf("start %v", x.texts[0])
	}
	if x.texts[1]["message"] != MsgForceEndOfUtterance || x.texts[1]["timestamp"] != 0.24 {
		t.Errorf("force %v", x.texts[1])
	}
	if x.texts[2]["last_seq_no"] != 4.0 {
		t.Errorf("end %v", x.texts[2])
	}
	if e := next(t, events); e.Kind != Final || e.Text != "bye " || e.At.IsZero() {
		t.Errorf("event %+v", e)
	}
	st := s.Stats()
	if st.Unknown != 2 || st.Infos != 1 || st.Warnings != 1 || st.LastWarning != "idle_timeout" || st.Sent != 260*time.Millisecond || st.Acked != st.Sent {
		t.Errorf("stats %+v", st)
	}
}

func TestStream_TellsEachThingOnce(t *testing.T) {
	c := scripted(t, nil, func(f far) {
		f.begin()
		partial := func(text string) {
			f.say(`{"message":"AddPartialTranscript","metadata":{"transcript":%q,"start_time":0,"end_time":1}}`, text)
		}
		f.say(`{"message":"RecognitionStarted"}`) // twice
		partial("")                               // nothing to take back
		partial("hell")
		partial("")
		partial("hello")
		f.final("hello ", 0, 1)
		f.final("hello ", 0, 1) // twice
		partial("")
		f.final("", 1, 1)
		f.final("hello ", 1, 2) // said again, later
		f.final("out of order ", 0.5, 0.7)
		f.say(`{"message":"AudioAdded","seq_no":99}`) // of nothing that was sent
		f.say(`{"message":"AudioAdded","seq_no":-1}`)
		f.say(`{"message":"EndOfUtterance","metadata":{"start_time":-3,"end_time":1e300},"forced":true}`)
		f.drain()
	})
	s, events := open(t, c, media.BrowserIn)
	var got []string
	for {
		e := next(t, events)
		got = append(got, string(rune('0'+e.Kind))+e.Text)
		if e.Kind == EndOfUtterance {
			if !e.Forced || e.Start != 0 || e.End != 0 { // no sound was sent that it could be in
				t.Errorf("end of utterance %+v", e)
			}
			break
		}
	}
	want := "1hell|1|1hello|2hello |2hello |2out of order |3"
	if strings.Join(got, "|") != want {
		t.Errorf("events %q, want %q", strings.Join(got, "|"), want)
	}
	if st := s.Stats(); st.Duplicates != 1 || st.Unknown != 3 {
		t.Errorf("stats %+v", st)
	}
}

func TestStream_Failures(t *testing.T) {
	big := []byte(`{"message":"AddTranscript","metadata":{"transcript":"` + strings.Repeat("x", 10<<20) + `"}}`)
	short := func(o *Options) { o.Stall, o.StartTimeout = 700*time.Millisecond, 500*time.Millisecond }
	for _, tt := range []struct {
		name   string
		script func(far)
		want   guard.Class
		code   string
	}{
		{"never starts", func(f far) { f.drain() }, guard.Timeout, "start"},
		{"never acknowledges", func(f far) { f.begin(); f.drain() }, guard.Timeout, "stall"},
		{"gone midway", func(f far) { f.begin() }, guard.Unreachable, ""},
		{"proper close midway", func(f far) { f.begin(); _ = f.conn.Close(ws.CloseNormal, "") }, guard.Unreachable, ""},
		{"broken JSON", func(f far) { f.begin(); f.say(`{"message":"AddTr`); f.drain() }, guard.Protocol, ""},
		{"no name", func(f far) { f.begin(); f.say(`{"type":"x"}`); f.drain() }, guard.Protocol, ""},
		{"not an object", func(f far) { f.begin(); f.say(`[1]`); f.drain() }, guard.Protocol, ""},
		{"ten megabytes", func(f far) {
			f.begin()
			_ = f.conn.Write(ws.Text, big) // the client hangs up midway
			f.drain()
		}, guard.Protocol, ""},
		{"ends unasked", func(f far) { f.begin(); f.say(`{"message":"EndOfTranscript"}`); f.drain() }, guard.Protocol, ""},
		{"error in a message", func(f far) {
			f.begin()
			f.say(`{"message":"Error","type":"quota_exceeded","reason":"too many","code":4005}`)
			f.drain()
		}, guard.RateLimited, ErrQuotaExceeded},
		{"error of unknown type", func(f far) { f.begin(); f.say(`{"message":"Error","type":"new_error"}`); f.drain() }, guard.VendorFault, "new_error"},
		{"refused config", func(f far) { f.say(`{"message":"Error","type":"invalid_config","reason":"no"}`); f.drain() }, guard.BadRequest, ErrInvalidConfig},
		{"close 4001", func(f far) { _ = f.conn.Close(4001, ErrNotAuthorised) }, guard.Unauthorized, ErrNotAuthorised},
		{"close 4006", func(f far) { _ = f.conn.Close(4006, ErrTimeLimit) }, guard.Quota, ErrTimeLimit},
		{"close 1008 idle", func(f far) { _ = f.conn.Close(ws.ClosePolicy, ErrIdleTimeout) }, guard.Timeout, ErrIdleTimeout},
		{"close 1008 else", func(f far) { _ = f.conn.Close(ws.ClosePolicy, "policy_violation") }, guard.VendorFault, ""},
		{"close 1011", func(f far) { _ = f.conn.Close(ws.CloseInternal, "internal_error") }, guard.VendorFault, ErrUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var seen []guard.Observation
			var mu sync.Mutex
			c := scripted(t, func(o *Options) {
				short(o)
				o.Observe = func(ob guard.Observation) { mu.Lock(); seen = append(seen, ob); mu.Unlock() }
			}, tt.script)
			s, events := open(t, c, media.Phone)
			s.Write(make([]byte, 800))
			err := failure(t, events)
			if err.Class != tt.want || err.Code != tt.code {
				t.Errorf("failed with %v, want %s %s", err, tt.want, tt.code)
			}
			if got := s.Close(t.Context()); guard.ClassOf(got) != tt.want {
				t.Errorf("close tells %v", got)
			}
			if len(events) != 0 {
				t.Errorf("%+v after the failure", next(t, events))
			}
			mu.Lock()
			defer mu.Unlock()
			if last := seen[len(seen)-1]; last.Class != tt.want {
				t.Errorf("observations %+v", seen)
			}
		})
	}
}

func TestStream_BehindIsAFailure(t *testing.T) {
	c := scripted(t, func(o *Options) { o.Behind = time.Second }, func(f far) {
		f.begin()
		f.say(`{"message":"EndOfUtterance"}`) // tells the test that it began
		f.drain()
	})
	s, events := open(t, c, media.Phone)
	next(t, events)
	for range 11 {
		s.Write(make([]byte, 800))
	}
	if err := failure(t, events); err.Class != guard.Timeout || err.Code != "behind" {
		t.Errorf("failed with %v", err)
	}
}

func TestStream_BacklogIsNoFaultOfTheVendor(t *testing.T) {
	begin := make(chan struct{})
	c := scripted(t, func(o *Options) { o.Behind, o.Buffer = time.Second, 2*time.Second }, func(f far) {
		<-begin
		f.begin()
		for seq := 1; ; {
			n, m, ok := f.hear()
			switch {
			case !ok:
				return
			case n > 0:
				f.say(`{"message":"AudioAdded","seq_no":%d}`, seq)
				seq++
			case m["message"] == MsgForceEndOfUtterance:
				f.say(`{"message":"EndOfUtterance","metadata":{"start_time":%v,"end_time":%v}}`, m["timestamp"], m["timestamp"])
			default:
				f.say(`{"message":"EndOfTranscript"}`)
			}
		}
	})
	s, events := open(t, c, media.Phone)
	for range 35 { // 3.5 s: the first 1.5 s do not fit
		s.Write(make([]byte, 800))
	}
	s.Finalize()
	close(begin)
	// The vendor counts from the first sound that it got; the stream counts from the first that it was given.
	if e := next(t, events); e.Kind != EndOfUtterance || e.Start != 3500*time.Millisecond {
		t.Errorf("event %+v", e)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); st.Dropped != 1500*time.Millisecond || st.Sent != 2*time.Second {
		t.Errorf("stats %+v", st)
	}
}

func TestStream_CloseIsBounded(t *testing.T) {
	c := scripted(t, nil, func(f far) { f.begin(); f.drain() })
	s, events := open(t, c, media.Phone)
	s.Write(make([]byte, 800))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || guard.ClassOf(err) != guard.Timeout {
		t.Errorf("close: %v", err)
	}
	if len(events) != 0 {
		t.Errorf("%+v is told though the owner closed", next(t, events))
	}
}

// A server that takes the connection and never answers the upgrade.
func TestStream_CloseWhileDialling(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	c := New(Options{URL: "ws://" + l.Addr().String() + "/v2", Key: secret.New("k")})
	s, _ := open(t, c, media.Phone)
	if err = s.Close(t.Context()); err != nil {
		t.Errorf("close with nothing said: %v", err)
	}
	s, events := open(t, c, media.Phone)
	s.Write(make([]byte, 800))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err = s.Close(ctx); guard.ClassOf(err) != guard.Timeout {
		t.Errorf("close: %v", err)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("close took %v", took)
	}
	if len(events) != 0 {
		t.Error("an event after close")
	}
}

func TestStream_EndOfContextAbandons(t *testing.T) {
	c := scripted(t, nil, func(f far) { f.begin(); f.drain() })
	ctx, cancel := context.WithCancel(t.Context())
	events := make(chan Event, 10)
	s, err := c.Open(ctx, media.Phone, func(e Event) { events <- e })
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	<-s.done
	if err = s.Close(t.Context()); guard.ClassOf(err) != guard.Cancelled {
		t.Errorf("close: %v", err)
	}
	if len(events) != 0 {
		t.Errorf("event %+v", <-events)
	}
}

func TestClient_OptionsThatCannotWork(t *testing.T) {
	key := secret.New("k")
	for name, o := range map[string]Options{
		"http":       {URL: "http://host/v2", Key: key},
		"no host":    {URL: "wss:///v2", Key: key},
		"no key":     {URL: DefaultURL},
		"delay":      {Key: key, MaxDelay: 5 * time.Second},
		"silence":    {Key: key, EndOfUtteranceSilence: 3 * time.Second},
		"bad escape": {URL: "ws://host/%zz", Key: key},
	} {
		t.Run(name, func(t *testing.T) {
			c := New(o)
			if _, err := c.Open(t.Context(), media.Phone, func(Event) {}); guard.ClassOf(err) != guard.BadRequest {
				t.Errorf("open: %v", err)
			}
			if err := c.Check(t.Context()); guard.ClassOf(err) != guard.BadRequest {
				t.Errorf("check: %v", err)
			}
		})
	}
	if _, err := New(Options{Key: key}).Open(t.Context(), media.Format{}, func(Event) {}); guard.ClassOf(err) != guard.BadRequest {
		t.Errorf("no format: %v", err)
	}
}

func TestClient_CircuitOpensAndTellsAtOnce(t *testing.T) {
	c := scripted(t, nil, func(f far) { _ = f.conn.Close(ws.CloseInternal, "") })
	for range guard.BreakerFailures {
		_, events := open(t, c, media.Phone)
		failure(t, events)
	}
	if _, err := c.Open(t.Context(), media.Phone, func(Event) {}); guard.ClassOf(err) != guard.CircuitOpen {
		t.Errorf("open: %v", err)
	}
}

func TestStream_OddBytesStayWithTheirSample(t *testing.T) {
	sizes := make(chan int, 100)
	c := scripted(t, nil, func(f far) {
		f.begin()
		for {
			n, m, ok := f.hear()
			if !ok {
				return
			}
			if n > 0 {
				sizes <- n
			}
			if m["message"] == MsgEndOfStream {
				f.say(`{"message":"EndOfTranscript"}`)
			}
		}
	})
	s, _ := open(t, c, media.BrowserIn)
	s.Write(make([]byte, 3201))
	s.Finalize() // one byte of a sample cannot go
	s.Write(make([]byte, 1))
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a, b := <-sizes, <-sizes; a != 3200 || b != 2 || len(sizes) != 0 {
		t.Errorf("frames of %d and %d bytes", a, b)
	}
}

func TestStream_WriteDoesNotAllocate(t *testing.T) {
	c := New(Options{Key: secret.New("k"), Buffer: 200 * time.Millisecond})
	s := newStream(c, media.Phone, func(Event) {})
	frame := make([]byte, 160)
	for range 100 {
		s.Write(frame)
	}
	if n := testing.AllocsPerRun(1000, func() { s.Write(frame) }); n > 0 {
		t.Errorf("%.1f allocations a frame", n)
	}
}

func FuzzReceive(f *testing.F) {
	for _, seed := range []string{
		`{"message":"AudioAdded","seq_no":1}`, `{"message":"AudioAdded","seq_no":-9223372036854775808}`,
		`{"message":"AddTranscript","metadata":{"transcript":"a ","start_time":1e308,"end_time":-1}}`,
		`{"message":"AddPartialTranscript","metadata":{"transcript":""}}`, `{"message":"EndOfUtterance","forced":true}`,
		`{"message":"EndOfTranscript"}`, `{"message":"Error","type":"job_error"}`, `{"message":1}`, `{`, `null`, "\xff",
	} {
		f.Add([]byte(seed), []byte(`{"message":"RecognitionStarted"}`))
	}
	f.Fuzz(func(t *testing.T, one, two []byte) {
		c := New(Options{Key: secret.New("k")})
		failed := 0
		s := newStream(c, media.Phone, func(e Event) {
			if e.Kind == Failed {
				failed++
			}
			if e.Start < 0 || e.End < 0 || e.Start > maxSession || e.End > maxSession {
				t.Errorf("times of %+v", e)
			}
		})
		s.cancel = func() {}
		s.Write(make([]byte, 1600))
		for _, m := range [][]byte{two, one, two, one} {
			s.receive(m, time.Now())
			s.next()
			s.Finalize()
		}
		if st := s.Stats(); st.Acked > st.Sent || s.inFlight < 0 || failed != 0 {
			t.Errorf("stats %+v, %d in flight", st, s.inFlight)
		}
	})
}
