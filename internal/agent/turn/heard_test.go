package turn

import (
	"strings"
	"testing"
	"time"
)

func spokenWords(each time.Duration, text string) []Word {
	var out []Word
	for i, w := range strings.Fields(text) {
		out = append(out, Word{Text: w, Start: time.Duration(i) * each, End: time.Duration(i+1) * each})
	}
	return out
}

// 43: the voice's words map back to the text, whatever it makes of them.
func TestEngine_AlignMapsSpokenWordsToText(t *testing.T) {
	cases := []struct {
		name, text, spoken string
		heard              int // spoken words heard
		want               string
	}{
		{"word for word", "Let me check on that", "Let me check on that", 4, "Let me check on"},
		{"punctuation and case", "Well, \"John's\" order (5001): done.", "well johns ORDER 5001 done", 3, "Well, \"John's\" order"},
		{"a number as words", "Client 5001 has three items today.", "client five thousand one has three items today", 6, "Client 5001 has three"},
		{"still inside the number", "Client 5001 has three items.", "client five thousand one has three items", 3, "Client"},
		{"many fields as many words", "Call 555 123 4567 99 88 for it now", "call five five five one two three four five six seven nine nine eight eight for it now", 17, "Call 555 123 4567 99 88 for it"},
		{"a repeated word", "no no no thanks", "no no no thanks", 2, "no no"},
		{"a far repetition is no match", "Client 5001 has a few more than five thousand points", "client five thousand one has", 4, "Client"},
		{"marks are no words", "one — two", "one — two", 2, "one"},
		{"nothing heard", "one two", "one two", 0, ""},
		{"more words than text", "one two", "one two three four", 4, "one two"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			fields := strings.Fields(tc.text)
			n := align(fields, spokenWords(time.Second, tc.spoken), time.Duration(tc.heard)*time.Second)
			if got := strings.Join(fields[:n], " "); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// 41
func TestEngine_FixedWordsAreCutToTheWord(t *testing.T) {
	s := talking(t, Config{Greeting: "Let me check on that"})
	s.step(Event{Kind: Started})
	s.at(1.1).ask("Stop.")
	want(t, "memory", s.memory(), "assistant: Let me check on|", "user: Stop.")
}

// 44: without word times the played share of the sound decides, never the whole text.
func TestEngine_WithoutWordTimesThePlayedShareDecides(t *testing.T) {
	start := func(t *testing.T, done bool) *script {
		s := newScript(t, Config{}).ask("Talk.").delta("one two three four. five six seven eight. Nine")
		s.step(Event{Kind: SpeechAudio, Epoch: 1, Audio: 2 * time.Second})
		if done {
			s.says(" ten.")
			s.step(Event{Kind: SpeechAudio, Epoch: 1, Audio: 2 * time.Second})
			s.step(Event{Kind: SpeechDone, Epoch: 1})
		}
		return s
	}
	cases := []struct {
		name   string
		done   bool
		played float64
		want   string
	}{
		{"half of the whole sound", true, 2, "one two three four. five|"},
		{"a quarter", true, 1, "one two|"},
		{"all but a little", true, 3.9, "one two three four. five six seven eight. Nine|"},
		{"all of the sound so far, more to come", false, 2, "one two three four. five|"},
		{"nothing", true, 0, ""},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			s := start(t, tc.done)
			s.at(5).hear(tc.played, false).ask("Stop.")
			got := s.memory()
			if tc.want == "" {
				want(t, "memory", got, "user: Talk.", "user: Stop.")
				return
			}
			want(t, "memory", got, "user: Talk.", "assistant: "+tc.want, "user: Stop.")
		})
	}
}

// 40: after a cut answer the next one is a message of its own.
func TestEngine_SeveralCutAnswersStaySeparate(t *testing.T) {
	s := talking(t, Config{})
	for range 3 {
		s.ask("Again.").says(story).after(.6)
	}
	s.ask("Enough.")
	want(t, "memory", s.memory(), "user: Again.", "assistant: one two|", "user: Again.", "assistant: one two|", "user: Again.", "assistant: one two|", "user: Enough.")
}

// 45: only the answer that was cut is shortened.
func TestEngine_CutChangesNoOtherAnswer(t *testing.T) {
	s := talking(t, Config{}).ask("One.").delta("I look it up now. ").calls("a").answers("a", "1").says("First answer is whole.").at(9)
	s.ask("Two.").says("Second answer is cut.").after(.6).ask("Three.")
	want(t, "memory", s.memory(), "user: One.", "assistant: I look it up now. (a)", "tool a: 1", "assistant: First answer is whole.",
		"user: Two.", "assistant: Second answer|", "user: Three.")
}

func TestEngine_ProgressOfSpeechIsReportedOncePerStep(t *testing.T) {
	s := talking(t, Config{}).ask("Talk.").says("One two three. Four five six seven eight nine.").at(9)
	type step struct {
		seg        int
		text, rest string
		final      bool
	}
	var got []step
	for _, c := range s.log {
		if c.Note != nil && c.Note.Kind == NoteSpoken {
			got = append(got, step{c.Note.Seg, c.Note.Text, c.Note.Rest, c.Note.Final})
		}
	}
	for i, g := range got {
		if i > 0 && g == got[i-1] {
			t.Errorf("step %d repeats %+v", i, g)
		}
		if g.final != (g.rest == "") {
			t.Errorf("step %+v: final does not fit the rest", g)
		}
	}
	if got[0] != (step{0, "One", "two three.", false}) || got[len(got)-1] != (step{1, "Four five six seven eight nine.", "", true}) {
		t.Errorf("steps %+v", got)
	}
}

func TestEngine_EndOfSoundCompletesTheProgress(t *testing.T) {
	s := newScript(t, Config{}).ask("Talk.").says("One two three.")
	s.step(Event{Kind: SpeechAudio, Epoch: 1, Audio: time.Second})
	s.hear(1, true)
	s.step(Event{Kind: SpeechDone, Epoch: 1})
	notes := s.notes(NoteSpoken)
	want(t, "progress", notes[len(notes)-1:], "0.000 spoken One two three.")
	want(t, "records", s.commands(CommitTurn), `0.000 commit 1 answered "Talk." "One two three."`)
}
