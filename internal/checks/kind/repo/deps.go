package repo

import (
	"bufio"
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/kind/tree"
)

func depsConstraint() *checks.Kind {
	return &checks.Kind{
		Name: "deps.constraint", Title: "Dependencies are declared, with bounds",
		Passes: "every imported package is declared with a version bound, or the named package is declared in the range",
		Why:    "An import that nobody declared works on one laptop. A bound that is missing breaks the build on another day.",
		Fix:    "declare the package with a bounded version", Source: "PEP 508, Go modules",
		Saves: "packages, declared ranges, files", Severity: checks.Warns, Needs: []checks.Need{checks.NeedRepo},
		Params: []checks.Param{
			{Name: "mode", Type: checks.Text, OneOf: []string{"all-imports-declared"}, Doc: "judge every import of the sources"},
			{Name: "package", Type: checks.List, Doc: "packages that must be declared"},
			{Name: "range", Type: checks.Text, Doc: `the range that the declared version must lie in, like ">=0.0.50"`},
		},
		Look: lookDeps,
	}
}

// declared is one dependency of a file.
type declared struct {
	name, bound string // bound as written, "" = none
	file        string
	line        int
}

func lookDeps(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	t, err := tree.Open(scope.Repo)
	if err != nil {
		return checks.Observation{}, err
	}
	defer func() { _ = t.Close() }()
	deps, files, goOnly, err := declaredIn(ctx, t)
	if err != nil {
		return checks.Observation{}, err
	}
	if packages := with.List("package"); len(packages) > 0 {
		return judgePackages(packages, with.Text("range"), deps, files, goOnly), nil
	}
	imports, err := pythonImports(ctx, t)
	if err != nil {
		return checks.Observation{}, err
	}
	saw := map[string]any{"files": files, "declared": len(deps), "imported": len(imports)}
	if len(files) == 0 {
		if len(imports) == 0 {
			return checks.Unclear(saw, "no file that declares dependencies, and no import that was recognised", checks.Fix{}), nil
		}
		return checks.Failed(saw, "a file that declares dependencies", checks.Fix{Text: "add requirements.txt or pyproject.toml"},
			checks.Problem{Text: fmt.Sprintf("%d packages are imported and nothing declares any", len(imports))}), nil
	}
	var problems []checks.Problem
	for _, i := range imports {
		if !slices.ContainsFunc(deps, func(d declared) bool { return provides(d.name, i.name) }) {
			problems = append(problems, checks.Problem{Text: i.name + " is imported and not declared", File: i.file, Line: i.line})
		}
	}
	for _, d := range deps {
		if d.bound == "" {
			problems = append(problems, checks.Problem{Text: d.name + " has no version bound", File: d.file, Line: d.line})
		}
	}
	if len(problems) > 0 {
		return checks.Failed(saw, "every import declared, every declaration bounded", checks.Fix{Text: "declare each with a bounded version"}, problems...), nil
	}
	return checks.Passed(saw), nil
}

func judgePackages(packages []string, want string, deps []declared, files []string, goOnly bool) checks.Observation {
	saw := map[string]any{"files": files}
	var problems []checks.Problem
	for _, p := range packages {
		i := slices.IndexFunc(deps, func(d declared) bool { return normal(d.name) == normal(p) })
		if i < 0 {
			saw[p] = "not declared"
			problems = append(problems, checks.Problem{Text: p + " is not declared"})
			continue
		}
		d := deps[i]
		saw[p] = map[string]any{"bound": d.bound, "file": d.file, "line": d.line}
		if want != "" && !within(d.bound, want) {
			problems = append(problems, checks.Problem{Text: fmt.Sprintf("%s is declared as %q, which allows versions outside %s", p, d.bound, want), File: d.file, Line: d.line})
		}
	}
	switch {
	case len(files) == 0:
		return checks.Unclear(saw, "no file that declares dependencies was found", checks.Fix{})
	case len(problems) > 0 && goOnly:
		return checks.DoesNotApply("the sources are Go, the demand is about a Python package")
	case len(problems) > 0:
		return checks.Failed(saw, strings.Join(packages, ", ")+" "+want, checks.Fix{Text: "declare it in that range"}, problems...)
	}
	return checks.Passed(saw)
}

var requirement = regexp.MustCompile(`^\s*["']?([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*([<>=!~][^;#"',]*(?:,\s*[<>=!~][^;#"',]*)*)?`)

// declaredIn reads the files that declare dependencies: pip's, PEP 621's and poetry's, go.mod and package.json.
func declaredIn(ctx context.Context, t *tree.Tree) (deps []declared, files []string, goOnly bool, err error) {
	python := false
	err = t.Files(ctx, func(f tree.File) error {
		base := path.Base(f.Path)
		isReq := strings.HasSuffix(base, ".txt") && strings.Contains(base, "requirements")
		if !isReq && base != "pyproject.toml" && base != "go.mod" {
			python = python || path.Ext(base) == ".py"
			return nil
		}
		text, rerr := t.Read(f.Path)
		if rerr != nil {
			return rerr
		}
		files = append(files, f.Path)
		switch {
		case base == "go.mod":
			mod, perr := modfile.ParseLax(f.Path, text, nil)
			if perr != nil {
				return nil //nolint:nilerr // a broken go.mod declares nothing; the compiler tells it better
			}
			for _, r := range mod.Require {
				deps = append(deps, declared{r.Mod.Path, "==" + r.Mod.Version, f.Path, r.Syntax.Start.Line})
			}
		case isReq:
			python = true
			deps = append(deps, requirements(string(text), f.Path)...)
		default:
			python = true
			deps = append(deps, pyproject(string(text), f.Path)...)
		}
		return nil
	})
	return deps, files, !python && len(files) > 0, err
}

