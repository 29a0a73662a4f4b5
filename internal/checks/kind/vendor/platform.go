package vendor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
)

func platformState() *checks.Kind {
	return &checks.Kind{
		Name: "platform.state", Title: "The hosting platform is as declared",
		Passes: "each field that is asked about is live as the repository and the checklist declare it",
		Why:    "A platform that follows another branch, or starts with another command, serves something that nobody reviewed.",
		Fix:    "bring the platform's settings and the declaration together", Source: "Render API, Railway API and Cerebrium's command line; git-ls-remote(1)",
		Saves: "fields, declared and live, ids of resources; never a token and no value of a variable", Severity: checks.Block, Timeout: patience,
		Params: []checks.Param{
			{Name: "platform", Type: checks.Text, OneOf: []string{"git", "render", "railway", "cerebrium", "docker", "compose", "ecr", "apprunner", "lambda", "k8s"}, Doc: "the platform (default: all whose credentials are set, and git)"},
			{Name: "expect", Type: checks.List, Required: true, OneOf: []string{"all", "auth", "remote-has-commit", "repo", "branch", "env-names", "build-command", "start-command", "scaling", "digest", "rollout", "RUNNING"}, Doc: "fields to compare; all: each that is declared"},
			{Name: "contains", Type: checks.List, Doc: "texts that the start command must hold"},
			{Name: "service", Type: checks.Text, Doc: "name or id of the service (default: RENDER_SERVICE_ID and the like, else the one that follows this repository)"},
			{Name: "branch", Type: checks.Text, Doc: "branch that is released (default: that of render.yaml, else the remote's own)"},
			{Name: "replicas", Type: checks.Whole, Default: 0, Doc: "replicas that must be ready, where a command deploys"},
		},
		Look: lookPlatform,
	}
}

// platforms are those that can be asked, with the variables that each needs.
var platforms = []struct { //nolint:gochecknoglobals // a table
	name      string
	variables [][]string // of each group one
	fields    []string   // what "all" stands for
	look      func(context.Context, *drift) error
}{
	{"git", nil, []string{"remote-has-commit"}, lookGit},
	{"render", [][]string{{"RENDER_API_KEY"}}, []string{"auth", "repo", "branch", "env-names", "build-command", "start-command", "scaling"}, lookRender},
	{"railway", [][]string{{"RAILWAY_TOKEN", "RAILWAY_API_TOKEN"}}, []string{"auth", "repo", "branch", "env-names", "start-command", "scaling"}, lookRailway},
	{"cerebrium", [][]string{{"CEREBRIUM_API_KEY", "CEREBRIUM_SERVICE_ACCOUNT_TOKEN"}, {"CEREBRIUM_PROJECT_ID"}}, []string{"auth", "scaling"}, lookCerebrium},
}

// drift is a comparison of what is declared with what is live.
type drift struct {
	scope    *checks.Scope
	with     checks.Values
	fields   []string
	all      bool // a field that nobody declared is passed over
	rows     map[string]any
	problems []checks.Problem
	doubts   []string
	fixes    []string
	commands []string
	compared int
}

func (d *drift) asks(field string) bool { return slices.Contains(d.fields, field) }

// same compares a field. An empty declaration is a doubt, or passed over where all fields are asked about.
func (d *drift) same(field, declared, live, fix string) {
	d.rows[field] = map[string]any{"declared": declared, "live": live}
	switch {
	case declared == "" && d.all:
	case declared == "":
		d.doubts = append(d.doubts, "what "+field+" should be is declared nowhere")
	default:
		d.compared++
		if declared != live {
			d.bad(fix, "%s is %s, declared is %s", field, orNothing(live), declared)
		}
	}
}

// holds notes a field that is as wanted, or not.
func (d *drift) holds(field string, ok bool, live any, fix, format string, args ...any) {
	d.compared++
	d.rows[field] = map[string]any{"live": live}
	if !ok {
		d.bad(fix, format, args...)
	}
}

func (d *drift) bad(fix, format string, args ...any) {
	d.problems = append(d.problems, checks.Problem{Text: fmt.Sprintf(format, args...)})
	if fix != "" && !slices.Contains(d.fixes, fix) {
		d.fixes = append(d.fixes, fix)
	}
}

