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

// healthBody is the health answer in every dialect; the order of its keys is that of the documents.
type healthBody struct {
	Status            string `json:"status"`
	ActiveSessions    *int   `json:"active_sessions,omitempty"`
	ActiveConnections *int   `json:"active_connections,omitempty"`
	Service           string `json:"service,omitempty"`
	Message           string `json:"message,omitempty"`
	Version           string `json:"version,omitempty"`
	*details                 // nil leaves them out
}

// details are for those who may see them.
type details struct {
	Ready       bool     `json:"ready"`
	Reason      string   `json:"reason"`
	VendorsDown []string `json:"vendors_down"`
	Draining    bool     `json:"draining"`
}

func (s *Server) writeHealth(w http.ResponseWriter, r *http.Request, dialect string) {
	if s.o.Config.Sandbox { // what is proved here is no proof for production, and `voicectl check` says so
		w.Header().Set("X-Voicectl-Endpoint", "sandbox-fast")
	}
	n := s.book.count()
	b := healthBody{Status: "ok"}
	switch dialect {
	case "phone":
		b = healthBody{Status: "healthy", ActiveConnections: &n, Service: serviceName}
	case "audio":
		b.Message, b.Version = "voicectl is running", s.o.Config.Version
	case "all":
		b.ActiveSessions, b.ActiveConnections, b.Service = &n, &n, serviceName
		b.Message, b.Version = "voicectl is running", s.o.Config.Version
	default:
		b.ActiveSessions = &n
	}
	if r.URL.Query().Get("detail") != "" && s.authorizedQuietly(r) {
		state, why := s.readiness()
		b.details = &details{Ready: state == "ready", Reason: why, VendorsDown: append([]string{}, s.down()...), Draining: s.draining.Load()}
		if state == "degraded" || len(s.down()) > 0 {
			b.Status = "degraded"
		}
	}
	writeJSON(w, http.StatusOK, b)
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
