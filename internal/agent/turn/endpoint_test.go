package turn

import (
	"testing"
	"time"
)

// In these cases "hello there" does not end a sentence (400 ms after the voice), "That is all." does (150
// ms, once the recognizer says that the utterance is over), and a final that is owed is awaited 1.2 s.
func TestEngine_EndOfTurn(t *testing.T) {
	cases := []struct {
		name, letters string
		turns         []string
	}{
		{"1 final while speaking", "S0 T.2=hello_there E.5", []string{"0.900 hello there"}},
		{"1 interim, final while speaking", "S0 I.1=hello T.2=hello_there E.5", []string{"0.900 hello there"}},
		{"2 final after the end", "S0 I.2=hello E.5 T.7=hello_there", []string{"0.900 hello there"}},
		{"2 interim after the end", "S0 E.5 I.6=hello T.7=hello_there", []string{"0.900 hello there"}},
		{"2 no interim", "S0 E.5 T.7=hello_there", []string{"0.900 hello there"}},
		{"2 interims on both sides", "S0 I.2=hello E.5 I.6=hello_there T.7=hello_there", []string{"0.900 hello there"}},
		{"2 final later than the wait", "S0 I.2=hello E.5 T1.4=hello_there", []string{"1.400 hello there"}},
		{"3 voice goes on before the end", "S0 T.2=hello I.3=there E.5 S.8 T1.1=there E1.5", []string{"1.900 hello there"}},
		{"4 two turns", "S0 T.2=one_thing@0-.5 E.5 S3 T3.2=another_thing@3-3.5 E3.5", []string{"0.900 one thing", "3.900 another thing"}},
		{"4 second without voice", "S0 T.2=one_thing@0-.5 E.5 T3=another_thing@2.5-2.9", []string{"0.900 one thing", "3.400 another thing"}},
		{"5 two finals after the end", "S0 E.5 T.6=hello T.8=there", []string{"0.900 hello there"}},
		{"5 two finals and interims", "S0 I.2=hello E.5 T.6=hello I.7=there T.8=there", []string{"0.900 hello there"}},
		{"6 transcript without voice", "T1=hello_there", []string{"1.400 hello there"}},
		{"6 interim and transcript without voice", "I.8=hello T1=hello_there", []string{"1.400 hello there"}},
		{"6 complete sentence without voice", "T1=That_is_all.", []string{"1.150 That is all."}},
		{"6 words long after a noise", "S0 E.3 I5=hello T5.4=hello_there", []string{"5.800 hello there"}},
		{"8 finalised short-circuits the wait", "S0 I.2=That_is E.5 T.55=That_is_all. U.56", []string{"0.650 That is all."}},
		{"8 finalised before the voice ends", "S0 T.3=That_is_all. U.4 E.5", []string{"0.650 That is all."}},
		{"8 complete but not finalised", "S0 T.3=That_is_all. E.5", []string{"0.900 That is all."}},
		{"9 not finalised waits in full", "S0 I.2=hello_there E.5", []string{"1.700 hello there"}},
		{"9 words not final are kept", "S0 T.2=hello I.4=there_friend E.5", []string{"1.700 hello there friend"}},
		{"11 finalised while the voice goes on", "S0 T.3=That_is_all. U.4 T4.9=Or_not. E5", []string{"5.400 That is all. Or not."}},
		{"12 more words after the end of utterance", "S0 T.3=hello_there U.4 E.5 I.7=my", []string{"1.700 hello there my"}},
		{"13 voice that never ends", "S0 T.3=hello_there", []string{"5.300 hello there"}},
		{"13 nor after the end of utterance", "S0 T.3=hello_there. U.4", []string{"5.300 hello there."}},
		{"13 and ends after all", "S0 T.3=hello_there@0-.3 T6=more_of_it@5.5-5.9 E6.2", []string{"5.300 hello there", "6.600 more of it"}},
		{"dangling word", "S0 T.3=my_number_is E.5", []string{"1.400 my number is"}},
		{"digits being read out", "S0 T.3=it_is_5_5_1 E.5", []string{"1.400 it is 5 5 1"}},
		{"a comma", "S0 T.3=well, E.5", []string{"1.400 well,"}},
		{"punctuation of its own ends the words", "S0 T.3=hello_there T.4=. U.4 E.5", []string{"0.650 hello there."}},
		{"punctuation alone is no turn", "S0 T.3=. E.5", nil},
		{"voice alone is no turn", "S0 E.5 U.6", nil},
		{"end of utterance alone is no turn", "U.6", nil},
		{"words taken back", "S0 I.2=uh E.5 T.6=", nil},
		{"a vendor says a final twice", "S0 T.2=hello@0-.2 T.3=hello@0-.2 T.4=there@.2-.4 E.5", []string{"0.900 hello there"}},
		{"the caller says a word twice", "S0 T.2=no@0-.2 T.3=no@.2-.3 E.5", []string{"0.900 no no"}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			s := newScript(t, Config{}).play(tc.letters).at(30)
			want(t, "turns", s.turns(), tc.turns...)
		})
	}
}

