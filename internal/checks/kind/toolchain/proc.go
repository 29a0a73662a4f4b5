package toolchain

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
)

func procStart() *checks.Kind {
	return &checks.Kind{
		Name: "proc.start", Title: "The backend starts, stays up, and stops when it is told to",
		Passes: "it answers on its port in time, lives on as long as is asked, and ends at a signal; with mutate, it refuses to start without a required variable and names it",
		Why:    "A backend that starts with half of its configuration fails on the first caller, and one that ignores the stop signal cuts calls at every release.",
		Fix:    "look into the output of the start", Source: "The twelve-factor app, IX. Disposability; POSIX signals",
		Saves: "process id, milliseconds until ready, exit code, output", Severity: checks.Block, Needs: []checks.Need{checks.NeedRepo, checks.NeedStart}, Timeout: 8 * time.Minute,
		Costs: func(with checks.Values) checks.Cost {
			if with.Text("mode") == "find" {
				return checks.Passive
			}
			return checks.Executes
		},
		Params: []checks.Param{
			{Name: "mode", Type: checks.Text, Default: "serve", OneOf: []string{"serve", "find"}, Doc: "serve starts the backend; find looks for a process with that command line on this machine"},
			{Name: "host", Type: checks.Text, Default: "127.0.0.1", Doc: "address to listen on, handed in as HOST and as {host}"},
			{Name: "port", Type: checks.Whole, Default: 0, Doc: "port, handed in as PORT and as {port}; 0 takes a free one"},
			{Name: "reload", Type: checks.Switch, Default: false, Doc: "the start command must be one that reloads on change"},
			{Name: "ready_s", Type: checks.Whole, Default: 30, Doc: "seconds until it answers"},
			{Name: "alive_s", Type: checks.Whole, Default: 0, Doc: "seconds that it lives on after that"},
			{Name: "mutate", Type: checks.Text, OneOf: []string{"env"}, Doc: "env: start once without each required variable that is given"},
			{Name: "names", Type: checks.List, Doc: "the required variables, in place of those of the profile"},
			{Name: "expect", Type: checks.List, Default: []string{"exit!=0", "name"}, OneOf: []string{"exit!=0", "name"}, Doc: "what a mutated start must do: end with an error code, and name the variable"},
			{Name: "signal", Type: checks.Text, OneOf: []string{"TERM", "INT"}, Doc: "the signal that must end it"},
			{Name: "grace", Type: checks.Duration, Default: "10s", Doc: "it has this long to end after a signal"},
			{Name: "tolerance", Type: checks.Duration, Default: "0s", Doc: "and this on top"},
		},
		Look: func(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
			switch {
			case with.Text("mode") == "find":
				return lookFind(scope)
			case with.Text("mutate") == "env":
				return lookMutated(ctx, scope, with)
			}
			return lookStart(ctx, scope, with)
		},
	}
}

func options(with checks.Values) Options {
	return Options{
		Host: with.Text("host"), Port: with.Whole("port"), Ready: time.Duration(with.Whole("ready_s")) * time.Second,
		Stop: with.Duration("grace") + with.Duration("tolerance"),
	}
}

// reloads are the words of a command line that make a server reload.
var reloads = []string{"--reload", "--reload=true", "--dev", "nodemon", "air", "watchfiles", "reflex", "--watch", "watchexec", "tsx watch", "--debug"} //nolint:gochecknoglobals // a table

func lookStart(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	p, err := Start(ctx, scope, options(with))
	if err != nil {
		return checks.Observation{}, err
	}
	defer p.Stop(context.WithoutCancel(ctx))
	saw := map[string]any{"argv": scope.Start, "pid": p.Pid, "url": p.URL}
	var problems []checks.Problem
	fix := checks.Fix{Text: "look into its output; it must listen on PORT (or write {port} into the start command)", Commands: []string{strings.Join(scope.Start, " ")}}
	add := func(format string, a ...any) {
		problems = append(problems, checks.Problem{Text: fmt.Sprintf(format, a...)})
	}
	switch {
	case p.Ended:
		saw["exit"] = p.Exit
		add("ended with exit code %d before it answered", p.Exit)
	case p.Took == 0:
		add("did not answer on %s within %d s", p.URL, with.Whole("ready_s"))
	default:
		saw["ready_ms"] = p.Took.Milliseconds()
		alive, waitErr := p.Alive(ctx, time.Duration(with.Whole("alive_s"))*time.Second)
		if waitErr != nil {
			return checks.Observation{}, waitErr
		}
		if !alive {
			add("ended within %d s after it was ready, with exit code %d", with.Whole("alive_s"), p.Exit)
		}
	}
	sig, name := syscall.SIGTERM, "TERM"
	if with.Text("signal") == "INT" {
		sig, name = syscall.SIGINT, "INT"
	}
	clean, took := p.signal(context.WithoutCancel(ctx), sig)
	if !p.Ended && len(problems) == 0 {
		saw["stop_ms"], saw["exit"] = took.Milliseconds(), p.Exit
		if !clean {
			add("did not end within %v after %s", options(with).Stop, name)
			fix.Text = "handle the signal: take no new call, let live ones end, then leave"
		}
	}
	if with.Switch("reload") && !slices.ContainsFunc(reloads, func(w string) bool { return strings.Contains(strings.Join(scope.Start, " "), w) }) {
		add("the start command has no switch that reloads on change")
	}
	stdout, stderr := p.Output()
	saw["lines"] = len(p.Lines())
	if len(problems) > 0 {
		saw["said"] = result{stdout: stdout, stderr: stderr}.said()
	}
	kept, err := scope.Keep("proc-start.log", slices.Concat(stdout, []byte("\n"), stderr))
	if err != nil {
		return checks.Observation{}, err
	}
	obs := checks.Passed(saw)
	if len(problems) > 0 {
		obs = checks.Failed(saw, fmt.Sprintf("ready within %d s, alive for %d s, ended by %s", with.Whole("ready_s"), with.Whole("alive_s"), name), fix, problems...)
	}
	obs.Evidence = kept
	return obs, nil
}
