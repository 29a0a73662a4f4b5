package server

import (
	"net/http"
	"time"

	"github.com/voicectl/voicectl/internal/ws"
)

const retrySoon = 5 * time.Second

// routes is the public face. Under a base path every route moves along.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	at := func(pattern string, h http.HandlerFunc) {
		method, path := splitPattern(pattern)
		mux.HandleFunc(method+" "+s.o.Config.BasePath+path, h)
	}
	// What pages of other origins may use, and who asks too often waits.
	api := func(pattern string, h http.HandlerFunc) {
		method, path := splitPattern(pattern)
		at(pattern, s.shared(s.limited(h)))
		at("OPTIONS "+path, s.preflight(method))
	}
	at("GET /health", s.shared(s.health))
	for _, d := range []string{"julia", "phone", "audio"} {
		at("GET /"+d+"/health", s.shared(s.healthAs(d)))
	}
	at("GET /livez", s.livez)
	at("GET /readyz", s.readyz)

	at("GET /ws", s.socket)
	api("POST /start", s.startBrowser)
	api("POST /connect", s.startBrowser)
	at("POST /twilio/voice", s.voiceWebhook)
	at("POST /{$}", s.voiceWebhook)
	if s.o.Config.BasePath != "" {
		at("POST ", s.voiceWebhook) // with or without the last slash: a redirect would not be signed for
	}
	at("POST /twilio/fallback", s.fallbackWebhook)
	at("POST /twilio/status", s.statusWebhook)
	at("GET /twilio/media", s.mediaSocket)

	api("GET /api/calls", s.listCalls)
	api("GET /api/calls/{id}", s.showCall)
	api("GET /api/calls/{id}/events.jsonl", s.callEvents)
	api("GET /api/calls/{id}/recording.wav", s.callRecording)

	if s.o.Pages != nil {
		pages := http.StripPrefix(s.o.Config.BasePath, s.o.Pages)
		at("GET /{$}", pages.ServeHTTP)
		at("GET /console/", pages.ServeHTTP)
		if s.o.Config.BasePath != "" {
			mux.Handle("GET "+s.o.Config.BasePath, http.RedirectHandler(s.o.Config.BasePath+"/", http.StatusPermanentRedirect))
		}
	}
	if s.o.Outbox != nil {
		at("GET /console/outbox.json", s.guardedPage(s.o.Outbox))
	}
	if s.o.Phrase != nil {
		at("GET /console/phrase.wav", s.guardedPage(s.o.Phrase))
	}
	return s.wrap(mux)
}

func splitPattern(p string) (method, path string) {
	for i := range p {
		if p[i] == ' ' {
			return p[:i], p[i+1:]
		}
	}
	return "", p
}

// guardedPage serves a developer's extra: this machine's pages only.
func (s *Server) guardedPage(h http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.hostAllowed(r) || !s.originAllowed(r) {
			refuse(w, r, http.StatusForbidden, "not allowed", "This is for pages of this server, opened by its own address.")
			return
		}
		if !s.authorized(w, r) {
			return
		}
		h.ServeHTTP(w, r)
	}
}

// upgrade answers 426 to a request that is no upgrade.
func upgrade(w http.ResponseWriter, r *http.Request) bool {
	if ws.IsUpgrade(r) {
		return true
	}
	w.Header().Set("Upgrade", "websocket")
	w.Header().Set("Connection", "Upgrade")
	refuse(w, r, http.StatusUpgradeRequired, "upgrade required", "This address speaks WebSocket only.")
	return false
}
