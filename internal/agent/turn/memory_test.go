package turn

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestJUL10_ContextSurvivesThirtyTurnsAndTrimming holds forty turns, each with a tool. The laws of
// law_test.go hold the bound and that no call is parted from its answer at every step.
func TestJUL10_ContextSurvivesThirtyTurnsAndTrimming(t *testing.T) {
	s := talking(t, Config{})
	trimmed := 0
	for i := 1; i <= 40; i++ {
		id := fmt.Sprintf("call-%d", i)
		s.ask(fmt.Sprintf("What has client %d bought?", 5000+i)).calls(id).answers(id, fmt.Sprintf(`{"count":%d}`, i))
		s.says(fmt.Sprintf("Client %d bought %d items.", 5000+i, i)).after(5)

		msgs := s.e.Messages()
		if len(msgs) > 30+1 { // and what stands for the older ones
			t.Fatalf("turn %d: %d messages", i, len(msgs))
		}
		if msgs[0].Facts {
			trimmed++
		}
		// What "send that" refers to stands last, whole.
		n := len(msgs)
		last := []Message{msgs[n-4], msgs[n-3], msgs[n-2], msgs[n-1]}
		if last[0].Role != User || !strings.Contains(last[0].Text, fmt.Sprint(5000+i)) || last[1].Calls[0].ID != id || last[2].ID != id || last[3].Cut {
			t.Fatalf("turn %d ends with %+v", i, last)
		}
		// And every client named so far is still in what the model sees.
		var all strings.Builder
		for _, m := range msgs {
			all.WriteString(m.Text + "\n")
		}
		for j := max(1, i-gistEntries); j <= i; j++ {
			if !strings.Contains(all.String(), fmt.Sprintf("client %d", 5000+j)) {
				t.Fatalf("turn %d: client %d is forgotten", i, 5000+j)
			}
		}
	}
	if trimmed < 30 {
		t.Errorf("the memory was condensed in %d of 40 turns only", trimmed)
	}
	if got := len(s.records()); got != 40 {
		t.Errorf("%d records, want 40", got)
	}
}

// 49
func TestEngine_TrimCutsOnlyInFrontOfTheCaller(t *testing.T) {
	call := func(id string) Message { return Message{Role: Assistant, Calls: []ToolCall{{ID: id}}} }
	answer := func(id string) Message { return Message{Role: Tool, ID: id} }
	user := func(text string) Message { return Message{Role: User, Text: text} }
	cases := []struct {
		name string
		list []Message
		kept string
	}{
		{"middle is the caller", []Message{user("a"), call("1"), answer("1"), user("b"), call("2"), answer("2")}, "b"},
		{"middle is a call", []Message{user("a"), {Role: Assistant, Text: "x"}, user("b"), call("2"), answer("2"), user("c")}, "c"},
		{"middle is an answer", []Message{user("a"), user("b"), call("1"), answer("1"), {Role: Assistant, Text: "x"}, user("c")}, "c"},
		{"one large turn", []Message{user("a"), call("1"), answer("1"), call("2"), answer("2"), {Role: Assistant, Text: "x"}}, "new"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			m := memory{max: 6, list: tc.list}
			at := m.add(user("new"))
			got := m.messages()
			if !got[0].Facts || got[0].Role != System || got[1].Text != tc.kept {
				t.Fatalf("memory %+v", got)
			}
			if len(got) > 6+1 {
				t.Errorf("%d messages", len(got))
			}
			if m.trimTo(at, "ne"); m.list[at-m.base].Text != "ne" || !m.list[at-m.base].Cut {
				t.Errorf("position %d is not the new message", at)
			}
			if m.trimTo(0, "of a message that is gone"); m.list[0].Text == "of a message that is gone" {
				t.Error("a message that is gone was shortened in another's place")
			}
			(&law{t: t}).conversation(got[1:])
		})
	}
}

