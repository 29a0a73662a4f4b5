package planner

import (
	"regexp"
	"sync"
)

// lazily compiles an expression when it is first used: most commands of the binary never plan, and
// should not pay for it at their start.
func lazily(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}
