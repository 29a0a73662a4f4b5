package toolchain

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/kind/tree"
)

// numbers of a version, "3.11.7" or "1.26rc1".
var (
	number     = regexp.MustCompile(`\d+(?:\.\d+)+`)
	fromImage  = regexp.MustCompile(`(?mi)^\s*FROM\s+(?:--\S+\s+)?(?:\S+/)?(python|golang|node):(\d+(?:\.\d+)*)`)
	requires   = regexp.MustCompile(`(?m)^\s*(?:requires-python|python)\s*=\s*["']\s*([^"']+)["']`)
	goLine     = regexp.MustCompile(`(?m)^go\s+(\d+(?:\.\d+)*)`)
	enginesRow = regexp.MustCompile(`"engines"\s*:\s*\{[^}]*"node"\s*:\s*"([^"]+)"`)
	pyvenvLine = regexp.MustCompile(`(?m)^version(?:_info)?\s*=\s*(\d+(?:\.\d+)+)`)
)

func toolVersion() *checks.Kind {
	return &checks.Kind{
		Name: "tool.version", Title: "The language runtime is recent enough",
		Passes: "the version that is installed, and each that a file of the repository names, is in the range",
		Why:    "A runtime that is too old fails where nobody looks: in a syntax that it does not know, or in a library that no longer supports it.",
		Fix:    "install a newer runtime, and name the same one in the Dockerfile", Source: "The support tables of Python, Go and Node.js",
		Saves: "path and version of the tool; file, line and version of each declaration", Severity: checks.Block, Needs: []checks.Need{checks.NeedRepo}, Timeout: 30 * time.Second,
		Params: []checks.Param{
			{Name: "tool", Type: checks.List, Required: true, OneOf: []string{"python", "go", "node"}, Doc: "runtimes; those that the repository does not use do not apply"},
			{Name: "min", Type: checks.Map, Doc: `lowest version a tool, "3.10"; the name of a file (go.mod, pyproject.toml) takes the one that it declares, as does a tool without an entry`},
			{Name: "max", Type: checks.Map, Doc: "highest version a tool"},
		},
		Look: lookVersion,
	}
}

// declared is a version that a file names.
type declared struct {
	file    string
	line    int
	version string
	lowest  bool // it says what is needed at least, not what runs
}

func lookVersion(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	t, err := tree.Open(scope.Repo)
	if err != nil {
		return checks.Observation{}, err
	}
	defer func() { _ = t.Close() }()
	found, err := projects(ctx, t, scope.Repo)
	if err != nil {
		return checks.Observation{}, err
	}
	saw := map[string]any{}
	var problems []checks.Problem
	var wanted []string
	used, told := 0, 0
	for _, tool := range with.List("tool") {
		j, uses := jobOf(found, language(tool), t, scope, with)
		if !uses {
			saw[tool] = "not used here"
			continue
		}
		used++
		at := j.declarations()
		low, high := bound(with.Map("min"), tool), bound(with.Map("max"), tool)
		if low == "" || !number.MatchString(low) && !plain(low) {
			low = lowest(at)
		}
		exe, have, err := installed(ctx, tool)
		if err != nil {
			return checks.Observation{}, err
		}
		fact := map[string]any{"min": low, "installed": have, "path": exe}
		if low != "" {
			wanted = append(wanted, tool+" >= "+low)
		}
		judge := func(what, version, file string, line int) {
			told++
			if low != "" && older(version, low) {
				problems = append(problems, checks.Problem{Text: fmt.Sprintf("%s is %s %s, below %s", what, tool, version, low), File: file, Line: line})
			}
			if high != "" && older(high, cutTo(version, high)) {
				problems = append(problems, checks.Problem{Text: fmt.Sprintf("%s is %s %s, above %s", what, tool, version, high), File: file, Line: line})
			}
		}
		var named []string
		for _, d := range at {
			named = append(named, d.file+" "+d.version)
			if !d.lowest {
				judge("the runtime that it names", d.version, d.file, d.line)
			}
		}
		fact["declared"] = named
		if have != "" {
			judge("the installed runtime", have, "", 0)
		}
		saw[tool] = fact
	}
	fix := checks.Fix{Text: "install a runtime in the range, and name the same one in every file"}
	switch {
	case used == 0:
		return checks.Unclear(saw, "the repository uses none of "+strings.Join(with.List("tool"), ", "), checks.Fix{Text: "give the folder of the backend with --repo"}), nil
	case len(problems) > 0:
		return checks.Failed(saw, strings.Join(wanted, ", "), fix, problems...), nil
	case told == 0:
		return checks.Skipped("the runtime is neither installed nor named in a file", fix), nil
	case len(wanted) == 0 && len(with.Map("max")) == 0:
		return checks.Unclear(saw, "nothing says which version is needed at least", checks.Fix{Text: "declare it: requires-python in pyproject.toml, go in go.mod"}), nil
	}
	return checks.Passed(saw), nil
}

