package toolchain

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
)

//go:embed sources.py
var sourcesScript string

// mostProblems bounds the violations that one look tells.
const mostProblems = 100

// reading is what a parser of sources found.
type reading struct {
	problems []checks.Problem
	amiss    int // violations, those included that are not told
	files    int
	looked   int
	version  string
}

func (r reading) saw(tool string) map[string]any {
	return map[string]any{"files": r.files, "looked_at": r.looked, "amiss": r.amiss, "parser": strings.TrimSpace(tool + " " + r.version)}
}

// readPython hands the sources to Python's own parser over standard input: nothing of the repository is run or
// imported, and the interpreter is the system's, never one that lies in the repository.
func readPython(ctx context.Context, j job, mode string) (reading, *part, error) {
	exe, err := exec.LookPath("python3")
	if err != nil {
		m := missing("python3 is not installed", "install Python 3 to have Python sources read")
		return reading{}, &m, nil //nolint:nilerr // said in words
	}
	var in bytes.Buffer
	enc := json.NewEncoder(&in)
	for _, f := range j.ending(".py") {
		if mode != "compile" && isTest(f) {
			continue
		}
		text, readErr := j.tree.Read(j.at(f))
		if readErr != nil {
			return reading{}, nil, readErr
		}
		if err = enc.Encode([2]string{j.at(f), strings.TrimPrefix(string(text), "\ufeff")}); err != nil {
			return reading{}, nil, err
		}
	}
	c := j.command(exe, "-I", "-S", "-c", sourcesScript, mode)
	c.dir, c.stdin = os.TempDir(), &in
	var out reading
	whole := false
	c.line = func(s string) {
		var l struct {
			checks.Problem
			Files   int    `json:"files"`
			Looked  int    `json:"looked"`
			Version string `json:"version"`
		}
		if json.Unmarshal([]byte(s), &l) != nil {
			return
		}
		if l.Version != "" {
			out.files, out.looked, out.version, whole = l.Files, l.Looked, l.Version, true
			return
		}
		if out.amiss++; len(out.problems) < mostProblems {
			out.problems = append(out.problems, l.Problem)
		}
	}
	r, err := run(ctx, c)
	if err == nil && (!r.ok() || !whole) {
		err = fmt.Errorf("read the sources with %s: exit code %d: %s", exe, r.exit, r.said())
	}
	return out, nil, err
}

// isTest tells whether a file is a test by its name or folder.
func isTest(file string) bool {
	base := path.Base(file)
	return strings.HasPrefix(base, "test_") || strings.HasSuffix(base, "_test.py") || base == "conftest.py" ||
		strings.HasPrefix(file, "tests/") || strings.HasPrefix(file, "test/") || strings.Contains(file, "/tests/") || strings.Contains(file, "/test/")
}

func pythonCompile(ctx context.Context, j job) (part, error) {
	r, gap, err := readPython(ctx, j, "compile")
	if gap != nil || err != nil {
		return orGap(gap), err
	}
	saw := r.saw("Python")
	switch {
	case r.files == 0:
		return unclear(saw, "there is no Python source", checks.Fix{}, nil), nil
	case r.amiss > 0:
		if min := declaredPython(j); min != "" && older(r.version, min) {
			return missing(fmt.Sprintf("the sources are for Python %s, and %s is installed", min, r.version), "install Python "+min), nil
		}
		return failing(saw, "0 syntax errors", checks.Fix{Text: "mend the syntax", Commands: []string{"python3 -m compileall -q ."}}, nil, r.problems...), nil
	}
	return passed(saw), nil
}

func pythonTypes(ctx context.Context, j job) (part, error) {
	r, gap, err := readPython(ctx, j, "types")
	if gap != nil || err != nil {
		return orGap(gap), err
	}
	saw := r.saw("Python")
	saw["typed_share"] = share(r)
	var log []byte
	if tool := find(j.path(), "mypy", "pyright"); tool != "" && j.scope.Consent.Exec {
		argv := []string{tool, "."}
		if path.Base(tool) == "mypy" {
			argv = []string{tool, "--ignore-missing-imports", "--no-error-summary", "--hide-error-context", "."}
		}
		res, runErr := run(ctx, j.command(argv...))
		if runErr != nil {
			return part{}, runErr
		}
		saw["checker"], log = facts(res), res.log()
		if res.exit == 1 {
			r.problems = append(placesIn(j, res.stdout), r.problems...)
			r.amiss++
		}
	}
	switch {
	case r.amiss > 0:
		return failing(saw, "100% of the public functions", checks.Fix{Text: "annotate arguments and results", Commands: []string{"mypy --disallow-untyped-defs ."}}, log, r.problems...), nil
	case r.looked == 0:
		return unclear(saw, "there is no public function to look at", checks.Fix{}, log), nil
	}
	return passed(saw, log), nil
}

func pythonDocs(ctx context.Context, j job) (part, error) {
	r, gap, err := readPython(ctx, j, "docs")
	if gap != nil || err != nil {
		return orGap(gap), err
	}
	return documented(r, "Python", checks.Fix{Text: "write a docstring for each", Commands: []string{"interrogate -vv ."}}), nil
}

func documented(r reading, tool string, fix checks.Fix) part {
	saw := r.saw(tool)
	saw["documented_share"] = share(r)
	switch {
	case r.amiss > 0:
		return failing(saw, "100%", fix, nil, r.problems...)
	case r.looked == 0:
		return unclear(saw, "there is nothing public to document", checks.Fix{}, nil)
	}
	return passed(saw)
}

func share(r reading) float64 {
	if r.looked == 0 {
		return 0
	}
	return float64(max(r.looked-r.amiss, 0)) / float64(r.looked)
}

func orGap(p *part) part {
	if p == nil {
		return part{}
	}
	return *p
}
