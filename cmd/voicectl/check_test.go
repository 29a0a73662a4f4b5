package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/checks"
)

// put writes files below a folder.
func put(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[name]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

const mine = `checklist: mine
version: 1.0.0
title: Ours
checks:
  - {id: m.key, title: The key is set, uses: env.present, with: {names: [OUR_KEY]}, area: [env], tags: [ci]}
  - {id: m.readme, title: There is a readme, uses: file.present, with: {path: README.md}, severity: warn, area: [docs]}
  - {id: m.split, title: Environments are apart, uses: env.distinct, with: {between: [staging, production]}, area: [env]}
  - {id: m.site, title: It answers, uses: webhook.twiml, area: [api]}
`

func TestCheck_ExitCodesOfEveryOutcome(t *testing.T) {
	good := map[string]string{
		"mine.yaml": mine, "README.md": "# Us\n", ".env": "OUR_KEY=k3Jx9Qz7Lm2V\n", ".env.staging": "OUR_KEY=aaaaaaa1\n", ".env.production": "OUR_KEY=bbbbbbb2\n",
	}
	with := func(changes map[string]string) map[string]string {
		out := maps.Clone(good)
		for name, text := range changes {
			out[name] = text
			if text == "" {
				delete(out, name)
			}
		}
		return out
	}
	base := []string{"check", "--checklist", "mine.yaml"}
	for name, c := range map[string]struct {
		files   map[string]string
		args    []string
		want    int
		verdict checks.Verdict // "" = no report
	}{
		"green":                         {good, base, 0, checks.VerdictPass},
		"a failure":                     {with(map[string]string{".env": "OUR_KEY=\n"}), base, 1, checks.VerdictFail},
		"a warning":                     {with(map[string]string{"README.md": ""}), base, 0, checks.VerdictPass},
		"a warning that shall fail":     {with(map[string]string{"README.md": ""}), append(base, "--fail-on", "warn"), 1, checks.VerdictFail},
		"a skip":                        {with(map[string]string{".env.staging": ""}), base, 3, checks.VerdictInconclusive},
		"a skip that is allowed":        {with(map[string]string{".env.staging": ""}), append(base, "--allow-skip"), 0, checks.VerdictPass},
		"a waived failure":              {with(map[string]string{".env": "OUR_KEY=\n", "voicectl.waivers.yaml": "waivers: [{check: m.key, owner: kim, reason: known, expires: 2099-01-01T00:00:00Z}]\n"}), base, 0, checks.VerdictPass},
		"an expired waiver":             {with(map[string]string{".env": "OUR_KEY=\n", "voicectl.waivers.yaml": "waivers: [{check: m.key, owner: kim, reason: known, expires: 2020-01-01T00:00:00Z}]\n"}), base, 1, checks.VerdictFail},
		"a waiver of nothing":           {with(map[string]string{"voicectl.waivers.yaml": "waivers: [{check: m.kye, owner: kim, reason: known, expires: 2099-01-01T00:00:00Z}]\n"}), base, 2, ""},
		"does not apply, by an overlay": {with(map[string]string{".env": "OUR_KEY=\n", "o.yaml": "overlay: o\nchanges: [{check: m.key, does_not_apply: we have none}]\n"}), append(base, "--overlay", "o.yaml"), 0, checks.VerdictPass},
		"nothing selected":              {good, append(base, "--only", "m.site"), 2, checks.VerdictInconclusive},
		"an unknown check":              {good, append(base, "--only", "m.kye"), 2, ""},
		"an unknown area":               {good, append(base, "evn"), 2, ""},
		"an unknown tag":                {good, append(base, "-t", "cd"), 2, ""},
		"a tag":                         {good, append(base, "-t", "ci"), 0, checks.VerdictPass},
		"an area":                       {with(map[string]string{".env": "OUR_KEY=\n"}), append(base, "docs"), 0, checks.VerdictPass},
		"a broken checklist":            {with(map[string]string{"mine.yaml": strings.Replace(mine, "uses: env.present", "use: env.present", 1)}), base, 2, ""},
		"an unknown kind":               {with(map[string]string{"mine.yaml": strings.Replace(mine, "env.present", "env.prezent", 1)}), base, 2, ""},
		"no such file":                  {good, []string{"check", "--checklist", "theirs.yaml"}, 2, ""},
		"an unknown flag":               {good, append(base, "--nope"), 2, ""},
		"two URLs":                      {good, append(base, "http://a.example", "http://b.example"), 2, ""},
		"a URL that is none":            {good, append(base, "ftp://a.example"), 2, ""},
		"nothing listens":               {good, append(base, "http://127.0.0.1:1", "--only", "m.site"), 3, checks.VerdictInconclusive},
		"lint":                          {good, append(base, "--lint"), 0, ""},
		"lint of a broken list":         {with(map[string]string{"mine.yaml": "checklist: x\nchecks: []\n"}), append(base, "--lint"), 2, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, out, talk := testProc(t, append(slices.Clone(c.args), "-o", "json")...)
			put(t, p.Dir, c.files)
			if got := run(t.Context(), p); got != c.want {
				t.Errorf("exit code %d, want %d\n%s\n%s", got, c.want, out, talk)
			}
			if c.verdict == "" {
				if out.Len() != 0 {
					t.Errorf("stdout: %s", out)
				}
				return
			}
			var r checks.Report
			if err := json.Unmarshal(out.Bytes(), &r); err != nil {
				t.Fatalf("stdout is no JSON: %v\n%s", err, out)
			}
			if r.Verdict != c.verdict || r.ExitCode != c.want || r.SchemaVersion != 1 {
				t.Errorf("report says %s, %d", r.Verdict, r.ExitCode)
			}
		})
	}
}

