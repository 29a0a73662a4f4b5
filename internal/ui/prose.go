package ui

import (
	"fmt"
	"strings"
)

const measure = 100 // columns of prose at most: longer lines are hard to read

// Prose writes paragraphs to Out. On a terminal they are filled to its width, except lines that begin with a
// space, which stay as they are; in a pipe nothing changes.
func (s *Streams) Prose(text string) error {
	text = strings.TrimSpace(text)
	if width := min(s.columns(), measure); width >= narrowest {
		text = fill(text, width)
	}
	if _, err := fmt.Fprintln(s.Out, text); err != nil {
		return fmt.Errorf("write text: %w", err)
	}
	return nil
}

func fill(text string, width int) string {
	var out []string
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		if strings.HasPrefix(paragraph, " ") || strings.Contains(paragraph, "\n ") {
			out = append(out, paragraph)
			continue
		}
		lines := strings.Split(wrapped(strings.Join(strings.Fields(paragraph), " "), width), "\n")
		for i := range lines {
			lines[i] = strings.TrimRight(lines[i], " ")
		}
		out = append(out, strings.Join(lines, "\n"))
	}
	return strings.Join(out, "\n\n")
}
