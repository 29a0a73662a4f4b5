package server

import (
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// adminRoutes are for the operator: on a listener of their own, loopback by default.
func (s *Server) adminRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.o.Registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /admin/health", func(w http.ResponseWriter, r *http.Request) {
		state, why := s.readiness()
		writeJSON(w, http.StatusOK, map[string]any{"state": state, "reason": why, "active_sessions": s.book.count(), "vendors_down": s.down(), "draining": s.draining.Load()})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.harden(w.Header())
		if len(s.keys) > 0 && !loopbackBind(s.o.Config.AdminAddr) && !s.keyed(r) {
			refuse(w, r, http.StatusUnauthorized, "unauthorized", "Send one of the access keys as: Authorization: Bearer KEY.")
			return
		}
		if !loopbackHeader(r.Host) && loopbackBind(s.o.Config.AdminAddr) {
			refuse(w, r, http.StatusForbidden, "host not allowed", "Open the admin listener by its loopback address.")
			return
		}
		// A browser says whose page asks. The operator types the address ("none") or is on a page of this
		// listener; a page of the world could else start a profile of an hour by an image's address.
		if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
			refuse(w, r, http.StatusForbidden, "not allowed", "Open the admin listener by its own address, not from another page.")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func loopbackHeader(host string) bool {
	return loopbackBind(host) || loopbackName(host)
}
