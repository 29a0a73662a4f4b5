package turn

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// 86: the moments of a turn, to the millisecond.
func TestEngine_StatesAtExactTimes(t *testing.T) {
	s := newScript(t, Config{Greeting: "Hello."})
	s.ear, s.timings = &ear{}, true
	s.perWord = 500 * time.Millisecond
	s.step(Event{Kind: Started})
	s.play("S2 T2.4=How_are_you?@2-2.5 E2.5 U2.7").at(2.75).says("Fine, thanks.").at(10)
	want(t, "states", s.notes(NoteUserStarted, NoteUserStopped, NoteUserText, NoteModelStarted, NoteModelStopped, NoteSpeechStarted, NoteSpeechStopped, NoteBotStarted, NoteBotStopped),
		"0.000 tts_started", "0.000 tts_stopped", "0.000 bot_started", "0.500 bot_stopped",
		"2.000 user_started", "2.500 user_stopped",
		"2.700 user_text How are you?", "2.700 model_started",
		"2.750 model_stopped", "2.750 tts_started", "2.750 tts_stopped", "2.750 bot_started",
		"3.750 bot_stopped")
	want(t, "commands", s.commands(Speak, EndSpeech, Finalize, BeginTurn, Generate, CommitTurn, Cancel, Clear),
		"0.000 speak Hello.", "0.000 end_speech", "2.500 finalize", "2.700 begin_turn How are you?", "2.700 generate",
		"2.750 speak Fine, thanks.", "2.750 end_speech", `3.750 commit 1 answered "How are you?" "Fine, thanks."`)
}

func TestEngine_SpeaksEachSentenceAsItComes(t *testing.T) {
	s := newScript(t, Config{}).ask("Well?")
	for i, d := range strings.SplitAfter("The first one is here. The second one is 3.14 long. And a third", " ") {
		s.at(float64(i) / 10).delta(d)
	}
	s.at(3).step(Event{Kind: ModelDone, Epoch: 1})
	want(t, "spoken", s.commands(Speak, EndSpeech), "0.500 speak The first one is here.", "1.100 speak The second one is 3.14 long.", "3.000 speak And a third", "3.000 end_speech")
	var segs []int
	for _, c := range s.log {
		if c.Kind == Speak {
			segs = append(segs, c.Seg)
		}
	}
	if !slices.Equal(segs, []int{0, 1, 2}) {
		t.Errorf("segments %v", segs)
	}
}

func TestEngine_MuteAnswerIsShownNotSpoken(t *testing.T) {
	s := newScript(t, Config{MaxWords: 5})
	s.step(Event{Kind: Typed, Text: "Show it.", Mute: true})
	s.delta("One two three. Four five six. ").says("Seven eight nine.")
	want(t, "spoken", s.commands(Speak, EndSpeech, Clear, Cancel))
	want(t, "shown", s.notes(NoteSegment), "0.000 segment One two three.", "0.000 segment Four five six. Seven eight nine.")
	want(t, "memory", s.memory(), "user: Show it.", "assistant: One two three. Four five six. Seven eight nine.")
	want(t, "records", s.commands(CommitTurn), `0.000 commit 1 answered "Show it." "One two three. Four five six. Seven eight nine."`)

	s.step(Event{Kind: Typed, Text: "Again.", Mute: true})
	s.calls("a").at(5)
	want(t, "no filler", s.commands(Speak))
	s.delta("Not while the tool runs.").ask("Aloud now.").says("Aloud.")
	want(t, "cut", s.commands(Speak, Clear, Cancel), "5.000 cancel", "5.000 speak Aloud.")
}

// 51, 57
func TestEngine_ToolsInOneAnswer(t *testing.T) {
	s := talking(t, Config{}).ask("Compare them.").delta("Let me look. ").calls("a", "b").at(1)
	want(t, "run", s.commands(RunTool), "0.000 run_tool a", "0.000 run_tool b")
	s.answers("b", "2")
	if s.count(Generate) != 1 {
		t.Error("asked before the last of the group had answered")
	}
	s.at(1.5).answers("a", "1").answers("a", "again").answers("zzz", "unknown").says("One is less than two.").at(9)
	want(t, "asked", s.commands(Generate), "0.000 generate", "1.500 generate")
	want(t, "memory", s.memory(), "user: Compare them.", "assistant: Let me look. (a) (b)", "tool a: 1", "tool b: 2", "assistant: One is less than two.")
	want(t, "runs of speech", s.commands(Speak, EndSpeech), "0.000 speak Let me look.", "0.000 end_speech", "1.500 speak One is less than two.", "1.500 end_speech")
	want(t, "records", s.commands(CommitTurn), `2.750 commit 1 answered "Compare them." "Let me look. One is less than two."`)
	if got := s.records()[0].Tools; len(got) != 2 || got[0].ID != "b" || got[1].ID != "a" {
		t.Errorf("tools of the record: %+v", got)
	}
	want(t, "floor", s.notes(NoteBotStarted, NoteBotStopped), "0.000 bot_started", "2.750 bot_stopped")
}

