package toolchain_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/kind/toolchain"
	"github.com/voicectl/voicectl/internal/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// look makes one look through the engine, as a check would, with consent to run things.
func look(t *testing.T, scope *checks.Scope, uses string, with map[string]any) checks.Finding {
	t.Helper()
	scope.Consent.Exec = true
	return lookAs(t, scope, uses, with)
}

func lookAs(t *testing.T, scope *checks.Scope, uses string, with map[string]any) checks.Finding {
	t.Helper()
	kinds := checks.Kinds{}
	for _, k := range toolchain.Kinds() {
		kinds[k.Name] = k
	}
	secrets := map[string]string{}
	for n, v := range scope.Env {
		secrets[n] = v.Value
	}
	scope.Clock, scope.Mask = clock.Real{}, checks.NewMask("salt", secrets)
	p, err := checks.Compile([]checks.Checklist{{ID: "t", Checks: []checks.Check{{ID: "t", Severity: checks.Block, Steps: []checks.Step{{Uses: uses, With: with}}}}}}, kinds, checks.Selection{}, scope)
	if err != nil {
		t.Fatal(err)
	}
	return checks.Run(context.Background(), p, checks.RunOptions{})[0]
}

func repo(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0o600)
		if strings.Contains(name, "/bin/") {
			mode = 0o700
		}
		if err := os.WriteFile(path, []byte(files[name]), mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func needs(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
}

// a tool of the repository's own environment that says something and ends with a code.
func tool(said string, code int) string {
	return fmt.Sprintf("#!/bin/sh\ncat <<'END'\n%s\nEND\nexit %d\n", said, code)
}

type cmdCase struct {
	preset string
	files  map[string]string
	want   checks.State
	says   string
}

func TestCmdRun_PresetsOfPython(t *testing.T) {
	needs(t, "python3")
	typed := "\"\"\"A module.\"\"\"\n\ndef f(a: int, *, b: str = '') -> int:\n    \"\"\"Does it.\"\"\"\n    return a\n\n\nclass C:\n    \"\"\"A class.\"\"\"\n\n    def m(self, x: int) -> None:\n        \"\"\"Does that.\"\"\"\n"
	good := "import unittest\n\n\nclass T(unittest.TestCase):\n    def test_one(self):\n        self.assertEqual(1, 1)\n"
	bad := strings.Replace(good, "(1, 1)", "(1, 2)", 1)
	reqs := map[string]string{"requirements.txt": "pip>=1\n", "main.py": "import os\n"}
	for name, c := range map[string]cmdCase{
		"compile: all parse":                         {"compile", map[string]string{"main.py": typed}, checks.Pass, "looked_at:1"},
		"compile: one does not":                      {"compile", map[string]string{"main.py": typed, "app/x.py": "def f(:\n"}, checks.Fail, "app/x.py"},
		"compile: a null byte":                       {"compile", map[string]string{"main.py": typed, "x.py": strings.Repeat("#", 9000) + "\n\x00"}, checks.Fail, "x.py"},
		"compile: sources for a newer Python":        {"compile", map[string]string{"pyproject.toml": "[project]\nrequires-python = \">=3.99\"\n", "x.py": "def f(:\n"}, checks.Skip, "for Python 3.99"},
		"compile: no source":                         {"compile", map[string]string{"requirements.txt": "x==1"}, checks.Inconclusive, "no Python source"},
		"compile: no project":                        {"compile", map[string]string{"a.txt": "x"}, checks.Inconclusive, "no Python, Go or Node"},
		"types: all declared":                        {"types", map[string]string{"main.py": typed}, checks.Pass, "typed_share:1"},
		"types: an argument is bare":                 {"types", map[string]string{"main.py": "def f(a, b: int) -> int: ...\n"}, checks.Fail, "f declares no type for a"},
		"types: a result is bare":                    {"types", map[string]string{"main.py": "class C:\n    def m(self, a: int): ...\n"}, checks.Fail, "C.m declares no type for return"},
		"types: private ones do not count":           {"types", map[string]string{"main.py": "def _f(a): ...\n"}, checks.Inconclusive, "no public function"},
		"types: the checker disagrees":               {"types", map[string]string{"main.py": typed, ".venv/bin/mypy": tool("main.py:3: error: Incompatible return value", 1)}, checks.Fail, "Incompatible return value"},
		"doc-comments: all there":                    {"doc-comments", map[string]string{"main.py": typed, "tests/test_a.py": "def test_a(): ...\n"}, checks.Pass, "documented_share:1"},
		"doc-comments: one is missing":               {"doc-comments", map[string]string{"main.py": "\"\"\"M.\"\"\"\ndef f(): ...\n"}, checks.Fail, "f has no docstring"},
		"doc-comments: the module has none":          {"doc-comments", map[string]string{"main.py": "import os\n"}, checks.Fail, "the module has no docstring"},
		"style: clean":                               {"style", map[string]string{"main.py": typed, ".venv/bin/ruff": tool("All checks passed!", 0)}, checks.Pass, ""},
		"style: findings":                            {"style", map[string]string{"main.py": typed, ".venv/bin/ruff": tool("main.py:1:8: F401 [*] `os` imported but unused", 1)}, checks.Fail, "imported but unused"},
		"style: the linter breaks":                   {"style", map[string]string{"main.py": typed, ".venv/bin/ruff": tool("error: invalid configuration", 2)}, checks.Inconclusive, "did not get to work"},
		"tests: pass":                                {"tests", map[string]string{"requirements.txt": "", "tests/test_a.py": good}, checks.Pass, "passed:1"},
		"tests: fail":                                {"tests", map[string]string{"requirements.txt": "", "tests/test_a.py": bad}, checks.Fail, "test_one"},
		"tests: none":                                {"tests", map[string]string{"requirements.txt": "", "main.py": typed}, checks.Fail, "no test ran"},
		"tests: all skipped":                         {"tests", map[string]string{"requirements.txt": "", "tests/test_a.py": strings.Replace(good, "    def", "    @unittest.skip('x')\n    def", 1)}, checks.Fail, "all 1 were skipped"},
		"tests-unit: integration tests are left":     {"tests-unit", map[string]string{"requirements.txt": "", "tests/test_a.py": good, "tests/integration/test_b.py": bad}, checks.Pass, "passed:1"},
		"tests-integration: pass":                    {"tests-integration", map[string]string{"requirements.txt": "", "tests/test_a.py": bad, "tests/integration/test_b.py": good}, checks.Pass, "passed:1"},
		"tests-integration: none":                    {"tests-integration", map[string]string{"requirements.txt": "", "tests/test_a.py": good}, checks.Fail, "no integration tests"},
		"deps-installed: there":                      {"deps-installed", reqs, checks.Pass, "declared:1"},
		"deps-installed: missing":                    {"deps-installed", map[string]string{"requirements.txt": "pip>=1\nno-such-package-of-ours==1.0\n", "main.py": ""}, checks.Fail, "no-such-package-of-ours is declared and not installed"},
		"deps-installed: another version":            {"deps-installed", map[string]string{"requirements.txt": "pip==0.1\n", "main.py": ""}, checks.Fail, "==0.1 is declared"},
		"deps-installed: nothing declared":           {"deps-installed", map[string]string{"main.py": ""}, checks.Inconclusive, "nothing is declared"},
		"deps-recreate: not confirmed":               {"deps-recreate", reqs, checks.Skip, "confirmation"},
		"vuln-audit: clean":                          {"vuln-audit", map[string]string{"requirements.txt": "x==1", "venv/bin/pip-audit": tool("No known vulnerabilities found", 0)}, checks.Pass, ""},
		"vuln-audit: one is known":                   {"vuln-audit", map[string]string{"requirements.txt": "x==1", "venv/bin/pip-audit": tool("jinja2 2.0 PYSEC-2021-66 2.11.3", 1)}, checks.Fail, "PYSEC-2021-66"},
		"vuln-audit: no database":                    {"vuln-audit", map[string]string{"requirements.txt": "x==1", "venv/bin/pip-audit": tool("connection refused", 1)}, checks.Inconclusive, "did not get to work"},
		"venv-active: an environment and words":      {"venv-active", map[string]string{"main.py": "", ".venv/pyvenv.cfg": "include-system-site-packages = false\n", "README.md": "source .venv/bin/activate\nor .venv\\Scripts\\activate"}, checks.Pass, "pyvenv.cfg"},
		"venv-active: no words for Windows":          {"venv-active", map[string]string{"main.py": "", "README.md": "python -m venv .venv\nsource .venv/bin/activate"}, checks.Warn, "on Windows"},
		"venv-active: a tool":                        {"venv-active", map[string]string{"main.py": "", "README.md": "`uv run main.py`", "uv.lock": ""}, checks.Pass, "uv.lock"},
		"venv-active: nothing":                       {"venv-active", map[string]string{"main.py": "", "README.md": "pip install -r requirements.txt"}, checks.Fail, "no environment"},
		"venv-active: the system's packages come in": {"venv-active", map[string]string{"main.py": "", "venv/pyvenv.cfg": "include-system-site-packages = true\n"}, checks.Fail, "lets the system's packages in"},
	} {
		t.Run(name, func(t *testing.T) {
			f := look(t, &checks.Scope{Repo: repo(t, c.files)}, "cmd.run", map[string]any{"preset": c.preset})
			if f.State != c.want || !strings.Contains(fmt.Sprintf("%+v", f), c.says) {
				t.Errorf("got %+v", f)
			}
		})
	}
}

func TestCmdRun_PresetsOfGoAndNode(t *testing.T) {
	needs(t, "go")
	mod := "module example.com/x\n\ngo 1.24\n"
	lib := "// Package x is.\npackage x\n\n// F does.\nfunc F() int { return 1 }\n"
	test := "package x\n\nimport \"testing\"\n\nfunc TestF(t *testing.T) {\n\tif F() != 1 {\n\t\tt.Fatal()\n\t}\n}\n"
	with := func(more ...string) map[string]string {
		m := map[string]string{"go.mod": mod, "x.go": lib}
		for i := 0; i+1 < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	cases := map[string]cmdCase{
		"compile":                     {"compile", with(), checks.Pass, ""},
		"compile: broken":             {"compile", with("y.go", "package x\nfunc {"), checks.Fail, "y.go"},
		"types":                       {"types", with(), checks.Pass, "build"},
		"types: the compiler says no": {"types", with("y.go", "package x\n\nvar A int = \"a\"\n"), checks.Fail, "y.go"},
		"doc-comments":                {"doc-comments", with(), checks.Pass, ""},
		"doc-comments: one missing":   {"doc-comments", with("y.go", "package x\n\nfunc G() {}\n"), checks.Fail, "G has no comment"},
		"style":                       {"style", with(), checks.Pass, ""},
		"style: not formatted":        {"style", with("y.go", "package x\nfunc  g(){}\n"), checks.Fail, "not formatted"},
		"style: vet":                  {"style", with("y.go", "package x\n\nimport \"fmt\"\n\nfunc g() { fmt.Printf(\"%d\", \"a\") }\n"), checks.Fail, "y.go"},
		"tests":                       {"tests", with("x_test.go", test), checks.Pass, "passed:1"},
		"tests: fail":                 {"tests", with("x_test.go", strings.Replace(test, "!= 1", "== 1", 1)), checks.Fail, "TestF in example.com/x failed"},
		"tests: do not compile":       {"tests", with("x_test.go", "package x\nvar a int = nil"), checks.Fail, "failed"},
		"tests: none":                 {"tests", with(), checks.Fail, "no test ran"},
		"tests-integration":           {"tests-integration", with("i_test.go", "//go:build integration\n\n"+test), checks.Pass, "passed:1"},
		"tests-integration: none":     {"tests-integration", with("x_test.go", test), checks.Fail, "no integration tests"},
		"deps-installed":              {"deps-installed", with(), checks.Pass, ""},
		"deps-installed: missing":     {"deps-installed", with("y.go", "package x\n\nimport _ \"example.org/nowhere\"\n"), checks.Fail, "example.org/nowhere"},
		"venv-active":                 {"venv-active", with(), checks.Pass, "go.mod"},
		"a folder below":              {"compile", map[string]string{"backend/go.mod": mod, "backend/x.go": "package x\nfunc {"}, checks.Fail, "backend/x.go"},
	}
	if _, err := exec.LookPath("npm"); err == nil {
		pkg := func(script string) string { return `{"name":"x","scripts":{"test":"` + script + `"}}` }
		maps.Copy(cases, map[string]cmdCase{
			"node: compile":            {"compile", map[string]string{"package.json": pkg(""), "a.js": "let a = 1"}, checks.Pass, ""},
			"node: compile broken":     {"compile", map[string]string{"package.json": pkg(""), "a.js": "let = = 1"}, checks.Fail, "SyntaxError"},
			"node: tests":              {"tests", map[string]string{"package.json": pkg("node --test"), "a.test.js": "require('node:test')('x', () => {})"}, checks.Pass, "passed:1"},
			"node: tests fail":         {"tests", map[string]string{"package.json": pkg("node --test"), "a.test.js": "require('node:test')('x', () => { throw Error() })"}, checks.Fail, "failed:1"},
			"node: no tests":           {"tests", map[string]string{"package.json": pkg("echo no test specified && exit 1"), "a.js": ""}, checks.Fail, "no script test"},
			"node: tests cannot count": {"tests", map[string]string{"package.json": pkg("true"), "a.js": ""}, checks.Inconclusive, "does not tell how many"},
			"node: deps missing":       {"deps-installed", map[string]string{"package.json": `{"name":"x","dependencies":{"no-such-package":"1.0.0"}}`}, checks.Fail, "no-such-package"},
		})
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := look(t, &checks.Scope{Repo: repo(t, c.files)}, "cmd.run", map[string]any{"preset": c.preset})
			if f.State != c.want || !strings.Contains(fmt.Sprintf("%+v", f), c.says) {
				t.Errorf("got %+v", f)
			}
		})
	}
}