func TestEngine_WindowsFollowTheConfig(t *testing.T) {
	cfg := Config{EndComplete: 50 * time.Millisecond, EndOpen: 300 * time.Millisecond, EndDangling: 2 * time.Second, FinalWait: 3 * time.Second, Watchdog: time.Second}
	for letters, turn := range map[string]string{
		"S0 T.2=All_done. U.3 E.5": "0.550 All done.",
		"S0 T.2=hello E.5":         "0.800 hello",
		"S0 T.2=my E.5":            "2.500 my",
		"S0 I.2=hello E.5":         "3.500 hello",
		"S0 T.2=hello":             "1.200 hello",
	} {
		s := newScript(t, cfg).play(letters).at(10)
		want(t, letters, s.turns(), turn)
	}
}

func TestEngine_StateIsClearedBetweenTurns(t *testing.T) {
	s := newScript(t, Config{})
	s.play("S0 T.2=That_is_all.@0-.2 U.3 E.5").at(1).says("Fine.")
	s.play("S5 T5.2=hello_there@5-5.2 E5.5").at(10)
	want(t, "turns", s.turns(), "0.650 That is all.", "5.900 hello there")
}

func TestEngine_LateTranscriptsMakeNoPhantomTurn(t *testing.T) {
	cases := []struct {
		name, letters string
		turns         []string
	}{
		{"the final of a partial that was answered", "S0 I.2=I_want_pizza@0-.5 E.5 T2=I_want_pizza.@0-.52", []string{"1.700 I want pizza"}},
		{"its last part", "S0 I.2=I_want_pizza@0-.5 E.5 T2=pizza.@.3-.55", []string{"1.700 I want pizza"}},
		{"a late partial", "S0 I.2=I_want_pizza@0-.5 E.5 I1.9=pizza_please@.2-.6", []string{"1.700 I want pizza"}},
		{"a final again", "S0 T.2=hello_there@0-.4 E.5 T1=hello_there@0-.4", []string{"0.900 hello there"}},
		{"punctuation behind the words", "S0 T.2=hello_there@0-.4 E.5 T1=.@.4-.4", []string{"0.900 hello there"}},
		{"no times at all", "S0 I.2=I_want_pizza E.5 T2=I_want_pizza.", []string{"1.700 I want pizza"}},
		{"new words are not late", "S0 I.2=I_want@0-.5 E.5 S2 T2.5=I_want_pizza_with_olives@0-2.4 E2.5", []string{"1.700 I want", "2.900 I want pizza with olives"}},
		{"the same words said again", "S0 I.2=yes E.5 S3 T3.2=yes E3.4", []string{"1.700 yes", "3.800 yes"}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			s := newScript(t, Config{}).play(tc.letters).at(30)
			want(t, "turns", s.turns(), tc.turns...)
		})
	}
}

func TestEngine_FinalizeAsksForTheRestAtEachEndOfVoice(t *testing.T) {
	s := newScript(t, Config{}).play("S0 E.5 E.6 S1 S1.1 E1.5").at(5)
	want(t, "finalize", s.commands(Finalize), "0.500 finalize", "1.500 finalize")
	want(t, "voice", s.notes(NoteUserStarted, NoteUserStopped), "0.000 user_started", "0.500 user_stopped", "1.000 user_started", "1.500 user_stopped")
}

func TestEngine_LongMonologueIsBounded(t *testing.T) {
	s := newScript(t, Config{})
	s.play("S0")
	for i := range 2000 {
		s.at(float64(i) / 10)
		s.step(Event{Kind: Final, Text: "and so it goes on and on", Start: s.now, End: s.now + 50*time.Millisecond})
	}
	s.play("E200").at(210)
	if got := len(s.turns()); got != 1 {
		t.Fatalf("got %d turns, want 1", got)
	}
	if got := len(s.e.Messages()[0].Text); got < maxUserText-100 || got > maxUserText+2000 {
		t.Fatalf("the caller's words take %d bytes, want about %d", got, maxUserText)
	}
}

func TestEngine_TimersFireOnlyWhenDue(t *testing.T) {
	s := newScript(t, Config{}).play("S0 T.2=hello_there E.5")
	for _, id := range []TimerID{timerEndTurn, timerBargeIn, timerFiller, timerKeys, timerDrain, "other"} {
		s.step(Event{Kind: TimerFired, Timer: id}) // none is due at 0.5
	}
	want(t, "turns", s.turns())
	want(t, "turns", s.at(2).turns(), "0.900 hello there")
	s.step(Event{Kind: TimerFired, Timer: timerEndTurn}) // fired already
	want(t, "turns", s.turns(), "0.900 hello there")
}

func TestEngine_WordsThatAskForMore(t *testing.T) {
	for text, want := range map[string]struct{ complete, dangling bool }{
		"That is all.":         {complete: true},
		"Is it?":               {complete: true},
		"He said \"stop!\"":    {complete: true},
		"それは何ですか。":             {complete: true},
		"I think...":           {complete: true},
		"hello there":          {},
		"client 5001":          {},
		"yes":                  {},
		"my number is":         {dangling: true},
		"it is 5 5 1 20":       {dangling: true},
		"my name is spelled b": {dangling: true},
		"first, ":              {dangling: true},
		"and":                  {dangling: true},
		"":                     {},
	} {
		if complete(text) != want.complete || dangling(text) != want.dangling {
			t.Errorf("%q: complete %v, dangling %v, want %+v", text, complete(text), dangling(text), want)
		}
	}
}
