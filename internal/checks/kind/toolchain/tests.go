package toolchain

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
)

// tally is how many tests ran, and what failed.
type tally struct {
	known                   bool // the output told the number
	passed, failed, skipped int
	problems                []checks.Problem
}

// tested judges a run of tests: all that ran passed, and at least one ran.
func (j job) tested(r result, n tally, fix checks.Fix) part {
	saw := facts(r)
	saw["passed"], saw["failed"], saw["skipped"] = n.passed, n.failed, n.skipped
	if r.expired {
		return j.late(r)
	}
	wanted := "exit 0, > 0 tests ran"
	switch {
	case !n.known && r.ok():
		return unclear(saw, "the tests ended well, and the output does not tell how many ran", fix, r.log())
	case n.passed+n.failed == 0 && n.known:
		return failing(saw, wanted, checks.Fix{Text: "write tests that run without a vendor's account"}, r.log(), checks.Problem{Text: noTests(n)})
	case r.ok() && n.failed == 0:
		return passed(saw, r.log())
	}
	if len(n.problems) == 0 {
		n.problems = []checks.Problem{{Text: fmt.Sprintf("%d failed, exit code %d: %s", n.failed, r.exit, lastLine(r))}}
	}
	return failing(saw, wanted, fix, r.log(), n.problems...)
}

func noTests(n tally) string {
	if n.skipped > 0 {
		return fmt.Sprintf("no test ran: all %d were skipped", n.skipped)
	}
	return "no test ran: there is none"
}

// vendors are the variables that point a backend at a sandbox instead of its vendors.
func vendors(scope *checks.Scope) []string {
	if scope.Sandbox == nil {
		return nil
	}
	base := strings.TrimRight(scope.Sandbox.String(), "/")
	socket := "ws" + strings.TrimPrefix(base, "http")
	return []string{
		"OPENAI_API_KEY=sandbox-openai", "OPENAI_BASE_URL=" + base + "/openai/v1",
		"SPEECHMATICS_API_KEY=sandbox-speechmatics", "SPEECHMATICS_RT_URL=" + socket + "/speechmatics/v2",
		"CARTESIA_API_KEY=sandbox-cartesia", "CARTESIA_BASE_URL=" + base + "/cartesia",
		"SUPABASE_URL=" + base + "/supabase", "SUPABASE_ANON_KEY=sandbox-supabase",
		"VOICECTL_SANDBOX_URL=" + base,
	}
}

// integrationDirs are where integration tests live by convention.
var integrationDirs = []string{"tests/integration", "test/integration", "integration_tests", "tests/e2e", "test/e2e"} //nolint:gochecknoglobals // a table

// dirsOf tells which of the folders hold files.
func (j job) dirsOf(dirs []string) []string {
	var out []string
	for _, d := range dirs {
		if slices.ContainsFunc(j.files, func(f string) bool { return strings.HasPrefix(f, d+"/") }) {
			out = append(out, d)
		}
	}
	return out
}

var (
	pytestCount   = regexp.MustCompile(`(\d+) (passed|failed|skipped|errors?|xfailed|xpassed|deselected)\b`)
	pytestFailed  = regexp.MustCompile(`(?m)^(?:FAILED|ERROR) ([^\s:]+)(::\S+)?(?: - (.*))?$`)
	unittestCount = regexp.MustCompile(`(?m)^Ran (\d+) tests? in`)
	unittestBad   = regexp.MustCompile(`(?m)^FAILED \((.*)\)`)
	unittestSkips = regexp.MustCompile(`skipped=(\d+)`)
	unittestName  = regexp.MustCompile(`(?m)^(?:FAIL|ERROR): (.+)$`)
)

// pythonOf returns the interpreter of the project.
func (j job) pythonOf() string { return find(j.path(), "python", "python3") }

