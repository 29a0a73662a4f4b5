package supabase

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

// response notes status and first byte in the record.
type response struct {
	http.ResponseWriter
	rec    *stage.Record
	status int
}

func (w *response) WriteHeader(status int) {
	w.status = status
	w.rec.First()
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// spoil writes an answer that a fault has hold of.
func (w *response) spoil(r *http.Request, f stage.Fault, status int, body []byte) {
	switch f.Mode {
	case stage.ModeMalformed:
		w.WriteHeader(status)
		_, _ = w.Write(body[:len(body)/2])
	case stage.ModeDrip:
		w.drip(r.Context(), f, status, body)
	case stage.ModeClose:
		// Everything ran, half of the answer arrives.
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		stage.Abort(w.ResponseWriter, false)
	default: // a stall that ended
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}
}

// crumb is how much of a dripping answer comes at a time.
const crumb = 16

func (w *response) drip(ctx context.Context, f stage.Fault, status int, body []byte) {
	pause := time.Duration(f.MS) * time.Millisecond
	if pause == 0 {
		pause = 50 * time.Millisecond
	}
	t := time.NewTicker(pause)
	defer t.Stop()
	w.WriteHeader(status)
	for len(body) > 0 {
		n := min(crumb, len(body))
		if _, err := w.Write(body[:n]); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		body = body[n:]
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// cors is what the functions' own code sends: the browser may ask from anywhere, the key decides.
func cors(w http.ResponseWriter) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Allow-Headers", "authorization, x-client-info, apikey, content-type, x-region, x-request-id")
	w.Header().Set("Access-Control-Allow-Methods", "POST, GET, OPTIONS, PUT, DELETE")
	w.Header().Set("Access-Control-Expose-Headers", "sb-error-code, x-relay-error, sb-request-id")
}

// record is what an observer may see of a request: what a tool was asked, each value bounded.
func (in input) record() map[string]any {
	out := map[string]any{}
	for name, v := range map[string]string{
		"clientId": string(in.ClientID), "type": in.Type, "status": in.Status, "query": in.Query, "to": in.To, "subject": in.Subject,
	} {
		if r := []rune(v); v != "" {
			out[name] = string(r[:min(len(r), 500)])
		}
	}
	return out
}
