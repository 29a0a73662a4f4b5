package turn

import (
	"testing"
	"time"
)

const story = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty."

// telling is a call in which the agent began to tell the story of 20 words (5 s) at 0.
func telling(t *testing.T, cfg Config) *script {
	return talking(t, cfg).ask("Tell me a story.").says(story)
}

func TestEngine_PlaysToTheEndWhenNobodySpeaks(t *testing.T) {
	s := telling(t, Config{}).at(20)
	want(t, "floor", s.notes(NoteBotStarted, NoteBotStopped, NoteInterrupted), "0.000 bot_started", "5.000 bot_stopped")
	want(t, "records", s.commands(CommitTurn), `5.000 commit 1 answered "Tell me a story." "`+story+`"`)
	want(t, "memory", s.memory(), "user: Tell me a story.", "assistant: "+story)
	if s.e.Busy() {
		t.Error("engine is busy after the answer")
	}
}

func TestEngine_InterruptionKeepsOnlyWhatWasHeard(t *testing.T) { // 22, 40
	s := telling(t, Config{}).play("S1.8").at(2.5)
	want(t, "stop", s.commands(Cancel, Clear), "2.000 cancel", "2.000 clear")
	want(t, "floor", s.notes(NoteInterrupted, NoteBotStopped), "2.000 interrupted", "2.000 bot_stopped")
	s.play("T2.6=what_happened_next E2.6").at(4).says("Nothing.").at(10)
	want(t, "turns", s.turns(), "0.000 Tell me a story.", "3.000 what happened next")
	want(t, "memory", s.memory(), "user: Tell me a story.", "assistant: one two three four five six seven eight|",
		"user: what happened next", "assistant: Nothing.")
	want(t, "records", s.commands(CommitTurn),
		`2.000 commit 1 interrupted "Tell me a story." "one two three four five six seven eight"`,
		`4.250 commit 2 answered "what happened next" "Nothing."`)
	if r := s.records(); !r[0].Cut || r[1].Cut {
		t.Errorf("cut flags: %v, %v", r[0].Cut, r[1].Cut)
	}
}

func TestEngine_BargeInGates(t *testing.T) { // 14, 23, 29
	cases := []struct {
		name    string
		cfg     Config
		letters string
		stopped string // when the story stopped; 5.000 is its end
		turns   []string
	}{
		{"a cough of 199 ms does not stop it", Config{}, "S1 E1.199", "5.000", nil},
		{"200 ms of voice do", Config{}, "S1 E1.201", "1.200", nil},
		{"voice that begins at the very end", Config{}, "S4.9 T5.3=hello_again E5.5", "5.000", []string{"5.900 hello again"}},
		{"two coughs do not add up", Config{}, "S1 E1.15 S1.2 E1.35", "5.000", nil},
		{"longer gate", Config{BargeInVoice: 500 * time.Millisecond}, "S1 E1.45 S2 E3", "2.500", nil},
		{"words before the voice gate stop it", Config{}, "S1 I1.1=stop T1.4=stop E1.4", "1.100", []string{"1.800 stop"}},
		{"a complete turn below the gate stops it", Config{}, "S1 E1.15 T1.2=stop", "1.550", []string{"1.550 stop"}},
		{"words without voice stop it when they are a turn", Config{}, "T1=hello_there", "1.400", []string{"1.400 hello there"}},
		{"two words of three do not", Config{BargeInMinWords: 3}, "S1 T1.5=oh_stop E1.6", "5.000", nil},
		{"an interim of three does", Config{BargeInMinWords: 3}, "S1 I1.5=please_stop_it T1.8=please_stop_it E1.8", "1.500", []string{"2.200 please stop it"}},
		{"three finals of one word do not add up", Config{BargeInMinWords: 3}, "S1 T1.2=ok E1.3 S1.5 T1.7=yes E1.8 S2 T2.2=right E2.3", "5.000", nil},
		{"a short word, then enough of them", Config{BargeInMinWords: 3}, "S1 T1.2=Stop! E1.3 S3 T3.5=please_stop_now E3.6", "3.500", []string{"4.000 please stop now"}},
		{"punctuation is no word", Config{BargeInMinWords: 3}, "S1 T1.5=oh_-_stop E1.6", "5.000", nil},
		{"one word is enough when the agent is silent", Config{BargeInMinWords: 3}, "S6 T6.2=yes E6.3", "5.000", []string{"6.700 yes"}},
		{"off plays on, and answers after it", Config{BargeInOff: true}, "S1 T2=stop_it_now E2.1", "5.000", []string{"5.000 stop it now"}},
		{"off, and the caller still speaks at the end", Config{BargeInOff: true}, "S4 T4.9=and_another_thing E5.5", "5.000", []string{"5.900 and another thing"}},
		{"off, words taken back", Config{BargeInOff: true}, "S1 I2=uh E2.1 T2.2=", "5.000", nil},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			s := telling(t, tc.cfg).play(tc.letters).at(15)
			want(t, "bot stopped", s.notes(NoteBotStopped), tc.stopped+" bot_stopped")
			want(t, "turns", s.turns()[1:], tc.turns...)
		})
	}
}

