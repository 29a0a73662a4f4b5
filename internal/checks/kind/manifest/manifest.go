// Package manifest holds the kind that lints what a backend is built and deployed with: Dockerfile, Compose
// file, Kubernetes objects, cerebrium.toml and TwiML documents. Each rule stands in one table with the reason
// for it. Files are read and never run; nothing is fetched.
package manifest

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/kind/tree"
)

// Kinds returns the family.
func Kinds() []*checks.Kind { return []*checks.Kind{lint()} }

const mostProblems = 100

// format is one sort of manifest.
type format struct {
	name  string
	words string   // for a sentence
	globs []string // where it is looked for; the first is its usual name
	// rules is how the rules of this format look at all files of it.
	judge func(in *input) ([]checks.Problem, error)
	// absent is what it means that there is none: a repository that is not deployed there has nothing to mend.
	absent func(words string) checks.Observation
}

// input is what the rules of one format look at.
type input struct {
	ctx   context.Context //nolint:containedctx // lives as long as one look
	tree  *tree.Tree
	files []string
	want  map[string]any
	rules []Rule
	seen  map[string]int // how often each rule had something to look at
}

// on tells whether a rule is asked for.
func (in *input) on(id string) bool {
	return slices.ContainsFunc(in.rules, func(r Rule) bool { return r.ID == id })
}

// found notes that a rule had something to look at, and returns its problem when it is not as wanted.
func (in *input) found(id string, ok bool, file string, line int, format string, a ...any) []checks.Problem {
	if !in.on(id) {
		return nil
	}
	in.seen[id]++
	if ok {
		return nil
	}
	return []checks.Problem{{Text: fmt.Sprintf(format, a...), File: file, Line: line, Rule: id}}
}

func formats() []format {
	notUsed := func(words string) checks.Observation {
		return checks.DoesNotApply("the repository holds no " + words + ": it is not deployed that way")
	}
	return []format{
		{"dockerfile", "Dockerfile", []string{"Dockerfile", "*/Dockerfile", "*/*/Dockerfile", "Dockerfile.*", "*.Dockerfile", "Containerfile"}, judgeDockerfiles, func(string) checks.Observation {
			return checks.Skipped("the repository has no Dockerfile", checks.Fix{Text: "write one", Commands: []string{"voicectl deploy init docker"}})
		}},
		{"compose", "Compose file", []string{"docker-compose*.yml", "docker-compose*.yaml", "compose*.yml", "compose*.yaml", "*/docker-compose*.yml", "*/docker-compose*.yaml", "*/compose.yaml"}, judgeCompose, notUsed},
		{"k8s", "Kubernetes manifest", []string{"*.yaml", "*.yml", "*/*.yaml", "*/*.yml", "*/*/*.yaml", "*/*/*.yml", "*/*/*/*.yaml", "*/*/*/*.yml"}, judgeKubernetes, notUsed},
		{"cerebrium", "cerebrium.toml", []string{"cerebrium.toml", "*/cerebrium.toml"}, judgeCerebrium, notUsed},
		{"twiml", "TwiML document", []string{"*.xml", "*/*.xml", "*/*/*.xml", "*.twiml", "*/*.twiml"}, judgeTwiML, notUsed},
	}
}

func formatNames() []string {
	var names []string
	for _, f := range formats() {
		names = append(names, f.name)
	}
	return names
}

func lint() *checks.Kind {
	return &checks.Kind{
		Name: "manifest.lint", Title: "What the backend is built and deployed with is sound",
		Passes: "no rule is violated; of light rules (they warn) and grave ones (they fail) the table of rules tells which is which",
		Why:    "A platform takes a wrong manifest without a word: an unknown field is dropped, a missing probe is none, and the release looks green.",
		Fix:    "mend file and line as the rule says; `voicectl explain manifest.lint` lists the rules",
		Source: "Dockerfile and Compose references, the Kubernetes API, Cerebrium's and Twilio's documents",
		Saves:  "rule, file and line, what was found", Severity: checks.Warns, Needs: []checks.Need{checks.NeedRepo},
		Params: []checks.Param{
			{Name: "kind", Type: checks.Text, Required: true, OneOf: formatNames(), Doc: "sort of manifest"},
			{Name: "file", Type: checks.Text, Doc: "path inside the repository; without it all of that sort are looked for"},
			{Name: "rules", Type: checks.List, OneOf: ruleNames(), Doc: "only these rules, each of which must find something to look at and then fails"},
			{Name: "want", Type: checks.Map, Doc: "values that rules compare with: port, replicas, path, initial, period, replica_concurrency, scaling_buffer, min_replicas, gpu_gb, voice, maxLength, transcribe, action, and variables in capitals"},
		},
		Look: look,
	}
}

