package turn

import (
	"testing"
	"time"
)

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

func TestEngine_FailureAfterAllWasHeardClearsNothing(t *testing.T) {
	s := talking(t, Config{}).ask("Tell me.").delta("This is the beginning. And").at(1.1)
	s.step(Event{Kind: SpeechDone, Epoch: 1})
	s.step(Event{Kind: ModelFailed, Epoch: 1})
	want(t, "commands", s.commands(Cancel, Clear), "1.100 cancel")

	s = talking(t, Config{}).ask("Tell me.").delta("This is the beginning. And").at(1.1)
	s.delta(" this is heard in part only. And").at(1.3)
	s.step(Event{Kind: ModelFailed, Epoch: 1})
	want(t, "commands", s.commands(Cancel, Clear), "1.300 cancel", "1.300 clear")
}

func TestEngine_ModelFailureClassesAndTheNextTurn(t *testing.T) {
	s := talking(t, Config{Apologies: map[string]string{"": "General.", "quota": "Out of quota."}})
	for _, class := range []string{"quota", "anything else"} {
		s.ask("Hi.")
		s.step(Event{Kind: ModelFailed, Epoch: s.e.Epoch(), Text: class})
		s.step(Event{Kind: ModelFailed, Epoch: s.e.Epoch(), Text: "no model made the apology"})
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
	t.Run("without word times the text is not taken for heard", func(t *testing.T) {
		s := talking(t, Config{})
		s.timings = false
		s.perWord = 100 * time.Millisecond // 2 s of sound for 20 words
		s.ask("Tell me.").delta(story + " And")
		s.step(Event{Kind: SpeechFailed, Epoch: 1, Text: "stall"})
		s.at(20)
		want(t, "memory", s.memory(), "user: Tell me.", "assistant: one two three four five|")
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
