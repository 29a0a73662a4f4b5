package planner

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

//nolint:gochecknoglobals // tables
var currencies = map[string]string{"usd": "dollars", "$": "dollars", "eur": "euros", "€": "euros", "gbp": "pounds", "£": "pounds", "cad": "Canadian dollars", "aud": "Australian dollars", "inr": "rupees", "jpy": "yen", "chf": "francs"}

// money speaks an amount: "1,234.50 dollars". Without a known currency it is a bare number.
func money(n float64, currency string) string {
	s := strconv.FormatFloat(math.Abs(math.Round(n*100)/100), 'f', 2, 64)
	whole, cents, _ := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if cents != "00" {
		whole += "." + cents
	}
	if n < 0 {
		whole = "minus " + whole
	}
	if unit := currencies[strings.ToLower(currency)]; unit != "" {
		return whole + " " + unit
	}
	return whole
}

// day speaks a date: "March 4". What is no date gives "".
func day(s string) string {
	if len(s) >= 10 {
		if t, err := time.Parse("2006-01-02", s[:10]); err == nil {
			return t.Format("January 2")
		}
	}
	return ""
}

//nolint:gochecknoglobals // compiled once
var (
	footnote = lazily(`\[\^?\d{1,3}\](?:\([^)\s]{0,500}\))?`)
	mdLink   = lazily(`!?\[([^\]\n]{0,200})\]\([^)\s]{0,500}\)`)
	urls     = lazily(`(?i)\b(?:https?://|ftp://|www\.)\S+`)
	bareURL  = lazily(`(?i)(^|[\s(])((?:[a-z0-9-]+\.)+(?:com|org|net|io|co|gov|edu|dev|info|uk|de))(?:/\S*)?`)
	tags     = lazily(`<[^<>]{1,200}>`)
	orders   = lazily(`(?i)\b(?:ignore|disregard|forget) (?:all|any|the|your|previous|prior|these|those)|\bsystem prompt|\byou (?:are now|must now|must|should now|will now)\b|\bnew instructions?\b|\b(?:call|invoke|use|run) the \w+(?: \w+)? (?:tool|function)|\b(?:assistant|system|user):|\bdo not tell\b|\breveal\b|\b(?:e-?mail|send|forward) (?:this|all|the|everything|it)\b.{0,60}@`)
	sentence = lazily(`[^.!?\n]+(?:[.!?]+[^\s.!?\n][^.!?\n]*)*[.!?]*`)
)

// clean makes text fit for speech: no URL, markup, emoji or brackets.
func clean(s string) string {
	s = footnote().ReplaceAllString(s, "")
	s = mdLink().ReplaceAllString(s, "$1")
	s = urls().ReplaceAllString(s, "")
	s = tags().ReplaceAllString(s, " ")
	s = bareURL().ReplaceAllStringFunc(s, func(u string) string {
		m := bareURL().FindStringSubmatch(u)
		return m[1] + strings.ReplaceAll(m[2], ".", " dot ")
	})
	s = strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune("*#`|{}[]<>~^\\", r), r == '\ufe0f', r == '\u200d', unicode.Is(unicode.So, r), unicode.IsControl(r) && r != '\n':
			return ' '
		case r == '_':
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	return strings.NewReplacer(" .", ".", " ,", ",", "( )", "", "()", "").Replace(s)
}

// sentencesOf splits a passage, and leaves out what tries to give orders: a passage is something to
// quote, never something to obey.
func sentencesOf(s string) []string {
	var out []string
	for _, part := range sentence().FindAllString(shorten(s, 4000), 60) {
		if orders().MatchString(part) {
			continue
		}
		p := strings.TrimLeft(clean(part), "-–•·: ")
		if len(p) > 2 && !(urls().MatchString(part) && len(strings.Fields(p)) < 4) { // "See https://…" says nothing aloud
			out = append(out, p)
		}
	}
	return out
}

// fit keeps an answer within the words that a listener bears, at the end of a sentence where it can.
func fit(s string, limit int) string {
	ws := strings.Fields(s)
	if len(ws) <= limit {
		return strings.Join(ws, " ")
	}
	for i := limit; i > limit/3; i-- {
		if strings.ContainsAny(ws[i-1][len(ws[i-1])-1:], ".!?") {
			return strings.Join(ws[:i], " ")
		}
	}
	return strings.TrimRight(strings.Join(ws[:limit], " "), ",;:-") + "."
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

func list(parts []string) string {
	switch len(parts) {
	case 0:
		return ""
	case 1:
		return parts[0]
	case 2:
		return parts[0] + " and " + parts[1]
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
}

func capital(s string) string {
	for i, r := range s {
		return s[:i] + string(unicode.ToUpper(r)) + s[i+len(string(r)):]
	}
	return s
}
