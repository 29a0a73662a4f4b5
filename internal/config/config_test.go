package config

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// vendorEnv is an environment in which julia starts.
func vendorEnv() []string {
	return []string{
		"OPENAI_API_KEY=sk-" + strings.Repeat("a", 40),
		"SPEECHMATICS_API_KEY=" + strings.Repeat("b", 32),
		"CARTESIA_API_KEY=" + strings.Repeat("c", 32),
		"SUPABASE_URL=https://abc.supabase.co",
		"SUPABASE_ANON_KEY=eyJ" + strings.Repeat("d", 40),
	}
}

// dirWith makes a folder with files.
func dirWith(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// directives reads the lines "# name: value" at the head of a corpus file.
func directives(text, name string) []string {
	var out []string
	sc := bufio.NewScanner(strings.NewReader(text))
	for sc.Scan() {
		if v, ok := strings.CutPrefix(sc.Text(), "# "+name+": "); ok {
			out = append(out, v)
		}
	}
	return out
}

func corpus(t *testing.T, kind string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", kind, "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no corpus %s: %v", kind, err)
	}
	out := map[string]string{}
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(p), ".yaml")] = string(text)
	}
	return out
}

func TestLoad_GoodFilesAreTaken(t *testing.T) {
	for name, text := range corpus(t, "good") {
		t.Run(name, func(t *testing.T) {
			_, src, err := Load(Options{Env: vendorEnv(), Dir: dirWith(t, map[string]string{DefaultFile: text})})
			if err != nil {
				t.Fatal(err)
			}
			if len(src.Warnings) > 0 {
				t.Errorf("warnings: %v", src.Warnings)
			}
		})
	}
}

func TestLoad_EveryRuleHasAFileThatBreaksIt(t *testing.T) {
	for name, text := range corpus(t, "bad") {
		t.Run(name, func(t *testing.T) {
			flags := map[string]string{}
			for _, f := range directives(text, "flag") {
				k, v, _ := strings.Cut(f, "=")
				flags[k] = v
			}
			_, _, err := Load(Options{
				Env: append(vendorEnv(), directives(text, "env")...), Flags: flags,
				Dir: dirWith(t, map[string]string{DefaultFile: text}),
			})
			var faults Faults
			if !errors.As(err, &faults) {
				t.Fatalf("got error %v, want faults", err)
			}
			if len(faults) != 1 {
				t.Errorf("got %d faults, want 1:\n%v", len(faults), err)
			}
			want := directives(text, "want")
			if len(want) != 1 || !strings.Contains(err.Error(), want[0]) {
				t.Errorf("got  %v\nwant %v", err, want)
			}
			if strings.Contains(err.Error(), "SENTINEL") {
				t.Errorf("the message tells a secret: %v", err)
			}
			if faults.ExitCode() != 2 {
				t.Errorf("got exit code %d, want 2", faults.ExitCode())
			}
		})
	}
}

func TestCOM02_AllFaultsAreReportedAtOnce(t *testing.T) {
	file := "port: http\nlimits:\n  max_session: 3\nlog: {level: loud}\n"
	_, _, err := Load(Options{
		Env:   []string{"OPENAI_API_KEY=wrong", "SPEECHMATICS_APIKEY=" + strings.Repeat("b", 32), "VOICECTL_DRAIN_TIMEOUT=soon"},
		Flags: map[string]string{"admin_addr": "nowhere"},
		Dir:   dirWith(t, map[string]string{DefaultFile: file, DefaultEnvFile: "SUPABASE_URL=not-a-url\n"}),
	})
	for _, want := range []string{
		"10 problems",
		"voicectl.yaml:1: port",
		"voicectl.yaml:3: limits.max_session",
		"voicectl.yaml:4: log.level",
		"environment: OPENAI_API_KEY",
		"SPEECHMATICS_API_KEY is not set; SPEECHMATICS_APIKEY is set: is that the one that was meant?",
		"CARTESIA_API_KEY is not set; get it at https://play.cartesia.ai/keys",
		".env:1: SUPABASE_URL",
		"SUPABASE_ANON_KEY is not set",
		"environment: VOICECTL_DRAIN_TIMEOUT",
		"admin_addr is not of the form",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("not reported: %s", want)
		}
	}
	var faults Faults
	if !errors.As(err, &faults) || len(faults) != 10 {
		t.Errorf("got %d faults, want 10:\n%v", len(faults), err)
	}
}

func TestJUL22_EachRequiredVariableIsNamedWhenItIsMissing(t *testing.T) {
	for _, pair := range vendorEnv() {
		name, _, _ := strings.Cut(pair, "=")
		t.Run(name, func(t *testing.T) {
			var env []string
			for _, p := range vendorEnv() {
				if !strings.HasPrefix(p, name+"=") {
					env = append(env, p)
				}
			}
			for what, env := range map[string][]string{"left out": env, "empty": append(env, name+"=")} {
				_, _, err := Load(Options{Env: env, Dir: t.TempDir()})
				var faults Faults
				if !errors.As(err, &faults) || len(faults) != 1 || faults[0].Key != name {
					t.Errorf("%s: got %v, want one fault that names %s", what, err, name)
				}
				if _, _, err := Load(Options{Env: env, Dir: t.TempDir(), Flags: map[string]string{"sandbox": "true"}}); err != nil {
					t.Errorf("%s: refused with the sandbox: %v", what, err)
				}
			}
		})
	}
}