func TestEngine_GreetingCanBeInterrupted(t *testing.T) {
	s := talking(t, Config{Greeting: "Hello, this is the data desk. How can I help you today?"})
	s.step(Event{Kind: Started})
	s.step(Event{Kind: Started})         // once is enough
	if got := s.count(Speak); got != 2 { // its sentences
		t.Errorf("greeted in %d pieces, want 2", got)
	}
	s.play("S1 T1.5=Who_is_this? U1.6 E1.6").at(2)
	want(t, "memory", s.memory(), "assistant: Hello, this is the|", "user: Who is this?")
	want(t, "records", s.commands(CommitTurn))
	if got := s.e.Turn(); got != 1 {
		t.Errorf("turn %d, want 1: the greeting is turn 0", got)
	}
}

func TestEngine_GreetingHeardInFullIsRemembered(t *testing.T) {
	s := talking(t, Config{Greeting: "Hello there. How can I help?"})
	s.step(Event{Kind: Started})
	s.at(10)
	want(t, "memory", s.memory(), "assistant: Hello there. How can I help?")
	want(t, "floor", s.notes(NoteBotStarted, NoteBotStopped), "0.000 bot_started", "1.500 bot_stopped")
	if s.e.Busy() || s.count(CommitTurn) > 0 {
		t.Error("the greeting is no turn")
	}
}

func TestEngine_TypedTextInterruptsAndTheHeardPartStandsBeforeIt(t *testing.T) { // 24, 50
	s := telling(t, Config{}).at(1).ask("Stop, what time is it?").says("Noon.").at(10)
	want(t, "memory", s.memory(), "user: Tell me a story.", "assistant: one two three four|", "user: Stop, what time is it?", "assistant: Noon.")
	want(t, "stop", s.commands(Cancel, Clear), "1.000 cancel", "1.000 clear")
}

func TestEngine_TypedTextTakesTheSpokenWordsAlong(t *testing.T) {
	s := newScript(t, Config{}).play("S0 T.2=my_number_is@0-.4 E.5").at(.6).ask("  ").ask("5001").at(5)
	want(t, "turns", s.turns(), "0.600 my number is 5001")
}

func TestEngine_TypedForLaterWaitsAndDoesNotSplitACall(t *testing.T) {
	s := talking(t, Config{}).ask("Look it up.").calls("a")
	s.step(Event{Kind: Typed, Text: "By the way, I am Ann.", Later: true})
	for range 2 * maxLater {
		s.step(Event{Kind: Typed, Text: "more", Later: true})
	}
	s.answers("a", "42").says("It is 42.").at(10)
	got := s.memory()
	want(t, "memory", got[:5], "user: Look it up.", "assistant:  (a)", "tool a: 42", "assistant: It is 42.", "user: By the way, I am Ann.")
	if len(got) != 4+maxLater {
		t.Errorf("memory holds %d messages, want %d", len(got), 4+maxLater)
	}
	if s.count(Generate) != 2 {
		t.Errorf("asked %d times, want 2: text for later asks nothing", s.count(Generate))
	}
	s.step(Event{Kind: Typed, Text: "At rest", Later: true})
	want(t, "last", s.memory()[4+maxLater:], "user: At rest")
}

