package turn

import "testing"

func wantEnd(t *testing.T, s *script, end string) {
	t.Helper()
	if c := s.log[len(s.log)-1]; c.Kind != Close || c.End != end {
		t.Errorf("last command is %+v, want a close for %s", c.Command, end)
	}
	n := len(s.log)
	for _, ev := range []Event{{Kind: Typed, Text: "Hello?"}, {Kind: VoiceStart}, {Kind: Leave, Text: "Again.", Reason: "x"}, {Kind: HangUp}} {
		s.step(ev)
	}
	if s.after(30); len(s.log) != n {
		t.Errorf("after the close: %v", s.log[n:])
	}
}

func TestEngine_LeaveSaysGoodbyeAndCloses(t *testing.T) {
	s := telling(t, Config{}).at(1.1)
	s.step(Event{Kind: Leave, Text: "Good bye now.", Reason: "drained"})
	want(t, "the answer is cut and kept", s.commands(Cancel, Clear, CommitTurn, Speak), "0.000 speak one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty.",
		"1.100 cancel", "1.100 clear", `1.100 commit 1 interrupted "Tell me a story." "one two three four"`, "1.100 speak Good bye now.")
	// Whoever speaks over a farewell, or types, is not answered any more.
	s.at(1.2).step(Event{Kind: VoiceStart})
	s.at(1.3).step(Event{Kind: Final, Text: "Wait, one more thing."})
	s.at(1.4).step(Event{Kind: Typed, Text: "And this."})
	s.at(1.5).step(Event{Kind: Leave, Text: "Once more.", Reason: "x"})
	s.at(10)
	want(t, "nothing else is said", s.commands(Generate, Close), "0.000 generate", "1.850 close")
	wantEnd(t, s, "drained")
}

func TestEngine_LeaveWithoutAnEar(t *testing.T) {
	t.Run("the voice fails", func(t *testing.T) {
		s := newScript(t, Config{})
		s.step(Event{Kind: Leave, Text: "Good bye.", Reason: "drained"})
		s.at(0.5).step(Event{Kind: SpeechFailed, Epoch: s.e.Epoch(), Text: "timeout"})
		wantEnd(t, s, "drained")
	})
	t.Run("the far end leaves first", func(t *testing.T) {
		s := talking(t, Config{})
		s.step(Event{Kind: Leave, Text: "Good bye to all of you.", Reason: "drained"})
		s.at(0.3).step(Event{Kind: HangUp, Reason: "peer_gone"})
		wantEnd(t, s, "peer_gone")
	})
	t.Run("nobody tells what was heard", func(t *testing.T) {
		s := newScript(t, Config{})
		s.step(Event{Kind: Leave, Text: "Good bye.", Reason: "drained"})
		s.step(Event{Kind: SpeechAudio, Epoch: s.e.Epoch(), Audio: sec(1)})
		s.step(Event{Kind: SpeechDone, Epoch: s.e.Epoch()})
		s.at(1 + drainGrace.Seconds() + 0.1)
		wantEnd(t, s, "drained")
	})
}
