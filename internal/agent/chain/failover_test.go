package chain

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/provider/guard"
)

func broken(c guard.Class) error { return &guard.Error{Vendor: "v", Op: "o", Class: c} }

// scriptedModel says its pieces, then fails or not.
type scriptedModel struct {
	pieces []string
	calls  []turn.ToolCall
	err    error
	asked  []session.Request
}

func (m *scriptedModel) Respond(_ context.Context, req session.Request, sink func(session.Delta)) error {
	m.asked = append(m.asked, req)
	for _, p := range m.pieces {
		sink(session.Delta{Text: p})
	}
	if len(m.calls) > 0 {
		sink(session.Delta{Calls: m.calls})
	}
	return m.err
}

func TestResponders_GoOnWithTheSecond(t *testing.T) {
	reset := broken(guard.Unreachable)
	call := []turn.ToolCall{{ID: "1", Name: "look"}}
	for name, c := range map[string]struct {
		first, second scriptedModel
		want          string
		asked         int // messages in the question to the second; 0 = not asked
		fails         bool
	}{
		"a first that works":                   {first: scriptedModel{pieces: []string{"Hello."}}, want: "Hello."},
		"nothing was said":                     {first: scriptedModel{err: reset}, second: scriptedModel{pieces: []string{"Hi."}}, want: "Hi.", asked: 1},
		"the second starts anew, alike":        {first: scriptedModel{pieces: []string{"Three trans"}, err: reset}, second: scriptedModel{pieces: []string{"Thr", "ee transac", "tions."}}, want: "Three transactions.", asked: 3},
		"the second starts anew, in one piece": {first: scriptedModel{pieces: []string{"Three "}, err: reset}, second: scriptedModel{pieces: []string{"Three transactions."}}, want: "Three transactions.", asked: 3},
		"the second goes on":                   {first: scriptedModel{pieces: []string{"Three trans"}, err: reset}, second: scriptedModel{pieces: []string{"actions."}}, want: "Three transactions.", asked: 3},
		"the second words it differently":      {first: scriptedModel{pieces: []string{"Three trans"}, err: reset}, second: scriptedModel{pieces: []string{"There ", "are three."}}, want: "Three trans There are three.", asked: 3},
		"the second says less":                 {first: scriptedModel{pieces: []string{"Three transactions"}, err: reset}, second: scriptedModel{pieces: []string{"Three"}}, want: "Three transactions", asked: 3},
		"tools were asked for":                 {first: scriptedModel{calls: call, err: reset}, want: "", fails: true},
		"we ended it ourselves":                {first: scriptedModel{err: broken(guard.Cancelled)}, fails: true},
		"both fail":                            {first: scriptedModel{err: reset}, second: scriptedModel{err: broken(guard.Timeout)}, asked: 1, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Responders{First: &c.first, Second: &c.second}
			var got strings.Builder
			switched := 0
			err := r.Respond(t.Context(), session.Request{Messages: []turn.Message{{Role: turn.User, Text: "?"}}}, func(d session.Delta) {
				got.WriteString(d.Text)
				if d.Switched != nil {
					switched++
				}
			})
			if got.String() != c.want || (err != nil) != c.fails {
				t.Errorf("said %q, error %v; want %q", got.String(), err, c.want)
			}
			if c.asked == 0 != (len(c.second.asked) == 0) || c.asked > 0 && (len(c.second.asked[0].Messages) != c.asked || switched != 1) {
				t.Errorf("the second was asked %+v, told %d times", c.second.asked, switched)
			}
		})
	}
}

// With both failing, and no circuit that opens, questions to the second are a tenth of the turns beside the reserve;
// one that works again is asked every time at once.
func TestBudget_BoundsWhatDoesNotHelp(t *testing.T) {
	first, second := &scriptedModel{err: broken(guard.NotFound)}, &scriptedModel{err: broken(guard.NotFound)}
	r := &Responders{First: first, Second: second}
	ask := func(n int) {
		for range n {
			_ = r.Respond(t.Context(), session.Request{}, func(session.Delta) {}) // that it fails is the point
		}
	}
	ask(200)
	if n := len(second.asked); n > 200/10+budgetReserve || n < 200/10 {
		t.Errorf("the second was asked %d times in 200 turns", n)
	}
	second.err, second.pieces, second.asked = nil, []string{"Hi."}, nil
	ask(100)
	if n := len(second.asked); n < 90 {
		t.Errorf("a second that works again was asked %d times in 100 turns", n)
	}
}

// scriptedVoice keeps what it was told and lets the test make its sound.
type scriptedVoice struct {
	err   error
	sinks []func(session.Sound)
	said  [][]string
	ended int
	gone  int
}