func TestEngine_GistKeepsTheCallersWordsShortened(t *testing.T) {
	m := memory{max: 4}
	for i := range 100 {
		m.add(Message{Role: User, Text: fmt.Sprintf("%d %s", i, strings.Repeat("é", 500))})
		m.add(Message{Role: Assistant, Text: "ok"})
	}
	got := m.messages()[0]
	lines := strings.Split(got.Text, "\n- ")
	if len(lines) != gistEntries+1 {
		t.Fatalf("%d entries, want %d", len(lines)-1, gistEntries)
	}
	for _, l := range lines[1:] {
		if n := len([]rune(l)); n > gistChars+1 || !strings.HasSuffix(l, "…") {
			t.Errorf("entry of %d characters: %q", n, l)
		}
	}
	first := m.list[0].Text
	for i, l := range lines[1:] {
		var n, kept int
		if _, err := fmt.Sscan(l, &n); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(first, &kept); err != nil || n != kept-gistEntries+i {
			t.Errorf("entry %d is of turn %d, the messages begin with turn %d", i, n, kept)
		}
	}
}

// JUL-12: the history takes 75% of the window at most, less what goes with every question; what is dropped
// is condensed. The laws hold the bound at every step.
func TestJUL12_HistoryIsBoundedByTokens(t *testing.T) {
	const window, overhead = 4000, 500
	s := talking(t, Config{MaxMessages: 1000, Window: window, Overhead: overhead})
	most, condensed := 0, false
	for i := range 60 {
		id := fmt.Sprint(i)
		s.ask(fmt.Sprintf("Question %d about client %d.", i, 5000+i)).calls(id).answers(id, strings.Repeat(`{"row":1}`, 100))
		s.says("Yes.").after(5)
		n := 0
		for _, m := range s.e.Messages() {
			n += m.tokens()
			condensed = condensed || m.Facts
		}
		most = max(most, n)
	}
	if want := window*3/4 - overhead; most > want+24 || most < want/2 || !condensed {
		t.Errorf("at most %d tokens were held, want near to %d; condensed: %v", most, want, condensed)
	}
}

func TestEngine_MessagesAreTheCallersOwn(t *testing.T) {
	s := newScript(t, Config{}).ask("Hi.")
	s.e.Messages()[0].Text = "changed"
	want(t, "memory", s.memory(), "user: Hi.")
}

// Any answers, cut anywhere: the laws hold, and the memory is the words in order.
func TestJUL10_MemoryHoldsUnderAnyTurns(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := talking(rapidTB{t, rt}, Config{
			MaxMessages: rapid.IntRange(4, 12).Draw(rt, "max"), MaxRounds: 3,
			Window: rapid.SampledFrom([]int{0, 0, 200, 600, 2000}).Draw(rt, "window"), Overhead: rapid.IntRange(0, 300).Draw(rt, "overhead"),
		})
		for i := range rapid.IntRange(30, 45).Draw(rt, "turns") {
			s.ask(fmt.Sprintf("Question %d about client %d.", i, 5000+i))
			for round := range rapid.IntRange(0, 4).Draw(rt, "rounds") {
				if rapid.Bool().Draw(rt, "words first") {
					s.delta("Let me look that up for you. ")
				}
				var ids []string
				for c := range rapid.IntRange(1, 3).Draw(rt, "calls") {
					ids = append(ids, fmt.Sprintf("%d.%d.%d", i, round, c))
				}
				s.calls(ids...)
				for _, id := range ids {
					if rapid.IntRange(0, 9).Draw(rt, "answers") > 0 {
						s.answers(id, "{}")
					}
				}
			}
			s.says(story).after(rapid.Float64Range(0, 8).Draw(rt, "pause"))
			msgs := s.e.Messages()
			if last := msgs[len(msgs)-1]; !strings.Contains(fmt.Sprint(msgs), fmt.Sprintf("client %d", 5000+i)) {
				rt.Fatalf("turn %d is not in the memory, which ends with %+v", i, last)
			}
		}
	})
}

// rapidTB lets a script report to rapid, which shrinks.
type rapidTB struct {
	testing.TB
	rt *rapid.T
}

func (r rapidTB) Helper()                      {}
func (r rapidTB) Fatalf(f string, args ...any) { r.rt.Fatalf(f, args...) }
func (r rapidTB) Fatal(args ...any)            { r.rt.Fatal(args...) }
func (r rapidTB) Errorf(f string, args ...any) { r.rt.Errorf(f, args...) }
