package toolchain

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/voicectl/voicectl/internal/checks"
)

//go:embed installed.py
var installedScript string

// requirements are the declared packages of a Python project as lines, and the files that declare them.
func (j job) requirements() (lines, from []string, err error) {
	for _, f := range j.files {
		if strings.Contains(f, "/") || !strings.HasSuffix(f, "requirements.txt") {
			continue
		}
		text, readErr := j.tree.Read(j.at(f))
		if readErr != nil {
			return nil, nil, readErr
		}
		from = append(from, f)
		lines = append(lines, strings.Split(string(text), "\n")...)
	}
	if j.has("pyproject.toml") {
		text, readErr := j.tree.Read(j.at("pyproject.toml"))
		if readErr != nil {
			return nil, nil, readErr
		}
		var doc struct {
			Project struct {
				Dependencies []string `toml:"dependencies"`
			} `toml:"project"`
		}
		if err := toml.Unmarshal(text, &doc); err != nil {
			return nil, nil, fmt.Errorf("read %s: %w", j.at("pyproject.toml"), err)
		}
		if len(doc.Project.Dependencies) > 0 {
			from = append(from, "pyproject.toml")
			lines = append(lines, doc.Project.Dependencies...)
		}
	}
	return lines, from, nil
}

func pythonInstalled(ctx context.Context, j job) (part, error) {
	exe := j.pythonOf()
	if exe == "" {
		return missing("python3 is not installed", "install Python 3, or make the project's environment"), nil
	}
	lines, from, err := j.requirements()
	if err != nil {
		return part{}, err
	}
	c := j.command(exe, "-I", "-c", installedScript)
	c.dir, c.stdin = os.TempDir(), strings.NewReader(strings.Join(lines, "\n"))
	r, err := run(ctx, c)
	if err != nil {
		return part{}, err
	}
	var got struct {
		Declared int      `json:"declared"`
		Missing  []string `json:"missing"`
		Wrong    []string `json:"wrong"`
		Version  string   `json:"version"`
		Apart    bool     `json:"apart"`
	}
	if err = json.Unmarshal(r.stdout, &got); err != nil {
		return part{}, fmt.Errorf("ask %s what is installed: exit code %d: %s", exe, r.exit, r.said())
	}
	saw := map[string]any{"declared": got.Declared, "from": from, "python": got.Version, "environment_of_its_own": got.Apart, "missing": got.Missing, "wrong": got.Wrong}
	check, err := run(ctx, j.command(exe, "-m", "pip", "check"))
	if err != nil {
		return part{}, err
	}
	log := slices.Concat(r.log(), check.log())
	var problems []checks.Problem
	for _, m := range got.Missing {
		problems = append(problems, checks.Problem{Text: m + " is declared and not installed"})
	}
	for _, w := range got.Wrong {
		problems = append(problems, checks.Problem{Text: w})
	}
	conflicts := pipConflicts(check)
	saw["conflicts"] = conflicts
	for _, c := range conflicts {
		problems = append(problems, checks.Problem{Text: c})
	}
	fix := checks.Fix{Text: "install what is declared into an environment of its own", Commands: []string{"python3 -m venv .venv"}}
	for _, f := range from {
		if f != "pyproject.toml" {
			fix.Commands = append(fix.Commands, ".venv/bin/pip install -r "+j.at(f))
		}
	}
	switch {
	case len(problems) > 0:
		return failing(saw, "everything installed, 0 conflicts", fix, log, problems...), nil
	case got.Declared == 0:
		return unclear(saw, "nothing is declared that could be installed", checks.Fix{Text: "declare the packages in requirements.txt or pyproject.toml"}, log), nil
	case !check.ok() && len(conflicts) == 0:
		saw["pip"] = facts(check)
		return unclear(saw, "pip could not look for conflicts: "+lastLine(check), checks.Fix{Text: "install pip in that environment"}, log), nil
	}
	return passed(saw, log), nil
}

// pipConflicts are the lines of `pip check` that name a conflict.
func pipConflicts(r result) []string {
	var out []string
	if r.exit != 1 {
		return nil
	}
	for line := range strings.Lines(string(r.stdout)) {
		line = strings.TrimSpace(line)
		if strings.Contains(line, " requires ") || strings.Contains(line, " has requirement ") {
			out = append(out, line)
		}
	}
	return out[:min(len(out), mostProblems)]
}

func goInstalled(ctx context.Context, j job) (part, error) {
	exe, err := exec.LookPath("go")
	if err != nil {
		return missing("go is not installed", "install Go"), nil //nolint:nilerr // said in words
	}
	// A list of all imports fails where a module is missing from go.mod, from go.sum or from the cache.
	list := j.command(exe, "list", "-mod=readonly", "-deps", "-test", "-f", "{{with .Module}}{{.Path}}{{end}}", "./...")
	list.env = []string{"GOFLAGS=-mod=readonly", "GOPROXY=off"}
	r, err := run(ctx, list)
	if err != nil {
		return part{}, err
	}
	fix := checks.Fix{Text: "bring go.mod and the module cache up to date", Commands: []string{"go mod tidy", "go mod download"}}
	if !r.ok() || r.expired {
		return j.judged(r, "every imported module is there", fix, r.exit), nil
	}
	return passed(facts(r), r.log()), nil
}

