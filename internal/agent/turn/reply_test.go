package turn

import (
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

	s = newScript(t, Config{}).ask("Tell me.").says("One two three four.")
	s.step(Event{Kind: SpeechAudio, Epoch: 1, Audio: time.Second})
	s.at(1).hear(1, true)
	s.step(Event{Kind: SpeechAudio, Epoch: 1, Audio: time.Second})
	s.step(Event{Kind: SpeechDone, Epoch: 1})
	want(t, "the sound came in two parts", s.at(1.5).commands(CommitTurn))
	s.at(2).hear(2, true)
	want(t, "the sound came in two parts", s.commands(CommitTurn), `2.000 commit 1 answered "Tell me." "One two three four."`)
}

func TestEngine_OlderEstimateDoesNotTakeTheEndBack(t *testing.T) {
	s := newScript(t, Config{MaxWords: 4}).ask("Tell me.").delta("One two three four. Five six seven eight nine. ")
	s.delta("These words are over the limit. ")
	s.step(Event{Kind: SpeechAudio, Epoch: 1, Audio: time.Second})
	s.step(Event{Kind: SpeechDone, Epoch: 1})
	s.at(1).hear(1, true).hear(.9, false).says("")
	want(t, "records", s.commands(CommitTurn), `1.000 commit 1 answered "Tell me." "One two three four."`)
}

func TestEngine_PlayedWithoutSpeechIsNothing(t *testing.T) {
	s := newScript(t, Config{})
	s.step(Event{Kind: Typed, Text: "Show it.", Mute: true})
	s.delta("This is shown. And this").hear(1, true).says("")
	want(t, "floor", s.notes(NoteBotStarted, NoteBotStopped, NoteSpoken))
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
