package turn

import (
	"html"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a voice must not read out (JUL-17).
var (
	reLink    = regexp.MustCompile(`!?\[([^\]]*)\]\([^)]*\)`)
	reURL     = regexp.MustCompile(`(?i)\s*<?\b(?:[a-z][a-z0-9+.-]*://|www\.|(?:[a-z0-9-]+\.)+[a-z]{2,}/)(?:[^\s<>"]*[^\s<>".,;:!?)\]'*_])?>?`)
	reFence   = regexp.MustCompile("```[a-zA-Z]*")
	reHeading = regexp.MustCompile(`(?m)^\s{0,3}(?:(?:#{1,6}|[-*+•>])\s+)+`)
	reRule    = regexp.MustCompile(`(?m)^\s*(?:\|?\s*:?-{3,}:?\s*)+\|?\s*$`)
	reCell    = regexp.MustCompile(`\s*\|[\s|]*`)
	reLong    = regexp.MustCompile(`\d{7,}(?:\.\d+)?`)
)

// speakable turns a piece of a model's text into words for a voice: no addresses of the web, no
// markdown, no tags, no emoji, no table; long numbers in groups of three. A piece without a word or a
// number gives "".
func speakable(s string) string {
	s = strings.ToValidUTF8(s, "")
	// A caller waits for the first piece, and plain words are the rule: an expression is asked only where
	// a character that it needs is there.
	if strings.Contains(s, "](") {
		s = reLink.ReplaceAllString(s, "$1")
	}
	if strings.Contains(s, "&") {
		s = html.UnescapeString(s)
	}
	s = stripAddresses(stripTags(s))
	if strings.Contains(s, "```") {
		s = reFence.ReplaceAllString(s, "")
	}
	if strings.Contains(s, "---") {
		s = reRule.ReplaceAllString(s, "")
	}
	if strings.Contains(s, "|") {
		s = reCell.ReplaceAllString(strings.Trim(s, "| \t\n"), ", ")
	}
	s = reHeading.ReplaceAllString(s, "")
	s = strings.ReplaceAll(s, "`", "")
	s = stripMarks(s)
	s = stripSymbols(s)
	s = groupNumbers(stripAddresses(s)) // again, for what those marks had hidden; and the tags below
	for before := "\x00"; s != before; {
		before = s
		s = strings.Join(strings.Fields(stripTags(s)), " ")
	}
	if !strings.ContainsFunc(s, wordRune) {
		return ""
	}
	return s
}

func stripAddresses(s string) string {
	if strings.Contains(s, "/") || strings.Contains(strings.ToLower(s), "www.") {
		return reURL.ReplaceAllString(s, "")
	}
	return s
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// stripMarks drops the marks of bold, italic and struck text, also when their other end is in another
// piece. A mark that stands alone ("2 * 3") or inside a word (my_var_name, 2*3) is no markdown.
func stripMarks(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		c := s[i]
		if c != '*' && c != '_' && c != '~' {
			b.WriteByte(c)
			i++
			continue
		}
		j := i
		for j < len(s) && s[j] == c {
			j++
		}
		before, _ := utf8.DecodeLastRuneInString(s[:i])
		after, _ := utf8.DecodeRuneInString(s[j:])
		if literal(c, j-i, before, i == 0, after, j == len(s)) {
			b.WriteString(s[i:j])
		}
		i = j
	}
	return b.String()
}

// literal tells whether a run of n marks between two characters is meant as it stands.
func literal(mark byte, n int, before rune, first bool, after rune, last bool) bool {
	open := first || unicode.IsSpace(before)
	shut := last || unicode.IsSpace(after)
	switch {
	case open && shut:
		return true
	case mark == '~' && n == 1:
		return true // "~5 minutes"
	case open || shut || !wordRune(before) || !wordRune(after):
		return false
	case mark == '_' || n == 1:
		return true
	}
	return unicode.IsDigit(before) && unicode.IsDigit(after)
}

// stripSymbols drops emoji and control characters. A joiner is kept inside a word: some scripts need it.
func stripSymbols(s string) string {
	var prev rune
	return strings.Map(func(r rune) rune {
		joiner := r == 0x200D && !unicode.In(prev, unicode.L, unicode.M)
		if emoji(r) || joiner || (unicode.IsControl(r) && !unicode.IsSpace(r)) || r == utf8.RuneError {
			return -1
		}
		prev = r
		return r
	}, s)
}

func emoji(r rune) bool {
	switch {
	case r >= 0x1F000 && r <= 0x1FAFF, r >= 0x2600 && r <= 0x27BF, r >= 0x2B00 && r <= 0x2BFF, r >= 0xFE00 && r <= 0xFE0F,
		r == 0x231A, r == 0x231B, r >= 0x23E9 && r <= 0x23FA, r >= 0x25AA && r <= 0x25FE, r == 0x20E3, r >= 0xE0020 && r <= 0xE007F:
		return true
	}
	return false
}

// groupNumbers spaces out long numbers, which are read digit by digit, and puts commas into amounts,
// which are not.
func groupNumbers(s string) string {
	var b strings.Builder
	from := 0
	for _, at := range reLong.FindAllStringIndex(s, -1) {
		digits := s[at[0]:at[1]]
		whole, cents, decimal := strings.Cut(digits, ".")
		before, _ := utf8.DecodeLastRuneInString(s[:at[0]])
		b.WriteString(s[from:at[0]])
		switch {
		case decimal:
			b.WriteString(grouped(whole, ',', len(whole)%3) + "." + cents)
		case unicode.Is(unicode.Sc, before):
			b.WriteString(grouped(whole, ',', len(whole)%3))
		default:
			b.WriteString(grouped(whole, ' ', 0))
		}
		from = at[1]
	}
	return b.String() + s[from:]
}

// grouped puts sep between groups of three, the first group being of head digits. No group is a single
// digit, except the head.
func grouped(d string, sep byte, head int) string {
	var b strings.Builder
	for i := range len(d) {
		if i > 0 && (i-head)%3 == 0 && len(d)-i >= 2 {
			b.WriteByte(sep)
		}
		b.WriteByte(d[i])
	}
	return b.String()
}