func TestCmdRun_ACommandOfOnesOwn(t *testing.T) {
	dir := repo(t, map[string]string{"a.txt": "x"})
	for name, c := range map[string]struct {
		with map[string]any
		want checks.State
		says string
	}{
		"ends as wanted":       {map[string]any{"argv": []any{"sh", "-c", "echo all good; exit 3"}, "exit": 3, "re": "all good"}, checks.Pass, ""},
		"another exit code":    {map[string]any{"argv": []any{"sh", "-c", "echo broken; exit 1"}}, checks.Fail, "broken"},
		"another output":       {map[string]any{"argv": []any{"sh", "-c", "echo x"}, "re": "^y"}, checks.Fail, "fits ^y"},
		"takes too long":       {map[string]any{"argv": []any{"sh", "-c", "sleep 60 & sleep 60"}, "timeout": "300ms"}, checks.Fail, "did not end within 300ms"},
		"is not installed":     {map[string]any{"argv": []any{"no-such-tool-of-ours"}}, checks.Skip, "not installed"},
		"a broken pattern":     {map[string]any{"argv": []any{"true"}, "re": "("}, checks.Error, "pattern"},
		"nothing to run":       {map[string]any{}, checks.Inconclusive, "neither"},
		"floods its output":    {map[string]any{"argv": []any{"sh", "-c", "yes 0123456789 | head -c 20000000; echo the end"}, "re": "the end"}, checks.Pass, ""},
		"sees no secret":       {map[string]any{"argv": []any{"sh", "-c", "env | sort"}, "re": "(?m)^PATH="}, checks.Pass, ""},
		"leaves a child alive": {map[string]any{"argv": []any{"sh", "-c", "sleep 60 & echo done"}, "re": "done"}, checks.Pass, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OPENAI_API_KEY", "sk-of-the-operator-1234567")
			scope := &checks.Scope{Repo: dir, Dir: t.TempDir()}
			f := look(t, scope, "cmd.run", c.with)
			if f.State != c.want || !strings.Contains(fmt.Sprintf("%+v", f), c.says) {
				t.Errorf("got %+v", f)
			}
			for _, e := range f.Evidence {
				kept, err := os.ReadFile(filepath.Join(scope.Dir, e.Path))
				if err != nil || strings.Contains(string(kept), "OPENAI_API_KEY") || len(kept) > 2<<20 {
					t.Errorf("evidence of %d bytes, %v: holds the operator's environment, or too much", len(kept), err)
				}
			}
		})
	}
}

