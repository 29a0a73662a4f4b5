package stage

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Midway returns the fault that a running answer of this route shall suffer now, and consumes one of its count. An
// emulator asks once an answer, when it is about to write the first byte of the answer proper.
func (s *Stage) Midway(vendor, route string) (Fault, bool) {
	return s.take(vendor, route, midway()...)
}

// Idle returns how long a new socket may be idle, when a fault says so.
func (s *Stage) Idle(vendor, route string) (time.Duration, bool) {
	f, ok := s.take(vendor, route, ModeIdle)
	return time.Duration(f.MS) * time.Millisecond, ok
}

// Wrap mounts an emulator under its prefix-stripped routes: faults of mode status, latency, hang and disguised
// strike here, before the emulator sees the request; all other modes strike midway.
func (s *Stage) Wrap(vendor string, h http.Handler, refuse func(w http.ResponseWriter, r *http.Request, f Fault)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f, ok := s.take(vendor, r.URL.Path, ModeLatency); ok && wait(r.Context(), time.Duration(f.MS)*time.Millisecond) != nil {
			return
		}
		if f, ok := s.take(vendor, r.URL.Path, ModeHang, ModeDisguised); ok {
			rec := s.Begin(vendor, r.URL.Path, r.Method)
			rec.Set("fault", f.Mode)
			_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 1<<20)) // else the end of the connection is not seen
			if f.Mode == ModeDisguised {
				disguised(w)
				rec.End(http.StatusOK)
				return
			}
			err := f.Hold(r.Context())
			rec.End(0)
			if err != nil {
				return
			}
		}
		if f, ok := s.take(vendor, r.URL.Path, ModeStatus); ok {
			// The emulator never sees this request, so it is recorded here.
			rec := s.Begin(vendor, r.URL.Path, r.Method)
			rec.Set("fault", f.Mode)
			refuse(w, r, f)
			rec.End(f.Status)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// disguised answers with an error under a status that says that all is well.
func disguised(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(w, `{"error":{"message":"The server had an error while processing your request.","type":"server_error","code":"internal_error"}}`)
}

func (s *Stage) take(vendor, route string, modes ...string) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if f.Vendor != vendor || !strings.HasPrefix(route, f.Route) || !slices.Contains(modes, f.Mode) {
			continue
		}
		if f.Probability > 0 && s.rnd.Float64() >= f.Probability {
			continue
		}
		out := *f
		if f.Count > 0 {
			if f.Count--; f.Count == 0 {
				s.faults = slices.Delete(s.faults, i, i+1)
			}
		}
		return out, true
	}
	return Fault{}, false
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
