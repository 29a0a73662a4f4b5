package turn

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSpeakable_LeavesOnlyWhatAVoiceCanRead(t *testing.T) {
	cases := []struct{ name, in, want string }{
		{"plain words stay", "You have three transactions.", "You have three transactions."},
		{"bold", "The **total** is __12__.", "The total is 12."},
		{"italic", "This is *very* _good_.", "This is very good."},
		{"two in a row", "*one* *two* _three_ _four_", "one two three four"},
		{"bold italic", "***Now***, please.", "Now, please."},
		{"struck out", "~~old~~ new", "old new"},
		{"half of a pair, opening", "**Bold sentence.", "Bold sentence."},
		{"half of a pair, closing", "Another one.** Then", "Another one. Then"},
		{"heading", "## Results", "Results"},
		{"bullet", "- first entry", "first entry"},
		{"bullet in bold", "* **Name:** Ann", "Name: Ann"},
		{"bullet as a dot", "• one", "one"},
		{"quote", "> said so", "said so"},
		{"numbers of a list are words too", "1. First", "1. First"},
		{"an answer that is a number", "42. Anything else?", "42. Anything else?"},
		{"link", "See [the policy](https://x.example/p?q=1).", "See the policy."},
		{"link that shows its address", "[https://x.example](https://x.example)", ""},
		{"image", "![a chart](https://x.example/c.png)", "a chart"},
		{"address", "It is at https://x.example/a/b?c=d#e.", "It is at."},
		{"address in the middle", "Go to www.example.com today", "Go to today"},
		{"address without scheme", "Look at docs.example.com/a/b, please.", "Look at, please."},
		{"address in angle brackets", "<https://x.example> has it", "has it"},
		{"other scheme", "ftp://files.example/x is it", "is it"},
		{"mail is read out", "I sent it to john@example.com.", "I sent it to john@example.com."},
		{"mail in angle brackets", "John <john@example.com>", "John john@example.com"},
		{"code", "Run `make test` now", "Run make test now"},
		{"fence", "```go", ""},
		{"closing fence", "x := 1 ```", "x := 1"},
		{"tag", "<b>bold</b><br/> and <span class=\"x\">more</span>", "bold and more"},
		{"H91 an hour of silence", `One <break time="3600s"/> two`, "One two"},
		{"H91 in any spelling", `One < break time="1s"/> two <BREAK TIME='9s' / > three <speak:break x="a>b"/>four`, `One < break time="1s"/> two three four`},
		{"H91 cut off at the end of a piece", `One two <break time="3600s. And`, "One two"},
		{"H91 the sign alone at the end", "One two <", "One two"},
		{"H91 a comment and an instruction", "One <!-- x --> two <?xml version=1?> <![CDATA[three]]> four", "One two four"},
		{"H91 tag in a tag", `One <bre<b>ak time="9s"/> two`, `One ak time="9s"/> two`},
		{"H91 hidden by marks", "One <**break time=\"9s\"/> <`break/> <\u200dbreak/> two", "One two"},
		{"H91 written as entities", `One &lt;break time="9s"/&gt; two & three`, "One two & three"},
		{"address hidden by a mark", "_www.example.com is it", "is it"},
		{"tight comparison", "If a<b it is 5<6", "If ab it is 5<6"},
		{"table row", "| Name | Total |", "Name, Total"},
		{"table rule", "|---|:---:|", ""},
		{"rule", "---", ""},
		{"emoji", "Great 😀👍🏽! ✅ Done ⏰", "Great ! Done"},
		{"family, flag and keycap", "👨\u200d👩\u200d👧 🇩🇪 1️⃣ way", "1 way"},
		{"only emoji", "🎉🎉", ""},
		{"only marks", "… — !", ""},
		{"identifier", "Use my_var_name here", "Use my_var_name here"},
		{"product", "2 * 3 is 6", "2 * 3 is 6"},
		{"tight product", "2*3 is 6, 2**3 is 8", "2*3 is 6, 2**3 is 8"},
		{"comparison", "10 > 5 and 3 < 4", "10 > 5 and 3 < 4"},
		{"lone tildes", "a ~~ b", "a ~~ b"},
		{"about", "~5 minutes", "~5 minutes"},
		{"price with unit", "Ask for $29.95/month.", "Ask for $29.95/month."},
		{"or", "yes and/or no", "yes and/or no"},
		{"joiner of a script", "ക്\u200dഷ", "ക്\u200dഷ"},
		{"control characters", "a\x00b\x1b c 👍\u200d", "ab c"},
		{"spaces", "  a \n b\t c  ", "a b c"},
		{"broken text", "a\xffb", "ab"},
		{"other scripts", "你好，世界。", "你好，世界。"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			if got := speakable(tc.in); got != tc.want {
				t.Errorf("speakable(%q)\n got %q\nwant %q", tc.in, got, tc.want)
			}
		})
	}
}