func TestCmdRun_AsksBeforeItRunsAndNotBeforeItReads(t *testing.T) {
	dir := repo(t, map[string]string{"go.mod": "module x\n\ngo 1.24\n", "x.go": "// Package x is.\npackage x\n", "README.md": "x"})
	for preset, want := range map[string]checks.State{"compile": checks.Pass, "doc-comments": checks.Pass, "venv-active": checks.Pass, "tests": checks.Elsewhere, "style": checks.Elsewhere, "deps-installed": checks.Elsewhere, "vuln-audit": checks.Elsewhere} {
		f := lookAs(t, &checks.Scope{Repo: dir}, "cmd.run", map[string]any{"preset": preset})
		if f.State != want || want == checks.Elsewhere && !strings.Contains(f.Reason, "--allow-exec") {
			t.Errorf("%s without consent: %+v", preset, f)
		}
	}
}

func TestToolVersion_WhatIsInstalledAndWhatFilesName(t *testing.T) {
	needs(t, "python3", "go")
	row := map[string]any{"tool": []any{"python", "go"}, "min": map[string]any{"python": "3.10", "go": "go.mod"}}
	for name, c := range map[string]struct {
		files map[string]string
		with  map[string]any
		want  checks.State
		says  string
	}{
		"installed and new enough":       {map[string]string{"main.py": "", "requirements.txt": ""}, row, checks.Pass, "installed:3."},
		"an old image":                   {map[string]string{"requirements.txt": "", "Dockerfile": "# x\nFROM docker.io/library/python:3.8-slim AS a\n"}, row, checks.Fail, "names is python 3.8, below 3.10 File:Dockerfile Line:2"},
		"an image with one number":       {map[string]string{"requirements.txt": "", "Dockerfile": "FROM python:3\n"}, row, checks.Pass, ""},
		"an old version file":            {map[string]string{"requirements.txt": "", ".python-version": "3.9.18\n"}, row, checks.Fail, ".python-version"},
		"an old environment":             {map[string]string{"requirements.txt": "", "venv/pyvenv.cfg": "version = 3.9.2\n"}, row, checks.Fail, "3.9.2"},
		"go.mod asks for more":           {map[string]string{"go.mod": "module x\n\ngo 9.1\n", "x.go": "package x"}, row, checks.Fail, "below 9.1"},
		"the image is older than go.mod": {map[string]string{"go.mod": "module x\n\ngo 1.24\n", "x.go": "package x", "Dockerfile": "FROM golang:1.22\n"}, row, checks.Fail, "1.22, below 1.24"},
		"as go.mod asks":                 {map[string]string{"go.mod": "module x\n\ngo 1.21\n", "x.go": "package x"}, row, checks.Pass, "not used here"},
		"above the highest":              {map[string]string{"requirements.txt": "", ".python-version": "3.99"}, map[string]any{"tool": "python", "min": map[string]any{"python": "3.10"}, "max": map[string]any{"python": "3.20"}}, checks.Fail, "above 3.20"},
		"declared by the project":        {map[string]string{"pyproject.toml": "[project]\nrequires-python = \">=3.99,<4\"\n"}, map[string]any{"tool": "python"}, checks.Fail, "below 3.99"},
		"nobody says":                    {map[string]string{"requirements.txt": ""}, map[string]any{"tool": "python"}, checks.Inconclusive, "nothing says"},
		"no such language":               {map[string]string{"a.txt": ""}, row, checks.Inconclusive, "uses none"},
	} {
		t.Run(name, func(t *testing.T) {
			f := lookAs(t, &checks.Scope{Repo: repo(t, c.files)}, "tool.version", c.with)
			if f.State != c.want || !strings.Contains(fmt.Sprintf("%+v", f), c.says) {
				t.Errorf("got %+v", f)
			}
		})
	}
}