func TestCheck_InterruptedWritesWhatItHas(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // so that the server notices when the client goes
		cancel()
		<-r.Context().Done()
	}))
	defer server.Close()
	p, out, _ := testProc(t, "check", server.URL, "--checklist", "mine.yaml", "--repo", ".", "-o", "json")
	put(t, p.Dir, map[string]string{"mine.yaml": mine, "README.md": "# Us\n", ".env": "OUR_KEY=k3Jx9Qz7Lm2V\n"})
	if got := run(ctx, p); got != 130 {
		t.Errorf("exit code %d", got)
	}
	var r checks.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil || !r.Interrupted || r.ExitCode != 130 || len(r.Findings) != 4 {
		t.Errorf("report %+v: %v", r, err)
	}
}

func TestCheck_APanicInAKindIsAnErrorOfThatCheck(t *testing.T) {
	p, out, talk := testProc(t, "check")
	put(t, p.Dir, map[string]string{"mine.yaml": strings.Replace(mine, "env.present, with: {names: [OUR_KEY]}", "boom", 1), "README.md": "# Us\n"})
	o := &CheckOptions{proc: p, checklists: []string{"mine.yaml"}, failOn: "fail", state: ".voicectl", deadline: 1 << 40, waivers: "none.yaml", scope: scopeOptions{profile: "any"}}
	o.output = &outputs{allowed: []string{"json"}}
	o.kinds = newCheckKinds()
	o.kinds["boom"] = &checks.Kind{Name: "boom", Look: func(context.Context, *checks.Scope, checks.Values) (checks.Observation, error) { panic("boom") }}
	err := runCheck(t.Context(), o)
	var r checks.Report
	if jerr := json.Unmarshal(out.Bytes(), &r); jerr != nil || r.Findings[0].State != checks.Error || exitCodeOf(t.Context(), err) != 3 {
		t.Errorf("%v %v\n%s\n%s", err, jerr, out, talk)
	}
}