func TestLoad_PrecedenceIsFlagEnvironmentEnvFileFileDefault(t *testing.T) {
	file := map[string]string{DefaultFile: "data_dir: from-file\n"}
	both := map[string]string{DefaultFile: file[DefaultFile], DefaultEnvFile: "# comment\nVOICECTL_DATA_DIR=from-dotenv\n"}
	env := []string{"VOICECTL_DATA_DIR=from-environment"}
	cases := []struct {
		name, want, source string
		files              map[string]string
		env                []string
		flags              map[string]string
	}{
		{name: "default", want: "data", source: "default"},
		{name: "file", want: "from-file", source: "voicectl.yaml:1", files: file},
		{name: ".env", want: "from-dotenv", source: ".env:2 VOICECTL_DATA_DIR", files: both},
		{name: "environment", want: "from-environment", source: "environment VOICECTL_DATA_DIR", files: both, env: env},
		{name: "flag", want: "from-flag", source: "flag --data-dir", files: both, env: env, flags: map[string]string{"data_dir": "from-flag"}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			cfg, src, err := Load(Options{Env: append(vendorEnv(), tc.env...), Dir: dirWith(t, tc.files), Flags: tc.flags})
			if err != nil {
				t.Fatal(err)
			}
			if cfg.DataDir != tc.want {
				t.Errorf("got %q, want %q", cfg.DataDir, tc.want)
			}
			for _, v := range src.Values {
				if v.Key == "data_dir" && (v.Source != tc.source || v.Value != tc.want) {
					t.Errorf("got source %+v, want %s", v, tc.source)
				}
			}
		})
	}
}

func TestLoad_PortStandsBetweenItsFlagAndEverythingElse(t *testing.T) {
	cases := []struct {
		name     string
		env      []string
		flags    map[string]string
		files    map[string]string
		port     int
		host     string
		wantHost string
	}{
		{name: "nothing", port: 8000, wantHost: "127.0.0.1"},
		{name: "PORT", env: []string{"PORT=5000"}, port: 5000, wantHost: "0.0.0.0"},
		{name: "PORT over VOICECTL_PORT", env: []string{"PORT=5000", "VOICECTL_PORT=6000"}, port: 5000, wantHost: "0.0.0.0"},
		{name: "VOICECTL_PORT alone keeps loopback", env: []string{"VOICECTL_PORT=6000"}, port: 6000, wantHost: "127.0.0.1"},
		{name: "PORT over the file", env: []string{"PORT=5000"}, files: map[string]string{DefaultFile: "port: 7000\n"}, port: 5000, wantHost: "0.0.0.0"},
		{name: "flag over PORT", env: []string{"PORT=5000"}, flags: map[string]string{"port": "0"}, port: 0, wantHost: "127.0.0.1"},
		{name: "host that was chosen stays", env: []string{"PORT=5000", "VOICECTL_HOST=127.0.0.2"}, port: 5000, wantHost: "127.0.0.2"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			cfg, _, err := Load(Options{Env: append(vendorEnv(), tc.env...), Flags: tc.flags, Dir: dirWith(t, tc.files)})
			if err != nil {
				t.Fatal(err)
			}
			if cfg.Port != tc.port || cfg.Host != tc.wantHost {
				t.Errorf("got %s:%d, want %s:%d", cfg.Host, cfg.Port, tc.wantHost, tc.port)
			}
		})
	}
}

