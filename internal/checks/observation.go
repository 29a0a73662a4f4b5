package checks

// Observation is what a kind saw and how that compares with what was wanted. The judgement is a pure
// function of what was recorded, so that a stranger can follow it.
type Observation struct {
	State    State          // Pass, Fail, Inconclusive, Skip or NotApplied; Warn when only a part is amiss
	Saw      map[string]any // facts in JSON's own types; never a secret, see Mask
	Wanted   string         // in words
	Limit    any            // the threshold, where there is one
	Problems []Problem      // each violation, the most telling first
	Fix      Fix
	Evidence []Evidence
}

// Problem is one violation.
type Problem struct {
	Text string `json:"text"`
	File string `json:"file,omitempty"` // inside the repository, with forward slashes
	Line int    `json:"line,omitempty"` // from 1
	Rule string `json:"rule,omitempty"` // of a linter kind
}

// Fix is what to do, in words and as commands that can be copied.
type Fix struct {
	Text     string   `json:"text,omitempty"`
	Commands []string `json:"commands,omitempty"`
}

// Evidence is a file that a kind left in the folder of the run.
type Evidence struct {
	Path   string `json:"path"` // relative to the folder of the run
	SHA256 string `json:"sha256"`
}

// Passed is a good observation.
func Passed(saw map[string]any) Observation { return Observation{State: Pass, Saw: saw} }

// Failed is an observation that is not as wanted.
func Failed(saw map[string]any, wanted string, fix Fix, problems ...Problem) Observation {
	return Observation{State: Fail, Saw: saw, Wanted: wanted, Fix: fix, Problems: problems}
}

// Unclear is an observation that does not decide, with the reason.
func Unclear(saw map[string]any, reason string, fix Fix) Observation {
	return Observation{State: Inconclusive, Saw: saw, Wanted: reason, Fix: fix}
}

// Skipped says what was missing and how to give it.
func Skipped(reason string, fix Fix) Observation {
	return Observation{State: Skip, Wanted: reason, Fix: fix}
}

// DoesNotApply says why a check has nothing to say here.
func DoesNotApply(reason string) Observation { return Observation{State: NotApplied, Wanted: reason} }
