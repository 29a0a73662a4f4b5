package turn

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// clauses cuts a stream of text into pieces worth speaking: whole sentences, and for the very first
// piece a clause, since the caller waits for it.
type clauses struct{ buf string }

const (
	firstClause = 24      // shortest first piece that may end at a comma, in bytes
	maxClause   = 400     // a piece without an end is cut at a space
	maxBuffer   = 1 << 16 // text that never ends
)

// add takes more text and returns the pieces that are complete.
func (c *clauses) add(text string, first bool) []string {
	if len(c.buf)+len(text) > maxBuffer {
		text = ""
	}
	c.buf += text
	var out []string
	for {
		n := sentenceEnd(c.buf)
		if n < 0 && first && len(out) == 0 {
			n = clauseEnd(c.buf)
		}
		if n < 0 && len(c.buf) > maxClause {
			n = strings.LastIndexByte(c.buf[:maxClause], ' ')
		}
		if n <= 0 {
			return out
		}
		if piece := strings.TrimSpace(c.buf[:n]); piece != "" {
			out = append(out, piece)
		}
		c.buf = strings.TrimLeftFunc(c.buf[n:], unicode.IsSpace)
	}
}

// flush returns what is left.
func (c *clauses) flush() []string {
	rest := strings.TrimSpace(c.buf)
	c.buf = ""
	if rest == "" {
		return nil
	}
	return []string{rest}
}

// splitAll cuts a whole text.
func splitAll(text string) []string {
	var c clauses
	return append(c.add(text, false), c.flush()...)
}

// sentenceEnd returns the length of the first whole sentence in s, or -1. An end by a Latin full stop
// needs the beginning of the next sentence behind it: "3." may become "3.14", "U." may become "U.S.A.".
func sentenceEnd(s string) int {
	depth := 0
	for i, r := range s {
		w := utf8.RuneLen(r)
		switch {
		case r == '[' || r == '(':
			depth++
		case r == ']' || r == ')':
			depth = max(0, depth-1)
		case r == '\n' && strings.TrimSpace(s[:i]) != "":
			return i + w
		case strings.ContainsRune("。！？｡؟۔।॥။።։", r):
			return i + w
		case strings.ContainsRune(".!?…", r) && depth == 0:
			if n := latinEnd(s, i, r); n > 0 {
				return n
			}
		}
	}
	return -1
}

// latinEnd decides whether the mark at i ends a sentence and returns where, or -1.
func latinEnd(s string, i int, mark rune) int {
	j := i + utf8.RuneLen(mark)
	for j < len(s) {
		r, w := utf8.DecodeRuneInString(s[j:])
		if !strings.ContainsRune(".!?…\"'”’)»", r) {
			break
		}
		j += w
	}
	k := j
	for k < len(s) && (s[k] == ' ' || s[k] == '\t') {
		k++
	}
	if k == j || k >= len(s) {
		return -1 // no space behind it yet, or nothing after the space
	}
	next, _ := utf8.DecodeRuneInString(s[k:])
	if mark == '.' {
		if abbreviation(s[:i]) {
			return -1
		}
		if unicode.IsLower(next) {
			return -1
		}
	}
	return j
}

// abbreviation tells whether the text in front of a full stop is one that does not end a sentence.
func abbreviation(s string) bool {
	at := strings.LastIndexFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '(' || r == '"' })
	word := strings.ToLower(s[at+1:])
	if n := utf8.RuneCountInString(word); n == 1 {
		r, _ := utf8.DecodeRuneInString(word)
		return unicode.IsLetter(r) && r != 'i' // an initial
	}
	if strings.Contains(word, ".") {
		parts := strings.Split(word, ".")
		for _, p := range parts {
			if utf8.RuneCountInString(p) > 1 {
				return false
			}
		}
		return true // e.g., a.m., U.S.
	}
	switch word {
	case "mr", "mrs", "ms", "dr", "prof", "st", "jr", "sr", "vs", "etc", "approx", "no", "inc", "ltd", "co", "dept", "est", "fig", "gen", "gov", "hon", "rev", "sgt", "capt", "lt", "col", "mt", "ave", "blvd":
		return true
	}
	return false
}

// clauseEnd returns where the first clause of at least firstClause bytes ends, or -1.
func clauseEnd(s string) int {
	for i, r := range s {
		if !strings.ContainsRune(",;:—–", r) {
			continue
		}
		j := i + utf8.RuneLen(r)
		if j >= firstClause && j+1 < len(s) && s[j] == ' ' {
			return j
		}
	}
	return -1
}
