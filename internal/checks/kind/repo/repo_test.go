package repo_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/kind/repo"
	"github.com/voicectl/voicectl/internal/clock"
)

func look(t *testing.T, scope *checks.Scope, uses string, with map[string]any) checks.Finding {
	t.Helper()
	kinds := checks.Kinds{}
	for _, k := range repo.Kinds() {
		kinds[k.Name] = k
	}
	scope.Clock, scope.Mask = clock.Real{}, checks.NewMask("salt", nil)
	p, err := checks.Compile([]checks.Checklist{{ID: "t", Checks: []checks.Check{{ID: "t", Steps: []checks.Step{{Uses: uses, With: with}}}}}}, kinds, checks.Selection{}, scope)
	if err != nil {
		t.Fatal(err)
	}
	return checks.Run(t.Context(), p, checks.RunOptions{})[0]
}

// folder makes a repository of files; with git it is a work tree whose commits are made by do.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, files)
	return dir
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[name]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@t.invalid", "-c", "init.defaultBranch=main"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// Secrets are put together at run time, so that this file holds none.
func awsKey() string    { return "AKIA" + "QYLPMN5HHHFPZAM2" }
func githubPat() string { return "ghp_" + "k3Jx9Qz7Lm2Vw8Rt4Yb6Nc1Pd5Sf0GhUaEiO" }
func serviceRole() string {
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + enc([]byte(`{"iss":"supabase","ref":"abcdefghijklmnop","role":"service_role","iat":1700000000}`)) + "." + enc([]byte("k3Jx9Qz7Lm2Vw8Rt4Yb6Nc1Pd5Sf0Gh"))
}

func TestIgnored_IndexRulesAndHistory(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(dir string)
		want checks.State
		says string
	}{
		"ignored, never committed": {func(d string) {
			write(t, d, map[string]string{".gitignore": ".env\n", ".env": "A=1"})
			git(t, d, "add", ".")
			git(t, d, "commit", "-qm", "x")
		}, checks.Pass, ".gitignore:1"},
		"not ignored": {func(d string) {
			write(t, d, map[string]string{"a": "1"})
			git(t, d, "add", ".")
			git(t, d, "commit", "-qm", "x")
		}, checks.Fail, ".env is not ignored"},
		"tracked": {func(d string) {
			write(t, d, map[string]string{".env": "A=1"})
			git(t, d, "add", "-f", ".env")
			git(t, d, "commit", "-qm", "x")
		}, checks.Fail, ".env is tracked"},
		"removed later": {func(d string) {
			write(t, d, map[string]string{".env": "A=1"})
			git(t, d, "add", ".env")
			git(t, d, "commit", "-qm", "x")
			git(t, d, "rm", "-q", "--cached", ".env")
			write(t, d, map[string]string{".gitignore": "/.env\n"})
			git(t, d, "add", ".")
			git(t, d, "commit", "-qm", "y")
		}, checks.Fail, "commits hold .env"},
		"no commit yet":      {func(d string) { write(t, d, map[string]string{".gitignore": ".env*\n"}) }, checks.Pass, ".gitignore"},
		"ignored and undone": {func(d string) { write(t, d, map[string]string{".gitignore": ".env\n!.env\n"}) }, checks.Fail, "not ignored"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			git(t, dir, "init", "-q")
			c.do(dir)
			f := look(t, &checks.Scope{Repo: dir, Git: true}, "git.ignored", map[string]any{"path": ".env"})
			if f.State != c.want || !strings.Contains(fmt.Sprintf("%+v", f), c.says) {
				t.Errorf("got %+v", f)
			}
		})
	}
	if f := look(t, &checks.Scope{Repo: t.TempDir()}, "git.ignored", nil); f.State != checks.Skip {
		t.Errorf("no work tree: %s", f.State)
	}
}

