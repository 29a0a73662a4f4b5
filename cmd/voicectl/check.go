package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/evidence"
	"github.com/voicectl/voicectl/internal/checks/kind"
	"github.com/voicectl/voicectl/internal/checks/report"
	"github.com/voicectl/voicectl/internal/ui"
)

// CheckOptions are the options of `voicectl check`.
type CheckOptions struct {
	proc  *Proc
	scope scopeOptions
	areas []string

	checklists, overlays, tags, only []string
	waivers                          string
	list, lint, watch, verbose       bool
	events, noSave                   bool
	failOn                           string
	jobs                             int
	retries                          int
	deadline                         time.Duration
	state                            string
	consent                          checks.Consent
	strict                           bool
	output                           *outputs
	kinds                            checks.Kinds
}

func newCmdCheck(p *Proc, runF func(context.Context, *CheckOptions) error) *cobra.Command {
	o := &CheckOptions{proc: p}
	c := &cobra.Command{
		Use:   "check [AREA…] [URL]",
		Short: "Judge a voice backend: environment, sources, vendors, security, health",
		Long: `Judge any voice backend against checklists: the three that are built in, or your own.

Give a URL and it is looked at from outside. Give a folder with sources (--repo), an environment (--env-file), a
source of log lines (--logs) or of metrics (--metrics-url), and more checks are in scope. Without a URL, the folder
you are in is looked at. What is out of scope, or judged by another command, is listed and counts for nothing; what
is in scope and cannot run is a skip, and a skip is never green.

check looks and never speaks to a caller. Looks that send hostile input or bursts need --allow-load beyond this
machine, those that run the commands of a repository need --allow-exec, those that a vendor charges for --allow-paid.

Areas: env repo api model security health logs docker platform monitoring docs.
Exit codes: 0 green, 1 something that blocks failed, 2 usage or an empty run, 3 it cannot be told, 130 interrupted.`,
		Example: `voicectl check https://agent.example.com
voicectl check --repo . --env-file .env -o text -o junit=checks.xml
voicectl check security https://agent.example.com --allow-load -o sarif=checks.sarif`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.arguments(args); err != nil {
				return err
			}
			o.scope.envFile = cmd.Flag("env-file").Value.String()
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return runCheck(cmd.Context(), o)
		},
	}
	fs := c.Flags()
	o.scope.add(fs)
	fs.StringSliceVar(&o.checklists, "checklist", nil, "`ID|FILE` to judge by: pipecat, backend, phone, url or a file; may repeat (default: by profile; url for a bare URL)")
	fs.StringSliceVar(&o.overlays, "overlay", nil, "`FILE` with your own thresholds and what does not apply; may repeat")
	fs.StringVar(&o.waivers, "waivers", "voicectl.waivers.yaml", "`FILE` with waivers, if there")
	fs.StringSliceVarP(&o.tags, "tag", "t", nil, "`TAG` to select, !TAG to leave out; may repeat")
	fs.StringSliceVar(&o.only, "only", nil, "`ID` of the one check to run; may repeat")
	fs.BoolVar(&o.list, "list", false, "list the selected checks and run none")
	fs.BoolVar(&o.lint, "lint", false, "read checklists, overlays and waivers, tell their faults and run nothing")
	fs.BoolVar(&o.watch, "watch", false, "run again when a file of the repository or a checklist changes")
	fs.BoolVarP(&o.verbose, "verbose", "v", false, "list what is good, too")
	fs.BoolVar(&o.events, "events", false, "write a line of JSON to stdout for each finding as it is made")
	fs.BoolVar(&o.noSave, "no-save", false, "keep no record of the run in the state folder")
	fs.StringVar(&o.failOn, "fail-on", "fail", "`STATE` that fails the run: fail or warn")
	fs.IntVar(&o.jobs, "jobs", 0, "`N` looks at once (default 16)")
	fs.IntVar(&o.retries, "retries", 1, "`N` more attempts at a look that could not be made")
	fs.DurationVar(&o.deadline, "deadline", 15*time.Minute, "longest time for the whole run")
	fs.StringVar(&o.state, "state", ".voicectl", "`FOLDER` of runs")
	fs.BoolVar(&o.strict, "strict", false, "no tolerance for habits of a framework, such as status 422")
	fs.BoolVar(&o.consent.Load, "allow-load", false, "allow hostile input and bursts against the target")
	fs.BoolVar(&o.consent.Exec, "allow-exec", false, "allow to run the repository's own commands")
	fs.BoolVar(&o.consent.Paid, "allow-paid", false, "allow looks that a vendor charges for")
	fs.BoolVar(&o.consent.Skip, "allow-skip", false, "do not count a skip as inconclusive")
	o.output = addOutputFlag(c, "text", "json", "junit", "sarif", "markdown", "html", "github")
	o.kinds = newCheckKinds()
	return c
}

