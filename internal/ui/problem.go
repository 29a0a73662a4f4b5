package ui

import (
	"fmt"
	"io"
	"strings"

	"github.com/charmbracelet/lipgloss"
)

// Problem is an error as a person wants it: what happened, why, and what to do.
type Problem struct {
	What string   // one line
	Why  []string // details, one a line
	Next []string // what to do, one step a line; commands in backquotes
}

// Problem writes an error to Err. On a terminal a bar at the left holds it together.
func (s *Streams) Problem(p Problem) error {
	lines := []string{s.PaintErr(Red, "✗ error") + "  " + s.PaintErr(Bold, Clean(p.What))}
	for _, why := range p.Why {
		lines = append(lines, s.wrapErr("  ", Clean(why))...)
	}
	for i, next := range p.Next {
		arrow := "→ "
		if i > 0 {
			arrow = "  "
		}
		for n, line := range s.wrapErr("", Clean(next)) {
			if n > 0 {
				arrow = "  "
			}
			lines = append(lines, s.PaintErr(Cyan, arrow)+line)
		}
	}
	text := strings.Join(lines, "\n")
	if s.ErrTTY && len(lines) > 1 {
		text = s.bar(text)
	}
	if _, err := io.WriteString(s.Err, text+"\n"); err != nil {
		return fmt.Errorf("write error: %w", err)
	}
	return nil
}

func (s *Streams) bar(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = s.PaintErr(Red, "│") + " " + lines[i]
	}
	return strings.Join(lines, "\n")
}

// wrapErr breaks a detail to the width of the terminal, following lines indented under the first.
func (s *Streams) wrapErr(indent, text string) []string {
	if !s.ErrTTY || s.Width < 40 {
		return []string{indent + text}
	}
	text = strings.TrimLeft(text, " ")
	lines := strings.Split(wrapped(text, min(s.Width, 100)-len(indent)-4), "\n")
	for i, line := range lines {
		lines[i] = indent + strings.TrimRight(line, " ")
		if i > 0 {
			lines[i] = "  " + lines[i]
		}
	}
	return lines
}

// Warning writes one line of warning to Err.
func (s *Streams) Warning(text string) error {
	if _, err := fmt.Fprintf(s.Err, "%s  %s\n", s.StateErr(Warn), Clean(text)); err != nil {
		return fmt.Errorf("write warning: %w", err)
	}
	return nil
}

// Say writes one line of talk to Err.
func (s *Streams) Say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.Err, format+"\n", args...) // talk that cannot be heard changes nothing
}

// Width is the number of columns that text takes on a terminal.
func Width(text string) int { return lipgloss.Width(text) }
