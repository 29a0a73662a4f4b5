package toolchain

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/kind/tree"
)

// part is what was seen of one project of a repository.
type part struct {
	state    checks.State
	saw      map[string]any
	wanted   string
	problems []checks.Problem
	fix      checks.Fix
	log      []byte
}

// preset is a job that every language has its own tools for.
type preset struct {
	name  string
	cost  checks.Cost // of the tools
	does  string
	tools map[language]func(context.Context, job) (part, error)
}

// job is one preset at one project.
type job struct {
	project
	tree  *tree.Tree
	scope *checks.Scope
	with  checks.Values
}

// command makes a command of the job: in its folder, with its time limit.
func (j job) command(argv ...string) command {
	return command{dir: j.path(), argv: argv, limit: j.with.Duration("timeout")}
}

// at is the path of a file of the project inside the repository.
func (j job) at(file string) string {
	if j.dir == "." {
		return file
	}
	return j.dir + "/" + file
}

func presets() []preset {
	type tools = map[language]func(context.Context, job) (part, error)
	return []preset{
		{"compile", checks.Passive, "every source parses (nothing is run)", tools{python: pythonCompile, golang: goCompile, node: nodeCompile}},
		{"types", checks.Passive, "every public function declares its types; with consent to run tools, the type checker that is there agrees", tools{python: pythonTypes, golang: goTypes, node: nodeTypes}},
		{"doc-comments", checks.Passive, "every module and public function has words", tools{python: pythonDocs, golang: goDocs}},
		{"style", checks.Executes, "the linter that the project uses has nothing to say (ruff, black, flake8; gofmt and vet; eslint)", tools{python: pythonStyle, golang: goStyle, node: nodeStyle}},
		{"tests", checks.Executes, "all tests pass, and there are some", tools{python: pythonTests, golang: goTests, node: nodeTests}},
		{"tests-unit", checks.Executes, "the tests that are no integration tests pass", tools{python: pythonTests, golang: goTests, node: nodeTests}},
		{"tests-integration", checks.Executes, "the integration tests pass; the variables of a sandbox are handed in when its URL is given", tools{python: pythonTests, golang: goTests, node: nodeTests}},
		{"deps-installed", checks.Executes, "what is declared is installed, without conflicts", tools{python: pythonInstalled, golang: goInstalled, node: nodeInstalled}},
		{"deps-recreate", checks.Executes, "everything installs into an empty environment; needs confirm", tools{python: pythonRecreate, golang: goRecreate, node: nodeRecreate}},
		{"vuln-audit", checks.Executes, "no known vulnerability (pip-audit, govulncheck, npm audit)", tools{python: pythonAudit, golang: goAudit, node: nodeAudit}},
		{"venv-active", checks.Passive, "packages live apart from those of the system, and newcomers learn how to get there", tools{python: pythonVenv, golang: apart, node: apart}},
	}
}

func presetNames() []string {
	var names []string
	for _, p := range presets() {
		names = append(names, p.name)
	}
	return names
}

func presetDoc() string {
	var words []string
	for _, p := range presets() {
		words = append(words, p.name+": "+p.does)
	}
	return strings.Join(words, "; ")
}

func cmdRun() *checks.Kind {
	return &checks.Kind{
		Name: "cmd.run", Title: "A tool of the project's own language says that it is so",
		Passes: "the tool ends with the exit code and the output that are expected; tests count only when at least one ran",
		Why:    "What the project's own compiler, linter and tests know is cheaper to hear from them than from a caller.",
		Fix:    "run the same command by hand, and mend what it names", Source: "The tools' own documentation",
		Saves: "command line, exit code, milliseconds, version of the tool, output", Severity: checks.Block, Needs: []checks.Need{checks.NeedRepo},
		Timeout: 11 * time.Minute,
		Costs: func(with checks.Values) checks.Cost {
			for _, p := range presets() {
				if p.name == with.Text("preset") {
					return p.cost
				}
			}
			return checks.Executes
		},
		Params: []checks.Param{
			{Name: "preset", Type: checks.Text, OneOf: presetNames(), Doc: presetDoc()},
			{Name: "argv", Type: checks.List, Doc: "a command of one's own instead, word by word; no shell"},
			{Name: "exit", Type: checks.Whole, Default: 0, Doc: "exit code that argv must end with"},
			{Name: "re", Type: checks.Text, Doc: "pattern that the output of argv must hold"},
			{Name: "timeout", Type: checks.Duration, Default: "120s", Doc: "a command takes at most this, up to 10m"},
			{Name: "confirm", Type: checks.Switch, Default: false, Doc: "yes to a preset that installs"},
		},
		Look: lookRun,
	}
}

