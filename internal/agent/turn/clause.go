package turn

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// clauses cuts a stream of text into pieces worth speaking: whole sentences, the short ones together, and
// when eager a first piece that is a mere clause, since the caller waits for it. Where it cuts depends on
// the text alone, not on how the text arrives.
type clauses struct {
	eager bool
	later bool // the first piece is out
	buf   string
}

const (
	firstClause   = 24  // shortest first piece that may end at a comma, in bytes
	shortSentence = 20  // a later sentence below this waits for the next, in bytes
	maxClause     = 400 // a piece without an end is cut at a space
)

// add takes more text and returns the pieces that are complete.
func (c *clauses) add(text string) []string {
	c.buf += text
	var out []string
	for {
		c.buf = strings.TrimLeftFunc(c.buf, unicode.IsSpace)
		n := c.cut()
		if n <= 0 {
			return out
		}
		if piece := strings.TrimSpace(c.buf[:n]); piece != "" {
			out = append(out, piece)
			c.later = true
		}
		c.buf = c.buf[n:]
	}
}

// cut returns where the first piece of the buffer ends, or -1 when more text may change that.
func (c *clauses) cut() int {
	window := clip(c.buf, maxClause)
	least := 0
	if c.later {
		least = shortSentence
	}
	n := sentenceEnd(window, least)
	if c.eager && !c.later {
		if at := clauseEnd(window); at > 0 && (n < 0 || at < n) {
			n = at
		}
	}
	if n > 0 || len(window) == len(c.buf) {
		return n
	}
	at := strings.LastIndexByte(window, ' ')
	if at <= 0 {
		at = len(window)
	}
	// A tag that is cut in two is no tag any more, and would be read out.
	if tag := strings.LastIndexByte(window[:at], '<'); tag >= 0 && beginsTag(window[tag+1:]) && tag+tagSpan(c.buf[tag:]) > at {
		if tag > 0 {
			return tag
		}
		return tagSpan(c.buf)
	}
	return at
}

// flush returns what is left.
func (c *clauses) flush() []string {
	rest := strings.TrimSpace(c.buf)
	c.buf = ""
	if rest == "" {
		return nil
	}
	c.later = true
	return []string{rest}
}

// splitAll cuts a whole text.
func splitAll(text string) []string {
	var c clauses
	return append(c.add(text), c.flush()...)
}

const (
	// latinMarks end a sentence when a new one begins behind them.
	latinMarks = ".!?…"
	// otherMarks end one by themselves: Chinese, Japanese and Korean, Arabic and Urdu, Hindi, Burmese,
	// Khmer, Tibetan, Armenian, Ethiopic.
	otherMarks = "。！？｡．؟۔।॥။។៕།༎։።፧፨"
	// closers belong to the sentence in front of them.
	closers = "\"'”’)»」』）】〉》"
)

// sentenceEnd returns the length of the first whole sentence in s that is not shorter than least, or -1.
// Every end needs the beginning of the next sentence behind it: "3." may become "3.14", "U." may become
// "U.S.A.", "好。" may become "好。」". Only a line break decides at once.
func sentenceEnd(s string, least int) int {
	depth, from := 0, 0
	for i, r := range s {
		n := -1
		switch {
		case i < from: // within a tag
		case r == '<':
			span := tagSpan(s[i:])
			if span == 0 {
				return -1
			}
			from = i + span
		case r == '[' || r == '(':
			depth++
		case r == ']' || r == ')':
			depth = max(0, depth-1)
		case r == '\n' && strings.TrimSpace(s[:i]) != "":
			return i + 1
		case strings.ContainsRune(otherMarks, r):
			n = otherEnd(s, i+utf8.RuneLen(r))
		case strings.ContainsRune(latinMarks, r) && depth == 0:
			n = latinEnd(s, i, r)
		}
		if n > 0 && n >= least {
			return n
		}
	}
	return -1
}

// otherEnd returns where the sentence ends whose mark ends at j, or -1 when nothing stands behind it yet.
func otherEnd(s string, j int) int {
	if j = skip(s, j, otherMarks+closers); j >= len(s) {
		return -1
	}
	return j
}

// latinEnd decides whether the mark at i ends a sentence and returns where, or -1.
func latinEnd(s string, i int, mark rune) int {
	j := skip(s, i+utf8.RuneLen(mark), latinMarks+closers)
	k := skip(s, j, " \t\u00a0")
	if k == j || k >= len(s) {
		return -1 // no space behind it yet, or nothing after the space
	}
	next, _ := utf8.DecodeRuneInString(s[k:])
	if mark == '.' && (unicode.IsLower(next) || abbreviation(s[:i], next) || numbered(s[:i])) {
		return -1
	}
	return j
}

// skip moves j over the characters of set.
func skip(s string, j int, set string) int {
	for j < len(s) {
		r, w := utf8.DecodeRuneInString(s[j:])
		if !strings.ContainsRune(set, r) {
			break
		}
		j += w
	}
	return j
}

// numbered tells whether the piece so far is the number of a list's entry.
func numbered(s string) bool {
	s = strings.TrimSpace(s)
	return s != "" && len(s) <= 2 && strings.Trim(s, "0123456789") == ""
}

// abbreviation tells whether the text in front of a full stop, with next behind it, is one that does not
// end a sentence.
func abbreviation(s string, next rune) bool {
	at := strings.LastIndexFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '(' || r == '"' })
	word := strings.ToLower(s[at+1:])
	if utf8.RuneCountInString(word) == 1 {
		r, _ := utf8.DecodeRuneInString(word)
		return unicode.IsLetter(r) && r != 'i' // an initial
	}
	if strings.Contains(word, ".") {
		for _, p := range strings.Split(word, ".") {
			if utf8.RuneCountInString(p) > 1 {
				return false
			}
		}
		return true // e.g., a.m., U.S.
	}
	switch word {
	case "no":
		return unicode.IsDigit(next) // No. 5
	case "mr", "mrs", "ms", "dr", "prof", "st", "jr", "sr", "vs", "approx", "inc", "ltd", "co", "dept", "est", "fig", "gen", "gov", "hon", "rev", "sgt", "capt", "lt", "col", "mt", "ave", "blvd":
		return true
	}
	return false
}

// clauseEnd returns where the first clause of at least firstClause bytes ends, or -1.
func clauseEnd(s string) int {
	depth, from := 0, 0
	for i, r := range s {
		switch {
		case i < from: // within a tag
		case r == '<':
			span := tagSpan(s[i:])
			if span == 0 {
				return -1
			}
			from = i + span
		case r == '[' || r == '(':
			depth++
		case r == ']' || r == ')':
			depth = max(0, depth-1)
		case depth == 0 && strings.ContainsRune(",;:—–", r):
			j := i + utf8.RuneLen(r)
			if j >= firstClause && j+1 < len(s) && s[j] == ' ' {
				return j
			}
		}
	}
	return -1
}
