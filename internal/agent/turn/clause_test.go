package turn

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// feed gives text to a splitter in chunks of size characters (0 = at once) and returns what add and
// flush gave.
func feed(c *clauses, text string, size int) (streamed, flushed []string) {
	runes := []rune(text)
	if size <= 0 {
		size = max(1, len(runes))
	}
	for chunk := range slices.Chunk(runes, size) {
		streamed = append(streamed, c.add(string(chunk))...)
	}
	return streamed, c.flush()
}

func TestClauses_CutsWhereASentenceIsSureToEnd(t *testing.T) {
	cases := []struct {
		name, text       string
		streamed, onward []string
	}{
		{"price with a unit waits for the flush", "Ask me for only $29.95/month.", nil, []string{"Ask me for only $29.95/month."}},
		{"a title is no end", "Hello Mr. Smith.", nil, []string{"Hello Mr. Smith."}},
		{"the next sentence's first letter decides", "Hello world. N", []string{"Hello world."}, []string{"N"}},
		{"a space alone does not", "Hello world. ", nil, []string{"Hello world."}},
		{"exclamation", "Hello Pipecat! How are you?", []string{"Hello Pipecat!"}, []string{"How are you?"}},
		{"two titles", "Mr. and Mrs. Jones.", nil, []string{"Mr. and Mrs. Jones."}},
		{"titles at the end", "Meet the new Mr. and Mrs.", nil, []string{"Meet the new Mr. and Mrs."}},
		{"initials", "U.S.A. and N.A.S.A.", nil, []string{"U.S.A. and N.A.S.A."}},
		{"initials before a name", "See R.T.C. Then J. Smith came.", nil, []string{"See R.T.C. Then J. Smith came."}},
		{"mail address", "foo.bar@pipecat.ai.", nil, []string{"foo.bar@pipecat.ai."}},
		{"decimals", "3.14159.", nil, []string{"3.14159."}},
		{"time of day", "it's 3:00 a.m.", nil, []string{"it's 3:00 a.m."}},
		{"ellipsis", "…", nil, []string{"…"}},
		{"open end after a title", "Ok, Mr. Smith let's ", nil, []string{"Ok, Mr. Smith let's"}},
		{"German ordinal", "Heute ist Dienstag, der 3", nil, []string{"Heute ist Dienstag, der 3"}},
		{"half of initials", "America, or the U.S", nil, []string{"America, or the U.S"}},
		{"comma", "First this, ", nil, []string{"First this,"}},
		{"formula", "f(x) = x * 2.54 + 42.", nil, []string{"f(x) = x * 2.54 + 42."}},
		{"a plain no ends", "No. You have three.", []string{"No."}, []string{"You have three."}},
		{"number five does not", "Room No. 5 is free.", nil, []string{"Room No. 5 is free."}},
		{"a list's number is no sentence", "1. First do this.\n2. Then that.", []string{"1. First do this."}, []string{"2. Then that."}},
		{"quoted end", "He said \"Go.\" Then he left.", []string{"He said \"Go.\""}, []string{"Then he left."}},
		{"line break ends at once", "Title\n", []string{"Title"}, nil},
		{"dots inside a link", "See [our page. Really](https://a.b/c. D) now. Next", []string{"See [our page. Really](https://a.b/c. D) now."}, []string{"Next"}},
		{"short sentences go together", "I found it. Yes. No. Maybe so. Right then.", []string{"I found it."}, []string{"Yes. No. Maybe so. Right then."}},
		{"until they are long enough", "I found it. Yes. No. Maybe so. It is. Right then.", []string{"I found it.", "Yes. No. Maybe so. It is."}, []string{"Right then."}},
		{"Chinese", "你好世界。下一", []string{"你好世界。"}, []string{"下一"}},
		{"Chinese end with a bracket", "「你好。」他说", []string{"「你好。」"}, []string{"他说"}},
		{"Japanese", "こんにちは。元気", []string{"こんにちは。"}, []string{"元気"}},
		{"Korean", "안녕하세요. 반갑", []string{"안녕하세요."}, []string{"반갑"}},
		{"Arabic", "كيف حالك؟ أنا", []string{"كيف حالك؟"}, []string{"أنا"}},
		{"Urdu", "میں ٹھیک ہوں۔ آپ", []string{"میں ٹھیک ہوں۔"}, []string{"آپ"}},
		{"Hindi", "नमस्ते। आप", []string{"नमस्ते।"}, []string{"आप"}},
		{"Burmese", "မင်္ဂလာပါ။ နေ", []string{"မင်္ဂလာပါ။"}, []string{"နေ"}},
		{"Armenian", "Բարև։ Ինչ", []string{"Բարև։"}, []string{"Ինչ"}},
		{"Ethiopic", "ሰላም። እንዴ", []string{"ሰላም።"}, []string{"እንዴ"}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			for _, size := range []int{0, 1, 2, 4} {
				streamed, flushed := feed(&clauses{}, tc.text, size)
				if !slices.Equal(streamed, tc.streamed) || !slices.Equal(flushed, tc.onward) {
					t.Errorf("chunks of %d: got %q then %q, want %q then %q", size, streamed, flushed, tc.streamed, tc.onward)
				}
			}
		})
	}
}

func TestClauses_EmitsWhenTheNextCharacterComes(t *testing.T) {
	var c clauses
	var got []string
	for _, token := range []string{"你好", "世界", "。"} {
		got = append(got, c.add(token)...)
	}
	if len(got) != 0 {
		t.Fatalf("before the next character: got %q, want nothing", got)
	}
	if got = c.add("下一"); !slices.Equal(got, []string{"你好世界。"}) {
		t.Fatalf("at the next character: got %q", got)
	}
	if got = c.flush(); !slices.Equal(got, []string{"下一"}) {
		t.Fatalf("flush: got %q", got)
	}
	if got = c.flush(); got != nil {
		t.Fatalf("second flush: got %q, want nothing", got)
	}
}

