package cartesia_test

import (
	"bytes"
	"context"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/media/tonecode"
	client "github.com/voicectl/voicectl/internal/provider/cartesia"
	"github.com/voicectl/voicectl/internal/provider/guard"
	"github.com/voicectl/voicectl/internal/sandbox/cartesia"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
	"github.com/voicectl/voicectl/internal/secret"
)

const patience = 10 * time.Second

type bed struct {
	stage    *stage.Stage
	emulator *cartesia.Emulator
	url      string
}

func newBed(t *testing.T) *bed {
	t.Helper()
	s := stage.New(stage.Options{})
	e := cartesia.New(s)
	srv := httptest.NewServer(s.Wrap(stage.Cartesia, e, cartesia.Refuse))
	t.Cleanup(func() {
		srv.CloseClientConnections()
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		srv.Close()
	})
	return &bed{stage: s, emulator: e, url: srv.URL}
}

func (b *bed) client(t *testing.T, change func(*client.Options)) *client.Client {
	t.Helper()
	o := client.Options{BaseURL: b.url, Key: secret.New("k"), Voice: cartesia.DefaultVoice()}
	if change != nil {
		change(&o)
	}
	c := client.New(o)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return c
}

func (b *bed) fault(t *testing.T, f stage.Fault) {
	t.Helper()
	f.Vendor = stage.Cartesia
	if _, err := b.stage.AddFault(f); err != nil {
		t.Fatal(err)
	}
}

func (b *bed) records() []stage.Entry {
	calls, _ := b.stage.Calls(stage.Cartesia, 0)
	return calls
}

// ear collects what a speech tells.
type ear struct {
	mu    sync.Mutex
	sound []byte
	words []client.Word
	ends  int
	err   *guard.Error
	end   chan struct{}
	first chan struct{}
}

func newEar() *ear { return &ear{end: make(chan struct{}), first: make(chan struct{})} }

func (e *ear) hear(ev client.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch ev.Kind {
	case client.Audio:
		if e.sound == nil {
			close(e.first)
		}
		e.sound = append(e.sound, ev.Data...)
	case client.Words:
		e.words = append(e.words, ev.Words...)
	case client.Complete, client.Failed:
		e.err = ev.Err
		if e.ends++; e.ends == 1 {
			close(e.end)
		}
	}
}