// A tool of this process may answer before the model's stream has ended: that end is not the end of the
// next stream.
func TestEngine_ToolFasterThanTheEndOfTheStream(t *testing.T) {
	for _, end := range []EventKind{ModelDone, ModelFailed} {
		s := talking(t, Config{}).ask("Look.")
		s.step(Event{Kind: ModelTools, Epoch: 1, Calls: []ToolCall{{ID: "a", Name: "lookup"}}})
		s.answers("a", "42")
		s.step(Event{Kind: end, Epoch: 1, Text: "reset"})
		s.at(1).says("It is 42.").at(9)
		want(t, "memory", s.memory(), "user: Look.", "assistant:  (a)", "tool a: 42", "assistant: It is 42.")
		want(t, "records", s.commands(CommitTurn), `1.750 commit 1 answered "Look." "It is 42."`)
	}
}

// 52, 53: an unknown tool and bad arguments are for the tools to refuse; the engine passes the refusal on
// and keeps the call.
func TestEngine_RefusedCallStaysAndTheModelGoesOn(t *testing.T) {
	s := newScript(t, Config{}).ask("Do it.")
	s.step(Event{Kind: ModelTools, Epoch: 1, Calls: []ToolCall{{ID: "a", Name: "nonsense", Arguments: "not json at all"}}})
	s.step(Event{Kind: ModelDone, Epoch: 1})
	s.step(Event{Kind: ToolDone, Epoch: 1, Result: &ToolResult{ID: "a", Name: "nonsense", Content: `{"error":"Unknown function: nonsense"}`, Class: "unknown_tool"}})
	s.says("I cannot do that.")
	want(t, "memory", s.memory()[:3], "user: Do it.", "assistant:  (a)", `tool a: {"error":"Unknown function: nonsense"}`)
	if m := s.e.Messages()[1]; m.Calls[0].Arguments != "not json at all" || s.count(Generate) != 2 {
		t.Errorf("call kept as %+v, asked %d times", m.Calls[0], s.count(Generate))
	}
}

func TestEngine_CallsGetIdsOfTheirOwn(t *testing.T) {
	s := newScript(t, Config{}).ask("Do it.").calls("", "", "x", "x")
	var ids []string
	for _, c := range s.log {
		if c.Kind == RunTool {
			ids = append(ids, c.Call.ID)
		}
	}
	for _, id := range ids {
		s.answers(id, "ok")
	}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != 4 || s.count(Generate) != 2 {
		t.Errorf("ids %q, asked %d times", ids, s.count(Generate))
	}

	s.calls(slices.Repeat([]string{""}, 100)...)
	if got := s.count(RunTool) - 4; got != maxCalls {
		t.Errorf("%d calls ran at once, want %d", got, maxCalls)
	}
}

func TestEngine_LettersOfTheModelOutOfOrderChangeNothing(t *testing.T) {
	s := newScript(t, Config{}).ask("Do it.").calls("a")
	s.step(Event{Kind: ModelText, Epoch: 1, Text: "Too early. Way too early."})
	s.step(Event{Kind: ModelTools, Epoch: 1, Calls: []ToolCall{{ID: "b", Name: "lookup"}}})
	s.step(Event{Kind: ModelTools, Epoch: 1})
	s.step(Event{Kind: ToolDone, Epoch: 1})
	s.answers("a", "1").says("Done.")
	s.step(Event{Kind: ModelText, Epoch: 1, Text: "Too late. Way too late."})
	s.step(Event{Kind: ModelDone, Epoch: 1})
	want(t, "run", s.commands(RunTool, Speak), "0.000 run_tool a", "0.000 speak Done.")
}