// newCheckKinds are the kinds that check judges by.
func newCheckKinds() checks.Kinds { return kind.All() }

// arguments tells the URL, which holds "://", from the areas.
func (o *CheckOptions) arguments(args []string) error {
	for _, a := range args {
		switch {
		case !strings.Contains(a, "://"):
			o.areas = append(o.areas, a)
		case o.scope.target != "":
			return usageErrorf("two targets: %s and %s", o.scope.target, a)
		default:
			o.scope.target = a
		}
	}
	if o.failOn != "fail" && o.failOn != "warn" {
		return usageErrorf("--fail-on is fail or warn, got %q", o.failOn)
	}
	if o.events && len(o.output.chosen) == 0 {
		o.output.chosen = []output{} // stdout belongs to the events
	}
	return nil
}

func runCheck(ctx context.Context, o *CheckOptions) error {
	if o.watch {
		return o.watchAndRun(ctx)
	}
	_, err := o.once(ctx)
	return err
}

// once makes one run.
func (o *CheckOptions) once(ctx context.Context) (*checks.Report, error) {
	p := o.proc
	lists, waivers, err := o.load()
	if err != nil {
		return nil, badFile(err, "`voicectl check --lint` tells all faults of the files")
	}
	store, salt, err := o.store()
	if err != nil {
		return nil, badFile(err, "give another folder with --state, or --no-save")
	}
	scope, err := p.checkScope(&o.scope, lists, o.consent, o.strict, salt)
	if err != nil {
		return nil, err
	}
	if store != nil {
		scope.State = p.path(o.state)
	}
	plan, err := checks.Compile(lists, o.kinds, checks.Selection{Areas: o.areas, Tags: o.tags, Only: o.only}, scope)
	if err != nil {
		return nil, badFile(err, "`voicectl explain` lists the kinds and their parameters")
	}
	switch {
	case o.lint:
		p.UI.Say("%s  %d checks in %d lists, %d waivers", p.UI.StateErr(ui.Pass), plan.Len(), len(lists), len(waivers))
		return nil, nil
	case o.list:
		return nil, p.listPlan(plan, o.output)
	}
	return o.run(ctx, plan, scope, store, waivers)
}

func (o *CheckOptions) run(ctx context.Context, plan *checks.Plan, scope *checks.Scope, store *evidence.Store, waivers []checks.Waiver) (*checks.Report, error) {
	p := o.proc
	start := p.Clock.Now()
	b := buildInfo()
	host, _ := os.Hostname() // only told, "" is fine
	r := &checks.Report{
		SchemaVersion: 1, Tool: checks.Tool{Version: b.Version, Commit: b.Commit}, Checklists: plan.Lists, Overlays: plan.Overlays,
		Run: checks.RunInfo{ID: evidence.NewID(start), Started: start.UTC(), Profile: scope.Profile, Host: host, EndpointClass: p.endpointClass(ctx, scope)},
	}
	if scope.Target != nil {
		r.Run.Target = scope.Mask.String(scope.Target.Redacted())
	}
	var kept *evidence.Run
	if store != nil {
		var err error
		if kept, err = store.Begin(r.Run, r.Checklists, p.Clock.Now); err != nil {
			return nil, badFile(err, "give another folder with --state, or --no-save")
		}
		scope.Dir = kept.Dir
	}
	inner, cancel := context.WithTimeout(ctx, o.deadline)
	defer cancel()
	progress := p.UI.Progress(p.Clock, fmt.Sprintf("judging by %d checks", plan.Len()))
	var keepErr error
	r.Findings = checks.Run(inner, plan, checks.RunOptions{
		Jobs: o.jobs, Retries: o.retries, Waivers: waivers,
		On: func(e checks.Event) {
			if e.Type == checks.EventFinding && kept != nil {
				keepErr = errors.Join(keepErr, kept.Add(e.Finding))
			}
			o.tell(e, progress)
		},
	})
	r.Interrupted = ctx.Err() != nil
	r.Run.Ms = float64(p.Clock.Now().Sub(start).Microseconds()) / 1000
	r.Counts, r.Verdict, r.ExitCode = checks.Judge(r.Findings, checks.Policy{AllowSkip: o.consent.Skip, FailOnWarn: o.failOn == "warn"})
	if r.Interrupted {
		r.ExitCode = exitInterrupted
	}
	progress.Stop(verdictState(r.Verdict),
		fmt.Sprintf("%s: %s", r.Verdict, r.Summary()))
	if kept != nil {
		keepErr = errors.Join(keepErr, kept.End(r))
	}
	if err := o.write(r); err != nil {
		return r, err
	}
	if keepErr != nil {
		return r, badFile(fmt.Errorf("keep the run: %w", keepErr), "give another folder with --state, or --no-save")
	}
	return r, verdictError(r)
}

