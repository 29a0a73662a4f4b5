package tools

import (
	"strings"
	"testing"
)

func TestJUL06_RecipientIsFoundInTheCallersWords(t *testing.T) {
	for _, tc := range []struct{ addr, text string }{
		{"john@example.com", "Send that to john@example.com"},
		{"john@example.com", "send it to John@Example.COM, please"},
		{"john@example.com", "it's <john@example.com>."},
		{"john@example.com", "john at example dot com"},
		{"john@example.com", "Mail me at john at example dot com. Thanks!"},
		{"john@example.com", "j o h n at example dot com"},
		{"john@example.com", "J. O. H. N. at example dot com"},
		{"john@example.com", "to j-o-h-n at example dot com"},
		{"john@example.com", "J, O, H, N, at example dot com"},
		{"john@example.com", "john at e x a m p l e dot c o m"},
		{"john@example.com", "john at sign example period com"},
		{"john@example.com", "j as in juliet o h n at example dot com"},
		{"john@example.com", "juliet oscar hotel november at example dot com"},
		{"john@example.com", "john uh at example um dot com"},
		{"john@example.com", "john at example.com"},
		{"john@example.com", "john (at) example [dot] com"},
		{"john@example.com", "john @ example . com"},
		{"john@example.com", "john at example dot com period"},
		{"john.smith@example.com", "john dot smith at example dot com"},
		{"john_smith@example.com", "john underscore smith at example dot com"},
		{"john-smith@my-shop.example", "john dash smith at my hyphen shop dot example"},
		{"john+bills@example.com", "john plus bills at example dot com"},
		{"john23@example.com", "john twenty three at example dot com"},
		{"john23@example.com", "john two three at example dot com"},
		{"john23@example.com", "john 23 at example dot com"},
		{"john1999@example.com", "john nineteen ninety nine at example dot com"},
		{"john07@example.com", "john oh seven at example dot com"},
		{"matt@example.com", "m a double t at example dot com"},
		{"johnsmith@example.com", "john smith at example dot com"},
		{"one@example.com", "one at example dot com"},
		{"dot@at.example", "dot at at dot example"},
		{"o'brien@example.com", "o'brien@example.com"},
		{"j.smith@example.co.uk", "j.smith at example dot co dot uk"},
		{"john@gmail.com", "john at g mail dot com"},
		{"william@example.com", "william at example dot com or call me"},
	} {
		t.Run(tc.text, func(t *testing.T) {
			if !said(tc.text, tc.addr) {
				t.Errorf("%s is not found", tc.addr)
			}
		})
	}
}

func TestJUL06_RecipientThatWasNotSaidIsNotFound(t *testing.T) {
	for _, tc := range []struct{ addr, text string }{
		{"john@example.com", ""},
		{"john@example.com", "send that to me"},
		{"john@example.com", "send it to jane@example.com"},
		{"john@example.com", "john at example dot org"},
		{"john@example.com", "my name is john and I like example dot com"},
		{"john@example.com", "john@example.com.evil.example"},
		{"john@example.com", "john@example.com@evil.example"},
		{"john@example.com", "john at example dot com dot evil dot example"},
		{"john@example.com", "john at example . com . au"},
		{"john@example.co", "john at example dot c o m"},
		{"john@example.co", "john@example.com"},
		{"smith@example.com", "mary.smith@example.com"},
		{"smith@example.com", "mary dot smith at example dot com"},
		{"smith@example.com", "mary . smith @ example . com"},
		{"smith@example.com", "mary underscore smith at example dot com"},
		{"smith@example.com", "j smith at example dot com"},
		{"n@example.com", "j o h n at example dot com"},
		{"n@example.com", "J. O. H. N. at example dot com"},
		{"n@example.com", "J, O, H, N, at example dot com"},
		{"three@example.com", "two three at example dot com"},
		{"johnsmith@example.com", "john.smith@example.com"},
		{"johnsmith@example.com", "john-smith@example.com"},
		{"jsmith@example.com", "j.smith at example dot com"},
		{"brien@example.com", "o'brien@example.com"},
		{"john.smith@example.com", "john smith at example dot com"},
		{"ohn@example.com", "john@example.com"},
		{"john@example.com", "johnx@example.com"},
	} {
		t.Run(tc.addr+" in "+tc.text, func(t *testing.T) {
			if said(tc.text, tc.addr) {
				t.Errorf("%s is found", tc.addr)
			}
		})
	}
}

func TestSaid_IsBoundedOnHostileText(t *testing.T) {
	addr := strings.Repeat("a", 64) + "@" + strings.Repeat("a.", 90) + "com"
	for _, text := range []string{
		strings.Repeat("a ", 8000), strings.Repeat("a\"", 8000), strings.Repeat("a, ", 5000), strings.Repeat("double a ", 1700), strings.Repeat("a-", 8000),
	} {
		if said(text, addr) {
			t.Errorf("%.20q: found what is not there", text)
		}
	}
}

func FuzzSaid_FindsWhatWasTypedAndNeverPanics(f *testing.F) {
	f.Add("john at example dot com", "john@example.com")
	f.Add("j-o-h-n double t as in tango \" ( ] \xff\xfe é @ .", "j@x.example")
	f.Add("twenty twenty one oh at at dot dot", "2021@dot.example")
	f.Fuzz(func(t *testing.T, text, addr string) {
		if len(text) > 4096 || len(addr) > 300 {
			return
		}
		said(text, addr)
		good, why := address(addr)
		if why != "" {
			return
		}
		if !said("please send it to "+good+" now", good) {
			t.Errorf("%q is not found though it was typed", good)
		}
		if said("nothing of the kind", good) {
			t.Errorf("%q is found in other words", good)
		}
	})
}
