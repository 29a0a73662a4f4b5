package server

import "net/http"

// preflightAge is how long a browser may remember that it may ask: ten minutes, so that an origin that was taken
// off the list is out soon.
const preflightAge = "600"

// shared lets the pages of the allowed origins use a route. There is no wildcard, and no cookie that a browser
// would send along. A page of another origin may load what it likes and read nothing; it may not act.
func (s *Server) shared(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin") // also where there is none: a cache must not give this answer to a page
		if origin := r.Header.Get("Origin"); origin != "" {
			switch {
			case s.originAllowed(r):
				w.Header().Set("Access-Control-Allow-Origin", origin)
				w.Header().Set("Access-Control-Expose-Headers", "Retry-After, X-Request-Id")
			case r.Method != http.MethodGet && r.Method != http.MethodHead:
				refuse(w, r, http.StatusForbidden, "origin not allowed", "Add the page's origin to ALLOWED_ORIGINS.")
				return
			}
		}
		h(w, r)
	}
}

// preflight answers a browser that asks whether a page may.
func (s *Server) preflight(method string) http.HandlerFunc {
	return s.shared(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Allow", method+", OPTIONS")
		if h.Get("Access-Control-Allow-Origin") != "" {
			h.Set("Access-Control-Allow-Methods", method+", OPTIONS")
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
			h.Set("Access-Control-Max-Age", preflightAge)
		}
		w.WriteHeader(http.StatusNoContent)
	})
}
