package checks

import (
	"fmt"
	"time"
)

// Finding is the judged outcome of one check, as it stands in the result JSON (contract, section 3).
type Finding struct {
	ID       string         `json:"id"`
	Title    string         `json:"title"`
	Kind     string         `json:"kind"`
	Area     string         `json:"area,omitempty"`
	State    State          `json:"state"`
	Severity Severity       `json:"severity"`
	Role     string         `json:"role,omitempty"`
	Saw      map[string]any `json:"saw"`
	Wanted   string         `json:"wanted"`
	Limit    any            `json:"limit"`
	Ms       *float64       `json:"ms"` // null when nothing ran
	Attempts int            `json:"attempts"`
	Problems []Problem      `json:"problems,omitempty"`
	Evidence []Evidence     `json:"evidence"`
	Fix      Fix            `json:"fix"`
	Source   string         `json:"source"` // file:line of the check
	Demand   string         `json:"demand,omitempty"`
	Reason   string         `json:"reason,omitempty"` // why it was skipped, blocked, not applied, or is judged elsewhere
	Waiver   *Waiver        `json:"waiver,omitempty"`
}

// Counts is the number of findings in each state; elsewhere is not counted.
type Counts map[State]int

// Verdict is the fold of all findings.
type Verdict string

// The verdicts.
const (
	VerdictPass         Verdict = "pass"
	VerdictFail         Verdict = "fail"
	VerdictInconclusive Verdict = "inconclusive"
)

// Report is findings, verdict and where they came from.
type Report struct {
	SchemaVersion int           `json:"schema_version"`
	Tool          Tool          `json:"tool"`
	Run           RunInfo       `json:"run"`
	Checklists    []ListInfo    `json:"checklists"`
	Overlays      []OverlayInfo `json:"overlays,omitempty"`
	Verdict       Verdict       `json:"verdict"`
	ExitCode      int           `json:"exit_code"`
	Counts        Counts        `json:"counts"`
	Findings      []Finding     `json:"findings"`
	Interrupted   bool          `json:"interrupted,omitempty"`
}

// Tool is the program that judged.
type Tool struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
}

// RunInfo is one run.
type RunInfo struct {
	ID            string    `json:"id"`
	Started       time.Time `json:"started"`
	Ms            float64   `json:"ms"`
	Target        string    `json:"target"` // "" = no URL was given
	Profile       string    `json:"profile"`
	Host          string    `json:"host"`
	EndpointClass string    `json:"endpoint_class"` // live, sandbox-fast or sandbox-realistic
}

// ListInfo pins what was judged against.
type ListInfo struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	Digest  string `json:"digest"`
}

// OverlayInfo tells which file changed the checklists, and how many of their checks.
type OverlayInfo struct {
	File    string `json:"file"`
	Changed int    `json:"changed"`
}

// Policy is what the verdict depends on beside the findings.
type Policy struct {
	AllowSkip  bool // a skip is not inconclusive
	FailOnWarn bool
}

// Judge folds findings into counts, verdict and exit code. It is pure.
//
// Nothing executed is never a pass: an empty selection is exit code 2, a selection of which nothing ran is
// inconclusive.
func Judge(findings []Finding, policy Policy) (Counts, Verdict, int) {
	counts, worst, executed, selected := Counts{}, Pass, false, 0
	for _, f := range findings {
		if f.State == Elsewhere {
			continue
		}
		counts[f.State]++
		selected++
		executed = executed || f.State.Executed()
		if f.Severity == Block || f.State == Warn && policy.FailOnWarn && f.Severity != Info {
			worst = worse(worst, gate(f.State, policy))
		}
	}
	switch {
	case selected == 0:
		return counts, VerdictInconclusive, 2
	case worst == Fail:
		return counts, VerdictFail, 1
	case worst != Pass || !executed:
		return counts, VerdictInconclusive, 3
	}
	return counts, VerdictPass, 0
}

// gate is what a state of a blocking check means for the verdict: Pass, Fail or Inconclusive.
func gate(s State, policy Policy) State {
	switch s {
	case Fail:
		return Fail
	case Warn:
		if policy.FailOnWarn {
			return Fail
		}
		return Pass
	case Pass, NotApplied, Waived, Elsewhere:
		return Pass
	case Skip:
		if policy.AllowSkip {
			return Pass
		}
		return Inconclusive
	case Error, Inconclusive, Blocked, Stale:
		return Inconclusive
	}
	return Inconclusive
}

func at(file string, line int) string {
	if line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d", file, line)
}
