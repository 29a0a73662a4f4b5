package config

import (
	"strings"
	"testing"
)

// needed is an environment in which nothing required is missing.
func needed(more ...string) []string {
	return append([]string{
		"OPENAI_API_KEY=sk-0123456789abcdef01234", "SPEECHMATICS_API_KEY=0123456789abcdef0", "CARTESIA_API_KEY=0123456789abcdef0",
		"SUPABASE_URL=https://x.supabase.co", "SUPABASE_ANON_KEY=sb_publishable_0123456789abcdef",
	}, more...)
}

func TestLoad_FallbackTakesOverWhatIsNotSet(t *testing.T) {
	cfg, src, err := Load(Options{Dir: t.TempDir(), Env: needed(
		"OPENAI_BASE_URL=https://api.example.com/v1", "OPENAI_FALLBACK_BASE_URL=https://API.example.com/other/v1", "OPENAI_MODEL=m1",
		"SPEECHMATICS_FALLBACK_RT_URL=wss://us.rt.speechmatics.com/v2", "SPEECHMATICS_FALLBACK_API_KEY=another-0123456789abcdef",
		"CARTESIA_FALLBACK_BASE_URL=https://eu.example.com", "CARTESIA_FALLBACK_API_KEY=k2", "CARTESIA_FALLBACK_VOICE_ID=v2",
	)})
	if err != nil {
		t.Fatal(err)
	}
	p := cfg.Providers
	if f := p.OpenAI.Fallback; f.Model != "m1" || f.APIKey.Reveal() != "sk-0123456789abcdef01234" {
		t.Errorf("model %q, key of %d characters: want those of the first, on the same host", f.Model, f.APIKey.Len())
	}
	if f := p.Speechmatics.Fallback; f.Model != p.Speechmatics.Model || f.APIKey.Reveal() != "another-0123456789abcdef" {
		t.Errorf("speech to text: %+v", f)
	}
	if f := p.Cartesia.Fallback; f.Voice != "v2" || f.Model != p.Cartesia.Model || f.APIKey.Reveal() != "k2" {
		t.Errorf("text to speech: %+v", f)
	}
	for _, v := range src.Values {
		if v.Key == "providers.openai.fallback.api_key" && v.Source != "the same as providers.openai.api_key providers.openai.fallback.api_key" && v.Source != "the same as providers.openai.api_key" {
			t.Errorf("source of the key: %q", v.Source)
		}
	}
}

func TestLoad_FallbackIsOffUnlessItsURLIsSet(t *testing.T) {
	cfg, _, err := Load(Options{Dir: t.TempDir(), Env: needed()})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range seconds(&cfg.Providers) {
		if *s.at != "" || s.key.Set() {
			t.Errorf("%s: a fallback that nobody asked for: %q", s.section, *s.at)
		}
	}
}

func TestLoad_FallbackFaults(t *testing.T) {
	for name, c := range map[string]struct{ env, want string }{
		"a key never goes to another host": {
			"OPENAI_FALLBACK_BASE_URL=https://other.example.com/v1",
			"environment: OPENAI_FALLBACK_API_KEY is not set, and the fallback is on another host",
		},
		"nor to another port":           {"SPEECHMATICS_FALLBACK_RT_URL=wss://eu.rt.speechmatics.com:8443/v2", "SPEECHMATICS_FALLBACK_API_KEY is not set"},
		"nor in the clear":              {"CARTESIA_FALLBACK_BASE_URL=http://api.cartesia.ai", "CARTESIA_FALLBACK_API_KEY is not set"},
		"a key without a URL":           {"CARTESIA_FALLBACK_API_KEY=0123456789abcdef01", "providers.cartesia.fallback.api_key is set, but providers.cartesia.fallback.base_url is not"},
		"a model without a URL":         {"OPENAI_FALLBACK_MODEL=m", "providers.openai.fallback.model is set, but providers.openai.fallback.base_url is not"},
		"a URL of a wrong kind":         {"SPEECHMATICS_FALLBACK_RT_URL=https://eu.rt.speechmatics.com/v2", "want a URL that begins with ws:// or wss://"},
		"a key in the URL is not a key": {"OPENAI_FALLBACK_BASE_URL=https://u:secretpw@api.openai.com/v1", "without user"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := Load(Options{Dir: t.TempDir(), Env: needed(c.env)})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if strings.Contains(err.Error(), "secretpw") || strings.Contains(err.Error(), "0123456789abcdef") {
				t.Errorf("a secret is told: %v", err)
			}
		})
	}
}
