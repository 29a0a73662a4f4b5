package checks_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/kind"
)

// The whole check against a sandbox, without the kinds that start processes, compared with its critical path:
// looks that suffer nobody beside them one after the other, and the longest of the rest. Goal: 1.2 times that and
// 200 ms. Printed, not judged: the machine is shared.
// Tier: ci (one run), nightly (the same).
func TestFigures_TheWholeCheckAgainstItsCriticalPath(t *testing.T) {
	s := foundation(t)
	w := s.healthy(t)
	w.start()
	var only []string
	for _, id := range judged(t) {
		if !slices.Contains(executes, id) && !strings.HasPrefix(id, "pipecat.docker.") {
			only = append(only, id)
		}
	}
	r := w.run("--only", strings.Join(only, ","))
	path, alone := criticalPath(r)
	t.Logf("%d checks in %.0f ms; critical path %.0f ms, of it %.0f ms alone; goal %.0f ms", len(r.Findings), r.Run.Ms, path, alone, 1.2*path+200)
	if path == 0 || len(r.Findings) < 90 {
		t.Errorf("%d findings, critical path %.0f ms", len(r.Findings), path)
	}
}

// executes are the rows that start processes of the repository.
var executes = []string{
	"pipecat.code.entrypoint", "pipecat.setup.runtime", "pipecat.setup.deps", "pipecat.local.starts", "pipecat.sign.tl-tests", "backend.code.style", "backend.code.types",
	"backend.code.docs", "backend.test.unit", "backend.test.integration", "backend.cfg.startup-validation", "backend.run.install", "phone.fix.env-validation",
}

// criticalPath is the least time, in milliseconds, that a run of these findings could take, and the part of it in
// which an exclusive look runs. Rows that share a look tell the same time, which counts once.
func criticalPath(r checks.Report) (whole, alone float64) {
	kinds := kind.All()
	seen := map[string]bool{}
	longest := 0.0
	for _, f := range r.Findings {
		if f.Ms == nil {
			continue
		}
		exclusive := slices.ContainsFunc(strings.Split(f.Kind, " + "), func(k string) bool { return kinds[k] != nil && kinds[k].Exclusive })
		key := fmt.Sprint(exclusive, *f.Ms)
		switch {
		case seen[key]:
		case exclusive:
			alone += *f.Ms
		default:
			longest = max(longest, *f.Ms)
		}
		seen[key] = true
	}
	return alone + longest, alone
}