func pythonTests(ctx context.Context, j job) (part, error) {
	exe := j.pythonOf()
	if exe == "" {
		return missing("python3 is not installed", "install Python 3, or make the project's environment"), nil
	}
	apart := j.dirsOf(integrationDirs)
	marked := j.marks("integration")
	integration := j.with.Text("preset") == "tests-integration"
	if integration && len(apart) == 0 && !marked {
		return failing(map[string]any{"looked_in": integrationDirs}, "exit 0, > 0 tests ran",
			checks.Fix{Text: "put integration tests into tests/integration, or mark them with pytest.mark.integration"}, nil,
			checks.Problem{Text: "there are no integration tests"}), nil
	}
	probe, err := run(ctx, j.command(exe, "-c", "import pytest"))
	if err != nil {
		return part{}, err
	}
	c := j.command(exe, "-m", "pytest", "-q", "-rfE", "-p", "no:cacheprovider", "--color=no")
	count := pytestTally
	switch {
	case !probe.ok():
		c.argv = []string{exe, "-m", "unittest", "discover", "-v"}
		count = unittestTally
		switch {
		case integration && len(apart) > 0:
			c.argv = append(c.argv, "-s", apart[0], "-t", ".")
		case len(j.dirsOf([]string{"tests"})) > 0 && !j.has("tests/__init__.py"):
			c.argv = append(c.argv, "-s", "tests")
		}
	case integration && len(apart) > 0:
		c.argv = append(c.argv, apart...)
	case integration:
		c.argv = append(c.argv, "-m", "integration")
	case j.with.Text("preset") == "tests-unit":
		for _, d := range apart {
			c.argv = append(c.argv, "--ignore="+d)
		}
		if marked {
			c.argv = append(c.argv, "-m", "not integration")
		}
	}
	if integration {
		c.env = vendors(j.scope)
	}
	r, err := run(ctx, c)
	if err != nil {
		return part{}, err
	}
	n := count(j, r)
	return j.tested(r, n, checks.Fix{Text: "mend the tests that fail", Commands: []string{"cd " + j.dir, strings.Join(append([]string{"python"}, c.argv[1:]...), " ")}}), nil
}

// marks tells whether the project declares a marker of pytest.
func (j job) marks(name string) bool {
	for _, f := range []string{"pytest.ini", "pyproject.toml", "setup.cfg", "tox.ini"} {
		if !j.has(f) {
			continue
		}
		text, err := j.tree.Read(j.at(f))
		if err == nil && strings.Contains(string(text), "markers") && strings.Contains(string(text), name) {
			return true
		}
	}
	return false
}

func pytestTally(j job, r result) tally {
	var n tally
	text := string(r.stdout)
	last := text[strings.LastIndexByte(strings.TrimRight(text, "\n"), '\n')+1:]
	for _, m := range pytestCount.FindAllStringSubmatch(last, -1) {
		k, err := strconv.Atoi(m[1])
		if err != nil {
			continue
		}
		n.known = true
		switch m[2] {
		case "passed", "xfailed", "xpassed":
			n.passed += k
		case "skipped":
			n.skipped += k
		case "failed", "error", "errors":
			n.failed += k
		}
	}
	n.known = n.known || r.exit == 5 // nothing was collected
	for _, m := range pytestFailed.FindAllStringSubmatch(text, mostProblems) {
		n.problems = append(n.problems, checks.Problem{Text: strings.TrimPrefix(m[2], "::") + " failed: " + m[3], File: j.at(m[1])})
	}
	return n
}

func unittestTally(_ job, r result) tally {
	var n tally
	text := string(r.stderr)
	if m := unittestCount.FindStringSubmatch(text); m != nil {
		n.known = true
		n.passed, _ = strconv.Atoi(m[1])
	}
	if m := unittestSkips.FindStringSubmatch(text); m != nil {
		n.skipped, _ = strconv.Atoi(m[1])
		n.passed -= n.skipped
	}
	for _, m := range unittestName.FindAllStringSubmatch(text, mostProblems) {
		n.failed++
		n.problems = append(n.problems, checks.Problem{Text: m[1] + " failed"})
	}
	if unittestBad.MatchString(text) && n.failed == 0 {
		n.failed = 1
	}
	n.passed = max(n.passed-n.failed, 0)
	return n
}

func goTests(ctx context.Context, j job) (part, error) {
	exe, err := exec.LookPath("go")
	if err != nil {
		return missing("go is not installed", "install Go"), nil //nolint:nilerr // said in words
	}
	args := []string{"test", "-json"}
	var env []string
	if j.with.Text("preset") == "tests-integration" {
		args, env = append(args, "-tags=integration"), vendors(j.scope)
		dirs, findErr := j.goIntegration()
		if findErr != nil {
			return part{}, findErr
		}
		if len(dirs) == 0 {
			return failing(map[string]any{"looked_in": integrationDirs}, "exit 0, > 0 tests ran",
				checks.Fix{Text: "put integration tests behind the build tag integration, or into test/integration"}, nil,
				checks.Problem{Text: "there are no integration tests"}), nil
		}
		args = append(args, dirs...)
	} else {
		args = append(args, "./...")
	}
	return j.goTest(ctx, append([]string{exe}, args...), env)
}

