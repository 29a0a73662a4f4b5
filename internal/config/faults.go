package config

import (
	"fmt"
	"strings"
	"unicode"
)

// Fault is one thing that is wrong. It never holds the value of a secret.
type Fault struct {
	At   string // "voicectl.yaml:3", ".env:7", "environment", "--port"; "" = nowhere in particular
	Key  string // "limits.max_sessions" or the name of a variable
	What string // `is "many", want a whole number from 1 to 100000`
	Fix  string // what to do, "" when What says it
}

func (f Fault) String() string {
	s := f.Key + " " + f.What
	if f.Key == "" {
		s = f.What
	}
	if f.At != "" {
		s = f.At + ": " + s
	}
	if f.Fix != "" {
		s += "; " + f.Fix
	}
	return printable(s)
}

// printable keeps a terminal from obeying what a file or a variable holds.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == 0x2028 || r == 0x2029 || r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// Faults is the error of Load: everything that is wrong, at once.
type Faults []Fault

// Error implements error.
func (fs Faults) Error() string {
	if len(fs) == 1 {
		return "configuration: " + fs[0].String()
	}
	lines := []string{fmt.Sprintf("configuration: %d problems", len(fs))}
	for _, f := range fs {
		lines = append(lines, "  "+f.String())
	}
	return strings.Join(lines, "\n")
}

// ExitCode says that the process ends with 2.
func (Faults) ExitCode() int { return 2 }
