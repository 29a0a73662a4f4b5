package toolchain

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/kind/tree"
)

// bundled is the module whose tests prove the bundled agent.
const bundled = "github.com/voicectl/voicectl"

var testFunc = regexp.MustCompile(`(?m)^func (Test\w+)\(\w* ?\*testing\.T\)`)

func goTest() *checks.Kind {
	return &checks.Kind{
		Name: "go.test", Title: "Named tests of the bundled agent exist and pass",
		Passes: "every name has a test (the name itself, or the name, an underscore and more), and all of them ran and passed",
		Why:    "Some properties of the bundled agent cannot be seen from outside, such as that a model is loaded once for fifty callers. A test sees them.",
		Fix:    "run the test by hand, and mend what it finds", Source: "Go's testing package",
		Saves: "names, packages, milliseconds", Severity: checks.Block, Needs: []checks.Need{checks.NeedRepo}, Cost: checks.Executes, Timeout: 10 * time.Minute,
		Params: []checks.Param{
			{Name: "name", Type: checks.List, Required: true, Doc: "names of tests"},
			{Name: "package", Type: checks.Text, Doc: "package that holds them, ./internal/agent/server; without it they are looked for"},
			{Name: "parallel", Type: checks.Whole, Doc: "how many at once"},
			{Name: "race", Type: checks.Switch, Default: false, Doc: "with the race detector"},
			{Name: "timeout", Type: checks.Duration, Default: "9m", Doc: "they take at most this"},
		},
		Look: lookGoTest,
	}
}

func lookGoTest(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	t, err := tree.Open(scope.Repo)
	if err != nil {
		return checks.Observation{}, err
	}
	defer func() { _ = t.Close() }()
	if mod, readErr := t.Read("go.mod"); readErr != nil || moduleOf(mod) != bundled {
		return checks.DoesNotApply("a property of the bundled agent; this repository holds another backend"), nil
	}
	names := with.List("name")
	for _, n := range names {
		if !regexp.MustCompile(`^Test\w+$`).MatchString(n) {
			return checks.Observation{}, fmt.Errorf("%q is no name of a test", n)
		}
	}
	found, err := testsOf(ctx, t, names, with.Text("package"))
	if err != nil {
		return checks.Observation{}, err
	}
	saw := map[string]any{}
	var problems []checks.Problem
	var dirs []string
	for _, n := range names {
		saw[n] = found[n]
		if len(found[n]) == 0 {
			problems = append(problems, checks.Problem{Text: "there is no test " + n})
		}
		dirs = append(dirs, found[n]...)
	}
	if len(problems) > 0 {
		return checks.Failed(saw, "a test of each name", checks.Fix{Text: "write the test"}, problems...), nil
	}
	exe, err := exec.LookPath("go")
	if err != nil {
		return checks.Skipped("go is not installed", checks.Fix{Text: "install Go"}), nil
	}
	slices.Sort(dirs)
	argv := []string{exe, "test", "-json", "-count=1", "-run", "^(" + strings.Join(names, "|") + ")(_.*)?$"}
	if with.Switch("race") {
		argv = append(argv, "-race")
	}
	if n := with.Whole("parallel"); n > 0 {
		argv = append(argv, "-parallel", strconv.Itoa(n))
	}
	j := job{project: project{lang: golang, dir: ".", root: scope.Repo}, tree: t, scope: scope, with: with}
	p, err := j.goTest(ctx, append(argv, slices.Compact(dirs)...), nil)
	if err != nil {
		return checks.Observation{}, err
	}
	for _, n := range names {
		p.saw[n] = found[n]
	}
	obs := folded([]part{p}, nil)
	obs.Evidence, err = scope.Keep("go-test.json", p.log)
	return obs, err
}

// moduleOf is the module path of a go.mod.
func moduleOf(mod []byte) string {
	lines := bufio.NewScanner(strings.NewReader(string(mod)))
	for lines.Scan() {
		if name, is := strings.CutPrefix(lines.Text(), "module "); is {
			return strings.TrimSpace(name)
		}
	}
	return ""
}

// testsOf finds the packages that hold a test of each name.
func testsOf(ctx context.Context, t *tree.Tree, names []string, in string) (map[string][]string, error) {
	in = strings.TrimPrefix(path.Clean(in), "./")
	found := map[string][]string{}
	err := t.Files(ctx, func(f tree.File) error {
		dir := path.Dir(f.Path)
		if !strings.HasSuffix(f.Path, "_test.go") || in != "." && dir != in || strings.Contains("/"+f.Path, "/testdata/") {
			return nil
		}
		text, err := t.Read(f.Path)
		if err != nil {
			return err
		}
		for _, m := range testFunc.FindAllSubmatch(text, -1) {
			for _, n := range names {
				if own := string(m[1]); (own == n || strings.HasPrefix(own, n+"_")) && !slices.Contains(found[n], "./"+dir) {
					found[n] = append(found[n], "./"+dir)
				}
			}
		}
		return nil
	})
	return found, err
}
