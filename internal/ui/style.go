package ui

import (
	"strings"
	"unicode"

	"github.com/fatih/color"
)

// Tone is how a piece of text is meant.
type Tone string

// The tones. Bold and Faint are emphasis; the others follow a State.
const (
	Plain  Tone = ""
	Bold   Tone = "bold"
	Faint  Tone = "faint"
	Green  Tone = "green"
	Yellow Tone = "yellow"
	Red    Tone = "red"
	Blue   Tone = "blue"
	Cyan   Tone = "cyan"
)

func (t Tone) attributes() []color.Attribute {
	switch t {
	case Bold:
		return []color.Attribute{color.Bold}
	case Faint:
		return []color.Attribute{color.Faint}
	case Green:
		return []color.Attribute{color.FgGreen}
	case Yellow:
		return []color.Attribute{color.FgYellow}
	case Red:
		return []color.Attribute{color.FgRed}
	case Blue:
		return []color.Attribute{color.FgBlue}
	case Cyan:
		return []color.Attribute{color.FgCyan}
	case Plain:
	}
	return nil
}

// Paint colours text for Out, if Out wants colour.
func (s *Streams) Paint(tone Tone, text string) string { return paint(s.Color, tone, text) }

// PaintErr colours text for Err, if Err wants colour.
func (s *Streams) PaintErr(tone Tone, text string) string { return paint(s.ErrColor, tone, text) }

func paint(on bool, tone Tone, text string) string {
	attributes := tone.attributes()
	if !on || len(attributes) == 0 || text == "" {
		return text
	}
	c := color.New(attributes...)
	c.EnableColor() // the decision is ours: the library would look at the real stdout
	return c.Sprint(text)
}

// Clean takes control characters out of text that came from elsewhere, so that it can neither move the
// cursor nor recolour the screen. Line breaks and tabs become spaces.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, text)
}
