package env_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/kind/env"
	"github.com/voicectl/voicectl/internal/clock"
)

// look makes one look through the engine, as a check would.
func look(t *testing.T, scope *checks.Scope, uses string, with map[string]any) checks.Finding {
	t.Helper()
	kinds := checks.Kinds{}
	for _, k := range env.Kinds() {
		kinds[k.Name] = k
	}
	secrets := map[string]string{}
	for n, v := range scope.Env {
		secrets[n] = v.Value
	}
	scope.Clock, scope.Mask = clock.Real{}, checks.NewMask("salt", secrets)
	p, err := checks.Compile([]checks.Checklist{{ID: "t", Checks: []checks.Check{{ID: "t", Steps: []checks.Step{{Uses: uses, With: with}}}}}}, kinds, checks.Selection{}, scope)
	if err != nil {
		t.Fatal(err)
	}
	f := checks.Run(context.Background(), p, checks.RunOptions{})[0]
	for n, v := range scope.Env {
		if len(v.Value) > 5 && strings.Contains(fmt.Sprintf("%+v", f), v.Value) {
			t.Errorf("the value of %s is told: %+v", n, f)
		}
	}
	return f
}

func vars(pairs ...string) checks.Env {
	e := checks.Env{}
	for i := 0; i+1 < len(pairs); i += 2 {
		e[pairs[i]] = checks.Variable{Value: pairs[i+1], Source: fmt.Sprintf(".env:%d", i/2+1)}
	}
	return e
}

const realKey = "sk-proj-4fJq82hQzLm0Xw7Tn5Vb"

func TestPresent_RedGreenAndOutOfScope(t *testing.T) {
	with := map[string]any{"names": []any{"OPENAI_API_KEY", "VOICE_ID"}}
	for name, c := range map[string]struct {
		env  checks.Env
		want checks.State
		says string
	}{
		"all set":        {vars("OPENAI_API_KEY", realKey, "VOICE_ID", "x-1234567"), checks.Pass, "fingerprint"},
		"one is missing": {vars("OPENAI_API_KEY", realKey), checks.Fail, "VOICE_ID is not set"},
		"one is empty":   {vars("OPENAI_API_KEY", realKey, "VOICE_ID", "  "), checks.Fail, "VOICE_ID is empty"},
		"no environment": {nil, checks.Elsewhere, "needs the environment"},
	} {
		t.Run(name, func(t *testing.T) {
			f := look(t, &checks.Scope{Env: c.env}, "env.present", with)
			if f.State != c.want || !strings.Contains(fmt.Sprintf("%+v", f), c.says) {
				t.Errorf("got %+v", f)
			}
		})
	}
	f := look(t, &checks.Scope{Env: vars("A", "b")}, "env.present", map[string]any{"set": "phone.required"})
	if f.State != checks.Fail || len(f.Problems) != 5 || !strings.Contains(f.Fix.Text, "TWILIO_AUTH_TOKEN") {
		t.Errorf("got %+v", f)
	}
}

func TestPattern_EachShapeTellsRightFromWrong(t *testing.T) {
	sid := "AC" + strings.Repeat("0a", 16)
	for name, c := range map[string]struct {
		with        map[string]any
		good, wrong []string
	}{
		"uuid":   {map[string]any{"preset": "uuid"}, []string{"6926713d-5a3c-4d5c-9a1e-0242ac120002"}, []string{"voice", "6926713d5a3c4d5c9a1e0242ac120002"}},
		"url":    {map[string]any{"preset": "https-url"}, []string{"https://abc.supabase.co", "http://127.0.0.1:9100/supabase"}, []string{"http://abc.supabase.co", "abc.supabase.co", "https://u:p@x.co", "https://x.co?a=1"}},
		"jwt":    {map[string]any{"preset": "jwt"}, []string{"aaa.bbb.ccc"}, []string{"aaa", "a b.c.d"}},
		"real":   {map[string]any{"preset": "not-placeholder"}, []string{realKey, "a-Real-value", "hf_abcDEF123456"}, []string{"<your key>", "your-api-key", "sk-...", "sk-xxxxxxxxxxxx", "changeme", "CHANGE_ME", "paste-key-here", "xxxxxxxx", "https://your-project.supabase.co", "AC00000000000000000000000000000000", "${KEY}"}},
		"prefix": {map[string]any{"prefix": "sk-"}, []string{realKey}, []string{"sk-", "pk-4fJq82hQzLm0Xw7Tn5Vb", "sk-your-key"}},
		"eq":     {map[string]any{"eq": "INFO"}, []string{"INFO", "info"}, []string{"DEBUG"}},
		"re":     {map[string]any{"re": "^AC[0-9a-fA-F]{32}$"}, []string{sid}, []string{sid + "0", "SK" + sid[2:]}},
	} {
		t.Run(name, func(t *testing.T) {
			check := func(value string, want checks.State) {
				with := maps.Clone(c.with)
				with["name"] = "VALUE"
				if f := look(t, &checks.Scope{Env: vars("VALUE", value)}, "env.pattern", with); f.State != want {
					t.Errorf("%q: got %s, want %s", value, f.State, want)
				}
			}
			for _, v := range c.good {
				check(v, checks.Pass)
			}
			for _, v := range c.wrong {
				check(v, checks.Fail)
			}
		})
	}
	optional := map[string]any{"name": "VOICE_ID", "preset": "uuid", "required": false}
	if f := look(t, &checks.Scope{Env: vars("A", "b")}, "env.pattern", optional); f.State != checks.NotApplied {
		t.Errorf("optional and not set: %s", f.State)
	}
	if f := look(t, &checks.Scope{Env: vars("A", "b")}, "env.pattern", map[string]any{"name": "A", "re": "("}); f.State != checks.Error {
		t.Errorf("a broken pattern: %s", f.State)
	}
}

