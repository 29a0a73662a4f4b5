package tools

import (
	"strings"
	"unicode"
)

// token is a word (letters and digits) or a single other character of what the caller said.
type token struct {
	text  string
	word  bool
	space bool // white space or the beginning stands before it
	typed bool // its chunk between white space holds an @: read literally
}

func tokens(text string) []token {
	var out []token
	for _, chunk := range strings.Fields(strings.ToLower(text)) {
		typed, space := strings.Contains(chunk, "@"), true
		for chunk != "" {
			n := strings.IndexFunc(chunk, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
			word := n != 0
			switch {
			case n < 0:
				n = len(chunk)
			case n == 0:
				n = 1
				for n < len(chunk) && chunk[n]&0xc0 == 0x80 { // the rest of the rune
					n++
				}
			}
			out = append(out, token{text: chunk[:n], word: word, space: space, typed: typed})
			chunk, space = chunk[n:], false
		}
	}
	return out
}

// reading is one way to write down what begins at a token: text, which took span tokens.
type reading struct {
	text string
	span int
}

//nolint:gochecknoglobals // tables of words
var (
	spokenSigns = map[string]string{
		"at": "@", "dot": ".", "point": ".", "period": ".", "underscore": "_", "dash": "-", "hyphen": "-", "minus": "-", "plus": "+",
	}
	spokenPairs = map[[2]string]string{{"at", "sign"}: "@", {"full", "stop"}: ".", {"under", "score"}: "_", {"double", "u"}: "w"}
	spokenUnits = map[string]string{
		"zero": "0", "oh": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9",
	}
	spokenTeens = map[string]string{
		"ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15", "sixteen": "16", "seventeen": "17",
		"eighteen": "18", "nineteen": "19",
	}
	spokenTens = map[string]string{
		"twenty": "2", "thirty": "3", "forty": "4", "fifty": "5", "sixty": "6", "seventy": "7", "eighty": "8", "ninety": "9",
	}
	// spelling words stand for their first letter.
	spelling = set("alpha alfa bravo charlie delta echo foxtrot golf hotel india juliet juliett kilo lima mike november oscar papa " +
		"quebec romeo sierra tango uniform victor whiskey xray yankee zulu")
	// silent words are said within an address and are no part of it.
	silent = set("uh um er erm capital uppercase lowercase letter")
	// silentSigns may stand around or within an address.
	silentSigns = set("\" ( ) [ ] < > “ ” ‘ ’")
)

func set(words string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(words) {
		out[w] = true
	}
	return out
}

// readings lists the ways to read t[i:].
func readings(t []token, i int) []reading {
	x := t[i]
	if x.typed {
		return []reading{{x.text, 1}}
	}
	if !x.word {
		return signReadings(t, i)
	}
	out := []reading{{x.text, 1}}
	add := func(text string, span int) { out = append(out, reading{text, span}) }
	next := word(t, i+1)
	if s, ok := spokenSigns[x.text]; ok {
		add(s, 1)
	}
	if s, ok := spokenPairs[[2]string{x.text, next}]; ok {
		add(s, 2)
	}
	if s, ok := spokenUnits[x.text]; ok {
		add(s, 1)
	}
	if s, ok := spokenTeens[x.text]; ok {
		add(s, 1)
	}
	if s, ok := spokenTens[x.text]; ok {
		add(s+"0", 1)
		if u := spokenUnits[next]; u != "" && u != "0" {
			add(s+u, 2)
		}
	}
	if spelling[x.text] {
		add(x.text[:1], 1)
	}
	if n := map[string]int{"double": 2, "triple": 3}[x.text]; n > 0 {
		if one, ok := single(next); ok {
			add(strings.Repeat(one, n), 2)
		}
	}
	if silent[x.text] {
		add("", 1)
	}
	return append(out, glossReading(t, i)...)
}

// glossReading skips "as in juliet" and "for juliet" behind a single letter.
func glossReading(t []token, i int) []reading {
	letter := word(t, i-1)
	if len(letter) != 1 {
		return nil
	}
	x, span := t[i].text, 0
	switch {
	case x == "as" && word(t, i+1) == "in":
		span = 3
	case x == "for" || x == "like":
		span = 2
	}
	if span > 0 && strings.HasPrefix(word(t, i+span-1), letter) {
		return []reading{{"", span}}
	}
	return nil
}

// signReadings reads a character: as itself, and as nothing where spelling puts it between letters.
func signReadings(t []token, i int) []reading {
	x := t[i].text
	if silentSigns[x] {
		return []reading{{"", 1}}
	}
	out := []reading{{x, 1}}
	_, before := single(word(t, i-1))
	_, after := single(word(t, i+1))
	apart := i+1 < len(t) && t[i+1].space
	switch {
	case x == "," && before, x == "." && before && apart, x == "-" && before && after:
		out = append(out, reading{"", 1})
	}
	return out
}

// word is the text of t[i] when it is a word of a spoken chunk, else "".
func word(t []token, i int) string {
	if i < 0 || i >= len(t) || !t[i].word || t[i].typed {
		return ""
	}
	return t[i].text
}

// single returns the character that a spelled token stands for.
func single(w string) (string, bool) {
	if u, ok := spokenUnits[w]; ok {
		return u, true
	}
	return w, len(w) == 1
}
