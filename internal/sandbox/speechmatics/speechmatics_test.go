package speechmatics_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/media/tonecode"
	"github.com/voicectl/voicectl/internal/provider/guard"
	client "github.com/voicectl/voicectl/internal/provider/speechmatics"
	"github.com/voicectl/voicectl/internal/sandbox/speechmatics"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
	"github.com/voicectl/voicectl/internal/secret"
)

const patience = 10 * time.Second

type bed struct {
	stage *stage.Stage
	url   string // ws://…/v2
}

func newBed(t *testing.T) *bed {
	t.Helper()
	s := stage.New(stage.Options{})
	e := speechmatics.New(s)
	srv := httptest.NewServer(s.Wrap(stage.Speechmatics, e, speechmatics.Refuse))
	t.Cleanup(func() {
		srv.CloseClientConnections()
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		srv.Close()
	})
	return &bed{stage: s, url: "ws" + strings.TrimPrefix(srv.URL, "http") + "/v2"}
}

func (b *bed) client(change func(*client.Options)) *client.Client {
	o := client.Options{URL: b.url, Key: secret.New("k")}
	if change != nil {
		change(&o)
	}
	return client.New(o)
}

func (b *bed) fault(t *testing.T, f stage.Fault) {
	t.Helper()
	f.Vendor = stage.Speechmatics
	if _, err := b.stage.AddFault(f); err != nil {
		t.Fatal(err)
	}
}

// record is the entry of the only session.
func (b *bed) record(t *testing.T) stage.Entry {
	t.Helper()
	calls, _ := b.stage.Calls(stage.Speechmatics, 0)
	for _, c := range calls {
		if c.Method == "WS" {
			return c
		}
	}
	t.Fatal("no session was recorded")
	return stage.Entry{}
}

func open(t *testing.T, c *client.Client, f media.Format) (*client.Stream, <-chan client.Event) {
	t.Helper()
	events := make(chan client.Event, 1000)
	s, err := c.Open(t.Context(), f, func(e client.Event) { events <- e })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(t.Context()) })
	return s, events
}

// until collects events up to the first of a kind.
func until(t *testing.T, events <-chan client.Event, kind client.EventKind) (seen []client.Event) {
	t.Helper()
	for {
		select {
		case e := <-events:
			seen = append(seen, e)
			if e.Kind == kind {
				return seen
			}
			if e.Kind == client.Failed {
				t.Fatalf("stream failed: %v (after %d events)", e.Err, len(seen))
			}
		case <-time.After(patience):
			t.Fatalf("no event of kind %d; seen %+v", kind, seen)
		}
	}
}

func finals(events []client.Event) string {
	var b strings.Builder
	for _, e := range events {
		if e.Kind == client.Final {
			b.WriteString(e.Text)
		}
	}
	return b.String()
}

func sound(f media.Format, samples []int16) []byte {
	if f.Encoding == media.MuLaw {
		return media.EncodeMuLaw(nil, samples)
	}
	return media.AppendPCM16(nil, samples)
}

func speak(f media.Format, text string) []byte { return sound(f, tonecode.Encode(text, f.Rate)) }

func silence(f media.Format, d time.Duration) []byte {
	return sound(f, make([]int16, int(d.Seconds()*float64(f.Rate))))
}

const question = "What transactions does client 5001 have? Send them to john@example.com, please."

func TestStream_HearsSpeechInEveryFormat(t *testing.T) {
	for _, f := range []media.Format{media.Phone, media.BrowserIn, {Encoding: media.PCM16, Rate: 8000}, {Encoding: media.PCM16, Rate: 24000}, {Encoding: media.PCM16, Rate: 44100}, {Encoding: media.PCM16, Rate: 48000}} {
		t.Run(string(f.Encoding)+"-"+time.Duration(f.Rate).String(), func(t *testing.T) {
			b := newBed(t)
			s, events := open(t, b.client(nil), f)
			s.Write(silence(f, 300*time.Millisecond))
			s.Write(speak(f, question))
			s.Write(silence(f, 800*time.Millisecond))
			seen := until(t, events, client.EndOfUtterance)
			if got := finals(seen); got != question+" " {
				t.Errorf("finals %q, want %q", got, question+" ")
			}
			partials, last := 0, time.Duration(0)
			for _, e := range seen {
				switch e.Kind {
				case client.Partial:
					partials++
				case client.Final:
					if e.Start < last || e.End <= e.Start || e.Start < 300*time.Millisecond {
						t.Errorf("final %q at %v to %v after one that ended at %v", e.Text, e.Start, e.End, last)
					}
					last = e.End
				case client.EndOfUtterance:
					want := 300*time.Millisecond + tonecode.Duration(question) + 500*time.Millisecond
					if d := e.Start - want; d < -30*time.Millisecond || d > 60*time.Millisecond {
						t.Errorf("end of utterance at %v, want about %v", e.Start, want)
					}
				case client.Failed:
				}
			}
			if partials < 3 {
				t.Errorf("%d partials, want one a word or so", partials)
			}
			if err := s.Close(t.Context()); err != nil {
				t.Errorf("close: %v", err)
			}
			st := s.Stats()
			if st.Acked != st.Sent || st.Dropped != 0 || st.Duplicates != 0 || st.Infos != 2 {
				t.Errorf("stats %+v", st)
			}
			e := b.record(t)
			if got := e.Detail["transcript"]; got != question {
				t.Errorf("record has transcript %q", got)
			}
			if d, _ := e.Detail["damage"].(speechmatics.Damage); d != (speechmatics.Damage{Messages: 1, OK: 1}) {
				t.Errorf("damage %+v, want none", d)
			}
		})
	}
}