func (v *scriptedVoice) Open(_ context.Context, _ media.Format, sink func(session.Sound)) (session.Speech, error) {
	if v.err != nil {
		return nil, v.err
	}
	v.sinks = append(v.sinks, sink)
	v.said = append(v.said, nil)
	return speaking{v, len(v.said) - 1}, nil
}

type speaking struct {
	v *scriptedVoice
	i int
}

func (s speaking) Say(text string) error { s.v.said[s.i] = append(s.v.said[s.i], text); return nil }
func (s speaking) End() error            { s.v.ended++; return nil }
func (s speaking) Cancel()               { s.v.gone++ }

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// voiced is sound of some milliseconds on a phone.
func voiced(n int) session.Sound { return session.Sound{Audio: make([]byte, media.Phone.Bytes(ms(n)))} }

func timed(words string, each int) session.Sound {
	var out []turn.Word
	for i, w := range strings.Fields(words) {
		out = append(out, turn.Word{Text: w, Start: ms(i * each), End: ms((i + 1) * each)})
	}
	return session.Sound{Words: out}
}

// heardBy collects what a session would hear.
type heardBy struct {
	audio    time.Duration
	words    []turn.Word
	done     int
	errs     []error
	switched int
}

func (h *heardBy) sink(s session.Sound) {
	h.audio += media.Phone.Duration(len(s.Audio))
	h.words = append(h.words, s.Words...)
	if s.Done {
		h.done++
	}
	if s.Err != nil {
		h.errs = append(h.errs, s.Err)
	}
	if s.Switched != nil {
		h.switched++
	}
}

func TestSynthesizers_TheSecondSaysTheRest(t *testing.T) {
	for name, c := range map[string]struct {
		sounds []session.Sound // of the first, which is given two clauses, before it fails
		end    bool
		rest   []string
		base   time.Duration
	}{
		"before any sound":            {rest: []string{"One two three.", "Four five six."}},
		"in the middle of a word":     {sounds: []session.Sound{timed("One two three. Four five six.", 100), voiced(250)}, rest: []string{"three.", "Four five six."}, base: ms(250)},
		"between clauses":             {sounds: []session.Sound{timed("One two three. Four five six.", 100), voiced(300)}, rest: []string{"Four five six."}, base: ms(300)},
		"in the last word":            {sounds: []session.Sound{timed("One two three. Four five six.", 100), voiced(550)}, rest: []string{"six."}, base: ms(550)},
		"a voice that tells no times": {sounds: []session.Sound{voiced(800)}, rest: []string{"three.", "Four five six."}, base: ms(800)},
		"after the end was said":      {sounds: []session.Sound{timed("One two three. Four five six.", 100), voiced(300)}, end: true, rest: []string{"Four five six."}, base: ms(300)},
	} {
		t.Run(name, func(t *testing.T) {
			first, second, got := &scriptedVoice{}, &scriptedVoice{}, &heardBy{}
			s := &Synthesizers{First: first, Second: second}
			sp, err := s.Open(t.Context(), media.Phone, got.sink)
			if err != nil {
				t.Fatal(err)
			}
			for _, clause := range []string{"One two three.", "Four five six."} {
				if err = sp.Say(clause); err != nil {
					t.Fatal(err)
				}
			}
			if c.end {
				_ = sp.End()
			}
			for _, snd := range c.sounds {
				first.sinks[0](snd)
			}
			for _, w := range got.words {
				if w.End > got.audio {
					t.Errorf("the word %q is told before its sound is there", w.Text)
				}
			}
			told := len(got.words)
			first.sinks[0](session.Sound{Err: broken(guard.Unreachable)})
			if !slices.Equal(second.said[0], c.rest) || (second.ended == 1) != c.end {
				t.Fatalf("the second says %q, ended %d; want %q", second.said[0], second.ended, c.rest)
			}
			first.sinks[0](voiced(100)) // late, of a voice that is given up
			second.sinks[0](timed("x y", 100))
			second.sinks[0](voiced(200))
			if got.audio != c.base+ms(200) || got.switched != 1 || len(got.errs) != 0 {
				t.Errorf("heard %+v", got)
			}
			if w := got.words[told]; w.Start != c.base {
				t.Errorf("the second's words begin at %v, want %v", w.Start, c.base)
			}
			if err = sp.Say("Seven."); err != nil || !slices.Contains(second.said[0], "Seven.") {
				t.Errorf("what follows: %v, %q", err, second.said[0])
			}
			second.sinks[0](session.Sound{Done: true})
			if got.done != 1 {
				t.Errorf("done %d times", got.done)
			}
			if sp.Cancel(); first.gone != 1 || second.gone != 1 {
				t.Error("not all were cancelled")
			}
		})
	}
}

