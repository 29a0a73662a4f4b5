package server

import (
	"net/http"
)

// serviceName is what the phone dialect of the health answer calls this service.
const serviceName = "twilio-ultravox-agent"

func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	dialect := r.URL.Query().Get("dialect")
	if dialect == "" {
		dialect = s.o.Config.Profile
	}
	s.writeHealth(w, r, dialect)
}

func (s *Server) healthAs(dialect string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { s.writeHealth(w, r, dialect) }
}

func (s *Server) writeHealth(w http.ResponseWriter, r *http.Request, dialect string) {
	n := s.book.count()
	var body map[string]any
	switch dialect {
	case "phone":
		body = map[string]any{"status": "healthy", "active_connections": n, "service": serviceName}
	case "audio":
		body = map[string]any{"status": "ok", "message": "voicectl is running", "version": s.o.Config.Version}
	case "all":
		body = map[string]any{"status": "ok", "active_sessions": n, "active_connections": n, "service": serviceName, "message": "voicectl is running", "version": s.o.Config.Version}
	default:
		body = map[string]any{"status": "ok", "active_sessions": n}
	}
	if r.URL.Query().Get("detail") != "" && s.authorizedQuietly(r) {
		state, why := s.readiness()
		body["ready"], body["reason"] = state == "ready", why
		if state == "degraded" || len(s.down()) > 0 {
			body["status"] = "degraded"
		}
		body["vendors_down"] = s.down()
		body["draining"] = s.draining.Load()
	}
	writeJSON(w, http.StatusOK, body)
}

func (s *Server) authorizedQuietly(r *http.Request) bool { return s.open(r) || s.keyed(r) }

func (s *Server) livez(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// readyz is 503 until warm, while draining, and when every vendor is down. Trouble with the archive is
// said but does not turn calls away: the talk goes on and turns land later.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	state, why := s.readiness()
	status := http.StatusOK
	if state == "unready" {
		status = http.StatusServiceUnavailable
		retryAfter(w, retrySoon)
	}
	writeJSON(w, status, map[string]string{"status": state, "reason": why})
}

func (s *Server) readiness() (state, why string) {
	switch {
	case s.draining.Load():
		return "unready", "draining"
	case !s.warm.Load():
		return "unready", "warming up"
	case s.o.Engines.All > 0 && len(s.down()) == s.o.Engines.All:
		return "unready", "every vendor is down"
	case s.o.Archive != nil && s.o.Archive.Degraded():
		return "degraded", "the archive does not take turns; they are kept aside"
	}
	return "ready", ""
}

func (s *Server) down() []string {
	if s.o.Engines.Down == nil {
		return nil
	}
	return s.o.Engines.Down()
}