// tell shows an event on the terminal, or as a line of JSON.
func (o *CheckOptions) tell(e checks.Event, progress *ui.Progress) {
	p := o.proc
	if o.events {
		if e.Type == checks.EventFinding && e.Finding.State != checks.Elsewhere {
			if b, err := json.Marshal(map[string]any{"type": e.Type, "at": p.Clock.Now().UTC(), "done": e.Done, "of": e.Of, "finding": e.Finding}); err == nil {
				_, _ = p.UI.Out.Write(append(b, '\n')) // a reader that went away ends the run by SIGPIPE
			}
		}
	}
	switch {
	case e.Type == checks.EventStart && p.UI.Live():
		progress.Update(fmt.Sprintf("%d of %d  %s", e.Done, e.Of, e.Check))
	case e.Type == checks.EventFinding && !p.UI.Live() && e.Finding.State != checks.Elsewhere && !e.Finding.Good():
		// In a pipe a line a check would be noise: what needs an eye is told, and the heartbeat tells the rest.
		progress.Update(fmt.Sprintf("%d of %d  %s is %s", e.Done, e.Of, e.Check, e.Finding.State))
	}
}

// write renders all formats that were asked for. GitHub's job summary is written when its file is named.
func (o *CheckOptions) write(r *checks.Report) error {
	p := o.proc
	render := map[string]func(io.Writer) error{
		"text": func(w io.Writer) error { return p.reportText(w, r, o.verbose) },
	}
	for name, encode := range report.Encoders() {
		render[name] = func(w io.Writer) error { return encode(w, r) }
	}
	if !o.events || len(o.output.chosen) > 0 {
		if err := o.output.write(p, render); err != nil {
			return err
		}
	}
	if path := p.Getenv("GITHUB_STEP_SUMMARY"); path != "" {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // the runner names the file
		if err != nil {
			return badFile(fmt.Errorf("write job summary: %w", err))
		}
		if err := errors.Join(report.Markdown(f, r), f.Close()); err != nil {
			return badFile(fmt.Errorf("write job summary: %w", err))
		}
	}
	return nil
}

// reportText writes for the terminal when w is stdout, else plainly.
func (p *Proc) reportText(w io.Writer, r *checks.Report, verbose bool) error {
	if w == p.UI.Out {
		return p.UI.Report(r, verbose)
	}
	plain := &ui.Streams{In: p.UI.In, Out: w, Err: p.UI.Err}
	return plain.Report(r, verbose)
}

// verdictError makes the exit code of a judged run. The report said everything; the error says nothing more.
func verdictError(r *checks.Report) error {
	if r.ExitCode == exitOK {
		return nil
	}
	if r.Interrupted {
		return context.Canceled
	}
	err := &exitError{code: r.ExitCode, err: errJudged}
	if r.ExitCode == exitUsage {
		return badFile(errors.New("nothing was selected: no check is in the scope of what was given"),
			"give a URL, --repo FOLDER or --env-file FILE; `voicectl check --list` shows what each check needs")
	}
	return err
}

// errJudged is the error of a run whose report was written: nothing more is said.
var errJudged = errors.New("")