func TestIgnored_ARepositoryCannotMakeGitRunAnything(t *testing.T) {
	dir := t.TempDir()
	git(t, dir, "init", "-q")
	mark := filepath.Join(dir, "ran")
	git(t, dir, "config", "core.fsmonitor", "touch "+mark+";false")
	git(t, dir, "config", "core.pager", "touch "+mark)
	git(t, dir, "config", "diff.external", "touch "+mark)
	write(t, dir, map[string]string{".gitignore": ".env\n", "a.py": "x=1\n", ".gitattributes": "*.py diff=evil\n"})
	git(t, dir, "config", "diff.evil.textconv", "touch "+mark+";cat")
	git(t, dir, "-c", "core.fsmonitor=false", "add", ".")
	git(t, dir, "-c", "core.fsmonitor=false", "commit", "-qm", "x")
	_ = os.Remove(mark)
	look(t, &checks.Scope{Repo: dir, Git: true}, "git.ignored", nil)
	look(t, &checks.Scope{Repo: dir, Git: true}, "secrets.scan", map[string]any{"history": true})
	if _, err := os.Stat(mark); err == nil {
		t.Error("a command from the repository's configuration ran")
	}
}

func TestSecrets_FindsKeysInSourcesAndHistoryAndNeverTellsThem(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		with  map[string]any
		want  checks.State
		says  string
	}{
		"clean":               {map[string]string{"main.py": "import os\nkey = os.environ['OPENAI_API_KEY']\n"}, nil, checks.Pass, ""},
		"an AWS key":          {map[string]string{"a.py": "x = 1\nk = '" + awsKey() + "'\n"}, nil, checks.Fail, "aws-access-token"},
		"a GitHub token":      {map[string]string{"a.sh": "T=" + githubPat() + "\n"}, nil, checks.Fail, "github-pat"},
		"a password in a URL": {map[string]string{"a.py": "U='postgres://app:h9Kq2vXw7z@db.internal/app'\n"}, nil, checks.Fail, "url-password"},
		"the service role":    {map[string]string{"a.ts": "const k='" + serviceRole() + "'\n"}, map[string]any{"detectors": []any{"service_role"}}, checks.Fail, "service_role-token"},
		"another rule only":   {map[string]string{"a.py": "k = '" + awsKey() + "'\n"}, map[string]any{"detectors": []any{"service_role"}}, checks.Pass, ""},
		"samples":             {map[string]string{".env.example": "OPENAI_API_KEY=sk-your-key-here\nDB=postgres://user:password@localhost/db\nA=sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"}, nil, checks.Pass, ""},
		"allowed on its line": {map[string]string{"a.py": "k = '" + awsKey() + "' # voicectl:allow-secret\n"}, nil, checks.Pass, ""},
		"allowed by path":     {map[string]string{"main.py": "x = 1\n", "testdata/a.py": "k = '" + awsKey() + "'\n"}, map[string]any{"allow": []any{"testdata"}}, checks.Pass, ""},
		"a binary":            {map[string]string{"a.bin": "\x00\x01" + awsKey()}, nil, checks.Inconclusive, "nothing to look at"},
	} {
		t.Run(name, func(t *testing.T) {
			f := look(t, &checks.Scope{Repo: folder(t, c.files)}, "secrets.scan", c.with)
			text := fmt.Sprintf("%+v", f)
			if f.State != c.want || !strings.Contains(text, c.says) {
				t.Errorf("got %s", text)
			}
			for _, s := range []string{awsKey(), githubPat(), "h9Kq2vXw7z", serviceRole()} {
				if strings.Contains(text, s) {
					t.Errorf("the secret is told: %s", text)
				}
			}
		})
	}
}

func TestSecrets_HistoryRemembersWhatWasRemoved(t *testing.T) {
	dir := t.TempDir()
	git(t, dir, "init", "-q")
	write(t, dir, map[string]string{"conf/a.py": "k = '" + awsKey() + "'\n"})
	git(t, dir, "add", ".")
	git(t, dir, "commit", "-qm", "x")
	write(t, dir, map[string]string{"conf/a.py": "import os\n", ".gitignore": ".env\n", ".env": "K=" + awsKey() + "\n"})
	git(t, dir, "add", ".")
	git(t, dir, "commit", "-qm", "y")
	scope := &checks.Scope{Repo: dir, Git: true}
	if f := look(t, scope, "secrets.scan", nil); f.State != checks.Pass {
		t.Errorf("work tree, with the key where it belongs: %+v", f)
	}
	f := look(t, scope, "secrets.scan", map[string]any{"history": true})
	if f.State != checks.Fail || f.Problems[0].File != "conf/a.py" || !strings.Contains(f.Problems[0].Text, "in commit") {
		t.Errorf("history: %+v", f)
	}
}

