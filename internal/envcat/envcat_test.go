package envcat

import (
	"strings"
	"testing"
)

func load(t *testing.T) *Catalogue {
	t.Helper()
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// goodJulia has every variable that julia needs, in the form that the vendors give out.
func goodJulia() map[string]string {
	return map[string]string{
		"OPENAI_API_KEY":       "sk-" + strings.Repeat("a", 40),
		"SPEECHMATICS_API_KEY": strings.Repeat("b", 32),
		"CARTESIA_API_KEY":     "sk_car_" + strings.Repeat("c", 20),
		"SUPABASE_URL":         "https://abc.supabase.co",
		"SUPABASE_ANON_KEY":    "sb_publishable_" + strings.Repeat("d", 20),
	}
}

func validate(c *Catalogue, profile string, sandbox bool, values map[string]string) map[string]Problem {
	out := map[string]Problem{}
	for _, p := range c.Validate(profile, sandbox, func(v Var) string { return values[v.Name] }) {
		out[p.Var.Name] = p
	}
	return out
}

func TestJUL22_RequiredVariablesAreAllNamedAtOnce(t *testing.T) {
	c := load(t)
	got := validate(c, "julia", false, nil)
	want := []string{"OPENAI_API_KEY", "SPEECHMATICS_API_KEY", "CARTESIA_API_KEY", "SUPABASE_URL", "SUPABASE_ANON_KEY"}
	if len(got) != len(want) {
		t.Errorf("got %d problems %v, want exactly %v", len(got), got, want)
	}
	for _, name := range want {
		if !got[name].Missing {
			t.Errorf("%s: not reported as missing", name)
		}
	}
	if p := validate(c, "julia", false, goodJulia()); len(p) != 0 {
		t.Errorf("a complete environment without VOICE_ID has problems: %v", p)
	}
	if p := validate(c, "julia", true, nil); len(p) != 0 {
		t.Errorf("with the sandbox nothing is required, got %v", p)
	}
}

func TestPHO21_PhoneNeedsTwilioAndCartesia(t *testing.T) {
	got := validate(load(t), "phone", false, nil)
	for _, name := range []string{"TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "CARTESIA_API_KEY"} {
		if !got[name].Missing {
			t.Errorf("%s: not reported as missing", name)
		}
	}
	if _, ok := got["SUPABASE_URL"]; ok {
		t.Error("SUPABASE_URL is asked for by an agent that does not use it")
	}
}

func TestCatalogue_GarbledValuesAreRefused(t *testing.T) {
	c := load(t)
	cases := []struct {
		name, variable, value string
		soft                  bool
		also                  map[string]string
		fine                  bool
	}{
		{name: "openai key of another form", variable: "OPENAI_API_KEY", value: "0123456789012345678901234"},
		{name: "openai key with a space", variable: "OPENAI_API_KEY", value: "sk-aaaaaaaaaaaaaaaaaaaa aaaa"},
		{name: "openai placeholder", variable: "OPENAI_API_KEY", value: "sk-..."},
		{
			name: "any key for an emulator", variable: "OPENAI_API_KEY", value: "k",
			also: map[string]string{"OPENAI_BASE_URL": "http://127.0.0.1:9100/openai/v1"}, fine: true,
		},
		{
			name: "a host that only ends like the vendor's is not the vendor's", variable: "OPENAI_API_KEY", value: "k",
			also: map[string]string{"OPENAI_BASE_URL": "https://notopenai.com/v1"}, fine: true,
		},
		{
			name: "the vendor's host by name", variable: "OPENAI_API_KEY", value: "k",
			also: map[string]string{"OPENAI_BASE_URL": "https://eu.api.openai.com/v1"},
		},
		{name: "speechmatics key too short", variable: "SPEECHMATICS_API_KEY", value: "abc"},
		{name: "speechmatics url over http", variable: "SPEECHMATICS_RT_URL", value: "https://eu.rt.speechmatics.com/v2"},
		{name: "cartesia key with a newline", variable: "CARTESIA_API_KEY", value: "sk_car_aaaaaaaaaaaaaaa\n"},
		{name: "supabase url without scheme", variable: "SUPABASE_URL", value: "abc.supabase.co"},
		{name: "supabase url with a user", variable: "SUPABASE_URL", value: "https://u:p@abc.supabase.co"},
		{name: "supabase url with a query", variable: "SUPABASE_URL", value: "https://abc.supabase.co?x=1"},
		{name: "the secret key of supabase", variable: "SUPABASE_ANON_KEY", value: "sb_secret_aaaaaaaaaaaaaaaaaaaa"},
		{name: "voice that is no uuid", variable: "VOICE_ID", value: "julia", soft: true},
		{name: "account that is no sid", variable: "TWILIO_ACCOUNT_SID", value: "12345", soft: true},
		{name: "number without plus", variable: "TWILIO_NUMBER", value: "15550001234"},
		{name: "port out of words", variable: "PORT", value: "http"},
		{name: "environment misspelt", variable: "ENVIRONMENT", value: "prod"},
		{name: "environment in capitals", variable: "ENVIRONMENT", value: "Production", fine: true},
		{name: "log level as the documents write it", variable: "LOG_LEVEL", value: "INFO", fine: true},
		{name: "log format", variable: "LOG_FORMAT", value: "xml"},
		{name: "api keys with an empty one", variable: "VOICECTL_API_KEYS", value: "aaa,,bbb"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			values := goodJulia()
			for k, v := range tc.also {
				values[k] = v
			}
			values[tc.variable] = tc.value
			p, bad := validate(c, "julia", false, values)[tc.variable]
			if bad == tc.fine {
				t.Fatalf("got problem %v (%s), want problem %v", bad, p, !tc.fine)
			}
			if p.Soft != tc.soft {
				t.Errorf("got soft %v, want %v", p.Soft, tc.soft)
			}
		})
	}
}