func (d *drift) doubt(format string, args ...any) {
	d.doubts = append(d.doubts, fmt.Sprintf(format, args...))
}

func (d *drift) observation(name string) checks.Observation {
	saw := map[string]any{"platform": name, "fields": d.rows}
	wanted := strings.Join(d.fields, ", ") + " as declared"
	fix := checks.Fix{Text: strings.Join(d.fixes, "; "), Commands: d.commands}
	switch {
	case len(d.problems) > 0:
		return checks.Failed(saw, wanted, fix, d.problems...)
	case len(d.doubts) > 0:
		return checks.Unclear(saw, strings.Join(d.doubts, "; "), fix)
	case d.compared == 0:
		return checks.Unclear(saw, "nothing is declared that could be compared", checks.Fix{Text: "declare it, for example in render.yaml, and give the folder with --repo"})
	}
	return checks.Passed(saw)
}

func lookPlatform(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	name := with.Text("platform")
	all := slices.Contains(with.List("expect"), "all")
	var seen []checks.Observation
	var lacking []string
	known := false
	for _, p := range platforms {
		if name != "" && p.name != name {
			continue
		}
		known = true
		if missing := lacks(scope, p.variables); missing != "" || p.name == "git" && !scope.Git {
			lacking = append(lacking, orGit(missing))
			continue
		}
		d := &drift{scope: scope, with: with, fields: with.List("expect"), all: all, rows: map[string]any{}}
		if all {
			d.fields = p.fields
		}
		for _, f := range d.fields {
			if !slices.Contains(p.fields, f) {
				return checks.Skipped(fmt.Sprintf("%s tells no %s", p.name, f), checks.Fix{Text: "ask for one of " + strings.Join(p.fields, ", ")}), nil
			}
		}
		if err := p.look(ctx, d); err != nil {
			return checks.Observation{}, err
		}
		seen = append(seen, d.observation(p.name))
	}
	switch {
	case !known:
		return checks.Skipped("the state of "+name+" is told by the command that deploys there", checks.Fix{Commands: []string{"voicectl deploy status " + name}}), nil
	case len(seen) == 0:
		return checks.Skipped("no platform can be asked", checks.Fix{Text: "set " + strings.Join(lacking, ", or ")}), nil
	case name == "" && len(seen) == 1 && seen[0].Saw["platform"] == "git":
		return checks.Skipped("no hosting platform can be asked", checks.Fix{Text: "set " + strings.Join(lacking, ", or ")}), nil
	case len(seen) == 1:
		return seen[0], nil
	}
	return together(seen), nil
}

// together makes one observation of those of several platforms.
func together(seen []checks.Observation) checks.Observation {
	out := checks.Observation{State: checks.Pass, Saw: map[string]any{}, Wanted: "every platform as declared"}
	order := []checks.State{checks.Fail, checks.Inconclusive, checks.Pass}
	var doubts, fixes []string
	for _, o := range seen {
		name := fmt.Sprint(o.Saw["platform"])
		out.Saw[name] = o.Saw["fields"]
		for _, p := range o.Problems {
			p.Text = name + ": " + p.Text
			out.Problems = append(out.Problems, p)
		}
		if o.State == checks.Inconclusive {
			doubts = append(doubts, name+": "+o.Wanted)
		}
		if o.Fix.Text != "" {
			fixes = append(fixes, o.Fix.Text)
		}
		out.Fix.Commands = append(out.Fix.Commands, o.Fix.Commands...)
		if slices.Index(order, o.State) < slices.Index(order, out.State) {
			out.State = o.State
		}
	}
	out.Fix.Text = strings.Join(fixes, "; ")
	if out.State == checks.Inconclusive {
		out.Wanted = strings.Join(doubts, "; ")
	}
	return out
}

// lacks names the variables that are missing, "" when none is.
func lacks(scope *checks.Scope, groups [][]string) string {
	var out []string
	for _, group := range groups {
		if v, _ := first(scope, group...); v == "" {
			out = append(out, group[0])
		}
	}
	return strings.Join(out, " and ")
}

func orGit(missing string) string {
	if missing == "" {
		return "--repo to a git work tree"
	}
	return missing
}
