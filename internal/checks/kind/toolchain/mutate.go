package toolchain

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/kind/env"
)

// lookMutated starts the backend once with everything, and then once without each required variable. Only a
// backend that starts with everything can prove anything by not starting.
func lookMutated(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	required := with.List("names")
	if len(required) == 0 {
		required = env.Required(scope.Profile)
	}
	var names []string
	for _, n := range required {
		if scope.Env.Value(n) != "" {
			names = append(names, n)
		}
	}
	if len(names) == 0 {
		return checks.Skipped("none of the variables that are required is given: "+strings.Join(required, ", "),
			checks.Fix{Text: "give the environment of the backend", Commands: []string{"voicectl check --env-file .env"}}), nil
	}
	o := options(with)
	whole, err := Start(ctx, scope, o)
	if err != nil {
		return checks.Observation{}, err
	}
	whole.Stop(context.WithoutCancel(ctx))
	stdout, stderr := whole.Output()
	log := slices.Concat([]byte("with everything\n"), stdout, stderr)
	saw := map[string]any{"argv": scope.Start, "required": names, "ready_ms": whole.Took.Milliseconds()}
	if whole.Took == 0 {
		saw["said"] = result{stdout: stdout, stderr: stderr}.said()
		obs := checks.Unclear(saw, "it does not start with all variables either, so that nothing can be told of one that is missing",
			checks.Fix{Text: "make it start first; it must listen on PORT (or write {port} into the start command)", Commands: []string{strings.Join(scope.Start, " ")}})
		obs.Evidence, err = scope.Keep("proc-start-env.log", log)
		return obs, err
	}
	var problems []checks.Problem
	for _, name := range names {
		without := o
		without.Without = []string{name}
		p, startErr := Start(ctx, scope, without)
		if startErr != nil {
			return checks.Observation{}, startErr
		}
		p.Stop(context.WithoutCancel(ctx))
		stdout, stderr := p.Output()
		log = slices.Concat(log, []byte("\nwithout "+name+"\n"), stdout, stderr)
		said := bytes.Contains(stderr, []byte(name)) || bytes.Contains(stdout, []byte(name))
		fact := map[string]any{"named": said, "started": !p.Ended}
		saw[name] = fact
		if p.Ended {
			fact["exit"] = p.Exit
		}
		switch {
		case !p.Ended && p.Took > 0:
			problems = append(problems, checks.Problem{Text: "starts without " + name})
		case !p.Ended:
			problems = append(problems, checks.Problem{Text: fmt.Sprintf("without %s it neither answers nor ends", name)})
		case p.Exit == 0 && slices.Contains(with.List("expect"), "exit!=0"):
			problems = append(problems, checks.Problem{Text: fmt.Sprintf("without %s it ends with exit code 0, which says that all is well", name)})
		case !said && slices.Contains(with.List("expect"), "name"):
			problems = append(problems, checks.Problem{Text: fmt.Sprintf("without %s it ends and does not name the variable", name)})
		}
	}
	kept, err := scope.Keep("proc-start-env.log", log)
	if err != nil {
		return checks.Observation{}, err
	}
	saw["refused"] = fmt.Sprintf("%d of %d", len(names)-len(problems), len(names))
	obs := checks.Passed(saw)
	if len(problems) > 0 {
		obs = checks.Failed(saw, "an end with an error code that names the variable, for each",
			checks.Fix{Text: "check all required variables before anything else, name every missing one on stderr, and end with exit code 1"}, problems...)
	}
	obs.Evidence = kept
	return obs, nil
}