func TestSecrets_LinksAndLoopsLeadNowhere(t *testing.T) {
	outside := folder(t, map[string]string{"secret.py": "k = '" + awsKey() + "'\n"})
	dir := folder(t, map[string]string{"main.py": "x = 1\n"})
	for name, to := range map[string]string{"loop": ".", "out": outside, "secret.py": filepath.Join(outside, "secret.py")} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if f := look(t, &checks.Scope{Repo: dir}, "secrets.scan", nil); f.State != checks.Pass || f.Saw["files"] != 1 {
		t.Errorf("got %+v", f)
	}
}

func TestFile_SectionsCoverageAndAlternatives(t *testing.T) {
	readme := "# Agent\n\n## What it does\n\nTalks.\n\n## Getting started\n\nRun it.\n\n## Rollback\n\n"
	app := "@app.get('/health')\ndef h(): ...\n@app.post('/detect_command')\ndef d(): ...\n"
	for name, c := range map[string]struct {
		files map[string]string
		with  map[string]any
		want  checks.State
		says  string
	}{
		"there with sections":        {map[string]string{"README.md": readme}, map[string]any{"path": "README.md", "sections": []any{"features", "usage"}}, checks.Pass, ""},
		"a section is missing":       {map[string]string{"README.md": readme}, map[string]any{"path": "README.md", "sections": []any{"licence"}}, checks.Warn, "no section about licence"},
		"a section is empty":         {map[string]string{"README.md": readme}, map[string]any{"path": "README.md", "sections": []any{"rollback"}}, checks.Warn, "no section about rollback"},
		"missing":                    {map[string]string{"a": "b"}, map[string]any{"path": "README.md"}, checks.Warn, "there is no README.md"},
		"empty":                      {map[string]string{"README.md": " \n"}, map[string]any{"path": "README.md"}, checks.Warn, "is empty"},
		"one of several":             {map[string]string{"app/__init__.py": ""}, map[string]any{"glob": []any{"main.py", "app/__init__.py"}}, checks.Pass, ""},
		"none of several":            {map[string]string{"a": "b"}, map[string]any{"glob": []any{"main.py", "cmd/*/main.go"}}, checks.Warn, "there is no main.py or cmd"},
		"a folder":                   {map[string]string{"migrations/1.sql": "x"}, map[string]any{"glob": []any{"migrations"}}, checks.Pass, ""},
		"a heading stands for it":    {map[string]string{"README.md": "# A\n\n## Known issues\n\nNone.\n"}, map[string]any{"glob": []any{"TROUBLESHOOTING.md"}, "else_section": "troubleshooting"}, checks.Pass, ""},
		"one per environment":        {map[string]string{".env.dev": "A=1", "config/production.yaml": "a: 1"}, map[string]any{"glob": []any{".env.{env}", "config/{env}.*"}, "per": []any{"dev", "production"}}, checks.Pass, ""},
		"one environment is missing": {map[string]string{".env.dev": "A=1"}, map[string]any{"glob": []any{".env.{env}"}, "per": []any{"dev", "production"}}, checks.Warn, ".env.production"},
		"all routes documented":      {map[string]string{"app.py": app, "docs/api.md": "`GET /health` `POST /detect_command`"}, map[string]any{"glob": "docs/api*", "covers": "routes"}, checks.Pass, ""},
		"a route is not":             {map[string]string{"app.py": app, "docs/api.md": "`GET /healthz`, `POST /detect_command`"}, map[string]any{"glob": "docs/api*", "covers": "routes"}, checks.Warn, "/health is documented nowhere"},
		"codes":                      {map[string]string{"docs/api.md": "200 400"}, map[string]any{"glob": "docs/api*", "covers": "codes", "codes": []any{200, 413}}, checks.Warn, "413 is documented nowhere"},
		"no database":                {map[string]string{"main.py": "import os"}, map[string]any{"glob": "docs/schema*", "optional": "no-db"}, checks.NotApplied, "no database"},
		"a database":                 {map[string]string{"main.py": "import sqlalchemy"}, map[string]any{"glob": "docs/schema*", "optional": "no-db"}, checks.Warn, "there is no docs/schema"},
		"the set of documents":       {map[string]string{"README.md": readme + "\n## Troubleshooting\n\nx\n", "DEPLOYMENT.md": "x", "openapi.json": "{}"}, map[string]any{"set": "docs"}, checks.Pass, ""},
		"a pattern":                  {map[string]string{"README.md": readme}, map[string]any{"path": "README.md", "re": "Nowhere"}, checks.Warn, "nothing in it fits"},
		"nothing asked":              {map[string]string{"README.md": readme}, nil, checks.Inconclusive, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := look(t, &checks.Scope{Repo: folder(t, c.files)}, "file.present", c.with)
			if f.State != c.want || !strings.Contains(fmt.Sprintf("%+v", f), c.says) {
				t.Errorf("got %+v", f)
			}
		})
	}
}