// Sentinels stand in every place from which a secret can come; none may be found in anything that is written.
func TestCheck_NoSecretLeaves(t *testing.T) {
	const inFile, inProcess, inURL, inToken = "Zq8-sentinel-File-4fJq82hQ", "Zq8-sentinel-Proc-4fJq82hQ", "Zq8SentinelUrl4fJq82hQ", "Zq8-sentinel-Token-4fJq82hQ"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A backend that echoes all it is sent.
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = fmt.Fprintf(w, "%s %s %v %s", r.Method, r.URL, r.Header, body)
	}))
	defer server.Close()
	target := strings.Replace(server.URL, "http://", "http://user:"+inURL+"@", 1)
	formats := []string{"json", "junit", "sarif", "markdown", "html", "github"}
	args := []string{"check", target, "--repo", ".", "--checklist", "mine.yaml", "--checklist", "url", "--events"}
	for _, f := range formats {
		args = append(args, "-o", f+"=out."+f)
	}
	p, out, talk := testProc(t, args...)
	p.Env = []string{"OPENAI_API_KEY=" + inProcess, "VOICECTL_TOKEN=" + inToken}
	put(t, p.Dir, map[string]string{
		"mine.yaml": mine + "  - {id: m.scan, title: No secrets, uses: secrets.scan}\n  - {id: m.shape, title: Shape, uses: env.pattern, with: {name: OUR_KEY, prefix: sk-}}\n",
		".env":      "OUR_KEY=" + inFile + "\nOPENAI_API_KEY=x\n", "leak.py": "url = 'postgres://app:" + inFile + "@db/x'\n", ".env.staging": "OUR_KEY=" + inFile, ".env.production": "OUR_KEY=" + inFile,
	})
	if code := run(t.Context(), p); code == 0 {
		t.Errorf("exit code 0\n%s\n%s", out, talk)
	}
	texts := map[string]string{"stdout": out.String(), "stderr": talk.String()}
	err := filepath.WalkDir(p.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".env") || d.Name() == "leak.py" {
			return err
		}
		b, err := os.ReadFile(path)
		texts[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(texts) < 2+len(formats)+2 {
		t.Fatalf("only %d artefacts", len(texts))
	}
	for name, text := range texts {
		if strings.Contains(strings.ToLower(text), "sentinel") {
			i := strings.Index(strings.ToLower(text), "sentinel")
			t.Errorf("%s tells a secret: …%s…", name, text[max(0, i-80):min(len(text), i+40)])
		}
	}
	for line := range strings.Lines(out.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("an event is no JSON: %s", line)
		}
	}
}

func TestRunsAndDiff_TellWhatChanged(t *testing.T) {
	p, _, talk := testProc(t, "check", "--checklist", "mine.yaml", "-t", "ci")
	put(t, p.Dir, map[string]string{"mine.yaml": mine, ".env": "OUR_KEY=k3Jx9Qz7Lm2V\n"})
	do := func(want int, args ...string) string {
		t.Helper()
		p.Args = args
		out := p.UI.Out.(interface {
			Reset()
			String() string
		})
		out.Reset()
		if got := run(t.Context(), p); got != want {
			t.Fatalf("%v: exit code %d, want %d\n%s%s", args, got, want, out, talk)
		}
		return out.String()
	}
	do(0, "runs")
	do(0, "check", "--checklist", "mine.yaml", "-t", "ci")
	put(t, p.Dir, map[string]string{".env": "OUR_KEY=\nA=b\n"})
	do(1, "check", "--checklist", "mine.yaml", "-t", "ci")
	if rows := do(0, "runs"); strings.Count(rows, "\n") != 3 || !strings.Contains(rows, "fail") {
		t.Errorf("runs:\n%s", rows)
	}
	if text := do(1, "diff", "last~1", "last"); !strings.Contains(text, "m.key") || !strings.Contains(text, "1 worse") {
		t.Errorf("diff:\n%s", text)
	}
	do(0, "diff", "last", "last~1")
	do(2, "diff", "last~7", "last")
}