func TestToolVersion_NothingInstalledAndNothingNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	f := lookAs(t, &checks.Scope{Repo: repo(t, map[string]string{"requirements.txt": ""})}, "tool.version", map[string]any{"tool": "python", "min": map[string]any{"python": "3.10"}})
	if f.State != checks.Skip {
		t.Errorf("got %+v", f)
	}
}

func TestGoTest_OnlyOfTheBundledAgent(t *testing.T) {
	needs(t, "go")
	mod := "module github.com/voicectl/voicectl\n\ngo 1.24\n"
	test := func(body string) string {
		return "package x\n\nimport \"testing\"\n\nfunc TestTurnCap_EndsTheCall(t *testing.T) {" + body + "}\n\nfunc TestTurnCapital(t *testing.T) { t.Fatal(\"another\") }\n"
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  checks.State
		says  string
	}{
		"passes":          {map[string]string{"go.mod": mod, "a/x_test.go": test("")}, checks.Pass, "passed:1"},
		"fails":           {map[string]string{"go.mod": mod, "a/x_test.go": test(" t.Fatal() ")}, checks.Fail, "TestTurnCap_EndsTheCall"},
		"is skipped":      {map[string]string{"go.mod": mod, "a/x_test.go": test(" t.Skip() ")}, checks.Fail, "all 1 were skipped"},
		"is not there":    {map[string]string{"go.mod": mod, "a/x_test.go": "package x\n"}, checks.Fail, "there is no test TestTurnCap"},
		"another backend": {map[string]string{"main.py": ""}, checks.NotApplied, "a property of the bundled agent"},
	} {
		t.Run(name, func(t *testing.T) {
			f := look(t, &checks.Scope{Repo: repo(t, c.files)}, "go.test", map[string]any{"name": []any{"TestTurnCap"}})
			if f.State != c.want || !strings.Contains(fmt.Sprintf("%+v", f), c.says) {
				t.Errorf("got %+v", f)
			}
		})
	}
}