// 25: the caller goes on while the agent thinks.
func TestEngine_InterruptionBeforeAnythingWasHeard(t *testing.T) {
	s := talking(t, Config{}).play("S0 T.3=I_want_pizza@0-.5 E.5").at(1)
	s.play("S1.1 T1.6=and_a_coke@1.1-1.7 E1.7").at(2.2).says("Pizza and a coke.").at(10)
	want(t, "asked", s.commands(Generate, Cancel, Speak), "0.900 generate", "1.300 cancel", "2.100 generate", "2.200 speak Pizza and a coke.")
	want(t, "memory", s.memory(), "user: I want pizza", "user: and a coke", "assistant: Pizza and a coke.")
	want(t, "records", s.commands(CommitTurn), `2.100 commit 1 interrupted "I want pizza" ""`,
		`3.200 commit 2 answered "and a coke" "Pizza and a coke."`)
	if r := s.records()[0]; r.Finished != sec(1.3) {
		t.Errorf("turn 1 finished at %v, want when it was cut", r.Finished)
	}
}

func TestEngine_FalseStartWhileThinkingOwesTheAnswerOnce(t *testing.T) {
	cases := []struct {
		name, noise string
		again       []string
	}{
		{"voice without words", "S1 E1.5", []string{"2.700 generate"}},
		{"twice", "S1 E1.5 S4 E4.3", []string{"2.700 generate", "5.500 generate"}},
		{"words taken back", "S1 I1.1=uh E1.5 T1.6=", []string{"2.700 generate"}},
		{"voice that never ends", "S1", []string{"6.000 generate"}},
		{"words taken back, and said late", "S1 I1.1=uh@1-1.2 E1.5 T1.6= T3=uh@1-1.2", []string{"2.700 generate"}},
		{"a cough below the gate", "S1 E1.1", nil},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			s := talking(t, Config{}).play("S0 T.3=I_want_pizza@0-.5 E.5").play(tc.noise).at(10)
			want(t, "asked", s.commands(Generate), append([]string{"0.900 generate"}, tc.again...)...)
			s.says("Pizza it is.").at(20)
			want(t, "begun", s.turns(), "0.900 I want pizza")
			want(t, "memory", s.memory(), "user: I want pizza", "assistant: Pizza it is.")
			want(t, "records", s.commands(CommitTurn), `10.750 commit 1 answered "I want pizza" "Pizza it is."`)
		})
	}
}

// The count of words is for an agent that speaks; one that still thinks gives way to any.
func TestEngine_OneWordIsEnoughWhileTheAgentThinks(t *testing.T) {
	s := talking(t, Config{BargeInMinWords: 3}).ask("I want pizza.").play("S1 T1.3=and_coke E1.4").at(3)
	want(t, "asked", s.commands(Generate, Cancel), "0.000 generate", "1.300 cancel", "1.800 generate")
}

