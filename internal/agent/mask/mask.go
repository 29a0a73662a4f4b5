// Package mask hides what must not be kept of what people say: card numbers, social security numbers, and
// what was typed on a phone's keys. It works on words that are about to be stored; the talk itself goes on
// with what was said.
//
// Every character that is hidden becomes one "*", so a text keeps its length, and a masked text stays as it
// is when it is masked again. Of a card the last four digits stay, as on a receipt.
package mask

import (
	"bytes"
	"regexp"
	"strings"
)

// What a number may look like.
const (
	minCard   = 13
	maxCard   = 19
	keptTail  = 4
	leastRun  = 9    // a social security number
	maxDigits = 4096 // of one run that are looked at; more is hidden whole
)

var (
	reKeys = regexp.MustCompile(`(?i)\bpressed the keys? ([0-9*#ABCD]+)`)
	reSSN  = regexp.MustCompile(`\b([0-9]{3})([- ])([0-9]{2})([- ])([0-9]{4})\b`)
	// reNamed is a number that is called by its name: nine digits alone may be a client's number.
	reNamed = regexp.MustCompile(`(?i)\b(?:social security|ssn)\b`)
)

// Text returns s with all that must not be kept hidden.
func Text(s string) string { return Numbers(string(Keys([]byte(s)))) }

// Keys hides, in place, what was typed on a phone's keys where a text tells of it.
func Keys(b []byte) []byte {
	if bytes.Contains(b, []byte("ressed the key")) {
		for _, at := range reKeys.FindAllSubmatchIndex(b, -1) {
			hide(b[at[2]:at[3]])
		}
	}
	return b
}

// Digits hides every digit, spoken ones too: for a text that may be a part of a number. long tells that
// nine or more stood together.
func Digits(s string) (hidden string, long bool) {
	b := []byte(s)
	for _, r := range runs(s, 1) {
		hideDigits(b, r)
		long = long || len(r) >= leastRun
	}
	return string(b), long
}

// Numbers hides card and social security numbers.
func Numbers(s string) string {
	digits := written(s)
	if digits == 0 && len(s) < leastRun*len("one ")-1 {
		return s
	}
	found := runs(s, leastRun)
	if digits < leastRun && len(found) == 0 {
		return s // the expression wants nine digits
	}
	b := []byte(s)
	for _, at := range reSSN.FindAllSubmatchIndex(b, -1) {
		if issued(s[at[2]:at[3]], s[at[6]:at[7]], s[at[10]:at[11]]) {
			hide(b[at[2]:at[3]])
			hide(b[at[6]:at[7]])
		}
	}
	for _, r := range found {
		cards(b, r)
		named(b, s, r)
	}
	return string(b)
}

// written counts the digits that stand as such.
func written(s string) (digits int) {
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			digits++
		}
	}
	return digits
}

// issued tells whether the parts could be a social security number: some were never given out.
func issued(area, group, serial string) bool {
	return area != "000" && area != "666" && area[0] != '9' && group != "00" && serial != "0000"
}

func hide(b []byte) {
	for i := range b {
		if b[i] != '*' {
			b[i] = '*'
		}
	}
}

// digit is one digit of a text, written or spoken, with its place.
type digit struct {
	value    byte // '0' to '9'
	from, to int
}

// runs are the groups of least digits or more with nothing but separators between them.
func runs(s string, least int) [][]digit {
	var out [][]digit
	var cur []digit
	times := 1 // "double", "triple"
	end := func() {
		if len(cur) >= least {
			out = append(out, cur)
		}
		cur, times = nil, 1
	}
	add := func(d digit) {
		for ; times > 0; times-- {
			cur = append(cur, d)
		}
		times = 1
	}
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
			add(digit{c, i, i + 1})
			i++
		case letter(c):
			j := i
			for j < len(s) && letter(s[j]) {
				j++
			}
			w := s[i:j]
			if v, ok := spoken(w); ok {
				add(digit{v, i, j})
			} else if n := multiple(w); n > 1 {
				times = n
			} else if !filler(w) {
				end()
			}
			i = j
		case strings.IndexByte(" ,.-/\t\n\r", c) >= 0:
			i++
		case c == 0xC2 && i+1 < len(s) && s[i+1] == 0xA0: // a space that does not break
			i += 2
		case c == 0xE2 && i+2 < len(s) && (s[i+1] == 0x80 && (s[i+2] >= 0x90 && s[i+2] <= 0x95 || s[i+2] == 0xAF)): // dashes, a narrow space
			i += 3
		default:
			end()
			i++
		}
	}
	end()
	return out
}

func letter(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80 && c != 0xC2 && c != 0xE2
}

// filler is a word that may stand between the digits of one number.
func filler(w string) bool {
	switch strings.ToLower(w) {
	case "and", "then", "uh", "um", "er", "dash", "hyphen", "space":
		return true
	}
	return false
}

// spoken reads a word for a digit.
func spoken(w string) (byte, bool) {
	if len(w) > len("seven") {
		return 0, false
	}
	switch strings.ToLower(w) {
	case "zero", "oh", "o":
		return '0', true
	case "one":
		return '1', true
	case "two":
		return '2', true
	case "three":
		return '3', true
	case "four":
		return '4', true
	case "five":
		return '5', true
	case "six":
		return '6', true
	case "seven":
		return '7', true
	case "eight":
		return '8', true
	case "nine":
		return '9', true
	}
	return 0, false
}

// multiple is how often the digit behind the word is meant.
func multiple(w string) int {
	switch strings.ToLower(w) {
	case "double":
		return 2
	case "triple":
		return 3
	}
	return 1
}

// cards hides the card numbers within a run. One may stand beside another number without a word between
// them, so every place is tried.
func cards(b []byte, run []digit) {
	if len(run) > maxDigits {
		hideDigits(b, run)
		return
	}
	for from := 0; from+minCard <= len(run); {
		n := 0
		for length := min(maxCard, len(run)-from); length >= minCard && n == 0; length-- {
			if card(run[from:from+length], from == 0 || apart(run, from), from+length == len(run) || apart(run, from+length)) {
				n = length
			}
		}
		if n == 0 {
			from++
			continue
		}
		hideDigits(b, run[from:from+n-keptTail])
		from += n
	}
}

// apart tells whether the digit at i does not touch the one before.
func apart(run []digit, i int) bool { return run[i].from > run[i-1].to }

// card tells whether digits are a card number: the first digit of a payment network, the length that goes
// with it, and the check digit. Inside of a longer unbroken number the lengths of the large networks count
// only, as one number in ten has a right check digit.
func card(d []digit, begins, ends bool) bool {
	first, n := d[0].value, len(d)
	switch {
	case first < '2' || first > '6':
		return false
	case first == '3' && n > 16, first == '2' && n < 16:
		return false
	case (!begins || !ends) && n != 16 && (n != 15 || first != '3'):
		return false
	}
	sum := 0
	for i := range d {
		v := int(d[n-1-i].value - '0')
		if i%2 == 1 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return sum%10 == 0
}

// named hides nine digits that are called a social security number shortly before.
func named(b []byte, s string, run []digit) {
	const before = 48
	if len(run) != 9 || !reNamed.MatchString(s[max(0, run[0].from-before):run[0].from]) {
		return
	}
	hideDigits(b, run[:9-keptTail])
}

// hideDigits hides digits, and none of what separates them.
func hideDigits(b []byte, run []digit) {
	for _, d := range run {
		hide(b[d.from:d.to])
	}
}