// When all was said and only the end was not told, nothing is said again.
func TestSynthesizers_AllWasSaid(t *testing.T) {
	first, second, got := &scriptedVoice{}, &scriptedVoice{}, &heardBy{}
	sp, err := (&Synthesizers{First: first, Second: second}).Open(t.Context(), media.Phone, got.sink)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = sp.Say("One two."), sp.End()
	first.sinks[0](timed("One two.", 100))
	first.sinks[0](voiced(240))
	first.sinks[0](session.Sound{Err: broken(guard.Protocol)})
	if got.done != 1 || len(got.errs) != 0 || len(second.said) != 0 {
		t.Errorf("heard %+v, the second said %q", got, second.said)
	}
}

// Where nobody speaks the recorded apology is heard, and the failure told after it, once. No word of the answer is
// taken for heard.
func TestSynthesizers_TheClipStandsBehindAll(t *testing.T) {
	clip := func(media.Format) []byte { return make([]byte, media.Phone.Bytes(time.Second)) }
	for name, s := range map[string]*Synthesizers{
		"one, with an open circuit":  {First: &scriptedVoice{err: broken(guard.CircuitOpen)}},
		"two, with open circuits":    {First: &scriptedVoice{err: broken(guard.CircuitOpen)}, Second: &scriptedVoice{err: broken(guard.CircuitOpen)}},
		"one that fails on its way":  {First: &scriptedVoice{}},
		"two that fail on their way": {First: &scriptedVoice{}, Second: &scriptedVoice{}},
	} {
		t.Run(name, func(t *testing.T) {
			s.Clip = clip
			over := make(chan struct{})
			got := &heardBy{}
			sp, err := s.Open(t.Context(), media.Phone, func(snd session.Sound) {
				if got.sink(snd); snd.Err != nil {
					close(over)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if err = sp.Say("One two."); err != nil {
				t.Fatal(err)
			}
			for _, v := range []session.Synthesizer{s.First, s.Second} {
				if v, ok := v.(*scriptedVoice); ok && v != nil && len(v.sinks) > 0 {
					v.sinks[0](session.Sound{Err: broken(guard.Timeout)})
				}
			}
			<-over
			if err = sp.Say("More."); err != nil {
				t.Errorf("a word after it: %v", err)
			}
			sp.Cancel()
			if got.audio != time.Second || len(got.errs) != 1 {
				t.Errorf("heard %+v", got)
			}
			if n := turn.Align([]string{"One", "two."}, got.words, got.audio); n != 0 || len(got.words) == 0 {
				t.Errorf("%d words of the answer are believed to be heard: %+v", n, got.words)
			}
		})
	}
	t.Run("cancelled while it plays", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &Synthesizers{First: &scriptedVoice{err: broken(guard.CircuitOpen)}, Clip: clip}
		full := make(chan struct{})
		sp, err := s.Open(ctx, media.Phone, func(session.Sound) { close(full); <-ctx.Done() })
		if err != nil {
			t.Fatal(err)
		}
		_ = sp.Say("One.")
		<-full
		cancel()
		sp.Cancel() // returns when nothing can come any more
	})
}

func TestClips_FitEveryFormat(t *testing.T) {
	var c Clips
	for _, f := range []media.Format{media.Phone, media.BrowserOut, media.BrowserIn, {Encoding: media.MuLaw, Rate: 16000}, {Encoding: media.PCM16, Rate: 8000}} {
		sound := c.Apology(f)
		if d := f.Duration(len(sound)); d < 3200*time.Millisecond || d > 3500*time.Millisecond {
			t.Errorf("%v: %v of sound", f, d)
		}
		samples := media.DecodePCM16(nil, sound)
		if f.Encoding == media.MuLaw {
			samples = media.DecodeMuLaw(nil, sound)
		}
		if loudest := slices.Max(samples); loudest < 8000 {
			t.Errorf("%v: as loud as %d", f, loudest)
		}
		if !bytes.Equal(sound, c.Apology(f)) {
			t.Errorf("%v: another sound the second time", f)
		}
	}
}

// scriptedEars keep what they were written and let the test hear.
type scriptedEars struct {
	err   error
	sinks []func(session.Heard)
	wrote []*bytes.Buffer
	final int
	shut  int
}

func (e *scriptedEars) Open(_ context.Context, _ media.Format, sink func(session.Heard)) (session.Hearing, error) {
	if e.err != nil {
		return nil, e.err
	}
	e.sinks = append(e.sinks, sink)
	e.wrote = append(e.wrote, &bytes.Buffer{})
	return listeningTo{e, len(e.wrote) - 1}, nil
}

type listeningTo struct {
	e *scriptedEars
	i int
}

func (l listeningTo) Write(b []byte)              { l.e.wrote[l.i].Write(b) }
func (l listeningTo) Finalize()                   { l.e.final++ }
func (l listeningTo) Close(context.Context) error { l.e.shut++; return nil }

func TestRecognizers_TheSecondHearsAgainWhatWasNotFinal(t *testing.T) {
	first, second := &scriptedEars{}, &scriptedEars{}
	r := &Recognizers{First: first, Second: second, Replay: 5 * time.Second}
	var got []string
	h, err := r.Open(t.Context(), media.Phone, func(e session.Heard) {
		got = append(got, fmt.Sprintf("%s %s %v-%v %t", e.Kind, e.Text, e.Start, e.End, e.Switched != nil))
	})
	if err != nil {
		t.Fatal(err)
	}
	sound := make([]byte, media.Phone.Bytes(4*time.Second))
	for i := range sound {
		sound[i] = byte(i / 8000)
	}
	for chunk := range slices.Chunk(sound, 160) {
		h.Write(chunk)
	}
	first.sinks[0](session.Heard{Kind: turn.Final, Text: "One.", Start: 0, End: time.Second})
	first.sinks[0](session.Heard{Kind: turn.Partial, Text: "two", Start: time.Second, End: 2 * time.Second})
	h.Finalize()
	first.sinks[0](session.Heard{Kind: turn.HeardFailed, Err: broken(guard.Timeout)})
	if want := sound[media.Phone.Bytes(time.Second):]; !bytes.Equal(second.wrote[0].Bytes(), want) {
		t.Errorf("the second hears %d bytes again, want %d", second.wrote[0].Len(), len(want))
	}
	if second.final != 1 {
		t.Error("the end that was asked for is not asked for again")
	}
	first.sinks[0](session.Heard{Kind: turn.Partial, Text: "late"})
	second.sinks[0](session.Heard{Kind: turn.Final, Text: "two three.", Start: 0, End: 2 * time.Second})
	want := []string{"final One. 0s-1s false", "partial two 1s-2s false", "  0s-0s true", "final two three. 1s-3s false"}
	if !slices.Equal(got, want) {
		t.Errorf("heard\n%q, want\n%q", got, want)
	}
	if err = h.Close(t.Context()); err != nil || first.shut != 1 || second.shut != 1 {
		t.Errorf("close: %v, first %d, second %d", err, first.shut, second.shut)
	}
}

func TestRecognizers_KeepABoundedSound(t *testing.T) {
	first, second := &scriptedEars{}, &scriptedEars{}
	h, err := (&Recognizers{First: first, Second: second, Replay: time.Second}).Open(t.Context(), media.Phone, func(session.Heard) {})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		h.Write(bytes.Repeat([]byte{byte(i)}, 160))
	}
	first.sinks[0](session.Heard{Kind: turn.HeardFailed, Err: broken(guard.Timeout)})
	again := second.wrote[0].Bytes()
	if d := media.Phone.Duration(len(again)); d < time.Second || d > 1200*time.Millisecond {
		t.Errorf("%v are heard again, want a second", d)
	}
	if newest := byte(999 % 256); again[len(again)-1] != newest {
		t.Errorf("the newest sound is %d, want %d", again[len(again)-1], newest)
	}
}

func TestRecognizers_WhenBothAreDeafTheSessionIsTold(t *testing.T) {
	first, second := &scriptedEars{}, &scriptedEars{}
	r := &Recognizers{First: first, Second: second}
	var errs []error
	open := func() {
		if _, err := r.Open(t.Context(), media.Phone, func(h session.Heard) { errs = append(errs, h.Err) }); err != nil {
			errs = append(errs, err)
		}
	}
	open()
	first.sinks[0](session.Heard{Kind: turn.HeardFailed, Err: broken(guard.Unreachable)})
	second.sinks[0](session.Heard{Kind: turn.HeardFailed, Err: broken(guard.Timeout)})
	if len(errs) != 2 || errs[0] != nil || guard.ClassOf(errs[1]) != guard.Timeout || len(first.sinks) != 1 {
		t.Errorf("told %v, the first was opened %d times", errs, len(first.sinks))
	}
	first.err, second.err, errs = broken(guard.CircuitOpen), broken(guard.CircuitOpen), nil
	if open(); len(errs) != 1 || guard.ClassOf(errs[0]) != guard.CircuitOpen {
		t.Errorf("told %v", errs)
	}
	first.err, second.err, errs = broken(guard.CircuitOpen), nil, nil
	if open(); len(errs) != 0 || len(second.sinks) != 2 {
		t.Errorf("told %v, the second was opened %d times", errs, len(second.sinks))
	}
}