func TestLoad_DefaultsAreTyped(t *testing.T) {
	cfg, src, err := Load(Options{Env: vendorEnv(), Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.Providers.Supabase.Functions["web_search"]; got != "web-search-tool" {
		t.Errorf("functions: got %q", got)
	}
	if cfg.DrainTimeout != 25*time.Second || cfg.Archive.TextRetention != 90*24*time.Hour || !cfg.Turn.BargeIn {
		t.Errorf("got %v %v %v", cfg.DrainTimeout, cfg.Archive.TextRetention, cfg.Turn.BargeIn)
	}
	if cfg.Providers.OpenAI.APIKey.Len() != 43 || cfg.Providers.OpenAI.BaseURL != "https://api.openai.com/v1" {
		t.Errorf("openai: %+v", cfg.Providers.OpenAI)
	}
	if cfg.Log.Level != "info" || cfg.Environment != "development" || cfg.Tools.ReportLevel != "name" {
		t.Errorf("got %+v %s %+v", cfg.Log, cfg.Environment, cfg.Tools)
	}
	for _, v := range src.Values {
		if strings.Contains(v.Value, "aaaa") || strings.Contains(v.Value, "bbbb") || strings.Contains(v.Value, "dddd") {
			t.Errorf("sources tell a secret: %+v", v)
		}
	}
}

func TestLoad_FileValuesArriveWhereTheyBelong(t *testing.T) {
	cfg, _, err := Load(Options{Env: vendorEnv(), Dir: dirWith(t, map[string]string{DefaultFile: corpus(t, "good")["everything"]})})
	if err != nil {
		t.Fatal(err)
	}
	functions := cfg.Providers.Supabase.Functions
	switch {
	case cfg.PublicURL != "https://agent.example.com" || cfg.BasePath != "/v4/project/app":
		t.Errorf("slashes: %q %q", cfg.PublicURL, cfg.BasePath)
	case cfg.AdminAddr != "":
		t.Errorf("admin_addr off: got %q", cfg.AdminAddr)
	case cfg.Providers.Twilio.Number != "+15550001234":
		t.Errorf("number lost its plus: %q", cfg.Providers.Twilio.Number)
	case functions["query_transactions"] != "my-transactions" || functions["web_search"] != "web-search-tool":
		t.Errorf("one function replaces one: %v", functions)
	case cfg.Providers.OpenAI.Temperature != 0 || cfg.Limits.PerIP != 0:
		t.Error("a zero that was written is not the default")
	case cfg.Log.Level != "warn" || cfg.Environment != "staging":
		t.Errorf("words are not in one form: %q %q", cfg.Log.Level, cfg.Environment)
	case len(cfg.Auth.AllowedOrigins) != 2 || len(cfg.Tools.MailDomains) != 2:
		t.Errorf("lists: %v %v", cfg.Auth.AllowedOrigins, cfg.Tools.MailDomains)
	}
}

func TestLoad_TheSpecificVoiceWins(t *testing.T) {
	general, specific := "VOICE_ID=11111111-1111-1111-1111-111111111111", "CARTESIA_VOICE_ID=22222222-2222-2222-2222-222222222222"
	cfg, _, err := Load(Options{Env: append(vendorEnv(), general), Dir: t.TempDir()})
	if err != nil || cfg.Providers.Cartesia.Voice[0] != '1' {
		t.Errorf("general alone: %v %v", cfg, err)
	}
	cfg, _, err = Load(Options{Env: append(vendorEnv(), specific, general), Dir: t.TempDir()})
	if err != nil || cfg.Providers.Cartesia.Voice[0] != '2' {
		t.Errorf("both: %v %v", cfg, err)
	}
	_, src, err := Load(Options{Env: append(vendorEnv(), "VOICE_ID=julia"), Dir: t.TempDir()})
	if err != nil || len(src.Warnings) != 1 || !strings.Contains(src.Warnings[0], "VOICE_ID is \"julia\", want a UUID") {
		t.Errorf("a voice that is no UUID is one warning, got %v %v", src.Warnings, err)
	}
}

func TestLoad_Warnings(t *testing.T) {
	_, src, err := Load(Options{
		Env:      append(vendorEnv(), "VOICECTL_LIMITS_PERIP=3", "VOICECTL_RATE=1"),
		KnownEnv: []string{"VOICECTL_RATE"},
		Dir:      dirWith(t, map[string]string{DefaultFile: "auth:\n  api_keys: [SENTINEL]\n"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(src.Warnings, "\n")
	if len(src.Warnings) != 2 || strings.Contains(all, "SENTINEL") ||
		!strings.Contains(all, "voicectl.yaml:2: auth.api_keys is a secret in a file") ||
		!strings.Contains(all, "VOICECTL_LIMITS_PERIP is not a variable that voicectl reads; did you mean VOICECTL_LIMITS_PER_IP?") {
		t.Errorf("got:\n%s", all)
	}
}

func TestLoad_FilesThatAreNamedMustExistAndBeReadable(t *testing.T) {
	dir := dirWith(t, map[string]string{
		"broken.env": "A=1\nOPENAI_API_KEY=\"SENTINEL\nB=2\n",
		"other.env":  "export SUPABASE_URL='https://other.supabase.co' # the other one\n",
		"huge.yaml":  strings.Repeat("# filler\n", maxFileBytes/9+1),
	})
	cases := map[string]struct {
		o    Options
		want string
	}{
		"configuration": {Options{File: "none.yaml"}, "none.yaml: does not exist"},
		"environment":   {Options{EnvFile: "none.env"}, "none.env: does not exist"},
		"folder":        {Options{File: "."}, "is a directory"},
		"too large":     {Options{File: "huge.yaml"}, "is larger than 1048576 bytes"},
		"broken .env":   {Options{EnvFile: "broken.env"}, "broken.env:2: cannot be read as NAME=value lines"},
	}
	for name, tc := range cases {
		tc.o.Dir, tc.o.Env = dir, vendorEnv()
		_, _, err := Load(tc.o)
		var faults Faults
		if !errors.As(err, &faults) || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "SENTINEL") {
			t.Errorf("%s: got %v, want %s", name, err, tc.want)
		}
	}
	env := vendorEnv()[:3]
	cfg, _, err := Load(Options{Dir: dir, Env: append(env, vendorEnv()[4]), EnvFile: "other.env"})
	if err != nil || cfg.Providers.Supabase.URL != "https://other.supabase.co" {
		t.Errorf("named .env: %v", err)
	}
}