func nodeInstalled(ctx context.Context, j job) (part, error) {
	exe, err := exec.LookPath("npm")
	if err != nil {
		return missing("npm is not installed", "install Node.js"), nil //nolint:nilerr // said in words
	}
	r, err := run(ctx, j.command(exe, "ls", "--depth=0", "--json"))
	if err != nil {
		return part{}, err
	}
	var doc struct {
		Dependencies map[string]struct {
			Missing  bool   `json:"missing"`
			Required string `json:"required"`
			Invalid  any    `json:"invalid"`
			Version  string `json:"version"`
		} `json:"dependencies"`
	}
	fix := checks.Fix{Text: "install what is declared", Commands: []string{"npm ci"}}
	if unreadable := json.Unmarshal(r.stdout, &doc) != nil; unreadable {
		return unclear(facts(r), "npm did not get to work: "+lastLine(r), fix, r.log()), nil //nolint:nilerr // said in words
	}
	saw := map[string]any{"declared": len(doc.Dependencies), "exit": r.exit}
	var problems []checks.Problem
	for _, name := range slices.Sorted(maps.Keys(doc.Dependencies)) {
		switch d := doc.Dependencies[name]; {
		case d.Missing:
			problems = append(problems, checks.Problem{Text: fmt.Sprintf("%s %s is declared and not installed", name, d.Required), File: j.at("package.json")})
		case d.Invalid != nil && d.Invalid != false:
			problems = append(problems, checks.Problem{Text: fmt.Sprintf("%s %s is installed, which is not what is declared", name, d.Version), File: j.at("package.json")})
		}
	}
	switch {
	case len(problems) > 0:
		return failing(saw, "everything installed, 0 conflicts", fix, r.log(), problems[:min(len(problems), mostProblems)]...), nil
	case !r.ok():
		return unclear(facts(r), "npm did not get to work: "+lastLine(r), fix, r.log()), nil
	case len(doc.Dependencies) == 0:
		return unclear(saw, "nothing is declared that could be installed", checks.Fix{}, r.log()), nil
	}
	return passed(saw, r.log()), nil
}

// scratch runs an installation in an empty folder, step by step.
func (j job) scratch(ctx context.Context, steps func(dir string) [][]string) (part, error) {
	if !j.with.Switch("confirm") {
		return missing("installing asks for confirmation", "set confirm: true in the checklist"), nil
	}
	dir, err := os.MkdirTemp("", "voicectl-install-")
	if err != nil {
		return part{}, fmt.Errorf("make a scratch folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var log []byte
	var last result
	for _, argv := range steps(dir) {
		if last, err = run(ctx, j.command(argv...)); err != nil {
			return part{}, err
		}
		log = append(log, last.log()...)
		if last.expired {
			return j.late(last), nil
		}
		if !last.ok() {
			return failing(facts(last), "exit 0", checks.Fix{Text: "mend what the installer says"}, log, checks.Problem{Text: lastLine(last)}), nil
		}
	}
	return passed(facts(last), log), nil
}

func pythonRecreate(ctx context.Context, j job) (part, error) {
	exe, err := exec.LookPath("python3")
	if err != nil {
		return missing("python3 is not installed", "install Python 3"), nil //nolint:nilerr // said in words
	}
	_, from, err := j.requirements()
	if err != nil {
		return part{}, err
	}
	if len(from) == 0 {
		return unclear(nil, "nothing is declared that could be installed", checks.Fix{}, nil), nil
	}
	return j.scratch(ctx, func(dir string) [][]string {
		pip := filepath.Join(dir, "v", "bin", "python")
		steps := [][]string{{exe, "-m", "venv", filepath.Join(dir, "v")}}
		for _, f := range from {
			if f == "pyproject.toml" {
				steps = append(steps, []string{pip, "-m", "pip", "install", "--no-input", "."})
				continue
			}
			steps = append(steps, []string{pip, "-m", "pip", "install", "--no-input", "-r", f})
		}
		return append(steps, []string{pip, "-m", "pip", "check"})
	})
}

func goRecreate(ctx context.Context, j job) (part, error) {
	exe, err := exec.LookPath("go")
	if err != nil {
		return missing("go is not installed", "install Go"), nil //nolint:nilerr // said in words
	}
	return j.scratch(ctx, func(string) [][]string { return [][]string{{exe, "mod", "download"}, {exe, "build", "./..."}} })
}

func nodeRecreate(ctx context.Context, j job) (part, error) {
	exe, err := exec.LookPath("npm")
	if err != nil || !j.has("package-lock.json") {
		return missing("npm or package-lock.json is missing", "install Node.js, and commit the lock file"), nil //nolint:nilerr // said in words
	}
	return j.scratch(ctx, func(dir string) [][]string {
		return [][]string{{"cp", "package.json", "package-lock.json", dir}, {exe, "--prefix", dir, "ci", "--no-audit", "--no-fund"}}
	})
}

// pyvenv reads whether an environment in the repository hides the system's packages; "" = there is none.
func (j job) pyvenv() (file string, open bool) {
	for _, dir := range []string{".venv", "venv", "env"} {
		file = path.Join(dir, "pyvenv.cfg")
		text, err := j.tree.Read(j.at(file))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(line, "=")
			if strings.TrimSpace(key) == "include-system-site-packages" {
				open = strings.EqualFold(strings.TrimSpace(value), "true")
			}
		}
		return file, open
	}
	return "", false
}
