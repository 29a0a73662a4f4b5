package toolchain

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
)

// lookFind looks for processes whose command line holds the words of the start command, in order. The folder
// of the first word does not count: a shell resolves it.
func lookFind(scope *checks.Scope) (checks.Observation, error) {
	if !scope.Host {
		return checks.Skipped("needs leave to look at this machine", checks.Fix{Commands: []string{"voicectl check --host-checks"}}), nil
	}
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil || len(dirs) == 0 {
		return checks.Skipped("this machine does not tell its processes in /proc", checks.Fix{Text: "look with ps"}), nil //nolint:nilerr // said in words
	}
	var pids []int
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		line, readErr := os.ReadFile(filepath.Join(dir, "cmdline")) //nolint:gosec // the kernel's own file
		if err != nil || readErr != nil || pid == os.Getpid() {
			continue // it ended meanwhile
		}
		if runs(strings.Split(string(bytes.TrimRight(line, "\x00")), "\x00"), scope.Start) {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	saw := map[string]any{"processes": len(pids), "pids": pids, "argv": scope.Start}
	if len(pids) == 0 {
		return checks.Failed(saw, "1 process", checks.Fix{Text: "start the backend", Commands: []string{strings.Join(scope.Start, " ")}},
			checks.Problem{Text: fmt.Sprintf("no process runs %s", strings.Join(scope.Start, " "))}), nil
	}
	return checks.Passed(saw), nil
}

// runs tells whether a command line is the wanted one, possibly behind an interpreter.
func runs(have, want []string) bool {
	for i := 0; i+len(want) <= len(have); i++ {
		if filepath.Base(have[i]) == filepath.Base(want[0]) && slices.Equal(have[i+1:i+len(want)], want[1:]) {
			return true
		}
	}
	return false
}
