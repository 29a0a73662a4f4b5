package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

type ctxKey int

const keyRequestID ctxKey = iota

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(keyRequestID).(string)
	return id
}

// wrap is around every route: request id, headers, panic, body limit, log and metrics. A request is one line in
// the log, by its route: neither the path, which may hold an id, nor the query nor the body are in it.
func (s *Server) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.o.Clock.Now()
		id := uuid.NewString()
		r = r.WithContext(context.WithValue(r.Context(), keyRequestID, id))
		r.Body = http.MaxBytesReader(w, r.Body, s.o.Config.Body)
		s.harden(w.Header())
		w.Header().Set("X-Request-Id", id)
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		route := "other"
		defer func() {
			if p := recover(); p != nil {
				s.log.Error("panic in a handler", "component", "server", "request_id", id, "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
				if !rec.wrote && !rec.hijacked {
					refuse(rec, r, http.StatusInternalServerError, "internal error", "The fault is on our side. Give the request id to the people who run this service.")
				}
			}
			took := s.o.Clock.Now().Sub(start)
			s.metrics.request(route, r.Method, rec.status, took)
			_, path := splitPattern(route)
			if rec.problem != "" && rec.status != http.StatusInternalServerError { // a fault of ours was told where it happened
				s.log.Info("refused", "component", "server", "request_id", id, "status", rec.status, "err", rec.problem)
			}
			s.log.Info("request", "component", "server", "request_id", id, "route", knownMethod(r.Method)+" "+path, "status", rec.status, "ms", took.Milliseconds())
		}()
		if r.ContentLength > s.o.Config.Body {
			_, _ = io.Copy(io.Discard, r.Body) // to the limit: who is cut off at once may not see the answer
			s.tooLarge(rec, r)
			return
		}
		route = s.dispatch(rec, r, next)
	})
}

func (s *Server) tooLarge(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Connection", "close") // the rest of the body is not waited for
	refuse(w, r, http.StatusRequestEntityTooLarge, "request too large", fmt.Sprintf("The body may have %d bytes.", s.o.Config.Body))
}

// dispatch runs the mux and turns its own plain-text 404 and 405 into the house's errors.
func (s *Server) dispatch(w *recorder, r *http.Request, next http.Handler) string {
	mux, ok := next.(*http.ServeMux)
	if !ok {
		next.ServeHTTP(w, r)
		return "other"
	}
	h, pattern := mux.Handler(r)
	if pattern != "" {
		mux.ServeHTTP(w, r)
		return pattern
	}
	probe := &discard{header: http.Header{}}
	h.ServeHTTP(probe, r)
	switch probe.status {
	case http.StatusMethodNotAllowed:
		allow := probe.header.Get("Allow")
		w.Header().Set("Allow", allow)
		refuse(w, r, http.StatusMethodNotAllowed, "method not allowed", "This address takes "+allow+".")
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		h.ServeHTTP(w, r)
	default:
		refuse(w, r, http.StatusNotFound, "not found", "There is nothing at this address.")
	}
	return "none"
}

type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(s int)           { d.status = s }

type recorder struct {
	http.ResponseWriter
	status          int
	wrote, hijacked bool
	problem         string // what was refused, in words of ours
}

func (r *recorder) WriteHeader(s int) {
	r.status, r.wrote = s, true
	r.ResponseWriter.WriteHeader(s)
}

func (r *recorder) Write(b []byte) (int, error) {
	r.wrote = true
	return r.ResponseWriter.Write(b)
}

// Hijack lets the WebSocket upgrade through.
func (r *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	hj, ok := r.ResponseWriter.(http.Hijacker)
	if !ok {
		return nil, nil, http.ErrNotSupported
	}
	r.hijacked, r.status = true, http.StatusSwitchingProtocols
	return hj.Hijack()
}

// Unwrap serves http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func retryAfter(w http.ResponseWriter, d time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int(d.Seconds())))
}

func hasContentType(r *http.Request, want string) bool {
	ct, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(ct), want)
}