func TestDistinct_FindsASharedSecretUnderAnotherName(t *testing.T) {
	with := map[string]any{"between": []any{"staging", "production"}}
	scope := func(staging, production checks.Env) *checks.Scope {
		return &checks.Scope{EnvFiles: map[string]checks.Env{"staging": staging, "production": production}}
	}
	for name, c := range map[string]struct {
		scope *checks.Scope
		want  checks.State
	}{
		"nothing shared":        {scope(vars("API_KEY", "aaaaaaa1", "LOG_LEVEL", "INFO"), vars("API_KEY", "bbbbbbb2", "LOG_LEVEL", "INFO")), checks.Pass},
		"the same key":          {scope(vars("API_KEY", "aaaaaaa1"), vars("API_KEY", "aaaaaaa1")), checks.Fail},
		"under another name":    {scope(vars("OLD_TOKEN", "aaaaaaa1"), vars("API_KEY", "aaaaaaa1")), checks.Fail},
		"one file is not given": {&checks.Scope{EnvFiles: map[string]checks.Env{"staging": vars("API_KEY", "aaaaaaa1")}}, checks.Skip},
		"no secret anywhere":    {scope(vars("LOG_LEVEL", "INFO"), vars("LOG_LEVEL", "INFO")), checks.Inconclusive},
	} {
		t.Run(name, func(t *testing.T) {
			f := look(t, c.scope, "env.distinct", with)
			if f.State != c.want || strings.Contains(fmt.Sprintf("%+v", f), "aaaaaaa1") {
				t.Errorf("got %+v", f)
			}
		})
	}
}

func repo(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[name]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestDocumented_FindsWhatIsReadAndNotListedAndWhatIsDead(t *testing.T) {
	main := "import os\nA = os.environ['API_KEY']\nB = os.getenv(\"DB_URL\", '')\nhome = os.getenv('HOME')\n"
	for name, c := range map[string]struct {
		files map[string]string
		with  map[string]any
		want  checks.State
		says  []string
	}{
		"all listed":       {map[string]string{"main.py": main, ".env.example": "API_KEY=\nDB_URL=\n"}, nil, checks.Pass, nil},
		"in the readme":    {map[string]string{"main.py": main, ".env.example": "# key\nAPI_KEY=\n", "README.md": "Set `DB_URL`."}, nil, checks.Pass, nil},
		"one not listed":   {map[string]string{"main.py": main, ".env.example": "API_KEY=\n"}, nil, checks.Warn, []string{"main.py", "3", "DB_URL is read"}},
		"one is dead":      {map[string]string{"main.py": main, ".env.example": "API_KEY=\nDB_URL=\nOLD_THING=1\n"}, nil, checks.Warn, []string{"OLD_THING is listed"}},
		"read by compose":  {map[string]string{"main.py": main, "docker-compose.yml": "environment: [OLD_THING]", ".env.example": "API_KEY=\nDB_URL=\nOLD_THING=1\n"}, nil, checks.Pass, nil},
		"without words":    {map[string]string{"main.py": main, ".env.example": "# the key\nAPI_KEY=\n\nDB_URL=\n"}, map[string]any{"descriptions": true}, checks.Warn, []string{"DB_URL has no word"}},
		"no example":       {map[string]string{"main.py": main}, nil, checks.Warn, []string{"API_KEY is read"}},
		"nothing is read":  {map[string]string{"main.py": "print(1)"}, nil, checks.Inconclusive, nil},
		"other languages":  {map[string]string{"a.ts": "process.env.TS_ONE", "b.go": `os.LookupEnv("GO_ONE")`, ".env.example": "TS_ONE=\n"}, nil, checks.Warn, []string{"GO_ONE is read"}},
		"installed code":   {map[string]string{"main.py": main, "venv/lib/x.py": "os.getenv('INSIDE_VENV')", ".env.example": "API_KEY=\nDB_URL=\n"}, nil, checks.Pass, nil},
		"tests may differ": {map[string]string{"main.py": main, "tests/test_a.py": "os.getenv('ONLY_TEST')", ".env.example": "API_KEY=\nDB_URL=\n"}, nil, checks.Pass, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := look(t, &checks.Scope{Repo: repo(t, c.files)}, "env.documented", c.with)
			text := fmt.Sprintf("%+v", f)
			if f.State != c.want {
				t.Errorf("got %s", text)
			}
			for _, s := range c.says {
				if !strings.Contains(text, s) {
					t.Errorf("%q is not said: %s", s, text)
				}
			}
		})
	}
}