func TestEngine_OwedAnswerKeepsItsKind(t *testing.T) {
	t.Run("a greeting is said again", func(t *testing.T) {
		s := newScript(t, Config{Greeting: "Hello there."}) // no ear: nothing was heard of it
		s.step(Event{Kind: Started})
		s.play("S.1 E.4").at(3)
		want(t, "spoken", s.commands(Speak), "0.000 speak Hello there.", "1.600 speak Hello there.")
	})
	t.Run("a mute one stays mute", func(t *testing.T) {
		s := newScript(t, Config{})
		s.step(Event{Kind: Typed, Text: "Show it.", Mute: true})
		s.play("S.1 E.4").at(3).says("Here it is.")
		want(t, "spoken", s.commands(Speak))
		want(t, "records", s.commands(CommitTurn), `3.000 commit 1 answered "Show it." "Here it is."`)
	})
	t.Run("silence after a filler still owes it", func(t *testing.T) {
		s := talking(t, Config{Fillers: []string{"One moment."}}).ask("Look it up.").calls("a").at(2) // filler at 0.4, heard at 0.9
		s.play("S2 E2.5").at(4)
		want(t, "asked", s.commands(Generate), "0.000 generate", "3.700 generate")
		s.answers("a", "too late").says("It is 42.").at(10)
		want(t, "memory", s.memory(), "user: Look it up.", "assistant:  (a)", `tool a: {"error":"cancelled"}`, "assistant: It is 42.")
		want(t, "records", s.commands(CommitTurn), `4.750 commit 1 answered "Look it up." "One moment. It is 42."`)
	})
	t.Run("hang-up closes it", func(t *testing.T) {
		s := talking(t, Config{}).ask("Look it up.").play("S1 E1.5").at(2)
		s.step(Event{Kind: HangUp, Reason: "peer_gone"})
		want(t, "records", s.commands(CommitTurn, Close), `2.000 commit 1 hung_up "Look it up." ""`, "2.000 close")
	})
	t.Run("a half heard one is not", func(t *testing.T) {
		s := telling(t, Config{}).play("S1 E1.5").at(10)
		want(t, "asked", s.commands(Generate), "0.000 generate")
	})
}

func TestEngine_MarksThatComeBackOnClearCountForNothing(t *testing.T) { // 39
	s := telling(t, Config{})
	old := s.e.Epoch()
	s.play("S1.8").at(2.1)
	before := s.memory()
	for _, at := range []float64{2.2, 2.4, 5} {
		s.step(Event{Kind: Played, Epoch: old, Audio: sec(at), Done: at == 5})
	}
	want(t, "memory", s.memory(), before...)
	want(t, "records", s.commands(CommitTurn), `2.000 commit 1 interrupted "Tell me a story." "one two three four five six seven eight"`)
}

func TestEngine_InterruptBeforeTheFirstSoundDoesNotBlockTheNext(t *testing.T) { // 37
	s := newScript(t, Config{}).ask("First.").delta("A sentence that never sounds. And ")
	old := s.e.Epoch()
	s.ask("Second.").says("Spoken.")
	for _, ev := range stale(old) {
		s.step(ev)
	}
	s.step(Event{Kind: SpeechAudio, Epoch: s.e.Epoch(), Audio: time.Second})
	s.step(Event{Kind: SpeechDone, Epoch: s.e.Epoch()})
	s.at(1).hear(1, true)
	want(t, "spoken", s.commands(Speak), "0.000 speak A sentence that never sounds.", "0.000 speak Spoken.")
	want(t, "memory", s.memory(), "user: First.", "user: Second.", "assistant: Spoken.")
}

// stale is one of each event that belongs to an answer.
func stale(epoch Epoch) []Event {
	call := ToolCall{ID: "late", Name: "send_email_report", Arguments: "{}"}
	return []Event{
		{Kind: ModelText, Epoch: epoch, Text: "Late words. More of them."},
		{Kind: ModelTools, Epoch: epoch, Calls: []ToolCall{call}},
		{Kind: ToolDone, Epoch: epoch, Result: &ToolResult{ID: "a", Name: "lookup", Content: "late", OK: true}},
		{Kind: ModelDone, Epoch: epoch},
		{Kind: ModelFailed, Epoch: epoch, Text: "unauthorized"},
		{Kind: SpeechAudio, Epoch: epoch, Audio: time.Minute},
		{Kind: SpeechWords, Epoch: epoch, Words: []Word{{Text: "Late", End: 1}}},
		{Kind: SpeechDone, Epoch: epoch},
		{Kind: SpeechFailed, Epoch: epoch, Text: "stall"},
		{Kind: Played, Epoch: epoch, Audio: time.Minute, Done: true},
	}
}

