package server

import (
	"encoding/json"
	"net/http"
)

// problem is the body of every error that leaves the server.
type problem struct {
	Error      string `json:"error"`
	Details    string `json:"details"`
	StatusCode int    `json:"status_code"`
	RequestID  string `json:"request_id"`
}

// refuse writes an error: what happened in one word or two, and what to do in details.
func refuse(w http.ResponseWriter, r *http.Request, status int, what, details string) {
	if rec, ok := w.(*recorder); ok {
		rec.problem = what
	}
	writeJSON(w, status, problem{Error: what, Details: details, StatusCode: status, RequestID: requestID(r.Context())})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, `{"error":"internal"}`, http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // the peer may be gone
}
