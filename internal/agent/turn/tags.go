package turn

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

var (
	reMail     = regexp.MustCompile(`^<([^<>\s@]+@[^<>\s@]+)>`)
	reTagBegun = regexp.MustCompile(`^(?:[!?]|/?[A-Za-z][A-Za-z0-9:._-]*(?:\s*/?$|\s+[A-Za-z][A-Za-z0-9:._-]*\s*=))`)
)

// maxTag is how far the end of a tag is looked for, in bytes.
const maxTag = 600

// stripTags drops markup. A voice obeys some of it (<break time="3600s"/> is an hour of silence), and the
// pieces of an answer reach it as one text, so nothing is left that begins a tag, whole or cut off: after it
// no "<" stands before a letter, a "/", "!" or "?", or at the end. A mail address keeps its letters, a
// comparison its sign.
func stripTags(s string) string {
	for strings.Contains(s, "<") {
		next := stripTagsOnce(s)
		if next == s {
			return s
		}
		s = next // what was dropped may have stood between a sign and a name
	}
	return s
}

func stripTagsOnce(s string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '<')
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:i])
		s = s[i:]
		if m := reMail.FindStringSubmatch(s); m != nil {
			b.WriteString(m[1])
			s = s[len(m[0]):]
			continue
		}
		if !beginsTag(s[1:]) {
			b.WriteByte('<')
			s = s[1:]
			continue
		}
		switch end := tagEnd(s); {
		case end > 0:
			s = s[end:]
		case reTagBegun.MatchString(s[1:]):
			return b.String() // cut off: its rest is in another piece
		default:
			s = s[1:] // "a<b": the words stay
		}
	}
}

// beginsTag tells whether "<" and this would be read as markup.
func beginsTag(rest string) bool {
	if rest == "" {
		return true // what follows is in another piece
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return wordRune(r) && (r < '0' || r > '9') || strings.ContainsRune("/!?_:", r)
}

// tagEnd is the length of the tag at the beginning of s, 0 when it does not end.
func tagEnd(s string) int {
	if s = clip(s, maxTag); wholeTag(s) > 0 {
		return wholeTag(s)
	}
	return strings.IndexByte(s, '>') + 1 // a quote that does not end is none
}

// wholeTag is tagEnd for a tag in good order: a ">" within quotes is part of a value.
func wholeTag(s string) int {
	var quote byte
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case (c == '"' || c == '\'') && s[i-1] == '=':
			quote = c
		case c == '>':
			return i + 1
		}
	}
	return 0
}

// shortTag is how long a tag may be that keeps a sentence together, in bytes. Beyond it a "<" is a sign: who
// waits longer keeps the caller waiting.
const shortTag = 200

// tagSpan is how much of s is one sign or one tag, s beginning with "<"; 0 when more text may tell.
func tagSpan(s string) int {
	if len(s) > 1 && !beginsTag(s[1:]) {
		return 1
	}
	if n := wholeTag(clip(s, shortTag)); n > 0 {
		return n
	}
	if len(s) >= shortTag {
		return 1
	}
	return 0
}