// 37, 62, 63: an answer that is no more has no effect, in whatever state the call is.
func TestEngine_StaleEpochsDrop(t *testing.T) {
	states := []struct {
		name string
		set  func(s *script)
	}{
		{"after the end", func(s *script) { s.ask("One.").says("Yes.").at(5) }},
		{"while the next thinks", func(s *script) { s.ask("One.").ask("Two.") }},
		{"while the next calls the same tool", func(s *script) { s.ask("One.").calls("a").ask("Two.").calls("a") }},
		{"while the next speaks", func(s *script) { s.ask("One.").ask("Two.").says(story).at(1) }},
		{"while the caller has the floor", func(s *script) { s.ask("One.").says(story).play("S1").at(2) }},
		{"after a failure", func(s *script) { s.ask("One."); s.step(Event{Kind: ModelFailed, Epoch: s.e.Epoch()}); s.at(.2) }},
		{"with an answer owed", func(s *script) { s.ask("One.").play("S1").at(2) }},
	}
	for _, tc := range states {
		t.Run(tc.name, func(t *testing.T) {
			s := talking(t, Config{})
			tc.set(s)
			memory, logged := s.memory(), len(s.log)
			for _, epoch := range []Epoch{0, 1, s.e.Epoch() + 1, -1} {
				if epoch == s.e.Epoch() && s.e.Busy() {
					continue
				}
				for _, ev := range stale(epoch) {
					s.step(ev)
				}
			}
			want(t, "memory", s.memory(), memory...)
			if len(s.log) != logged {
				t.Errorf("stale events gave %v", s.log[logged:])
			}
		})
	}
}

func TestEngine_HangUpMidReplyRecordsWhatWasHeard(t *testing.T) {
	s := telling(t, Config{}).at(1.1)
	s.step(Event{Kind: HangUp, Reason: "peer_gone"})
	want(t, "end", s.commands(Cancel, Clear, CommitTurn, Close), "1.100 cancel", "1.100 clear",
		`1.100 commit 1 hung_up "Tell me a story." "one two three four"`, "1.100 close")
	if c := s.log[len(s.log)-1]; c.Kind != Close || c.End != "peer_gone" {
		t.Errorf("last command is %+v", c.Command)
	}
	n := len(s.log)
	for _, ev := range append(stale(s.e.Epoch()), Event{Kind: Typed, Text: "Hello?"}, Event{Kind: VoiceStart}, Event{Kind: HangUp}, Event{Kind: Started}) {
		s.step(ev)
	}
	if s.at(30); len(s.log) != n {
		t.Errorf("after the hang-up: %v", s.log[n:])
	}
}

func TestEngine_KeysAreAnsweredAsTyped(t *testing.T) {
	press := func(s *script, keys string) {
		for _, k := range keys {
			s.step(Event{Kind: Key, Digit: string(k)})
		}
	}
	t.Run("a hash ends them", func(t *testing.T) {
		s := newScript(t, Config{})
		press(s, "5001#")
		want(t, "turns", s.at(5).turns(), "0.000 I pressed the keys 5001.")
	})
	t.Run("a pause ends them", func(t *testing.T) {
		s := newScript(t, Config{})
		press(s, "50")
		s.at(1.9)
		press(s, "0*")
		want(t, "turns", s.at(9).turns(), "3.900 I pressed the keys 500*.")
	})
	t.Run("they interrupt", func(t *testing.T) {
		s := telling(t, Config{}).at(1)
		press(s, "0#")
		want(t, "memory", s.memory(), "user: Tell me a story.", "assistant: one two three four|", "user: I pressed the keys 0.")
	})
	t.Run("what is no key is nothing", func(t *testing.T) {
		s := newScript(t, Config{})
		for _, d := range []string{"", "#", "12", "x", "é", " "} {
			s.step(Event{Kind: Key, Digit: d})
		}
		want(t, "turns", s.at(9).turns())
	})
	t.Run("a stuck key is bounded", func(t *testing.T) {
		s := newScript(t, Config{})
		for range 1000 {
			press(s, "7")
		}
		press(s, "#")
		if got := len(s.turns()[0]); got > maxKeys+40 {
			t.Errorf("turn of %d bytes", got)
		}
	})
}