func (e *ear) wait(t *testing.T) *guard.Error {
	t.Helper()
	select {
	case <-e.end:
	case <-time.After(patience):
		t.Fatal("the speech does not end")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ends != 1 {
		t.Errorf("%d ends", e.ends)
	}
	return e.err
}

// texts reads the tonecode in sound back.
func texts(f media.Format, sound []byte) (out []string) {
	var samples []int16
	if f.Encoding == media.MuLaw {
		samples = media.DecodeMuLaw(nil, sound)
	} else {
		samples = media.DecodePCM16(nil, sound)
	}
	d := tonecode.NewDecoder(f.Rate)
	for _, events := range [][]tonecode.Event{append([]tonecode.Event(nil), d.Write(samples)...), d.Flush()} {
		for _, e := range events {
			if e.Kind == tonecode.Message && e.OK {
				out = append(out, e.Text)
			}
		}
	}
	return out
}

func say(t *testing.T, c *client.Client, f media.Format, clauses ...string) (*client.Speech, *ear) {
	t.Helper()
	e := newEar()
	sp, err := c.Open(t.Context(), f, e.hear)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range clauses {
		if err = sp.Say(text); err != nil {
			t.Fatal(err)
		}
	}
	return sp, e
}

func TestSpeech_SaysClausesInEveryFormat(t *testing.T) {
	for _, f := range []media.Format{media.Phone, media.BrowserOut, {Encoding: media.PCM16, Rate: 8000}, {Encoding: media.PCM16, Rate: 44100}, {Encoding: media.PCM16, Rate: 48000}} {
		b := newBed(t)
		c := b.client(t, nil)
		clauses := []string{"Your balance is $1,204.50.", "Anything else?"}
		sp, e := say(t, c, f, clauses...)
		if err := sp.End(); err != nil {
			t.Fatal(err)
		}
		if err := e.wait(t); err != nil {
			t.Fatal(err)
		}
		if got := texts(f, e.sound); strings.Join(got, "|") != strings.Join(clauses, "|") {
			t.Errorf("%v: heard %q", f, got)
		}
		second := tonecode.Duration(clauses[0]) + 40*time.Millisecond
		want := tonecode.WordTimes(clauses[0])
		for _, w := range tonecode.WordTimes(clauses[1]) {
			want = append(want, tonecode.Word{Text: w.Text, Start: second + w.Start, End: second + w.End})
		}
		if len(e.words) != len(want) {
			t.Fatalf("%v: words %v, want %v", f, e.words, want)
		}
		for i, w := range e.words {
			if d := w.Start - want[i].Start; w.Text != want[i].Text || d < -time.Millisecond || d > time.Millisecond {
				t.Errorf("%v: word %d is %v, want %v", f, i, w, want[i])
			}
		}
		r := b.records()
		if len(r) != 1 || r[0].Detail["text"] != strings.Join(clauses, " ") || r[0].First.Before(r[0].At) || r[0].Status != 200 {
			t.Errorf("%v: records %+v", f, r)
		}
	}
}

func TestClient_ManySpeechesShareOneSocket(t *testing.T) {
	b := newBed(t)
	if err := b.stage.SetPace(stage.Pace{Vendor: stage.Cartesia, PerTokenMS: 1}); err != nil {
		t.Fatal(err)
	}
	c := b.client(t, nil)
	var wg sync.WaitGroup
	for i := range 20 {
		text := strings.Repeat(string(rune('a'+i)), 30)
		wg.Go(func() {
			sp, e := say(t, c, media.Phone, text)
			if err := sp.End(); err != nil {
				t.Error(err)
			}
			if err := e.wait(t); err != nil {
				t.Error(err)
			}
			if got := texts(media.Phone, e.sound); len(got) != 1 || got[0] != text {
				t.Errorf("heard %q, want %q", got, text)
			}
		})
	}
	wg.Wait()
	if st := c.Stats(); st.Dials != 1 || st.Late != 0 {
		t.Errorf("stats %+v, want one dial", st)
	}
}

func TestSpeech_CancelSilencesAtOnce(t *testing.T) {
	b := newBed(t)
	if err := b.stage.SetPace(stage.Pace{Vendor: stage.Cartesia, PerTokenMS: 2}); err != nil {
		t.Fatal(err)
	}
	c := b.client(t, nil)
	sp, e := say(t, c, media.Phone, strings.Repeat("never mind ", 100))
	<-e.first
	sp.Cancel()
	e.mu.Lock()
	n := len(e.sound)
	e.mu.Unlock()
	if err := sp.Say("more"); err == nil {
		t.Error("say after cancel is accepted")
	}
	other, e2 := say(t, c, media.Phone, "next")
	if err := other.End(); err != nil {
		t.Fatal(err)
	}
	if err := e2.wait(t); err != nil {
		t.Fatal(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.sound) != n || e.ends != 0 {
		t.Errorf("%d bytes and %d ends came after cancel", len(e.sound)-n, e.ends)
	}
	if r := b.records(); r[0].Detail["cancelled"] != true {
		t.Errorf("record %+v is not cancelled", r[0])
	}
}

func TestSpeech_EndOfContextCancels(t *testing.T) {
	b := newBed(t)
	c := b.client(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	e := newEar()
	sp, err := c.Open(ctx, media.Phone, e.hear)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	for deadline := time.Now().Add(patience); sp.Say("x") == nil; {
		if time.Now().After(deadline) {
			t.Fatal("the speech goes on")
		}
	}
}

func TestSpeech_WordTimesGoOnAfterTheVendorForgot(t *testing.T) {
	b := newBed(t)
	b.emulator.Expiry = 10 * time.Millisecond
	c := b.client(t, nil)
	sp, e := say(t, c, media.Phone, "first part")
	<-e.first
	gap := time.NewTimer(900 * time.Millisecond) // longer than the client takes for a pause of the vendor
	<-gap.C
	if err := sp.Say("second"); err != nil {
		t.Fatal(err)
	}
	if err := sp.End(); err != nil {
		t.Fatal(err)
	}
	if err := e.wait(t); err != nil {
		t.Fatal(err)
	}
	want := tonecode.Duration("first part") + 40*time.Millisecond + tonecode.WordTimes("second")[0].Start
	if got := e.words[len(e.words)-1].Start; got != want {
		t.Errorf("last word at %v, want %v", got, want)
	}
	if got := len(b.records()); got != 2 {
		t.Errorf("%d contexts at the vendor, want two", got)
	}
}

func TestSpeech_InjectedFaults(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault stage.Fault
		want  guard.Class // "" = recovers
	}{
		{"stall", stage.Fault{Mode: stage.ModeStall}, guard.Timeout},
		{"malformed once", stage.Fault{Mode: stage.ModeMalformed, Count: 1}, ""},
		{"malformed", stage.Fault{Mode: stage.ModeMalformed}, guard.Protocol},
		{"close once", stage.Fault{Mode: stage.ModeClose, Count: 1}, ""},
		{"close", stage.Fault{Mode: stage.ModeClose}, guard.VendorFault},
		{"close 1001", stage.Fault{Mode: stage.ModeClose, Code: "1001"}, guard.Unreachable},
		{"too many", stage.Fault{Mode: stage.ModeClose, Code: "concurrency_limited"}, guard.RateLimited},
		{"no credit", stage.Fault{Mode: stage.ModeClose, Status: 402}, guard.Quota},
		{"no model", stage.Fault{Mode: stage.ModeClose, Code: "model_not_found"}, guard.NotFound},
		{"reset", stage.Fault{Mode: stage.ModeReset}, guard.Unreachable},
		{"drip", stage.Fault{Mode: stage.ModeDrip, MS: 1}, ""},
		{"status 401", stage.Fault{Mode: stage.ModeStatus, Status: 401}, guard.Unauthorized},
		{"status 429", stage.Fault{Mode: stage.ModeStatus, Status: 429}, guard.RateLimited},
		{"status 503", stage.Fault{Mode: stage.ModeStatus, Status: 503}, guard.VendorFault},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBed(t)
			b.fault(t, tt.fault)
			c := b.client(t, func(o *client.Options) {
				if tt.fault.Mode == stage.ModeStall {
					o.Stall = 300 * time.Millisecond
				}
			})
			sp, e := say(t, c, media.Phone, "hello")
			_ = sp.End() // may be over already
			err := e.wait(t)
			if tt.want == "" {
				if err != nil {
					t.Errorf("failed: %v", err)
				}
				if got := texts(media.Phone, e.sound); len(got) != 1 || got[0] != "hello" {
					t.Errorf("heard %q", got)
				}
				return
			}
			if err == nil || err.Class != tt.want {
				t.Fatalf("ended with %v, want class %s", err, tt.want)
			}
			b.stage.ClearFaults("")
			sp, e = say(t, c, media.Phone, "again")
			if err2 := sp.End(); err2 != nil {
				t.Fatal(err2)
			}
			if err = e.wait(t); err != nil {
				t.Errorf("after the fault: %v", err)
			}
		})
	}
}

