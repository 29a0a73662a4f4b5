package turn

import (
	"regexp"
	"strings"
	"unicode"
)

// What a voice must not read out (JUL-17).
//
//nolint:gochecknoglobals // compiled once, never changed
var (
	reLink    = regexp.MustCompile(`!?\[([^\]]*)\]\([^)]*\)`)
	reURL     = regexp.MustCompile(`(?i)\b(?:https?://|www\.)\S+`)
	reTag     = regexp.MustCompile(`</?[A-Za-z][^<>]{0,200}>`)
	reFence   = regexp.MustCompile("```[a-zA-Z]*")
	reMarks   = regexp.MustCompile(`(\*\*|__|~~)(\S(?:.*?\S)?)(\*\*|__|~~)`)
	reEmph    = regexp.MustCompile(`(^|[\s(])([*_])(\S(?:[^*_]*?\S)?)([*_])($|[\s).,!?;:])`)
	reHeading = regexp.MustCompile(`(?m)^\s{0,3}(#{1,6}\s+|[-*+•]\s+|>\s+|\d{1,2}[.)]\s+(?:\*\*)?)`)
	reRule    = regexp.MustCompile(`(?m)^\s*(?:\|?\s*:?-{3,}:?\s*)+\|?\s*$`)
	reLong    = regexp.MustCompile(`\d{7,}`)
	reSpace   = regexp.MustCompile(`\s+`)
)

// speakable turns a piece of a model's text into words for a voice: no addresses of the web, no
// markdown, no tags, no emoji, no table; long numbers in groups of three.
func speakable(s string) string {
	s = reLink.ReplaceAllString(s, "$1")
	s = reURL.ReplaceAllString(s, "")
	s = reFence.ReplaceAllString(s, "")
	s = reTag.ReplaceAllString(s, "")
	s = reRule.ReplaceAllString(s, "")
	s = reHeading.ReplaceAllString(s, "")
	s = reMarks.ReplaceAllString(s, "$2")
	s = reEmph.ReplaceAllString(s, "$1$3$5")
	s = strings.ReplaceAll(s, "`", "")
	s = strings.ReplaceAll(s, "|", " ")
	s = strings.Map(func(r rune) rune {
		if emoji(r) || (unicode.IsControl(r) && !unicode.IsSpace(r)) || r == '\uFFFD' {
			return -1
		}
		return r
	}, s)
	s = reLong.ReplaceAllStringFunc(s, groupDigits)
	s = strings.TrimSpace(reSpace.ReplaceAllString(s, " "))
	if !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
		return ""
	}
	return s
}

func emoji(r rune) bool {
	switch {
	case r >= 0x1F000 && r <= 0x1FAFF, r >= 0x2600 && r <= 0x27BF, r >= 0x2B00 && r <= 0x2BFF, r >= 0xFE00 && r <= 0xFE0F, r == 0x200D, r == 0x20E3, r >= 0xE0020 && r <= 0xE007F:
		return true
	}
	return false
}

func groupDigits(d string) string {
	var b strings.Builder
	for i, r := range d {
		if i > 0 && i%3 == 0 && len(d)-i >= 3 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}