func jobOf(found []project, lang language, t *tree.Tree, scope *checks.Scope, with checks.Values) (job, bool) {
	for _, p := range found {
		if p.lang == lang {
			return job{project: p, tree: t, scope: scope, with: with}, true
		}
	}
	return job{}, false
}

func bound(m map[string]any, tool string) string {
	if v, has := m[tool]; has {
		return fmt.Sprint(v)
	}
	return ""
}

// plain tells whether a bound is one number, such as Node's "22".
func plain(s string) bool { _, err := strconv.Atoi(s); return err == nil }

// lowest is the lower bound that the project declares itself.
func lowest(at []declared) string {
	for _, d := range at {
		if d.lowest {
			return d.version
		}
	}
	return ""
}

// declaredPython is the lowest Python that the project says it needs, "" when it does not say.
func declaredPython(j job) string { return lowest(j.declarations()) }

// declarations are the versions that files of the project name.
func (j job) declarations() []declared {
	var out []declared
	look := func(file string, re *regexp.Regexp, group int, low bool) {
		text, err := j.tree.Read(j.at(file))
		if err != nil {
			return
		}
		for _, m := range re.FindAllSubmatchIndex(text, 20) {
			v := string(text[m[2*group]:m[2*group+1]])
			if low {
				v = lowerBound(v)
			}
			if v != "" {
				out = append(out, declared{j.at(file), 1 + strings.Count(string(text[:m[0]]), "\n"), v, low})
			}
		}
	}
	first := regexp.MustCompile(`^[\s\w-]*?(\d+(?:\.\d+)+)`)
	switch j.lang {
	case python:
		look("pyproject.toml", requires, 1, true)
		look(".python-version", first, 1, false)
		look("runtime.txt", first, 1, false)
		for _, dir := range []string{".venv", "venv", "env"} {
			look(path.Join(dir, "pyvenv.cfg"), pyvenvLine, 1, false)
		}
	case golang:
		look("go.mod", goLine, 1, true)
	case node:
		look("package.json", enginesRow, 1, true)
		look(".nvmrc", regexp.MustCompile(`v?(\d+(?:\.\d+)*)`), 1, false)
	}
	image := map[language]string{python: "python", golang: "golang", node: "node"}[j.lang]
	for _, f := range j.files {
		if base := path.Base(f); base != "Dockerfile" && !strings.HasPrefix(base, "Dockerfile.") {
			continue
		}
		text, err := j.tree.Read(j.at(f))
		if err != nil {
			continue
		}
		for _, m := range fromImage.FindAllSubmatchIndex(text, 20) {
			if strings.EqualFold(string(text[m[2]:m[3]]), image) {
				out = append(out, declared{j.at(f), 1 + strings.Count(string(text[:m[2]]), "\n"), string(text[m[4]:m[5]]), false})
			}
		}
	}
	return out
}

// lowerBound is the version of ">=3.10,<4", "^3.11" or "3.12"; "" when there is no lower one.
func lowerBound(spec string) string {
	for one := range strings.SplitSeq(spec, ",") {
		one = strings.TrimSpace(one)
		if strings.HasPrefix(one, "<") || strings.HasPrefix(one, "!") {
			continue
		}
		if v := strings.TrimLeft(one, ">=^~v "); v != "" && v[0] >= '0' && v[0] <= '9' {
			return strings.TrimSuffix(strings.Fields(v)[0], ".*")
		}
	}
	return ""
}

// installed asks the tool in PATH for its version. It runs in an empty folder, where no file of the repository
// can send it elsewhere.
func installed(ctx context.Context, tool string) (exe, version string, err error) {
	for _, c := range map[string][][]string{
		"python": {{"python3", "--version"}, {"python", "--version"}}, "go": {{"go", "version"}}, "node": {{"node", "--version"}},
	}[tool] {
		path, lookErr := exec.LookPath(c[0])
		if lookErr != nil {
			continue
		}
		r, runErr := run(ctx, command{dir: os.TempDir(), argv: append([]string{path}, c[1:]...), env: []string{"GOTOOLCHAIN=local"}, limit: 10 * time.Second})
		if runErr != nil {
			return path, "", runErr
		}
		if v := number.FindString(string(r.stdout) + string(r.stderr)); r.ok() && v != "" {
			return path, v, nil
		}
	}
	return "", "", nil
}

// older tells whether version a is below b, number by number. What b does not say does not count: "3.10" is
// not above "3.10.4", and a "3" that is all a file says is not below "3.10".
func older(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range bs {
		if i >= len(as) {
			return false
		}
		x, errA := strconv.Atoi(as[i])
		y, errB := strconv.Atoi(bs[i])
		if errA != nil || errB != nil || x > y {
			return false
		}
		if x < y {
			return true
		}
	}
	return false
}

// cutTo shortens a version to as many numbers as another has.
func cutTo(version, like string) string {
	parts := strings.Split(version, ".")
	return strings.Join(parts[:min(len(parts), strings.Count(like, ".")+1)], ".")
}
