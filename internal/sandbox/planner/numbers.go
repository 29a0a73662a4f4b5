package planner

import (
	"math"
	"strconv"
	"strings"
)

//nolint:gochecknoglobals // tables
var (
	numberWords = map[string]int{
		"zero": 0, "oh": 0, "o": 0, "nought": 0, "naught": 0, "nil": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6,
		"seven": 7, "eight": 8, "nine": 9, "niner": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14,
		"fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40,
		"fourty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
	}
	scaleWords = map[string]int{"hundred": 100, "thousand": 1000, "million": 1_000_000}
)

const clientCues = "client clients customer customers account accounts acct user member id ids number numbers no nr profile"

// spokenNumbers puts number words and digit groups together: "fifty oh one", "five thousand and one",
// "5 0 0 1", "five double zero one" all become 5001.
func spokenNumbers(ts []token) []token {
	out := make([]token, 0, len(ts))
	for i := 0; i < len(ts); {
		n := run(ts, i)
		if n == 0 {
			out = append(out, ts[i])
			i++
			continue
		}
		end := i + n
		out = append(out, join(ts[i:end])...)
		// "five zero x one": a spelled letter within digits is an id gone wrong.
		if end+1 < len(ts) && len(ts[end].text) == 1 && ts[end].kind == word && !in(ts[end].text, "a i o @ $ € £ %") && run(ts, end+1) > 0 {
			tail := join(ts[end+1 : end+1+run(ts, end+1)])
			last := &out[len(out)-1]
			last.text, last.kind, last.end = last.text+ts[end].text+tail[0].text, mixed, tail[0].end
			out = append(out, tail[1:]...)
			end += 1 + run(ts, end+1)
		}
		i = end
	}
	return out
}

// run counts the tokens from i on that make up one spoken number.
func run(ts []token, i int) int {
	if !numeric(ts[i]) && !multiple(ts, i) || zeroLetter(ts[i]) && !(i > 0 && in(ts[i-1].text, clientCues)) {
		return 0
	}
	j := i
	for j < len(ts) {
		switch t := ts[j]; {
		case numeric(t):
		case multiple(ts, j):
		case t.text == "and" && j > i && scale(ts[j-1]) && j+1 < len(ts) && numeric(ts[j+1]) && !long(ts[j+1]):
		case t.text == "," && j > i && digit(ts[j-1]) && j+1 < len(ts) && digit(ts[j+1]):
		default:
			return trimmed(ts, i, j)
		}
		j++
	}
	return trimmed(ts, i, j)
}

func trimmed(ts []token, i, j int) int {
	for j > i && !numeric(ts[j-1]) {
		j--
	}
	return j - i
}

func numeric(t token) bool {
	if t.kind == number {
		return true
	}
	_, n := numberWords[t.text]
	_, s := scaleWords[t.text]
	return t.kind == word && (n || s)
}

func scale(t token) bool {
	_, ok := scaleWords[t.text]
	return ok && t.kind == word
}

func multiple(ts []token, i int) bool {
	return in(ts[i].text, "double triple") && i+1 < len(ts) && digit(ts[i+1])
}

func zeroLetter(t token) bool {
	return t.kind == word && in(t.text, "oh o nil hundred thousand million")
}

func digit(t token) bool {
	n, ok := numberWords[t.text]
	return t.kind == word && ok && n < 10 || t.kind == number && len(t.text) == 1
}

func long(t token) bool { return t.kind == number && len(t.text) > 3 }

// join reads one run. Whole ids that stand side by side stay apart.
func join(ts []token) []token {
	for _, t := range ts {
		if scale(t) {
			return []token{{text: cardinal(ts), kind: number, start: ts[0].start, end: ts[len(ts)-1].end}}
		}
	}
	var out []token
	var cur *token
	tens, whole := false, false // whole: the number so far was written in one piece
	for i := 0; i < len(ts); i++ {
		t, text := ts[i], ts[i].text
		if t.kind == stop {
			continue
		}
		if multiple(ts, i) {
			n := 2
			if text == "triple" {
				n = 3
			}
			text = strings.Repeat(digits(ts[i+1]), n)
			i++
		} else {
			text = digits(t)
		}
		switch {
		case cur == nil || whole || long(t):
			out = append(out, token{text: text, kind: number, start: t.start, cue: t.cue})
			cur, whole = &out[len(out)-1], long(t)
		case tens && t.kind == word && digit(t) && text != "0": // "fifty one" is 51, "fifty oh one" 5001
			cur.text = cur.text[:len(cur.text)-1] + text
		default:
			cur.text += text
		}
		n, isWord := numberWords[t.text]
		tens = t.kind == word && isWord && n >= 20
		cur.end = ts[i].end
	}
	return out
}

func digits(t token) string {
	if t.kind == number {
		return t.text
	}
	return strconv.Itoa(numberWords[t.text])
}

func cardinal(ts []token) string {
	total, cur := 0.0, 0.0
	for _, t := range ts {
		switch times := scaleWords[t.text]; {
		case t.kind == stop || t.text == "and":
		case scale(t) && times == 100:
			cur = math.Max(cur, 1) * 100
		case scale(t):
			total += math.Max(cur, 1) * float64(times)
			cur = 0
		default:
			n, _ := strconv.ParseFloat(digits(t), 64)
			cur += n
		}
	}
	return strconv.FormatFloat(math.Min(total+cur, 1e15), 'f', 0, 64)
}
