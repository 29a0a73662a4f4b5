package turn

import (
	"strings"
	"testing"
)

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
			if m := s.e.Messages(); len(m) != 2 || m[1].Cut || strings.TrimSpace(m[1].Text) != r[0].Agent {
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
