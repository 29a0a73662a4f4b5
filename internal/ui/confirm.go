package ui

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrNoTerminal means that nobody is there to be asked.
var ErrNoTerminal = errors.New("ask: no terminal")

// Confirm asks a question on Err, with No as the default. Without a terminal at In it answers
// ErrNoTerminal and does not wait.
func (s *Streams) Confirm(question string) (bool, error) {
	if !s.InTTY {
		return false, ErrNoTerminal
	}
	if _, err := fmt.Fprintf(s.Err, "%s %s ", s.PaintErr(Bold, Clean(question)), s.PaintErr(Faint, "[y/N]")); err != nil {
		return false, fmt.Errorf("ask: %w", err)
	}
	answer, err := bufio.NewReader(io.LimitReader(s.In, 1<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("ask: %w", err)
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}