func TestProblem_NeverTellsASecret(t *testing.T) {
	c := load(t)
	const marker = "SENTINEL"
	for _, v := range c.All() {
		if !v.Secret {
			continue
		}
		for _, value := range []string{marker, marker + " with space", "<" + marker + ">"} {
			for _, p := range c.Validate("all", false, func(o Var) string {
				if o.Name == v.Name {
					return value
				}
				return ""
			}) {
				if strings.Contains(p.String(), marker) {
					t.Errorf("%s: message tells the value: %s", v.Name, p)
				}
			}
		}
	}
	if got := Quote("https://user:" + marker + "@host/x"); strings.Contains(got, marker) {
		t.Errorf("password of a URL is shown: %s", got)
	}
}

func TestNearest_FindsTheNameThatWasMeant(t *testing.T) {
	names := load(t).Names()
	cases := map[string]string{
		"OPENAI_APIKEY":      "OPENAI_API_KEY",
		"CARTESIA_VOICEID":   "CARTESIA_VOICE_ID",
		"TWILLIO_AUTH_TOKEN": "TWILIO_AUTH_TOKEN",
		"HOME":               "",
		"":                   "",
	}
	for name, want := range cases {
		if got := Nearest(name, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestParse_IsStrict(t *testing.T) {
	const head = "groups:\n  - title: T\n    vars:\n"
	const good = "      - {name: A, key: a, profiles: [julia], doc: d}\n"
	if _, err := Parse([]byte(head + good)); err != nil {
		t.Fatalf("a good catalogue is refused: %v", err)
	}
	cases := map[string]string{
		"unknown key":               head + "      - {name: A, key: a, profiles: [julia], doc: d, colour: red}\n",
		"name twice":                head + good + good,
		"no documentation":          head + "      - {name: A, key: a, profiles: [julia]}\n",
		"pattern without words":     head + "      - {name: A, key: a, profiles: [julia], doc: d, shape: {pattern: x}}\n",
		"pattern that is broken":    head + "      - {name: A, key: a, profiles: [julia], doc: d, shape: {pattern: '(', words: w}}\n",
		"required by who uses not":  head + "      - {name: A, key: a, profiles: [julia], required: [phone], doc: d}\n",
		"two documents in one file": head + good + "---\n" + head + good,
	}
	for name, text := range cases {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestExample_ListsEveryVariableOfTheProfileWithItsDefault(t *testing.T) {
	c := load(t)
	text := c.Example("julia")
	for _, v := range c.ForProfile("julia").All() {
		line := "\n#" + v.Name + "=" + v.Default + "\n"
		if v.RequiredBy("julia") {
			line = "\n" + v.Name + "=\n"
		}
		if !strings.Contains(text, line) {
			t.Errorf("%s: no line %q", v.Name, line)
		}
	}
	for i, line := range strings.Split(text, "\n") {
		if len(line) > 100 {
			t.Errorf("line %d is %d characters wide", i+1, len(line))
		}
	}
	if !strings.Contains(c.Markdown(), "| `OPENAI_API_KEY` |") {
		t.Error("reference page lacks OPENAI_API_KEY")
	}
}

func TestCatalogue_DefaultsHaveTheirOwnShape(t *testing.T) {
	for _, v := range load(t).All() {
		if v.Default != "" && v.Shape.mismatch(v.Default) != "" {
			t.Errorf("%s: default %q is not %s", v.Name, v.Default, v.Shape.mismatch(v.Default))
		}
		if v.Secret && v.Default != "" {
			t.Errorf("%s: a secret has a default", v.Name)
		}
	}
}

func TestLooksSecret_KnowsTheNamesOfTheCatalogueAndOfOthers(t *testing.T) {
	for _, v := range load(t).All() {
		if v.Secret && !LooksSecret(v.Name) {
			t.Errorf("%s is secret and does not look it", v.Name)
		}
	}
	for name, want := range map[string]bool{
		"STRIPE_SECRET": true, "DB_PASSWORD": true, "MY_APIKEY": true, "SENTRY_DSN": true, "database_url": true,
		"KEYBOARD": false, "MONKEY_COUNT": false, "LOG_LEVEL": false, "PORT": false, "VOICE_ID": false,
	} {
		if LooksSecret(name) != want {
			t.Errorf("%s: got %v", name, !want)
		}
	}
}