func TestStream_FinalizeForcesWhatIsPending(t *testing.T) {
	b := newBed(t)
	s, events := open(t, b.client(func(o *client.Options) { o.MaxDelay, o.EndOfUtteranceSilence = 4*time.Second, -1 }), media.BrowserIn)
	s.Write(speak(media.BrowserIn, "Good morning."))
	s.Finalize() // not one sample of silence after the last word
	seen := until(t, events, client.EndOfUtterance)
	if got := finals(seen); got != "Good morning. " {
		t.Errorf("finals %q", got)
	}
	for _, e := range seen {
		if e.Kind != client.Partial && !e.Forced {
			t.Errorf("event %+v is not marked as forced", e)
		}
	}
	s.Write(silence(media.BrowserIn, 100*time.Millisecond))
	s.Finalize() // nothing was said since: no second end
	s.Write(speak(media.BrowserIn, "Again"))
	s.Finalize()
	if seen = until(t, events, client.EndOfUtterance); finals(seen) != "Again " {
		t.Errorf("second utterance %q", finals(seen))
	}
}

func TestStream_LongSpeechBecomesFinalAfterMaxDelay(t *testing.T) {
	b := newBed(t)
	s, events := open(t, b.client(func(o *client.Options) { o.MaxDelay = 700 * time.Millisecond }), media.Phone)
	text := strings.Repeat("one two three four five six seven eight nine ten ", 5)
	s.Write(speak(media.Phone, strings.TrimSpace(text)))
	s.Write(silence(media.Phone, time.Second))
	seen := until(t, events, client.EndOfUtterance)
	if got := finals(seen); got != text {
		t.Errorf("finals %q, want %q", got, text)
	}
	n := 0
	for i, e := range seen {
		if e.Kind == client.Final {
			n++
			if i+1 < len(seen)-1 && strings.Contains(seen[i+1].Text, strings.TrimSpace(e.Text)) && seen[i+1].Kind == client.Partial && len(e.Text) > 20 {
				t.Errorf("partial %q repeats final %q", seen[i+1].Text, e.Text)
			}
		}
	}
	if n < 4 {
		t.Errorf("%d finals, want several before the end", n)
	}
}

func TestStream_CloseBringsTheRest(t *testing.T) {
	b := newBed(t)
	s, events := open(t, b.client(nil), media.Phone)
	s.Write(speak(media.Phone, "Goodbye and thank you"))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	close1 := b.record(t)
	if got := close1.Detail["transcript"]; got != "Goodbye and thank you" {
		t.Errorf("record has transcript %v", got)
	}
	var all []client.Event
	for len(events) > 0 {
		all = append(all, <-events)
	}
	if got := finals(all); got != "Goodbye and thank you " {
		t.Errorf("finals %q", got)
	}
}

func TestEmulator_RecordsDamageOfFrames(t *testing.T) {
	f := media.Phone
	frame := f.FrameBytes()
	for _, tt := range []struct {
		name   string
		mangle func(sound []byte) []byte
		want   speechmatics.Damage
		whole  bool
	}{
		{"lost", func(s []byte) []byte { return append(s[:20*frame:20*frame], s[21*frame:]...) }, speechmatics.Damage{Messages: 1, Lost: 1}, false},
		{"repeated", func(s []byte) []byte { return append(s[:21*frame:21*frame], s[20*frame:]...) }, speechmatics.Damage{Messages: 1, OK: 1, Repeated: 1}, true},
		{"reordered", func(s []byte) []byte {
			out := append([]byte(nil), s...)
			copy(out[20*frame:], s[21*frame:22*frame])
			copy(out[21*frame:], s[20*frame:21*frame])
			return out
		}, speechmatics.Damage{Messages: 1, OK: 1, Reordered: 1}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBed(t)
			s, events := open(t, b.client(nil), f)
			s.Write(tt.mangle(speak(f, question)))
			s.Write(silence(f, time.Second))
			seen := until(t, events, client.EndOfUtterance)
			if got := finals(seen); (got == question+" ") != tt.whole {
				t.Errorf("finals %q, whole should be %v", got, tt.whole)
			}
			if d, _ := b.record(t).Detail["damage"].(speechmatics.Damage); d != tt.want {
				t.Errorf("damage %+v, want %+v", d, tt.want)
			}
		})
	}
}