// 55
func TestEngine_ToolResultsOutliveAnInterruption(t *testing.T) {
	cases := []struct {
		name   string
		cut    func(s *script)
		memory []string
		tools  []string
	}{
		{"tool still runs", func(s *script) { s.calls("a").ask("Stop.") },
			[]string{"user: Look.", "assistant:  (a)", `tool a: {"error":"cancelled"}`, "user: Stop."}, []string{"a cancelled"}},
		{"one of two is in", func(s *script) { s.calls("a", "b").answers("b", "2").ask("Stop.") },
			[]string{"user: Look.", "assistant:  (a) (b)", `tool a: {"error":"cancelled"}`, "tool b: 2", "user: Stop."}, []string{"b ", "a cancelled"}},
		{"model answers", func(s *script) { s.calls("a").answers("a", "1").delta("It is one. And").at(.6).ask("Stop.") },
			[]string{"user: Look.", "assistant:  (a)", "tool a: 1", "assistant: It is|", "user: Stop."}, []string{"a "}},
		{"answer is playing", func(s *script) { s.calls("a").answers("a", "1").says("It is one.").at(.6).ask("Stop.") },
			[]string{"user: Look.", "assistant:  (a)", "tool a: 1", "assistant: It is|", "user: Stop."}, []string{"a "}},
		{"nothing heard", func(s *script) { s.calls("a").answers("a", "1").says("It is one.").ask("Stop.") },
			[]string{"user: Look.", "assistant:  (a)", "tool a: 1", "user: Stop."}, []string{"a "}},
		{"words before the call half heard", func(s *script) { s.delta("Let me look it up. ").calls("a").at(.6).ask("Stop.") },
			[]string{"user: Look.", "assistant: Let me| (a)", `tool a: {"error":"cancelled"}`, "user: Stop."}, []string{"a cancelled"}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			s := talking(t, Config{}).ask("Look.")
			tc.cut(s)
			s.answers("a", "too late") // 56: a result after the interruption is rejected
			want(t, "memory", s.memory(), tc.memory...)
			var tools []string
			for _, r := range s.records()[0].Tools {
				tools = append(tools, r.ID+" "+r.Class)
			}
			want(t, "tools of the record", tools, tc.tools...)
			started, stopped := len(s.notes(NoteToolStarted)), len(s.notes(NoteToolStopped))
			if started != stopped {
				t.Errorf("%d tools started, %d stopped", started, stopped)
			}
		})
	}
}

func TestEngine_FillerWhenAToolKeepsTheCallerWaiting(t *testing.T) {
	cases := []struct {
		name  string
		run   func(s *script)
		spoke []string
	}{
		{"after 400 ms", func(s *script) { s.calls("a").at(3) }, []string{"0.400 speak One moment."}},
		{"only once an answer", func(s *script) { s.calls("a").at(1).answers("a", "1").calls("b").at(9) }, []string{"0.400 speak One moment."}},
		{"not when something was said", func(s *script) { s.delta("Looking it up now. ").calls("a").at(3) }, []string{"0.000 speak Looking it up now."}},
		{"not when the results are in", func(s *script) { s.calls("a").at(.399).answers("a", "1").at(3) }, nil},
		{"but when one of two is", func(s *script) { s.calls("a", "b").at(.1).answers("a", "1").at(3) }, []string{"0.400 speak One moment."}},
		{"counted anew for the next round", func(s *script) { s.calls("a").at(.3).answers("a", "1").calls("b").at(3) }, []string{"0.700 speak One moment."}},
		{"not after an interruption", func(s *script) { s.calls("a").at(.3).ask("Stop.").at(3) }, nil},
		{"not when the caller took the floor", func(s *script) { s.calls("a").play("S.1").at(3) }, nil},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			s := talking(t, Config{Fillers: []string{"One moment."}}).ask("Look.")
			tc.run(s)
			want(t, "spoken", s.commands(Speak), tc.spoke...)
		})
	}
	t.Run("it is heard but not remembered", func(t *testing.T) {
		s := talking(t, Config{Fillers: []string{"One moment."}}).ask("Look.").calls("a").at(2).answers("a", "42").says("It is 42.").at(9)
		want(t, "memory", s.memory(), "user: Look.", "assistant:  (a)", "tool a: 42", "assistant: It is 42.")
		want(t, "records", s.commands(CommitTurn), `2.750 commit 1 answered "Look." "One moment. It is 42."`)
	})
	t.Run("they take turns", func(t *testing.T) {
		s := talking(t, Config{})
		seen := map[string]bool{}
		for range 3 {
			s.ask("Look.").calls("a").after(3).answers("a", "1").says("Done.").after(5)
		}
		for _, c := range s.log {
			if c.Kind == Speak && c.Text != "Done." {
				seen[c.Text] = true
			}
		}
		if len(seen) != 3 {
			t.Errorf("fillers %v", seen)
		}
	})
}