// goIntegration returns the packages that hold integration tests.
func (j job) goIntegration() ([]string, error) {
	seen := map[string]bool{}
	for _, f := range j.ending(".go") {
		if !strings.HasSuffix(f, "_test.go") {
			continue
		}
		dir := path.Dir(f)
		apart := slices.ContainsFunc(append(integrationDirs, "test/interop"), func(d string) bool { return strings.HasPrefix(f, d+"/") })
		if !apart && !seen[dir] {
			text, err := j.tree.Read(j.at(f))
			if err != nil {
				return nil, err
			}
			apart = strings.Contains(string(text[:min(len(text), 2000)]), "//go:build integration")
		}
		seen[dir] = seen[dir] || apart
	}
	var out []string
	for d, is := range seen {
		if is {
			out = append(out, "./"+d)
		}
	}
	slices.Sort(out)
	return out, nil
}

// goTest runs `go test -json` and counts as the lines come: the output itself may be cut.
func (j job) goTest(ctx context.Context, argv, env []string) (part, error) {
	c := j.command(argv...)
	c.env = env
	n := tally{known: true}
	c.line = func(s string) {
		var e struct{ Action, Package, Test, Output string }
		if json.Unmarshal([]byte(s), &e) != nil {
			return
		}
		switch e.Action {
		case "build-fail":
			n.known = false
		case "pass":
			if e.Test != "" {
				n.passed++
			}
		case "skip":
			if e.Test != "" {
				n.skipped++
			}
		case "fail":
			if e.Test != "" {
				n.failed++
			}
			if len(n.problems) < mostProblems {
				n.problems = append(n.problems, checks.Problem{Text: strings.TrimSpace(e.Test+" in "+e.Package) + " failed"})
			}
		}
	}
	r, err := run(ctx, c)
	if err != nil {
		return part{}, err
	}
	if !r.ok() {
		n.known = n.known && n.failed+n.passed > 0
	}
	return j.tested(r, n, checks.Fix{Text: "mend the tests that fail", Commands: []string{"cd " + j.dir, "go " + strings.Join(slices.DeleteFunc(slices.Clone(argv[1:]), func(a string) bool { return a == "-json" }), " ")}}), nil
}

var nodeCounts = []*regexp.Regexp{ //nolint:gochecknoglobals // a table: node:test, jest and vitest, mocha
	regexp.MustCompile(`(?m)^(?:#|ℹ) pass (\d+)$`), regexp.MustCompile(`(?m)Tests:?\s.*?(\d+) passed`), regexp.MustCompile(`(?m)^\s*(\d+) passing\b`),
}

var nodeFails = []*regexp.Regexp{ //nolint:gochecknoglobals // as above
	regexp.MustCompile(`(?m)^(?:#|ℹ) fail (\d+)$`), regexp.MustCompile(`(?m)Tests:?\s.*?(\d+) failed`), regexp.MustCompile(`(?m)^\s*(\d+) failing\b`),
}

func nodeTests(ctx context.Context, j job) (part, error) {
	exe, err := exec.LookPath("npm")
	if err != nil {
		return missing("npm is not installed", "install Node.js"), nil //nolint:nilerr // said in words
	}
	scripts, err := j.scripts()
	if err != nil {
		return part{}, fmt.Errorf("read %s: %w", j.at("package.json"), err)
	}
	name := map[string]string{"tests-unit": "test:unit", "tests-integration": "test:integration"}[j.with.Text("preset")]
	if _, has := scripts[name]; !has && name != "test:integration" {
		name = "test"
	}
	script := scripts[name]
	if script == "" || strings.Contains(script, "no test specified") {
		return failing(map[string]any{"script": name}, "exit 0, > 0 tests ran", checks.Fix{Text: "write tests, and a script " + name + " in package.json"}, nil,
			checks.Problem{Text: "package.json has no script " + name, File: j.at("package.json")}), nil
	}
	c := j.command(exe, "run", "--silent", name)
	if name == "test:integration" {
		c.env = vendors(j.scope)
	}
	r, err := run(ctx, c)
	if err != nil {
		return part{}, err
	}
	var n tally
	for i := range nodeCounts {
		text := append(slices.Clone(r.stdout), r.stderr...)
		good, bad := nodeCounts[i].FindSubmatch(text), nodeFails[i].FindSubmatch(text)
		if good == nil && bad == nil {
			continue
		}
		n.known = true
		if good != nil {
			n.passed, _ = strconv.Atoi(string(good[1]))
		}
		if bad != nil {
			n.failed, _ = strconv.Atoi(string(bad[1]))
		}
		break
	}
	return j.tested(r, n, checks.Fix{Text: "mend the tests that fail", Commands: []string{"cd " + j.dir, "npm run " + name}}), nil
}