func TestStream_InjectedFaults(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault stage.Fault
		want  guard.Class
	}{
		{"stall", stage.Fault{Mode: stage.ModeStall}, guard.Timeout},
		{"malformed", stage.Fault{Mode: stage.ModeMalformed}, guard.Protocol},
		{"close with nothing said", stage.Fault{Mode: stage.ModeClose}, guard.VendorFault},
		{"close 4005", stage.Fault{Mode: stage.ModeClose, Code: "4005"}, guard.RateLimited},
		{"close not_authorised", stage.Fault{Mode: stage.ModeClose, Code: "not_authorised"}, guard.Unauthorized},
		{"close 1001", stage.Fault{Mode: stage.ModeClose, Code: "1001"}, guard.Unreachable},
		{"reset", stage.Fault{Mode: stage.ModeReset}, guard.Unreachable},
		{"status 401", stage.Fault{Mode: stage.ModeStatus, Status: 401}, guard.Unauthorized},
		{"status 429", stage.Fault{Mode: stage.ModeStatus, Status: 429}, guard.RateLimited},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBed(t)
			b.fault(t, tt.fault)
			s, events := open(t, b.client(func(o *client.Options) {
				if tt.fault.Mode == stage.ModeStall {
					o.Stall = 300 * time.Millisecond
				}
			}), media.Phone)
			s.Write(speak(media.Phone, "hello"))
			for {
				s.Write(silence(media.Phone, 100*time.Millisecond))
				select {
				case e := <-events:
					if e.Kind != client.Failed {
						continue
					}
					if e.Err.Class != tt.want {
						t.Errorf("failed with %v, want class %s", e.Err, tt.want)
					}
					if err := s.Close(t.Context()); guard.ClassOf(err) != tt.want {
						t.Errorf("close tells %v", err)
					}
					return
				case <-time.After(20 * time.Millisecond):
				}
			}
		})
	}
}

func TestStream_PaceIsOnceAnUtterance(t *testing.T) {
	b := newBed(t)
	if err := b.stage.SetPace(stage.Pace{Vendor: stage.Speechmatics, FirstMS: 200}); err != nil {
		t.Fatal(err)
	}
	s, events := open(t, b.client(func(o *client.Options) { o.MaxDelay = 700 * time.Millisecond }), media.Phone)
	start := time.Now()
	s.Write(speak(media.Phone, strings.TrimSpace(strings.Repeat("one two three four five ", 10))))
	s.Write(silence(media.Phone, time.Second))
	n := 0
	for _, e := range until(t, events, client.EndOfUtterance) {
		if e.Kind == client.Final {
			n++
		}
	}
	if took := time.Since(start); n < 4 || took < 200*time.Millisecond || took > time.Duration(n)*200*time.Millisecond {
		t.Errorf("%d finals took %v, want little more than 200 ms", n, took)
	}
}

func TestStream_DripAndStallThatPassOnlyDelay(t *testing.T) {
	for _, f := range []stage.Fault{{Mode: stage.ModeDrip, MS: 1}, {Mode: stage.ModeStall, MS: 20}} {
		t.Run(f.Mode, func(t *testing.T) {
			b := newBed(t)
			b.fault(t, f)
			s, events := open(t, b.client(nil), media.Phone)
			s.Write(speak(media.Phone, "hello there"))
			s.Write(silence(media.Phone, time.Second))
			if got := finals(until(t, events, client.EndOfUtterance)); got != "hello there " {
				t.Errorf("finals %q", got)
			}
		})
	}
}

func TestClient_Check(t *testing.T) {
	b := newBed(t)
	if err := b.client(nil).Check(t.Context()); err != nil {
		t.Error(err)
	}
	err := b.client(func(o *client.Options) { o.Key = secret.New("bad key") }).Check(t.Context())
	if guard.ClassOf(err) != guard.Unauthorized {
		t.Errorf("bad key gives %v", err)
	}
	err = b.client(func(o *client.Options) { o.Model = "nonsense" }).Check(t.Context())
	if guard.ClassOf(err) != guard.NotFound {
		t.Errorf("unknown model gives %v", err)
	}
	err = b.client(func(o *client.Options) { o.Language = "Klingon!" }).Check(t.Context())
	if guard.ClassOf(err) != guard.BadRequest {
		t.Errorf("unknown language gives %v", err)
	}
}
