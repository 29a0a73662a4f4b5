package main

import (
	"net/http"

	"github.com/voicectl/voicectl/internal/agent"
	"github.com/voicectl/voicectl/internal/agent/console"
	"github.com/voicectl/voicectl/internal/config"
	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/media/tonecode"
)

// pages is the browser console, told what this server is.
func pages(cfg *config.Config, def agent.Definition) http.Handler {
	speech := console.SpeechVendor
	if cfg.Sandbox {
		speech = console.SpeechSandbox
	}
	name := def.Title
	if name == "" {
		name = def.Name
	}
	return console.Handler(console.Options{Config: func(*http.Request) any {
		return console.Config{
			Agent: name, Profile: cfg.Profile, Speech: speech, Sandbox: cfg.Sandbox, Phrases: def.Phrases,
			Auth: len(cfg.Auth.APIKeys) > 0,
		}
	}})
}

// phrase gives a text as sound that the sandbox's recognizer understands, for the console's sample
// phrases: GET ?text=…, a WAV of 16 kHz.
func phrase(w http.ResponseWriter, r *http.Request) {
	const maxPhrase = 500
	text := r.URL.Query().Get("text")
	if text == "" || len(text) > maxPhrase {
		http.Error(w, `{"error":"bad request","details":"text must have 1 to 500 bytes","status_code":400}`, http.StatusBadRequest)
		return
	}
	rate := media.BrowserIn.Rate
	h := w.Header()
	h.Set("Content-Type", "audio/wav")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(media.AppendWAV(nil, rate, 1, tonecode.Encode(text, rate))) // the peer may be gone
}