func TestClauses_FirstPieceMayBeAClauseWhenEager(t *testing.T) {
	const text = "Let me look at the records, one after the other, for you. Done."
	want := []string{"Let me look at the records,", "one after the other, for you."}
	for _, size := range []int{0, 1, 3} {
		got, rest := feed(&clauses{eager: true}, text, size)
		if !slices.Equal(got, want) || !slices.Equal(rest, []string{"Done."}) {
			t.Errorf("chunks of %d: got %q, %q", size, got, rest)
		}
	}
	if got, _ := feed(&clauses{eager: true}, "Well, this is it. No", 0); !slices.Equal(got, []string{"Well, this is it."}) {
		t.Errorf("a clause too short to speak: got %q", got)
	}
	if got, _ := feed(&clauses{eager: true}, "See [the whole long page, here](x) now. No", 1); !slices.Equal(got, []string{"See [the whole long page, here](x) now."}) {
		t.Errorf("a comma inside a link: got %q", got)
	}
}

func TestClauses_TextWithoutEndIsCutAndStaysBounded(t *testing.T) {
	for name, unit := range map[string]string{"words": "word ", "one endless word": "x", "wide characters": "語"} {
		t.Run(name, func(t *testing.T) {
			var c clauses
			var got []string
			for range 4000 {
				got = append(got, c.add(unit)...)
				if len(c.buf) > maxClause {
					t.Fatalf("buffer holds %d bytes, want at most %d", len(c.buf), maxClause)
				}
			}
			got = append(got, c.flush()...)
			for _, piece := range got {
				if len(piece) > maxClause || !strings.HasPrefix(strings.Repeat(unit, 400), piece) {
					t.Fatalf("bad piece of %d bytes: %q", len(piece), piece)
				}
			}
			if all, want := squeeze(strings.Join(got, "")), squeeze(strings.Repeat(unit, 4000)); all != want {
				t.Fatalf("text was lost: got %d bytes, want %d", len(all), len(want))
			}
		})
	}
}

func squeeze(s string) string { return strings.Join(strings.Fields(s), "") }

// genText draws prose made of what a model writes: words, marks, markdown, numbers, other scripts.
func genText() *rapid.Generator[string] {
	tokens := []string{
		" ", " ", " ", " ", "\n", "\n\n", ". ", ". ", ", ", "! ", "? ", "… ", ": ", "; ", ".", ",", "?", "-", "—", "\"", "”", "(", ")", "[", "]",
		"the", "Client", "has", "three", "Mr", "U.S", "a.m", "e.g", "no", "No", "I", "5001", "3.14", "42", "1234567", "$29.95/month", "x", "é", "Ünder",
		"**", "*", "_", "__", "~~", "`", "```", "# ", "- ", "> ", "1. ", "|", "---", "my_var_name", "2 * 3", "10 > 5", "😀", "👨‍👩‍👧", "✅", "1️⃣",
		"https://a.example/b?c=d.", "www.example.com", "[link](https://x.example)", "![img](x.png)", "<b>", "</b>", "john@example.com",
		"你好", "。", "？", "世界", "नमस्ते", "।", "؟", "။", "։", "。」",
	}
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(tokens), 0, 150).Draw(t, "tokens"), "")
	})
}

func TestClauses_ChunkSizeNeverMatters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := genText().Draw(t, "text")
		if rapid.Bool().Draw(t, "any characters") {
			text = rapid.StringOfN(rapid.Rune(), 0, 600, -1).Draw(t, "text")
		}
		eager := rapid.Bool().Draw(t, "eager")
		whole, rest := feed(&clauses{eager: eager}, text, 0)

		c := clauses{eager: eager}
		var got []string
		for runes := []rune(text); len(runes) > 0; {
			n := min(len(runes), rapid.IntRange(1, 40).Draw(t, "chunk"))
			got = append(got, c.add(string(runes[:n]))...)
			runes = runes[n:]
		}
		if !slices.Equal(got, whole) {
			t.Fatalf("streamed\n got %q\nwant %q", got, whole)
		}
		if last := c.flush(); !slices.Equal(last, rest) {
			t.Fatalf("flushed\n got %q\nwant %q", last, rest)
		}
		if all := squeeze(strings.Join(append(got, rest...), " ")); all != squeeze(text) {
			t.Fatalf("text changed\n got %q\nwant %q", all, squeeze(text))
		}
	})
}

func FuzzClauses(f *testing.F) {
	f.Add("Hello world. Next one, which is long enough to cut. 你好。下", 3)
	f.Add("1. **One.** 2. _Two_ (see [a. b](c))", 1)
	f.Fuzz(func(t *testing.T, text string, size int) {
		if len(text) > 4096 {
			return
		}
		text = strings.ToValidUTF8(text, "")
		a, restA := feed(&clauses{eager: true}, text, 0)
		b, restB := feed(&clauses{eager: true}, text, min(max(size, 1), 64))
		if !slices.Equal(a, b) || !slices.Equal(restA, restB) {
			t.Fatalf("chunks of %d: got %q %q, want %q %q", size, b, restB, a, restA)
		}
		for _, piece := range append(a, restA...) {
			if piece == "" || len(piece) > maxClause {
				t.Fatalf("bad piece of %d bytes", len(piece))
			}
			_ = speakable(piece)
		}
	})
}