func TestDeps_ImportsAndRanges(t *testing.T) {
	main := "import os, json\nimport fastapi\nfrom pipecat.frames import x\nimport yaml as y\nfrom app import z\n"
	all := map[string]any{"mode": "all-imports-declared"}
	pipecat := map[string]any{"package": []any{"pipecat-ai"}, "range": ">=0.0.50"}
	for name, c := range map[string]struct {
		files map[string]string
		with  map[string]any
		want  checks.State
		says  string
	}{
		"all declared":          {map[string]string{"main.py": main, "app/z.py": "", "requirements.txt": "fastapi>=0.100,<1\npipecat-ai[openai]==0.0.60\nPyYAML~=6.0\n"}, all, checks.Pass, ""},
		"one is not declared":   {map[string]string{"main.py": main, "app/z.py": "", "requirements.txt": "fastapi>=0.100\npyyaml==6\n"}, all, checks.Warn, "pipecat is imported and not declared"},
		"one without a bound":   {map[string]string{"main.py": "import fastapi", "requirements.txt": "fastapi\n"}, all, checks.Warn, "no version bound"},
		"PEP 621":               {map[string]string{"main.py": "import fastapi", "pyproject.toml": "[project]\ndependencies = [\n  \"fastapi>=0.1\",\n]\n"}, all, checks.Pass, ""},
		"poetry":                {map[string]string{"main.py": "import fastapi", "pyproject.toml": "[tool.poetry.dependencies]\npython = \"^3.11\"\nfastapi = \"^0.1\"\n"}, all, checks.Pass, ""},
		"nothing declares":      {map[string]string{"main.py": "import fastapi"}, all, checks.Warn, "nothing declares any"},
		"nothing to look at":    {map[string]string{"a.txt": "x"}, all, checks.Inconclusive, ""},
		"go":                    {map[string]string{"go.mod": "module x\n\ngo 1.26\n\nrequire github.com/a/b v1.2.3\n", "main.go": "package main"}, all, checks.Pass, ""},
		"in range":              {map[string]string{"pipecat-requirements.txt": "pipecat-ai[silero]>=0.0.62\n", "a.py": ""}, pipecat, checks.Pass, ""},
		"below the range":       {map[string]string{"requirements.txt": "pipecat-ai==0.0.39\n", "a.py": ""}, pipecat, checks.Warn, "outside >=0.0.50"},
		"open below":            {map[string]string{"requirements.txt": "pipecat-ai<1\n", "a.py": ""}, pipecat, checks.Warn, "outside"},
		"not declared":          {map[string]string{"requirements.txt": "x==1\n", "a.py": ""}, pipecat, checks.Warn, "pipecat-ai is not declared"},
		"a Go backend":          {map[string]string{"go.mod": "module x\n\ngo 1.26\n"}, pipecat, checks.NotApplied, "Go"},
		"no declarations found": {map[string]string{"a.py": ""}, pipecat, checks.Inconclusive, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := look(t, &checks.Scope{Repo: folder(t, c.files)}, "deps.constraint", c.with)
			if f.State != c.want || !strings.Contains(fmt.Sprintf("%+v", f), c.says) {
				t.Errorf("got %+v", f)
			}
		})
	}
}
