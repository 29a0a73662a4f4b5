package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/voicectl/voicectl/internal/sandbox/conformance"
	"github.com/voicectl/voicectl/internal/ui"
)

// verifyReport is the result of `voicectl sandbox verify`, in the one shape that results have.
type verifyReport struct {
	SchemaVersion int              `json:"schema_version"`
	Tool          verifyTool       `json:"tool"`
	Run           verifyRun        `json:"run"`
	EndpointClass string           `json:"endpoint_class"`
	Verdict       string           `json:"verdict"`
	ExitCode      int              `json:"exit_code"`
	Counts        map[ui.State]int `json:"counts"`
	Unselected    int              `json:"unselected"` // paid cases that were not asked for
	Findings      []verifyFinding  `json:"findings"`
}

type verifyTool struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
}

type verifyRun struct {
	ID      string    `json:"id"`
	Started time.Time `json:"started"`
	MS      int64     `json:"ms"`
	Target  string    `json:"target"`
}

type verifyFinding struct {
	ID          string                   `json:"id"` // vendor/case
	Title       string                   `json:"title"`
	Kind        string                   `json:"kind"`
	State       ui.State                 `json:"state"`
	Saw         map[string]string        `json:"saw"`
	Wanted      string                   `json:"wanted"`
	MS          int64                    `json:"ms"`
	Reason      string                   `json:"reason,omitempty"`
	Differences []conformance.Difference `json:"differences"`
	Source      string                   `json:"source"`
}

func (o *VerifyOptions) newVerifyReport(class string) *verifyReport {
	build := buildInfo()
	return &verifyReport{
		SchemaVersion: 1, Tool: verifyTool{build.Version, build.Commit}, EndpointClass: class, Counts: map[ui.State]int{}, Findings: []verifyFinding{},
		Run: verifyRun{ID: uuid.NewString(), Started: o.proc.Clock.Now().UTC(), Target: strings.Join(o.vendors, ",")},
	}
}

func (r *verifyReport) add(vendor string, res conformance.Result) {
	f := verifyFinding{
		ID: vendor + "/" + res.Case.Name, Title: res.Case.Name, Kind: "passive", State: stateOf(res.State), Saw: map[string]string{},
		Wanted: res.Case.Why, MS: res.Took.Milliseconds(), Reason: res.Reason, Differences: res.Differences, Source: "conformance/cases/" + vendor + ".yaml",
	}
	if res.Case.Cost == conformance.Paid {
		f.Kind = "paid"
	}
	for _, d := range res.Differences {
		f.Saw[d.Path] = d.Saw
	}
	if f.Differences == nil {
		f.Differences = []conformance.Difference{}
	}
	r.Counts[f.State]++
	r.Findings = append(r.Findings, f)
}

// finish judges: a difference fails, and what was not reached, or nothing at all, proves nothing.
func (r *verifyReport) finish(now time.Time) {
	r.Run.MS = now.Sub(r.Run.Started).Milliseconds()
	r.Verdict, r.ExitCode = "pass", exitOK
	if err := r.err(); err != nil {
		r.Verdict = "inconclusive"
		var coded *exitError
		if errors.As(err, &coded) {
			r.ExitCode = coded.code
		}
		if r.ExitCode == exitFailed {
			r.Verdict = "fail"
		}
	}
}

func (r *verifyReport) err() error {
	switch {
	case r.Counts[ui.Fail] > 0:
		next := "a difference is a fault of the emulator: please report it with `-o json`"
		if r.EndpointClass == "live" {
			next = "the vendor does not do what the emulator does: look whether the key may do what was asked, then report it with `-o json`"
		}
		return failed(fmt.Errorf("%d of %d cases differ", r.Counts[ui.Fail], r.judged()), next)
	case r.Counts[ui.Inconclusive] > 0:
		return inconclusive(fmt.Errorf("%d of %d cases could not be judged", r.Counts[ui.Inconclusive], r.judged()), "look at the vendor's status page and at this machine's network, and try again")
	case r.judged() == 0:
		return &exitError{code: exitUsage, err: errors.New("no case was run")}
	}
	return nil
}

// judged is how many cases were run.
func (r *verifyReport) judged() int { return len(r.Findings) - r.Counts[ui.NotApplied] }

// state is the whole as one word.
func (r *verifyReport) state() ui.State {
	switch {
	case r.Counts[ui.Fail] > 0:
		return ui.Fail
	case r.Counts[ui.Inconclusive] > 0 || r.judged() == 0:
		return ui.Inconclusive
	}
	return ui.Pass
}

func (r *verifyReport) summary() string {
	text := fmt.Sprintf("%d of %d cases as expected", r.Counts[ui.Pass], r.judged())
	if n := r.Counts[ui.NotApplied]; n > 0 {
		text += fmt.Sprintf(", %d for the sandbox alone", n)
	}
	if r.Unselected > 0 {
		text += fmt.Sprintf(", %d left out (--allow-paid runs them)", r.Unselected)
	}
	return text
}

// showVerify prints a row a case, and under the table what differs.
func (p *Proc) showVerify(r *verifyReport) error {
	t := &ui.Table{Headers: []string{"STATE", "CASE", "WHAT IS KNOWN"}}
	for _, f := range r.Findings {
		what := f.Wanted
		if f.Reason != "" {
			what = f.Reason
		}
		t.Cells(f.State.Cell(), ui.Cell{Text: f.ID}, ui.Cell{Text: what, Tone: ui.Faint})
	}
	if err := p.UI.Table(t); err != nil {
		return err
	}
	for _, f := range r.Findings {
		if len(f.Differences) == 0 {
			continue
		}
		if err := p.UI.Heading(f.ID); err != nil {
			return err
		}
		d := &ui.Table{Headers: []string{"WHERE", "WANTED", "SAW"}}
		for _, x := range f.Differences {
			d.Row(x.Path, x.Wanted, x.Saw)
		}
		if err := p.UI.Table(d); err != nil {
			return err
		}
	}
	return nil
}
