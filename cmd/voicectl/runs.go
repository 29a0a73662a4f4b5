package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/evidence"
	"github.com/voicectl/voicectl/internal/ui"
)

// RunsOptions are the options of `voicectl runs` and `voicectl diff`.
type RunsOptions struct {
	proc   *Proc
	state  string
	most   int
	names  [2]string
	output *outputs
}

func newCmdRuns(p *Proc, runF func(*RunsOptions) error) *cobra.Command {
	o := &RunsOptions{proc: p}
	c := &cobra.Command{
		Use:   "runs",
		Short: "List the runs that were kept, the newest first",
		Example: `voicectl runs
voicectl runs --most 5 -o json
voicectl diff last~1 last`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if runF != nil {
				return runF(o)
			}
			return runRuns(o)
		},
	}
	c.Flags().StringVar(&o.state, "state", ".voicectl", "`FOLDER` of runs")
	c.Flags().IntVar(&o.most, "most", 20, "`N` runs at the most")
	o.output = addOutputFlag(c, "text", "json")
	return c
}

// ran is one line of `voicectl runs`.
type ran struct {
	ID       string         `json:"id"`
	Started  time.Time      `json:"started"`
	Ms       float64        `json:"ms"`
	Target   string         `json:"target"`
	Verdict  checks.Verdict `json:"verdict"`
	ExitCode int            `json:"exit_code"`
	Counts   checks.Counts  `json:"counts"`
}

func runRuns(o *RunsOptions) error {
	p := o.proc
	store, err := evidence.Open(p.path(o.state))
	if err != nil {
		return badFile(err)
	}
	ids, err := store.Runs()
	if err != nil {
		return badFile(err)
	}
	rows := []ran{}
	for _, id := range ids[:min(len(ids), o.most)] {
		r, err := store.Load(id)
		if err != nil {
			return badFile(err)
		}
		rows = append(rows, ran{r.Run.ID, r.Run.Started, r.Run.Ms, r.Run.Target, r.Verdict, r.ExitCode, r.Counts})
	}
	return o.output.write(p, map[string]func(io.Writer) error{
		"json": func(w io.Writer) error { return writeJSON(w, rows) },
		"text": func(io.Writer) error {
			if len(rows) == 0 {
				p.UI.Say("no run is kept in %s yet; `voicectl check` keeps one", o.state)
				return nil
			}
			t := &ui.Table{Headers: []string{"RUN", "VERDICT", "TOOK", "TARGET", "FINDINGS"}}
			for _, r := range rows {
				rep := checks.Report{Counts: r.Counts}
				t.Cells(ui.Cell{Text: r.ID}, verdictState(r.Verdict).Cell(), ui.Cell{Text: fmt.Sprintf("%.1f s", r.Ms/1000)}, ui.Cell{Text: r.Target}, ui.Cell{Text: rep.Summary()})
			}
			return p.UI.Table(t)
		},
	})
}

func verdictState(v checks.Verdict) ui.State {
	switch v {
	case checks.VerdictPass:
		return ui.Pass
	case checks.VerdictFail:
		return ui.Fail
	case checks.VerdictInconclusive:
	}
	return ui.Inconclusive
}

func newCmdDiff(p *Proc, runF func(*RunsOptions) error) *cobra.Command {
	o := &RunsOptions{proc: p}
	c := &cobra.Command{
		Use:   "diff [RUN [RUN]]",
		Short: "Say what changed between two runs",
		Long: `Say what changed between two runs: an id of voicectl runs, last, last~1, or the path of a result in JSON.
Exit code 1 when a check that was green is no longer.`,
		Example: `voicectl diff
voicectl diff last~3 last
voicectl diff baseline.json last -o json`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			o.names = [2]string{"last~1", "last"}
			if len(args) > 0 {
				o.names[0] = args[0]
			}
			if len(args) > 1 {
				o.names[1] = args[1]
			}
			if runF != nil {
				return runF(o)
			}
			return runDiff(o)
		},
	}
	c.Flags().StringVar(&o.state, "state", ".voicectl", "`FOLDER` of runs")
	o.output = addOutputFlag(c, "text", "json")
	return c
}

func runDiff(o *RunsOptions) error {
	p := o.proc
	store, err := evidence.Open(p.path(o.state))
	if err != nil {
		return badFile(err)
	}
	var reports [2]*checks.Report
	for i, name := range o.names {
		if name != "last" && len(name) > 5 && name[len(name)-5:] == ".json" {
			name = p.path(name)
		}
		if reports[i], err = store.Load(name); err != nil {
			return badFile(err, "`voicectl runs` lists what there is")
		}
	}
	d := checks.Compare(reports[0], reports[1])
	if err := o.output.write(p, map[string]func(io.Writer) error{
		"json": func(w io.Writer) error { return writeJSON(w, d) },
		"text": func(io.Writer) error { return p.diffText(d, reports) },
	}); err != nil {
		return err
	}
	if d.Worse > 0 {
		return &exitError{code: exitFailed, err: errJudged}
	}
	return nil
}

func (p *Proc) diffText(d checks.Diff, r [2]*checks.Report) error {
	for _, u := range d.Unlike {
		if err := p.UI.Warning(u); err != nil {
			return err
		}
	}
	t := &ui.Table{Headers: []string{"BEFORE", "AFTER", "CHECK", "SAW"}}
	for _, c := range d.Changes {
		t.Cells(stateCell(c.Before), stateCell(c.After), ui.Cell{Text: c.ID, Tone: ui.Bold}, ui.Cell{Text: c.Saw})
	}
	if t.Len() > 0 {
		if err := p.UI.Table(t); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(p.UI.Out, "%s  %d worse, %d better, %d the same  (%s → %s)\n", r[1].Verdict, d.Worse, d.Better, d.Same, r[0].Run.ID, r[1].Run.ID)
	return err
}

func stateCell(s checks.State) ui.Cell {
	if s == "" {
		return ui.Cell{Text: "not there", Tone: ui.Faint}
	}
	return ui.State(s).Cell()
}
