package mask

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestText_HidesNumbersThatMustNotBeKept(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain words", "What transactions does client 5001 have?", "What transactions does client 5001 have?"},
		{"a card", "My card is 4111111111111111.", "My card is ************1111."},
		{"in groups", "4111 1111 1111 1111", "**** **** **** 1111"},
		{"with dashes", "4111-1111-1111-1111 thanks", "****-****-****-1111 thanks"},
		{"with wide dashes and spaces", "4111–1111\u00a01111\u202f1111", "****–****\u00a0****\u202f1111"},
		{"as a recognizer writes it", "4 1 1 1, 1 1 1 1, 1 1 1 1. 1 1 1 1", "* * * *, * * * *, * * * *. 1 1 1 1"},
		{"fifteen digits", "378282246310005", "***********0005"},
		{"in words", "four one one one one one one one one one one one one one one one", "**** *** *** *** *** *** *** *** *** *** *** *** one one one one"},
		{"in words with doubles", "four triple one double one double one double one double one double one double one", "**** triple *** double *** double *** double *** double *** double one double one"},
		{"words and digits", "Four 111 one one one 1 and 1111 1111", "**** *** *** *** *** * and **** 1111"},
		{"beside another number", "client 5001 4111 1111 1111 1111 12 29", "client 5001 **** **** **** 1111 12 29"},
		{"within an unbroken number", "41111111111111111229123", "************11111229123"},
		{"two", "4111111111111111 5555555555554444", "************1111 ************4444"},
		{"not by its check digit", "4111111111111112", "4111111111111112"},
		{"twelve digits are a client", "client 411111111111", "client 411111111111"},
		{"no network", "9111111111111111 0000000000000000", "9111111111111111 0000000000000000"},
		{"a date and a time", "2026-11-24 14:39:55", "2026-11-24 14:39:55"},
		{"an amount", "1,250.75 USD", "1,250.75 USD"},
		{"SSN", "It is 123-45-6789.", "It is ***-**-6789."},
		{"SSN with spaces", "123 45 6789", "*** ** 6789"},
		{"SSN by its name", "My social security number is 123456789", "My social security number is *****6789"},
		{"SSN in words", "SSN: one two three four five six seven eight nine", "SSN: *** *** ***** **** **** six seven eight nine"},
		{"never an SSN", "000-12-3456 or 666-12-3456 or 900-12-3456", "000-12-3456 or 666-12-3456 or 900-12-3456"},
		{"nine digits alone", "client 123456789", "client 123456789"},
		{"keys", "I pressed the keys 8675309*.", "I pressed the keys ********."},
		{"empty", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Text(c.in); got != c.want {
				t.Errorf("Text(%q)\n got %q\nwant %q", c.in, got, c.want)
			}
		})
	}
}

// It stands in the way of every turn: hostile texts of the largest size take no time to speak of.
func TestText_IsFastWhateverIsSaid(t *testing.T) {
	for name, piece := range map[string]string{
		"digits": "4", "groups": "4 ", "words": "four ", "doubles": "double ", "triples of four": "triple four ", "words of no digit": "fourteen ", "ssn": "ssn 123456789 ", "dashes": "123-45-6789-",
		"keys": "pressed the keys 1", "letters": "x", "broken": "\xe2", "zeros": "40000000000000 ", "quotes": "\"",
	} {
		begun := time.Now()
		Text(strings.Repeat(piece, 64<<10/len(piece)))
		if took := time.Since(begun); took > time.Second {
			t.Errorf("64 KiB of %s took %v", name, took)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"4111 1111 1111 1111", "four one one", "123-45-6789 ssn 123456789", "pressed the keys 12*#", "\xff4111–1111\u00a01111"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Text(s)
		switch {
		case len(got) != len(s) || utf8.ValidString(s) && !utf8.ValidString(got):
			t.Fatalf("Text(%q) = %q: another shape", s, got)
		case Text(got) != got:
			t.Fatalf("Text(%q) = %q, again %q", s, got, Text(got))
		}
		for i := range len(s) {
			if got[i] != s[i] && got[i] != '*' {
				t.Fatalf("Text(%q) = %q: changed, not hidden", s, got)
			}
		}
		if plain := Text("x 4111111111111111 " + strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return 'x'
			}
			return r
		}, s)); strings.Contains(plain, "411111111111") {
			t.Fatalf("%q: a card was kept", plain)
		}
	})
}
