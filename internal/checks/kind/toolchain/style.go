package toolchain

import (
	"bytes"
	"context"
	"encoding/json"
	"go/format"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
)

// judged turns the end of a linter into a part: exit 0 is clean, one of bad is "found something", and any
// other exit is a linter that did not get to work.
func (j job) judged(r result, wanted string, fix checks.Fix, bad ...int) part {
	if r.expired {
		return j.late(r)
	}
	for _, b := range bad {
		if r.exit == b {
			problems := placesIn(j, append(r.stdout, r.stderr...))
			if len(problems) == 0 {
				problems = []checks.Problem{{Text: lastLine(r)}}
			}
			return failing(facts(r), wanted, fix, r.log(), problems...)
		}
	}
	if r.ok() {
		return passed(facts(r), r.log())
	}
	return unclear(facts(r), filepath.Base(r.argv[0])+" did not get to work: "+lastLine(r), fix, r.log())
}

func lastLine(r result) string {
	text := strings.TrimSpace(string(bytes.ToValidUTF8(append(r.stdout, r.stderr...), nil)))
	line := text[strings.LastIndexByte(text, '\n')+1:]
	if len(line) > 300 {
		line = strings.ToValidUTF8(line[:300], "") + "…"
	}
	return line
}

func pythonStyle(ctx context.Context, j job) (part, error) {
	for _, tool := range []struct {
		name string
		argv []string
		fix  string
	}{
		{"ruff", []string{"check", "--output-format=concise", "--no-cache", "."}, "ruff check --fix ."},
		{"flake8", []string{"--exclude=.venv,venv,env,.git,build,dist,__pycache__"}, "flake8"},
		{"pycodestyle", []string{"--exclude=.venv,venv,env,.git,build,dist"}, "pycodestyle ."},
		{"black", []string{"--check", "."}, "black ."},
	} {
		exe := find(j.path(), tool.name)
		if exe == "" {
			continue
		}
		argv := append([]string{exe}, tool.argv...)
		if tool.name == "pycodestyle" {
			argv = append(argv, ".")
		}
		r, err := run(ctx, j.command(argv...))
		if err != nil {
			return part{}, err
		}
		return j.judged(r, "0 findings of "+tool.name, checks.Fix{Text: "mend what it names", Commands: []string{tool.fix}}, 1), nil
	}
	return missing("no linter for Python is installed", "install ruff in the project's environment", "pip install ruff"), nil
}

// goStyle formats in memory, as gofmt does, and then lets vet speak when the go command is there.
func goStyle(ctx context.Context, j job) (part, error) {
	var r reading
	for _, file := range j.ending(".go") {
		if ctx.Err() != nil {
			return part{}, ctx.Err()
		}
		if strings.Contains("/"+file, "/testdata/") {
			continue
		}
		text, err := j.tree.Read(j.at(file))
		if err != nil {
			return part{}, err
		}
		r.files, r.looked = r.files+1, r.looked+1
		neat, err := format.Source(text)
		switch {
		case err != nil:
			r.add(checks.Problem{Text: "syntax: " + err.Error(), File: j.at(file)})
		case !bytes.Equal(neat, text):
			r.add(checks.Problem{Text: "is not formatted as gofmt does", File: j.at(file)})
		}
	}
	saw := r.saw("gofmt")
	fix := checks.Fix{Text: "format, and mend what vet says", Commands: []string{"gofmt -w .", "go vet ./..."}}
	switch {
	case r.files == 0:
		return unclear(saw, "there is no Go source", checks.Fix{}, nil), nil
	case r.amiss > 0:
		return failing(saw, "0 findings of gofmt", fix, nil, r.problems...), nil
	}
	exe, err := exec.LookPath("go")
	if err != nil {
		return passed(saw), nil //nolint:nilerr // formatting was looked at; vet is a second opinion
	}
	res, err := run(ctx, j.command(exe, "vet", "./..."))
	if err != nil {
		return part{}, err
	}
	p := j.judged(res, "0 findings of go vet", fix, 1)
	p.saw["formatted"] = r.files
	return p, nil
}

// scripts are the scripts of a package.json.
func (j job) scripts() (map[string]string, error) {
	text, err := j.tree.Read(j.at("package.json"))
	if err != nil {
		return nil, err
	}
	var doc struct {
		Scripts map[string]string `json:"scripts"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	return doc.Scripts, nil
}

func nodeStyle(ctx context.Context, j job) (part, error) {
	exe := find(j.path(), "eslint", "biome")
	if exe == "" {
		return missing("no linter for JavaScript is installed", "install eslint in the project", "npm install --save-dev eslint"), nil
	}
	argv := []string{exe, "--format", "unix", "."}
	if filepath.Base(exe) == "biome" {
		argv = []string{exe, "lint", "."}
	}
	r, err := run(ctx, j.command(argv...))
	if err != nil {
		return part{}, err
	}
	return j.judged(r, "0 findings", checks.Fix{Text: "mend what it names", Commands: []string{"npx eslint --fix ."}}, 1), nil
}

// nodeCompile lets Node check the syntax of each script: it parses and runs nothing.
func nodeCompile(ctx context.Context, j job) (part, error) {
	files := j.ending(".js", ".mjs", ".cjs")
	if len(files) == 0 {
		if len(j.ending(".ts", ".tsx")) > 0 {
			return missing("TypeScript sources are checked by the preset types", "look at the preset types"), nil
		}
		return unclear(map[string]any{"files": 0}, "there is no JavaScript source", checks.Fix{}, nil), nil
	}
	exe, err := exec.LookPath("node")
	if err != nil {
		return missing("node is not installed", "install Node.js to have its sources read"), nil //nolint:nilerr // said in words
	}
	const most = 300
	saw := map[string]any{"files": len(files)}
	var problems []checks.Problem
	for i, f := range files {
		if i == most {
			return unclear(saw, "there are too many sources to look at each", checks.Fix{}, nil), nil
		}
		c := j.command(exe, "--check", "--", filepath.Join(j.path(), filepath.FromSlash(f)))
		r, runErr := run(ctx, c)
		if runErr != nil {
			return part{}, runErr
		}
		if !r.ok() {
			problems = append(problems, checks.Problem{Text: "syntax: " + syntaxLine(r), File: j.at(f)})
		}
	}
	if len(problems) > 0 {
		return failing(saw, "0 syntax errors", checks.Fix{Text: "mend the syntax", Commands: []string{"node --check FILE"}}, nil, problems...), nil
	}
	return passed(saw), nil
}

func syntaxLine(r result) string {
	for line := range strings.Lines(string(r.stderr)) {
		if strings.Contains(line, "SyntaxError") {
			return strings.TrimSpace(line)
		}
	}
	return lastLine(r)
}

func nodeTypes(ctx context.Context, j job) (part, error) {
	if !j.has("tsconfig.json") {
		return part{state: checks.NotApplied, wanted: "JavaScript declares no types"}, nil
	}
	if !j.scope.Consent.Exec {
		return missing("the TypeScript compiler runs only with consent", "allow it", "voicectl check --allow-exec"), nil
	}
	exe := find(j.path(), "tsc")
	if exe == "" {
		return missing("tsc is not installed", "install TypeScript in the project", "npm install --save-dev typescript"), nil
	}
	r, err := run(ctx, j.command(exe, "--noEmit", "--pretty", "false"))
	if err != nil {
		return part{}, err
	}
	return j.judged(r, "the compiler agrees", checks.Fix{Text: "mend what the compiler says", Commands: []string{"npx tsc --noEmit"}}, 1, 2), nil
}
