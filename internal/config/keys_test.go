package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/voicectl/voicectl/internal/secret"
)

func TestKeys_DefaultsAndRangesCanBeRead(t *testing.T) {
	keys, err := Keys()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, k := range keys {
		if k.Default != "" {
			if _, wanted := k.parse(k.Default); wanted != "" {
				t.Errorf("%s: default %q is not %s", k.Path, k.Default, wanted)
			}
		}
		if k.Range != "" {
			low, high, ok := strings.Cut(k.Range, "..")
			if !ok || k.edge(low) >= k.edge(high) {
				t.Errorf("%s: range %q cannot be read", k.Path, k.Range)
			}
		}
		for _, name := range k.Env {
			if other, twice := seen[name]; twice {
				t.Errorf("%s sets both %s and %s", name, other, k.Path)
			}
			seen[name] = k.Path
		}
		if k.Secret && k.Flag != "" {
			t.Errorf("%s: a secret has a flag, and command lines are seen by everybody", k.Path)
		}
	}
	if seen["VOICECTL_API_KEYS"] != "auth.api_keys" || seen["VOICECTL_PUBLIC_URL"] != "public_url" {
		t.Error("names of the contract are not bound")
	}
}

func TestFlags_CollectsWhatWasGivenAndLeavesJudgementToLoad(t *testing.T) {
	fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	if err := AddFlags(fs); err != nil {
		t.Fatal(err)
	}
	if err := fs.Parse([]string{"--port", "http", "--sandbox", "--dev=false", "--public-url", "https://a.example.com"}); err != nil {
		t.Fatal(err)
	}
	got := Flags(fs)
	want := map[string]string{"port": "http", "sandbox": "true", "dev": "false", "public_url": "https://a.example.com"}
	if len(got) != len(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s: got %q, want %q", k, got[k], v)
		}
	}
	if f := fs.Lookup("drain-timeout"); f == nil || f.DefValue != "25s" || f.Value.Type() != "duration" {
		t.Errorf("drain-timeout: %+v", f)
	}
}

func TestFormatDuration_WritesWhatFilesHold(t *testing.T) {
	for _, text := range []string{"0s", "150ms", "1.5s", "25s", "5m", "1m30s", "2h", "1h30m", "1h0m5s", "1d", "90d"} {
		d, err := parseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := formatDuration(d); got != text {
			t.Errorf("got %s, want %s", got, text)
		}
	}
	if d, err := parseDuration("90d"); err != nil || d != 90*24*time.Hour {
		t.Errorf("90d: got %v %v", d, err)
	}
	for _, bad := range []string{"", "d", "-1d", "1.5d", "99999999d", "5"} {
		if _, err := parseDuration(bad); err == nil {
			t.Errorf("%q: accepted", bad)
		}
	}
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.8.8.8": true, "::1": true, "localhost": true, "a.localhost": true,
		"0.0.0.0": false, "": false, "10.0.0.1": false, "localhost.example.com": false, "127.0.0.1.example.com": false,
	} {
		if got := Loopback(host); got != want {
			t.Errorf("Loopback(%q) = %v, want %v", host, got, want)
		}
	}
}

// FuzzLoad feeds hostile files: the loader answers with a Config or with Faults, never with a panic or an
// error of its own, and never tells the key that stands in .env.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		"port: 1\n", "a: &a [*a]\n", "log: &l {log: *l}\n", "limits: {max_sessions: 1e3}\n", "? [a]\n: b\n", "<<: {port: 1}\n",
		"auth: {api_keys: [1, 2]}\n", "port: !!binary aGVsbG8=\n", "providers: {supabase: {functions: {A: b}}}\n", "\x00", "- - -\n",
		"providers: {supabase: {functions: {a.b: c}}}\n",
	} {
		f.Add(seed, "A=1\n")
	}
	f.Add("", "OPENAI_API_KEY='x\n")
	f.Add("", "export A\n=\n")
	f.Fuzz(func(t *testing.T, file, env string) {
		s, err := newSchema()
		if err != nil {
			t.Fatal(err)
		}
		l := &loader{s: s, final: map[string]setting{}}
		fromFile, _, faults := s.readFile("f", []byte(file))
		l.layer(fromFile, faults)
		l.env, _ = readEnv(vendorEnv(), ".env", []byte(env))
		l.layer(s.settingsFromEnv(l.env))
		cfg, err := l.decode()
		if err != nil {
			t.Fatalf("checked values do not decode: %v", err)
		}
		l.derive(cfg)
		l.checkVariables(cfg)
		l.checkRules(cfg)
		for _, v := range l.sources(cfg).Values {
			if strings.Contains(v.Value, strings.Repeat("a", 40)) {
				t.Fatalf("%s tells the key", v.Key)
			}
		}
		var fs Faults
		if errors.As(error(l.faults), &fs) && strings.Contains(fs.Error(), strings.Repeat("a", 40)) {
			t.Fatal("faults tell the key")
		}
	})
}

func TestConfig_PrintsNoSecret(t *testing.T) {
	cfg := Config{Auth: Auth{APIKeys: []secret.Secret{secret.New("SENTINEL")}}}
	cfg.Providers.Twilio.AuthToken = secret.New("SENTINEL")
	for _, text := range []string{fmt.Sprintf("%v", cfg), fmt.Sprintf("%+v", cfg), fmt.Sprintf("%#v", cfg)} {
		if strings.Contains(text, "SENTINEL") {
			t.Errorf("a secret is printed: %s", text)
		}
	}
}
