package server

import "net/http"

// stay is how long a browser must come by TLS once it has: a year.
const stay = "max-age=31536000"

// harden sets the headers that protect people's browsers, on every answer and before anything else is done. The
// values are those for data; the console's page sets its own policy, which lets in its own files. HSTS is for
// the name in PUBLIC_URL alone: names below it may belong to somebody else.
// Sources: OWASP HTTP Headers and REST Security Cheat Sheets.
func (s *Server) harden(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "microphone=(), camera=(), geolocation=()")
	h.Set("Cache-Control", "no-store")
	if s.public != nil && s.public.Scheme == "https" {
		h.Set("Strict-Transport-Security", stay)
	}
}
