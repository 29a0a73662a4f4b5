// Package repo holds the kinds that read a repository: files and their sections, what git ignores, secrets in
// sources and history, declared dependencies. They read and never run anything of it.
package repo

import "github.com/voicectl/voicectl/internal/checks"

// Kinds returns the family.
func Kinds() []*checks.Kind {
	return []*checks.Kind{filePresent(), gitIgnored(), secretsScan(), depsConstraint(), recurDone()}
}
