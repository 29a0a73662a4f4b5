package toolchain

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
)

// placed is "file:line[:column]: text", as compilers and linters write.
var placed = regexp.MustCompile(`^(?:vet: |[#\s]*)([^\s:()]+\.[A-Za-z]{1,4}):(\d+)(?::\d+)?(?: - |:)\s*(.+)$`)

// placesIn reads the places that a tool named in its output. Names are taken inside the repository.
func placesIn(j job, output []byte) []checks.Problem {
	var out []checks.Problem
	for line := range strings.Lines(string(output)) {
		m := placed.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		n, err := strconv.Atoi(m[2])
		if err != nil {
			continue
		}
		file := m[1]
		if filepath.IsAbs(file) {
			if rel, relErr := filepath.Rel(j.path(), file); relErr == nil {
				file = rel
			}
		}
		out = append(out, checks.Problem{Text: m[3], File: j.at(filepath.ToSlash(filepath.Clean(file))), Line: n})
		if len(out) == mostProblems {
			break
		}
	}
	return out
}
