package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"

	"github.com/voicectl/voicectl/internal/config"
	"github.com/voicectl/voicectl/internal/sandbox"
	"github.com/voicectl/voicectl/internal/secret"
)

// defaultSandboxAddr is where the sandbox listens when nobody says otherwise.
const defaultSandboxAddr = "127.0.0.1:9100"

// sandboxExtras are what the sandbox adds to the browser console.
type sandboxExtras struct{ outbox, phrase http.Handler }

// startSandbox runs the emulators inside this process and points every vendor variable that nobody set
// at them.
func (p *Proc) startSandbox(ctx context.Context, s *serving, cfg *config.Config, src *config.Sources, log *slog.Logger) (sandboxExtras, error) {
	box := sandbox.New(sandbox.Options{Log: log})
	// The emulators must outlive the first signal: calls still talk while the server drains.
	life := context.WithoutCancel(ctx)
	base, stop, err := box.Start(life, defaultSandboxAddr)
	if err != nil {
		if base, stop, err = box.Start(life, "127.0.0.1:0"); err != nil {
			return sandboxExtras{}, err
		}
		p.UI.Say("%s is busy; the sandbox is at %s", defaultSandboxAddr, base)
	}
	s.onStop(stop)
	fillFromSandbox(cfg, src, base)
	return sandboxExtras{
		phrase: http.HandlerFunc(phrase),
		outbox: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			w.Header().Set("Cache-Control", "no-store")
			_ = json.NewEncoder(w).Encode(box.Stage().Outbox()) // the peer may be gone
		}),
	}, nil
}

// fillFromSandbox sets what the configuration left at its default.
func fillFromSandbox(cfg *config.Config, src *config.Sources, base string) {
	unset := map[string]bool{}
	for _, v := range src.Values {
		unset[v.Key] = v.Source == "default"
	}
	text := func(key string, to *string, value string) {
		if unset[key] && value != "" {
			*to = value
		}
	}
	hidden := func(key string, to *secret.Secret, value string) {
		if unset[key] && value != "" {
			*to = secret.New(value)
		}
	}
	env := map[string]string{}
	for _, v := range sandbox.Env(base) {
		env[v.Name] = v.Value
	}
	c := &cfg.Providers
	text("providers.openai.base_url", &c.OpenAI.BaseURL, env["OPENAI_BASE_URL"])
	hidden("providers.openai.api_key", &c.OpenAI.APIKey, env["OPENAI_API_KEY"])
	text("providers.speechmatics.url", &c.Speechmatics.URL, env["SPEECHMATICS_RT_URL"])
	hidden("providers.speechmatics.api_key", &c.Speechmatics.APIKey, env["SPEECHMATICS_API_KEY"])
	text("providers.cartesia.base_url", &c.Cartesia.BaseURL, env["CARTESIA_BASE_URL"])
	hidden("providers.cartesia.api_key", &c.Cartesia.APIKey, env["CARTESIA_API_KEY"])
	text("providers.supabase.url", &c.Supabase.URL, env["SUPABASE_URL"])
	hidden("providers.supabase.anon_key", &c.Supabase.AnonKey, env["SUPABASE_ANON_KEY"])
	hidden("providers.twilio.auth_token", &c.Twilio.AuthToken, env["TWILIO_AUTH_TOKEN"])
}
