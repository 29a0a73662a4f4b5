// Package ui is how the command line speaks to people: streams, colour, tables, states, progress and
// errors. It is the only user of lipgloss (layout) and fatih/color (colour).
//
// Results go to Out and talk goes to Err. A terminal gets decoration, a pipe gets the same content without
// it: no colour, no cursor movement, nothing cut off. State is always a glyph and a word, so that nothing
// depends on colour.
package ui

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Streams are the three streams of the process and what is at their other ends.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	InTTY    bool
	OutTTY   bool
	ErrTTY   bool
	Width    int  // columns of the terminal, 0 = not a terminal
	Color    bool // of Out
	ErrColor bool // of Err
	Dumb     bool // the terminal cannot move its cursor
}

// NewStreams looks at the real streams. env answers for environment variables.
func NewStreams(in io.Reader, out, err io.Writer, env func(string) string, noColor bool) *Streams {
	s := &Streams{In: in, Out: out, Err: err, InTTY: isTTY(in), OutTTY: isTTY(out), ErrTTY: isTTY(err)}
	s.Width = max(width(out), width(err))
	s.Dumb = env("TERM") == "dumb"
	s.Color = ColorWanted(noColor, s.OutTTY, env)
	s.ErrColor = ColorWanted(noColor, s.ErrTTY, env)
	return s
}

// ColorWanted decides on colour: --no-color, then NO_COLOR (not empty), then CLICOLOR_FORCE (not empty and
// not 0), then TERM=dumb and CLICOLOR=0, then whether a terminal is there.
func ColorWanted(noColor, tty bool, env func(string) string) bool {
	switch {
	case noColor, env("NO_COLOR") != "":
		return false
	case env("CLICOLOR_FORCE") != "" && env("CLICOLOR_FORCE") != "0":
		return true
	case env("TERM") == "dumb", env("CLICOLOR") == "0":
		return false
	}
	return tty
}

// Live tells whether a region of Err may be redrawn in place.
func (s *Streams) Live() bool { return s.ErrTTY && !s.Dumb }

// columns is the width to lay out for; 0 = as wide as the content.
func (s *Streams) columns() int {
	if !s.OutTTY {
		return 0
	}
	return s.Width
}

func isTTY(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func width(stream any) int {
	f, ok := stream.(*os.File)
	if !ok {
		return 0
	}
	w, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return w
}