func lookRun(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	name := with.Text("preset")
	if name == "" {
		if len(with.List("argv")) == 0 {
			return checks.Unclear(nil, "neither a preset nor a command is named", checks.Fix{Text: "give preset or argv"}), nil
		}
		return lookCommand(ctx, scope, with)
	}
	t, err := tree.Open(scope.Repo)
	if err != nil {
		return checks.Observation{}, err
	}
	defer func() { _ = t.Close() }()
	found, err := projects(ctx, t, scope.Repo)
	if err != nil {
		return checks.Observation{}, err
	}
	list := presets()
	p := list[slices.IndexFunc(list, func(p preset) bool { return p.name == name })]
	var parts []part
	var dirs []string
	for _, pr := range found {
		do := p.tools[pr.lang]
		if do == nil {
			continue
		}
		got, lookErr := do(ctx, job{project: pr, tree: t, scope: scope, with: with})
		if lookErr != nil {
			return checks.Observation{}, lookErr
		}
		parts, dirs = append(parts, got), append(dirs, string(pr.lang)+" in "+pr.dir)
	}
	if len(parts) == 0 {
		return checks.Unclear(map[string]any{"files": len(found)}, "there is no Python, Go or Node project to run "+name+" on",
			checks.Fix{Text: "say how with argv in a checklist of your own, or give the folder of the backend with --repo"}), nil
	}
	obs := folded(parts, dirs)
	var log []byte
	for _, p := range parts {
		log = append(log, p.log...)
	}
	if len(log) > 0 {
		obs.Evidence, err = scope.Keep("cmd-"+name+".log", log)
	}
	return obs, err
}

// folded makes one observation of the parts: the worst state, the facts of all.
func folded(parts []part, dirs []string) checks.Observation {
	order := []checks.State{checks.NotApplied, checks.Pass, checks.Warn, checks.Skip, checks.Inconclusive, checks.Fail}
	worst := slices.MaxFunc(parts, func(a, b part) int { return slices.Index(order, a.state) - slices.Index(order, b.state) })
	obs := checks.Observation{State: worst.state, Saw: worst.saw, Wanted: worst.wanted, Fix: worst.fix}
	if len(parts) > 1 {
		obs.Saw = map[string]any{}
	}
	for i, p := range parts {
		if len(parts) > 1 {
			obs.Saw[dirs[i]] = p.saw
		}
		if p.state == checks.Fail || p.state == checks.Warn {
			obs.Problems = append(obs.Problems, p.problems...)
		}
	}
	return obs
}

// lookCommand runs a command of the operator's own.
func lookCommand(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	re, err := regexp.Compile(with.Text("re"))
	if err != nil {
		return checks.Observation{}, fmt.Errorf("pattern of the output: %w", err)
	}
	argv := with.List("argv")
	if find(scope.Repo, argv[0]) == "" && !strings.Contains(argv[0], "/") {
		return checks.Skipped(argv[0]+" is not installed", checks.Fix{Text: "install " + argv[0]}), nil
	}
	r, err := run(ctx, command{dir: scope.Repo, argv: argv, limit: with.Duration("timeout")})
	if err != nil {
		return checks.Observation{}, err
	}
	kept, err := scope.Keep("cmd-argv.log", r.log())
	if err != nil {
		return checks.Observation{}, err
	}
	saw := facts(r)
	fix := checks.Fix{Text: "mend what the command says", Commands: []string{strings.Join(argv, " ")}}
	obs := checks.Passed(saw)
	switch {
	case r.expired:
		obs = checks.Failed(saw, fmt.Sprintf("an end within %v", with.Duration("timeout")), fix, checks.Problem{Text: fmt.Sprintf("did not end within %v", with.Duration("timeout"))})
	case r.exit != with.Whole("exit"):
		obs = checks.Failed(saw, fmt.Sprintf("exit code %d", with.Whole("exit")), fix, checks.Problem{Text: fmt.Sprintf("ended with exit code %d", r.exit)})
	case !re.Match(r.stdout) && !re.Match(r.stderr):
		obs = checks.Failed(saw, "output that fits "+with.Text("re"), fix, checks.Problem{Text: "nothing in the output fits " + with.Text("re")})
	}
	obs.Evidence = kept
	return obs, nil
}

// facts are what a finding tells of a run.
func facts(r result) map[string]any {
	saw := map[string]any{"argv": r.argv, "exit": r.exit, "ms": float64(r.took.Microseconds()) / 1000}
	if !r.ok() {
		saw["said"] = r.said()
	}
	if r.expired {
		saw["expired"] = true
	}
	return saw
}

// passed, missing and failing are the ends that most presets share.
func passed(saw map[string]any, logs ...[]byte) part {
	return part{state: checks.Pass, saw: saw, log: slices.Concat(logs...)}
}

func missing(reason, text string, commands ...string) part {
	return part{state: checks.Skip, saw: map[string]any{"missing": reason}, wanted: reason, fix: checks.Fix{Text: text, Commands: commands}}
}

func failing(saw map[string]any, wanted string, fix checks.Fix, log []byte, problems ...checks.Problem) part {
	return part{state: checks.Fail, saw: saw, wanted: wanted, fix: fix, log: log, problems: problems}
}

func unclear(saw map[string]any, reason string, fix checks.Fix, log []byte) part {
	return part{state: checks.Inconclusive, saw: saw, wanted: reason, fix: fix, log: log}
}

// late is a command that did not end in time.
func (j job) late(r result) part {
	return failing(facts(r), fmt.Sprintf("an end within %v", j.with.Duration("timeout")),
		checks.Fix{Text: "make it faster, or give it more time with the parameter timeout"}, r.log(),
		checks.Problem{Text: fmt.Sprintf("%s did not end within %v", strings.Join(r.argv, " "), j.with.Duration("timeout"))})
}
