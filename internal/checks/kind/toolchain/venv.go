package toolchain

import (
	"context"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
)

var (
	makesVenv  = regexp.MustCompile(`-m venv|\bvirtualenv\b|\buv venv\b|\bconda create\b`)
	onUnix     = regexp.MustCompile(`(?:source|\.)\s+\S*bin/activate`)
	onWindows  = regexp.MustCompile(`(?i)Scripts[\\/]activate`)
	activating = regexp.MustCompile(`\b(?:uv run|uv sync|poetry (?:install|run|shell)|pipenv (?:install|run|shell)|conda activate|docker (?:compose|build|run)|docker-compose|pdm (?:install|run)|hatch (?:run|shell))\b`)
)

// keepers are files of tools that keep packages apart by themselves.
var keepers = []string{"uv.lock", "poetry.lock", "Pipfile.lock", "Pipfile", "pdm.lock", "environment.yml", "environment.yaml", "Dockerfile"} //nolint:gochecknoglobals // a table

// pythonVenv looks at files alone: an environment in the folder, a tool that makes one, or words that say how.
// Instructions that leave out a system are half of it.
func pythonVenv(ctx context.Context, j job) (part, error) {
	var by []string
	file, open := j.pyvenv()
	if file != "" {
		by = append(by, file)
	}
	for _, k := range keepers {
		if j.has(k) {
			by = append(by, k)
		}
	}
	var docs []string
	var making, unix, windows, tool bool
	all, err := j.tree.Glob(ctx, "*.md", "*.rst", "docs/*.md", "*/README.md", "Makefile")
	if err != nil {
		return part{}, err
	}
	for _, f := range all {
		text, readErr := j.tree.Read(f)
		if readErr != nil {
			return part{}, readErr
		}
		making = making || makesVenv.Match(text)
		unix, windows, tool = unix || onUnix.Match(text), windows || onWindows.Match(text), tool || activating.Match(text)
		if strings.EqualFold(path.Ext(f), ".md") {
			docs = append(docs, f)
		}
	}
	saw := map[string]any{"kept_apart_by": by, "documents": len(docs), "says_how_on_unix": unix, "says_how_on_windows": windows, "names_a_tool": tool}
	fix := checks.Fix{Text: "make an environment, and write into README.md how to activate it", Commands: []string{
		"python3 -m venv .venv", "source .venv/bin/activate", `.venv\Scripts\activate`,
	}}
	switch {
	case open:
		return failing(saw, "an environment that hides the system's packages", checks.Fix{Text: "make it again without --system-site-packages", Commands: []string{"python3 -m venv --clear " + path.Dir(j.at(file))}}, nil,
			checks.Problem{Text: "the environment lets the system's packages in", File: j.at(file)}), nil
	case len(by) == 0 && !making:
		return failing(saw, "packages apart from those of the system", fix, nil, checks.Problem{Text: "there is no environment, no tool that makes one, and no word about one"}), nil
	case tool || slices.ContainsFunc(by, func(k string) bool { return k == "Pipfile" }):
		return passed(saw), nil
	}
	var problems []checks.Problem
	if !unix {
		problems = append(problems, checks.Problem{Text: "no document says how to activate the environment on Unix"})
	}
	if !windows {
		problems = append(problems, checks.Problem{Text: "no document says how to activate the environment on Windows"})
	}
	if len(problems) > 0 {
		return part{state: checks.Warn, saw: saw, wanted: "words for newcomers on Windows and Unix", fix: fix, problems: problems}, nil
	}
	return passed(saw), nil
}

// apart is for languages whose packages belong to the project by themselves.
func apart(_ context.Context, j job) (part, error) {
	for _, f := range []string{"go.mod", "package.json"} {
		if j.has(f) {
			return passed(map[string]any{"kept_apart_by": f}), nil
		}
	}
	return failing(nil, "packages apart from those of the system", checks.Fix{Text: "declare the module or the package"}, nil, checks.Problem{Text: "neither go.mod nor package.json is there"}), nil
}