func TestEngine_ToolLoopIsLimited(t *testing.T) {
	s := talking(t, Config{MaxRounds: 3, Apologies: map[string]string{"tool_loop": "I went in circles."}}).ask("Look.")
	for i := range 4 {
		id := fmt.Sprint(i)
		s.calls(id)
		if i < 3 {
			s.answers(id, "again")
		}
	}
	s.at(9)
	if got := s.count(RunTool); got != 3 {
		t.Errorf("%d calls ran, want 3", got)
	}
	want(t, "records", s.commands(CommitTurn), `1.000 commit 1 failed "Look." "I went in circles."`)
	if r := s.records()[0]; r.Failure != "tool_loop" || len(r.Tools) != 3 {
		t.Errorf("record %+v", r)
	}
}

func TestEngine_EmptyAnswerIsAnApology(t *testing.T) {
	cfg := Config{Apologies: map[string]string{"empty": "I have no answer."}, Fillers: []string{"One moment."}}
	cases := []struct {
		name  string
		run   func(s *script)
		agent string
	}{
		{"nothing", func(s *script) { s.says("") }, "I have no answer."},
		{"nothing to speak", func(s *script) { s.says("🎉 https://x.example/") }, "I have no answer."},
		{"nothing after a tool and its filler", func(s *script) { s.calls("a").at(2).answers("a", "1").says("") }, "One moment. I have no answer."},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			s := talking(t, cfg).ask("Well?")
			tc.run(s)
			s.at(20).ask("And now?").says("Now I have one.").at(40)
			r := s.records()
			if r[0].Outcome != "failed" || r[0].Failure != "empty" || r[0].Agent != tc.agent || r[1].Outcome != "answered" {
				t.Errorf("records %+v", r)
			}
		})
	}
}

func TestEngine_ModelFailureMidAnswerApologisesAndKeepsWhatWasHeard(t *testing.T) {
	s := talking(t, Config{Apologies: map[string]string{"unavailable": "Sorry, that broke off."}}).ask("Tell me.").delta(story + " And then").at(1)
	s.step(Event{Kind: ModelFailed, Epoch: 1, Text: "unavailable"})
	s.at(9)
	want(t, "commands", s.commands(Cancel, Clear, Speak), "0.000 speak "+story, "1.000 cancel", "1.000 clear", "1.000 speak Sorry, that broke off.")
	want(t, "memory", s.memory(), "user: Tell me.", "assistant: one two three four|", "assistant: Sorry, that broke off.")
	want(t, "records", s.commands(CommitTurn), `2.000 commit 1 failed "Tell me." "one two three four Sorry, that broke off."`)
	want(t, "error", s.notes(NoteError), "1.000 error Sorry, that broke off.")
	want(t, "floor", s.notes(NoteBotStarted, NoteBotStopped), "0.000 bot_started", "1.000 bot_stopped", "1.000 bot_started", "2.000 bot_stopped")
	if r := s.records()[0]; r.Failure != "unavailable" {
		t.Errorf("record %+v", r)
	}
}

func TestEngine_ModelFailureClassesAndTheNextTurn(t *testing.T) {
	s := talking(t, Config{Apologies: map[string]string{"": "General.", "quota": "Out of quota."}})
	for _, class := range []string{"quota", "anything else"} {
		s.ask("Hi.")
		s.step(Event{Kind: ModelFailed, Epoch: s.e.Epoch(), Text: class})
		s.after(9)
	}
	s.ask("Hi.").says("Hello.").after(9)
	r := s.records()
	if len(r) != 3 || r[0].Agent != "Out of quota." || r[1].Agent != "General." || r[2].Outcome != "answered" {
		t.Errorf("records %+v", r)
	}
	t.Run("an apology can be interrupted", func(t *testing.T) {
		s := talking(t, Config{Apologies: map[string]string{"": story}}).ask("Hi.")
		s.step(Event{Kind: ModelFailed, Epoch: 1})
		s.at(1).ask("Never mind.")
		want(t, "memory", s.memory(), "user: Hi.", "assistant: one two three four|", "user: Never mind.")
	})
}

