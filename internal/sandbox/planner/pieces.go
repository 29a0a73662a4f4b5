package planner

import "unicode/utf8"

const pieceLength = 4 // characters; a token of English text holds about as many

// Pieces cuts a text the way a model's tokens would come: a word with the space before it, long words
// in pieces of about four characters. Joined, the pieces give the text.
func Pieces(s string) []string {
	var out []string
	start, n, letters := 0, 0, false
	for i, r := range s {
		if i > start && (r == ' ' && letters || n >= pieceLength && remaining(s, i) > 1) {
			out = append(out, s[start:i])
			start, n, letters = i, 0, false
		}
		if n++; r == ' ' {
			n = 0
		} else {
			letters = true
		}
	}
	if start < len(s) {
		out = append(out, s[start:])
	}
	return out
}

// remaining counts the characters up to the end of the word, at most two.
func remaining(s string, i int) int {
	n := 0
	for n < 2 && i < len(s) && s[i] != ' ' {
		_, w := utf8.DecodeRuneInString(s[i:])
		i += w
		n++
	}
	return n
}