func look(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	t, err := tree.Open(scope.Repo)
	if err != nil {
		return checks.Observation{}, err
	}
	defer func() { _ = t.Close() }()
	all := formats()
	f := all[slices.IndexFunc(all, func(f format) bool { return f.name == with.Text("kind") })]
	files, err := filesOf(ctx, t, f, with.Text("file"))
	if err != nil {
		return checks.Observation{}, err
	}
	if len(files) == 0 {
		return f.absent(f.words), nil
	}
	in := &input{ctx: ctx, tree: t, files: files, want: with.Map("want"), seen: map[string]int{}}
	asked := with.List("rules")
	for _, r := range Rules() {
		if r.Format == f.name && (len(asked) == 0 || slices.Contains(asked, r.ID)) {
			in.rules = append(in.rules, r)
		}
	}
	if len(in.rules) < len(asked) || len(in.rules) == 0 {
		return checks.Observation{}, fmt.Errorf("the rules %s are not all for a %s", strings.Join(asked, ", "), f.words)
	}
	problems, err := f.judge(in)
	if err != nil {
		return checks.Observation{}, err
	}
	return in.observe(problems, len(asked) > 0), nil
}

// filesOf are the files of a format, by name and where the name does not tell by content.
func filesOf(ctx context.Context, t *tree.Tree, f format, file string) ([]string, error) {
	if file != "" {
		file = path.Clean(file)
		if !t.Has(file) {
			return nil, nil
		}
		return []string{file}, nil
	}
	found, err := t.Glob(ctx, f.globs...)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, name := range found {
		if strings.Contains("/"+name, "/testdata/") || f.name == "dockerfile" && !strings.Contains(strings.ToLower(path.Base(name)), "file") {
			continue
		}
		is := true
		if f.name == "k8s" || f.name == "twiml" {
			text, err := t.Read(name)
			if err != nil {
				return nil, err
			}
			is = looksLike(f.name, string(text))
		}
		if is {
			out = append(out, name)
		}
	}
	return out, nil
}

// looksLike tells by a glance whether a text is a manifest of a format whose files have any name.
func looksLike(format, text string) bool {
	if format == "twiml" {
		return strings.Contains(text, "<Response")
	}
	api, kind := false, false
	for line := range strings.Lines(text) {
		api = api || strings.HasPrefix(line, "apiVersion:")
		kind = kind || strings.HasPrefix(line, "kind:")
	}
	return api && kind && !strings.Contains(text, "{{")
}

// observe makes the observation: grave problems fail, light ones warn, and a rule that was asked for and found
// nothing to look at leaves the matter open.
func (in *input) observe(problems []checks.Problem, asked bool) checks.Observation {
	slices.SortStableFunc(problems, func(a, b checks.Problem) int { return in.weight(b.Rule, asked) - in.weight(a.Rule, asked) })
	looked := 0
	var idle, names []string
	for _, r := range in.rules {
		names = append(names, r.ID)
		if looked += in.seen[r.ID]; in.seen[r.ID] == 0 {
			idle = append(idle, r.ID)
		}
	}
	saw := map[string]any{"files": in.files, "rules": len(in.rules), "looks": looked, "violations": len(problems)}
	wanted := "0 violations"
	if asked {
		wanted = "0 violations of " + strings.Join(names, ", ")
	}
	switch {
	case len(problems) > 0:
		obs := checks.Failed(saw, wanted, in.fix(problems), problems[:min(len(problems), mostProblems)]...)
		if in.weight(problems[0].Rule, asked) == 0 {
			obs.State = checks.Warn
		}
		return obs
	case in.tree.Cut:
		return checks.Unclear(saw, "the repository is too large to read whole", checks.Fix{})
	case looked == 0 || asked && len(idle) > 0:
		saw["found_nothing"] = idle
		return checks.Unclear(saw, "there is nothing in "+strings.Join(in.files, ", ")+" to judge by "+strings.Join(idle, ", "), checks.Fix{Text: in.rule(idle[0]).Fix})
	}
	return checks.Passed(saw)
}

func (in *input) weight(id string, asked bool) int {
	if asked || in.rule(id).Grave {
		return 1
	}
	return 0
}

func (in *input) rule(id string) Rule {
	for _, r := range in.rules {
		if r.ID == id {
			return r
		}
	}
	return Rule{ID: id, Grave: true}
}

// fix is what the rules say about their problems, each once.
func (in *input) fix(problems []checks.Problem) checks.Fix {
	var words []string
	for _, p := range problems {
		if f := in.rule(p.Rule).Fix; f != "" && !slices.Contains(words, f) {
			words = append(words, f)
		}
	}
	return checks.Fix{Text: strings.Join(words, "; "), Commands: []string{"voicectl explain manifest.lint"}}
}

// read returns the text of a file. One that is no text is told as what it is.
func (in *input) read(file string) (string, error) {
	text, err := in.tree.Read(file)
	if err == nil && text == nil {
		err = errors.New("is not text")
	}
	if err != nil {
		return "", fmt.Errorf("read %s: %w", file, err)
	}
	return string(text), nil
}

// number returns a wanted number.
func (in *input) number(name string) (int, bool) {
	switch n := in.want[name].(type) {
	case int:
		return n, true
	case float64:
		return int(n), true
	}
	return 0, false
}