func TestEngine_SpeechFailure(t *testing.T) {
	t.Run("before any sound", func(t *testing.T) {
		s := newScript(t, Config{}).ask("Tell me.").delta("This is a sentence. And")
		s.step(Event{Kind: SpeechFailed, Epoch: 1, Text: "unavailable"})
		want(t, "commands", s.commands(Cancel, CommitTurn), "0.000 cancel", `0.000 commit 1 failed "Tell me." ""`)
		want(t, "memory", s.memory(), "user: Tell me.")
		if s.e.Busy() {
			t.Error("still busy")
		}
	})
	t.Run("mid-answer, what came is heard out", func(t *testing.T) {
		s := talking(t, Config{}).ask("Tell me.").delta(story + " And")
		s.at(1).step(Event{Kind: SpeechFailed, Epoch: 1, Text: "stall"})
		for _, ev := range stale(1)[:9] {
			s.step(ev) // nothing more comes of this answer
		}
		s.at(20)
		want(t, "commands", s.commands(Cancel, Clear, RunTool, CommitTurn), "1.000 cancel", `5.000 commit 1 failed "Tell me." "`+story+`"`)
		want(t, "memory", s.memory(), "user: Tell me.", "assistant: "+story+"|")
		want(t, "floor", s.notes(NoteBotStopped, NoteSpeechStopped, NoteModelStopped), "1.000 model_stopped", "1.000 tts_stopped", "5.000 bot_stopped")
	})
	t.Run("and can be spoken over", func(t *testing.T) {
		s := talking(t, Config{}).ask("Tell me.").says(story)
		s.at(1).step(Event{Kind: SpeechFailed, Epoch: 1, Text: "stall"})
		s.play("S1.4").at(9)
		want(t, "commands", s.commands(Clear, CommitTurn), "1.600 clear", `1.600 commit 1 interrupted "Tell me." "one two three four five six"`)
	})
	t.Run("with a tool running", func(t *testing.T) {
		s := newScript(t, Config{}).ask("Tell me.").delta("Let me see about that. ").calls("a")
		s.step(Event{Kind: SpeechFailed, Epoch: 1, Text: "stall"})
		s.answers("a", "late").at(9)
		want(t, "memory", s.memory(), "user: Tell me.", "assistant: | (a)", `tool a: {"error":"cancelled"}`)
	})
	t.Run("a voice that makes no sound", func(t *testing.T) {
		s := newScript(t, Config{}).ask("Tell me.").says("This is it.")
		s.step(Event{Kind: SpeechDone, Epoch: 1})
		if r := s.records(); len(r) != 1 || r[0].Outcome != "failed" || r[0].Failure != "silent" {
			t.Errorf("records %+v", r)
		}
	})
}

func TestEngine_RecognizerFailureIsSaidInWords(t *testing.T) {
	s := newScript(t, Config{Apologies: map[string]string{"stt": "I cannot hear you just now; please type."}})
	s.step(Event{Kind: HeardFailed, Text: "stt"})
	want(t, "error", s.notes(NoteError), "0.000 error I cannot hear you just now; please type.")
}

// A far end that loses the report of the end must not hold the floor for ever.
func TestEngine_EndThatIsNeverReportedIsOverdue(t *testing.T) {
	s := newScript(t, Config{}).ask("Tell me.").says("One two three four.")
	s.step(Event{Kind: SpeechAudio, Epoch: 1, Audio: 2 * time.Second})
	s.step(Event{Kind: SpeechDone, Epoch: 1})
	s.at(1).hear(.8, false).at(3.5).hear(1.6, false)
	want(t, "records", s.at(4.3).commands(CommitTurn))
	want(t, "records", s.at(20).commands(CommitTurn), `6.400 commit 1 answered "Tell me." "One two three"`)
	want(t, "memory", s.memory(), "user: Tell me.", "assistant: One two three four.")
}

func TestEngine_ReportOfTheEndMayComeBeforeTheLastSound(t *testing.T) {
	s := newScript(t, Config{}).ask("Tell me.").delta("One two. Three")
	s.step(Event{Kind: SpeechAudio, Epoch: 1, Audio: time.Second})
	s.at(1).hear(1, true) // all that was given so far
	s.hear(1, false)      // an estimate that is older
	s.says(" four.")
	s.step(Event{Kind: SpeechAudio, Epoch: 1, Audio: time.Second})
	s.step(Event{Kind: SpeechDone, Epoch: 1})
	want(t, "records", s.commands(CommitTurn))
	s.at(2).hear(2, true)
	want(t, "records", s.commands(CommitTurn), `2.000 commit 1 answered "Tell me." "One two. Three four."`)
}