func TestClient_LimitOfContexts(t *testing.T) {
	b := newBed(t)
	b.emulator.MaxContexts = 1
	if err := b.stage.SetPace(stage.Pace{Vendor: stage.Cartesia, PerTokenMS: 20}); err != nil {
		t.Fatal(err)
	}
	c := b.client(t, nil)
	first, e1 := say(t, c, media.Phone, strings.Repeat("long ", 100))
	<-e1.first
	_, e2 := say(t, c, media.Phone, "one too many")
	if err := e2.wait(t); err == nil || err.Class != guard.RateLimited || err.Code != client.CodeConcurrency {
		t.Errorf("ended with %v", err)
	}
	first.Cancel()
}

func TestClient_BytesVoicesCheckPrewarm(t *testing.T) {
	b := newBed(t)
	c := b.client(t, nil)
	for _, f := range []media.Format{media.Phone, media.BrowserOut} {
		sound, err := c.Bytes(t.Context(), "Welcome.", f)
		if err != nil {
			t.Fatal(err)
		}
		if got := texts(f, sound); len(got) != 1 || got[0] != "Welcome." {
			t.Errorf("%v: heard %q", f, got)
		}
	}
	voices, err := c.Voices(t.Context())
	if err != nil || len(voices) != 13 || voices[0].ID != cartesia.DefaultVoice() {
		t.Errorf("%d voices, %v", len(voices), err)
	}
	if err = c.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if err = c.Prewarm(t.Context()); err != nil {
		t.Error(err)
	}
	if err = c.Prewarm(t.Context()); err != nil || c.Stats().Dials != 1 {
		t.Errorf("second prewarm: %v, %d dials", err, c.Stats().Dials)
	}
	err = b.client(t, func(o *client.Options) { o.Voice = "missing-1" }).Check(t.Context())
	if guard.ClassOf(err) != guard.NotFound {
		t.Errorf("missing voice: %v", err)
	}
	for _, version := range []string{"2024-06-10", "2025-04-16", "2026-03-01", "2026-08-14"} {
		old := b.client(t, func(o *client.Options) { o.Key, o.Version = secret.New("bad"), version })
		if err = old.Check(t.Context()); guard.ClassOf(err) != guard.Unauthorized || !strings.Contains(err.Error(), "Unauthorized: the API key") {
			t.Errorf("version %s, bad key: %v", version, err)
		}
		if err = old.Prewarm(t.Context()); guard.ClassOf(err) != guard.Unauthorized {
			t.Errorf("version %s, bad key, socket: %v", version, err)
		}
	}
	b.fault(t, stage.Fault{Mode: stage.ModeMalformed, Count: 1})
	if sound, err := c.Bytes(t.Context(), "Hi", media.BrowserOut); err != nil || len(sound)%2 != 0 || bytes.Contains(sound, []byte("<p>")) {
		t.Errorf("%d bytes, %v", len(sound), err)
	}
}
