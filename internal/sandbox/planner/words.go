package planner

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind uint8

const (
	word    kind = iota
	number       // text holds digits only
	mixed        // digits and letters: no number and no word, often an id gone wrong
	address      // e-mail address
	stop         // punctuation that ends a phrase
)

// token is one word, number, address or punctuation mark.
type token struct {
	text       string // lower case
	kind       kind
	cue        bool // a number that says itself what it is: "C5001"
	start, end int  // bytes in the source
}

//nolint:gochecknoglobals // compiled once
var typedAddress = lazily(`[A-Za-z0-9._%+\-]{1,64}@[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63})*\.[A-Za-z]{2,24}`)

// read turns what was said into tokens: spoken numbers and addresses are put together.
func read(s string) []token { return spokenAddresses(spokenNumbers(scan(s))) }

func scan(s string) []token {
	var out []token
	at := 0
	if strings.IndexByte(s, '@') < 0 {
		return scanPlain(s, 0, len(s))
	}
	for _, m := range typedAddress().FindAllStringIndex(s, 32) {
		out = append(out, scanPlain(s, at, m[0])...)
		out = append(out, token{text: strings.ToLower(strings.TrimLeft(s[m[0]:m[1]], ".-")), kind: address, start: m[0], end: m[1]})
		at = m[1]
	}
	return append(out, scanPlain(s, at, len(s))...)
}

func scanPlain(s string, from, to int) []token {
	var out []token
	for i := from; i < to; {
		r, n := utf8.DecodeRuneInString(s[i:to])
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			end := wordEnd(s, i, to)
			if t := classify(s[i:end]); t.text != "" {
				t.start, t.end = i, end
				out = append(out, t)
			}
			i = end
			continue
		case strings.ContainsRune(".,;:!?\n", r):
			out = append(out, token{text: string(r), kind: stop, start: i, end: i + n})
		case strings.ContainsRune("@$€£%", r):
			out = append(out, token{text: string(r), start: i, end: i + n})
		}
		i += n
	}
	return out
}

// wordEnd finds the end of a word. An apostrophe, a dot or comma between digits, a dot in a domain name
// and the hyphen of "e-mail" belong to it.
func wordEnd(s string, i, to int) int {
	start := i
	for i < to {
		r, n := utf8.DecodeRuneInString(s[i:to])
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			i += n
			continue
		}
		next, _ := utf8.DecodeRuneInString(s[i+n : to])
		prev, _ := utf8.DecodeLastRuneInString(s[start:i])
		joins := (r == '\'' || r == '’') && unicode.IsLetter(next) ||
			r == '.' && (unicode.IsLetter(prev) && unicode.IsLetter(next) || unicode.IsDigit(prev) && unicode.IsDigit(next)) ||
			r == ',' && unicode.IsDigit(prev) && thousands(s[i+n:to]) ||
			r == '-' && strings.EqualFold(s[start:i], "e") && unicode.IsLetter(next)
		if !joins {
			break
		}
		i += n
	}
	return i
}

func thousands(s string) bool {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n == 3
}

//nolint:gochecknoglobals // tables
var (
	suffixes  = strings.NewReplacer("’", "'", "-", "")
	numbered  = lazily(`^(?:c|cl|cli|cid|client|cust|customer|id|no|nr|acc|acct|account)?(\d+)(?:s|'s)?$`)
	ordinals  = lazily(`^\d+(?:st|nd|rd|th)$`)
	endings   = []string{"'s", "'d", "'ll", "'ve", "'re", "'m", "'"}
	letterOhs = strings.NewReplacer("o", "0")
)

// classify normalises one word: lower case, no contraction, digits told from letters.
func classify(raw string) token {
	w := suffixes.Replace(strings.ToLower(raw))
	if !strings.ContainsAny(w, "0123456789") {
		return token{text: uncontracted(w)}
	}
	if m := numbered().FindStringSubmatch(strings.ReplaceAll(w, ",", "")); m != nil {
		return token{text: m[1], kind: number, cue: w[0] > '9'}
	}
	if z := letterOhs.Replace(w); !strings.ContainsFunc(z, func(r rune) bool { return r < '0' || r > '9' }) {
		return token{text: z, kind: number}
	}
	if ordinals().MatchString(w) {
		return token{text: w}
	}
	return token{text: w, kind: mixed}
}

func uncontracted(w string) string {
	if strings.IndexByte(w, '\'') < 0 {
		return w
	}
	for _, e := range endings {
		if t, ok := strings.CutSuffix(w, e); ok {
			w = t
			break
		}
	}
	return strings.ReplaceAll(w, "'", "")
}

// clip bounds a text at a character; the middle of an oversized one goes, since questions stand at
// either end.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n/2], "") + "\n" + strings.ToValidUTF8(s[len(s)-n/2:], "")
}

// plain joins tokens into the form that phrases are looked for in.
func plain(ts []token) string {
	var b strings.Builder
	b.WriteByte(' ')
	for _, t := range ts {
		if t.kind != stop {
			b.WriteString(t.text)
			b.WriteByte(' ')
		}
	}
	return b.String()
}

func has(phrases string, list ...string) bool {
	for _, p := range list {
		if strings.Contains(phrases, " "+p+" ") {
			return true
		}
	}
	return false
}

// in tells whether a word stands in a list of words that white space parts.
func in(s, list string) bool {
	if s == "" {
		return false
	}
	for at := 0; ; {
		i := strings.Index(list[at:], s)
		if i < 0 {
			return false
		}
		i += at
		end := i + len(s)
		if (i == 0 || list[i-1] <= ' ') && (end == len(list) || list[end] <= ' ') {
			return true
		}
		at = i + 1
	}
}