func TestJUL17_AnAnswerSpeaksSixtyWordsAtMost(t *testing.T) {
	ten := "This sentence has exactly ten words in it, count them. "
	cases := []struct {
		name, text string
		words      int
	}{
		{"sixty words are spoken", strings.Repeat(ten, 6), 60},
		{"seventy end with the sixth sentence", strings.Repeat(ten, 7), 60},
		{"a sentence that does not fit is left out whole", strings.Repeat(ten, 5) + "And this one is longer than ten words, so that it does not fit. Short one.", 50},
		{"one endless sentence is cut", strings.Repeat("a ", 300), 60},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			s := talking(t, Config{}).ask("Talk.")
			for d := range strings.SplitAfterSeq(tc.text, " ") {
				s.delta(d)
			}
			s.says("").at(60)
			n := 0
			for _, c := range s.log {
				if c.Kind == Speak {
					n += len(strings.Fields(c.Text))
				}
			}
			if n != tc.words {
				t.Errorf("%d words spoken, want %d", n, tc.words)
			}
			r := s.records()
			if len(r) != 1 || r[0].Outcome != "answered" || len(strings.Fields(r[0].Agent)) != tc.words {
				t.Errorf("records %+v", r)
			}
			if m := s.e.Messages(); len(m) != 2 || m[1].Cut || m[1].Text == "" {
				t.Errorf("memory %+v", m)
			}
		})
	}
	t.Run("the limit is of the answer, over its tools and filler", func(t *testing.T) {
		s := talking(t, Config{Fillers: []string{"One moment please."}}).ask("Talk.").calls("a").at(2).answers("a", "1")
		s.delta(strings.Repeat(ten, 5)).calls("b").answers("b", "2").says(ten + ten)
		n := 0
		for _, c := range s.log {
			if c.Kind == Speak {
				n += len(strings.Fields(c.Text))
			}
		}
		if n != 53 {
			t.Errorf("%d words spoken, want 53", n)
		}
		if s.at(60); len(s.records()) != 1 || s.records()[0].Outcome != "answered" {
			t.Errorf("records %+v", s.records())
		}
	})
	t.Run("configured words are not cut", func(t *testing.T) {
		s := talking(t, Config{MaxWords: 3, Greeting: ten})
		s.step(Event{Kind: Started})
		want(t, "greeting", s.commands(Speak), "0.000 speak "+strings.TrimSpace(ten))
	})
}

func TestJUL17_SpokenTextIsSpeakable(t *testing.T) {
	s := talking(t, Config{}).ask("Talk.")
	s.says("## Result\n\n**Client 5001** has *three* items 🎉:\n| Item | Sum |\n|---|---|\n| A | $1234567 |\nSee [the page](https://x.example/a) or https://y.example. Call 5551234567.")
	var spoken []string
	for _, c := range s.log {
		if c.Kind == Speak {
			spoken = append(spoken, c.Text)
			if bad := unspeakable.FindString(c.Text); bad != "" {
				t.Errorf("%q holds %q", c.Text, bad)
			}
		}
	}
	if got, exp := strings.Join(spoken, " "), "Result Client 5001 has three items : Item, Sum A, $1,234,567 See the page or. Call 555 123 4567."; got != exp {
		t.Errorf("spoken\n got %q\nwant %q", got, exp)
	}
}

func TestEngine_EndlessModelIsBounded(t *testing.T) {
	s := newScript(t, Config{}).ask("Talk.")
	for range 100_000 {
		s.e.Step(Event{Kind: ModelText, Epoch: 1, Text: "🎉🎉🎉🎉"}) // never a word
		s.e.Step(Event{Kind: SpeechWords, Epoch: 1, Words: []Word{{Text: "x"}}})
	}
	if n, w := s.e.reply.raw.Len(), len(s.e.reply.words); n > maxReplyText || w > maxReplyWords || len(s.e.reply.clauses.buf) > maxClause {
		t.Errorf("engine holds %d bytes of text, %d word times", n, w)
	}
}
