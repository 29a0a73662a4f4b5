package turn

import (
	"fmt"
	"slices"
	"testing"
)

// 51, 57
func TestEngine_ToolsInOneAnswer(t *testing.T) {
	s := talking(t, Config{}).ask("Compare them.").delta("Let me look. ").calls("a", "b").at(1)
	want(t, "run", s.commands(RunTool), "0.000 run_tool a", "0.000 run_tool b")
	s.answers("b", "2").answers("b", "again")
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
	s := newScript(t, Config{}).ask("Do it.")
	s.step(Event{Kind: ModelTools, Epoch: 1, Calls: []ToolCall{{ID: "a", Name: "lookup"}}})
	early := func() {
		s.step(Event{Kind: ModelText, Epoch: 1, Text: "This is far too early. It is. "})
		s.step(Event{Kind: ModelTools, Epoch: 1, Calls: []ToolCall{{ID: "b", Name: "lookup"}}})
		s.step(Event{Kind: ModelTools, Epoch: 1})
		s.step(Event{Kind: ToolDone, Epoch: 1})
	}
	early()
	s.step(Event{Kind: ModelDone, Epoch: 1})
	early()
	s.answers("a", "1").says("Done.")
	s.step(Event{Kind: ModelText, Epoch: 1, Text: "This is far too late. It is. And"})
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
		{
			"tool still runs", func(s *script) { s.calls("a").ask("Stop.") },
			[]string{"user: Look.", "assistant:  (a)", `tool a: {"error":"cancelled"}`, "user: Stop."},
			[]string{"a cancelled"},
		},
		{
			"one of two is in", func(s *script) { s.calls("a", "b").answers("b", "2").ask("Stop.") },
			[]string{"user: Look.", "assistant:  (a) (b)", `tool a: {"error":"cancelled"}`, "tool b: 2", "user: Stop."},
			[]string{"b ", "a cancelled"},
		},
		{
			"model answers", func(s *script) { s.calls("a").answers("a", "1").delta("It is one. And").at(.6).ask("Stop.") },
			[]string{"user: Look.", "assistant:  (a)", "tool a: 1", "assistant: It is|", "user: Stop."},
			[]string{"a "},
		},
		{
			"answer is playing", func(s *script) { s.calls("a").answers("a", "1").says("It is one.").at(.6).ask("Stop.") },
			[]string{"user: Look.", "assistant:  (a)", "tool a: 1", "assistant: It is|", "user: Stop."},
			[]string{"a "},
		},
		{
			"nothing heard", func(s *script) { s.calls("a").answers("a", "1").says("It is one.").ask("Stop.") },
			[]string{"user: Look.", "assistant:  (a)", "tool a: 1", "user: Stop."},
			[]string{"a "},
		},
		{
			"words before the call half heard", func(s *script) { s.delta("Let me look it up. ").calls("a").at(.6).ask("Stop.") },
			[]string{"user: Look.", "assistant: Let me| (a)", `tool a: {"error":"cancelled"}`, "user: Stop."},
			[]string{"a cancelled"},
		},
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
