// Package toolchain holds the kinds that look through the tools of the backend's own language: its compiler,
// linters, tests and package manager, the versions of those tools, and the start of the backend itself.
//
// What only reads sources is passive; what runs anything of the repository asks for consent. A command gets a
// small environment without secrets, a home folder of its own, a time limit and a bounded output, and its whole
// process group is gone when the look is over.
//
// Goroutines: exec's own copiers and one reaper a started process; Start's owner waits for them in Stop.
package toolchain

import "github.com/voicectl/voicectl/internal/checks"

// Kinds returns the family.
func Kinds() []*checks.Kind {
	return []*checks.Kind{cmdRun(), toolVersion(), procStart(), goTest()}
}