func requirements(text, file string) []declared {
	var out []declared
	in := bufio.NewScanner(strings.NewReader(text))
	for n := 1; in.Scan(); n++ {
		line := strings.TrimSpace(in.Text())
		if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "-") {
			continue
		}
		if m := requirement.FindStringSubmatch(line); m != nil {
			bound := strings.TrimSpace(m[2])
			if strings.Contains(line, " @ ") {
				bound = "@"
			}
			out = append(out, declared{m[1], bound, file, n})
		}
	}
	return out
}

var (
	arrayItem  = regexp.MustCompile(`["']([^"']+)["']`)
	poetryItem = regexp.MustCompile(`^([A-Za-z0-9._-]+)\s*=\s*(?:["']([^"']*)["']|\{.*version\s*=\s*["']([^"']*)["'].*\})`)
)

// pyproject reads the dependency arrays of PEP 621 and the tables of poetry, line by line.
func pyproject(text, file string) []declared {
	var out []declared
	table, inArray := "", false
	for n, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "[") && !inArray {
			table = strings.Trim(trimmed, "[]")
			continue
		}
		poetry := strings.HasPrefix(table, "tool.poetry") && strings.HasSuffix(table, "dependencies")
		if poetry {
			if m := poetryItem.FindStringSubmatch(trimmed); m != nil && m[1] != "python" {
				bound := m[2] + m[3]
				if bound == "*" {
					bound = ""
				}
				out = append(out, declared{m[1], bound, file, n + 1})
			}
			continue
		}
		starts := (table == "project" && strings.HasPrefix(trimmed, "dependencies")) || strings.HasPrefix(table, "project.optional-dependencies") && strings.Contains(trimmed, "[")
		if starts {
			inArray = true
		}
		if inArray {
			for _, m := range arrayItem.FindAllStringSubmatch(line, -1) {
				if r := requirement.FindStringSubmatch(m[1]); r != nil {
					out = append(out, declared{r[1], strings.TrimSpace(r[2]), file, n + 1})
				}
			}
			inArray = !strings.HasSuffix(trimmed, "]")
		}
	}
	return out
}

// normal is a package's name as PEP 503 compares it.
func normal(name string) string {
	return strings.ToLower(regexp.MustCompile(`[-_.]+`).ReplaceAllString(name, "-"))
}

// distributions are packages whose import name differs from their own.
var distributions = map[string]string{ //nolint:gochecknoglobals // a table
	"dotenv": "python-dotenv", "yaml": "pyyaml", "PIL": "pillow", "cv2": "opencv-python", "sklearn": "scikit-learn", "jwt": "pyjwt",
	"dateutil": "python-dateutil", "multipart": "python-multipart", "bs4": "beautifulsoup4", "google": "google-", "pipecat": "pipecat-ai",
	"websocket": "websocket-client", "attr": "attrs", "serial": "pyserial", "Crypto": "pycryptodome", "jose": "python-jose", "magic": "python-magic",
}

func provides(distribution, module string) bool {
	d := normal(distribution)
	if want, known := distributions[module]; known && (d == want || strings.HasSuffix(want, "-") && strings.HasPrefix(d, want) || strings.HasPrefix(d, want)) {
		return true
	}
	return d == normal(module) || d == "python-"+normal(module) || d == "py"+normal(module)
}

// within tells whether every version that a bound allows lies in a range of the form ">=X". An open or an
// upper bound alone allows older ones.
func within(bound, want string) bool {
	least := strings.TrimSpace(strings.TrimPrefix(want, ">="))
	for part := range strings.SplitSeq(bound, ",") {
		part = strings.TrimSpace(part)
		for _, op := range []string{"===", "==", ">=", "~=", "^", "~", ">"} {
			if v, ok := strings.CutPrefix(part, op); ok {
				return compareVersions(strings.TrimSpace(v), least) >= 0
			}
		}
	}
	return false
}

func compareVersions(a, b string) int {
	return semver.Compare(semantic(a), semantic(b))
}

// semantic makes a version of up to three numbers comparable.
func semantic(v string) string {
	v = strings.TrimPrefix(v, "v")
	parts := strings.SplitN(v, ".", 4)
	for len(parts) < 3 {
		parts = append(parts, "0")
	}
	for i := range 3 {
		digits := strings.IndexFunc(parts[i]+"x", func(r rune) bool { return r < '0' || r > '9' })
		parts[i] = strings.TrimLeft(parts[i][:digits], "0")
		if parts[i] == "" {
			parts[i] = "0"
		}
	}
	return "v" + strings.Join(parts[:3], ".")
}