func TestJUL17_LongNumbersAreGroupedForSpeech(t *testing.T) {
	cases := []struct{ in, want string }{
		{"client 5001", "client 5001"},
		{"code 483920", "code 483920"},
		{"call 5551234", "call 555 1234"},
		{"call 55512345", "call 555 123 45"},
		{"call 555123456.", "call 555 123 456."},
		{"call 5551234567, please", "call 555 123 4567, please"},
		{"it is 1234567.89", "it is 1,234,567.89"},
		{"it is $12345678", "it is $12,345,678"},
		{"it is €123456789", "it is €123,456,789"},
		{"1,234,567 people", "1,234,567 people"},
	}
	for _, tc := range cases {
		if got := speakable(tc.in); got != tc.want {
			t.Errorf("speakable(%q) = %q, want %q", tc.in, got, tc.want)
		}
	}
}

// unspeakable finds what JUL-17 forbids in words for a voice.
var unspeakable = regexp.MustCompile("(?i)\\w+://\\w|\\bwww\\.\\w|`|\\*\\*\\w|\\w\\*\\*$|\\]\\(http|^#+ |\\||[\\x{1F300}-\\x{1FAFF}\\x{2600}-\\x{27BF}\\x{FE0F}]|\\d{7}|\\s\\s|^\\s|\\s$")

func TestJUL17_NothingUnspeakableIsSpokenWhateverTheChunks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := genText().Draw(t, "text")
		size := rapid.IntRange(1, 9).Draw(t, "chunk")
		say := func(size int) []string {
			var out []string
			a, b := feed(&clauses{eager: true}, text, size)
			for _, piece := range append(a, b...) {
				if s := speakable(piece); s != "" {
					out = append(out, s)
				}
			}
			return out
		}
		got := say(size)
		if whole := say(0); strings.Join(got, "/") != strings.Join(whole, "/") {
			t.Fatalf("chunks of %d\n got %q\nwant %q", size, got, whole)
		}
		for _, s := range got {
			if bad := unspeakable.FindString(s); bad != "" {
				t.Fatalf("%q holds %q", s, bad)
			}
		}
	})
}

func TestSpeakable_MarkdownStreamedInAnyChunks(t *testing.T) {
	const text = "# Report\n\nHere is **the list. It is long** for *you*:\n\n- **Ann**: 3 items 🎉\n- [Bob](https://x.example/b): ~~4~~ 5\n\n" +
		"```go\nmy_var_name := 2 * 3\n```\n| A | B |\n|---|---|\n| 10 > 5 | yes |\n![chart](c.png) Bye 😀."
	want := "Report Here is the list. It is long for you: Ann: 3 items Bob: 4 5 my_var_name := 2 * 3 A, B 10 > 5, yes chart Bye ."
	for _, size := range []int{0, 1, 2, 3, 4, 7, 50} {
		var out []string
		a, b := feed(&clauses{}, text, size)
		for _, piece := range append(a, b...) {
			if s := speakable(piece); s != "" {
				out = append(out, s)
			}
		}
		if got := strings.Join(out, " "); got != want {
			t.Errorf("chunks of %d\n got %q\nwant %q", size, got, want)
		}
	}
}

// H91: a tag is one piece with what stands around it, whatever ends a sentence within it and however the text
// comes, so nothing of it is read out.
func TestHostile_H91_TagsAreNotCutInPieces(t *testing.T) {
	long := "One moment, please. " + strings.Repeat(`<break time="9s"/>`, 300) + `<break time="3600s. And, then. More" x="y > z"/> Here it is. Is 5 < 6, or a<b? Yes.`
	var want string
	for _, size := range []int{0, 1, 2, 3, 7, 50} {
		var out []string
		a, b := feed(&clauses{eager: true}, long, size)
		for _, piece := range append(a, b...) {
			if s := speakable(piece); s != "" {
				out = append(out, s)
			}
		}
		got := strings.Join(out, "/")
		if size == 0 {
			want = got
		}
		if got != want || strings.ReplaceAll(got, "/", " ") != "One moment, please. Here it is. Is 5 < 6, or ab? Yes." {
			t.Errorf("chunks of %d: %q", size, got)
		}
	}
}

func FuzzSpeakable(f *testing.F) {
	f.Add("**Bold** [l](https://x) `c` | a | <b> 😀 1234567.8 my_var 2 * 3")
	f.Add("\xff\xfe ~~ __x__ <a@b.c>")
	f.Add(`<break time="3600s"/> <<b>break &lt;x a=">"/> <**y/> <`)
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 4096 {
			return
		}
		got := speakable(s)
		if strings.ContainsAny(got, "`|\x00\ufffd") || got != strings.TrimSpace(got) {
			t.Fatalf("speakable(%q) = %q", s, got)
		}
		for rest := got; ; {
			_, after, found := strings.Cut(rest, "<")
			if !found {
				break
			}
			if beginsTag(after) {
				t.Fatalf("speakable(%q) = %q begins a tag", s, got)
			}
			rest = after
		}
		if got != "" && !strings.ContainsFunc(got, wordRune) {
			t.Fatalf("speakable(%q) = %q has no word", s, got)
		}
	})
}
