package cartesia

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	wire "github.com/voicectl/voicectl/internal/provider/cartesia"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

// version is a date, so versions compare as text.
type version string

const (
	oldest     version = "2024-06-10"
	jsonErrors version = "2026-03-01" // from here on errors are JSON
	newVoices  version = "2026-08-14" // from here on voices tell access and visibility
)

func (v version) valid() bool {
	_, err := time.Parse(time.DateOnly, string(v))
	return err == nil && v >= oldest
}

// problem is an error of the vendor.
type problem struct {
	status         int
	code           string // "" = null on the wire
	title, message string
}

func bad(title, message string) *problem {
	return &problem{status: http.StatusBadRequest, title: title, message: message}
}

func unauthorized() *problem {
	return &problem{status: http.StatusUnauthorized, title: "Unauthorized", message: "the API key is missing or not valid"}
}

func crowded() *problem {
	return &problem{
		status: http.StatusTooManyRequests, code: wire.CodeConcurrency, title: "Too many concurrent requests",
		message: "the concurrency limit of the plan is reached",
	}
}

func (p *problem) wire() wire.Problem {
	out := wire.Problem{Title: p.title, Message: p.message, RequestID: uuid.NewString()}
	if p.code != "" {
		out.ErrorCode = &p.code
	}
	return out
}

// write answers an HTTP request.
func (p *problem) write(w http.ResponseWriter, v version) {
	if v < jsonErrors {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(p.status)
		_, _ = io.WriteString(w, p.title+": "+p.message)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(p.status)
	_, _ = w.Write(encode(p.wire()))
}

// event is the error message of a socket or an event stream.
func (p *problem) event(v version, contextID string) []byte {
	if v < jsonErrors {
		return encode(wire.OldFailure{
			Type: wire.TypeError, ContextID: contextID, StatusCode: p.status, Done: true, Error: p.title + ": " + p.message,
		})
	}
	return encode(wire.Failure{Type: wire.TypeError, Done: true, StatusCode: p.status, ContextID: contextID, Problem: p.wire()})
}

// Refuse answers a request with an injected fault, as the vendor would; it is meant for stage.Wrap.
func Refuse(w http.ResponseWriter, r *http.Request, f stage.Fault) {
	v := version(r.Header.Get("Cartesia-Version"))
	if q := r.URL.Query().Get("cartesia_version"); q != "" {
		v = version(q)
	}
	p := injected(f)
	if p.status == http.StatusTooManyRequests || p.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(max(f.MS/1000, 1)))
	}
	p.write(w, v)
}

// injected is the problem that a fault asks for.
func injected(f stage.Fault) *problem {
	switch {
	case f.Code == wire.CodeConcurrency || f.Code == "" && f.Status == http.StatusTooManyRequests:
		return crowded()
	case f.Code == wire.CodeModelNotFound:
		return noModel()
	case f.Code == "" && f.Status == http.StatusUnauthorized:
		return unauthorized()
	}
	p := &problem{status: f.Status, code: f.Code}
	if p.status < 400 || p.status > 599 {
		p.status = http.StatusInternalServerError
	}
	p.title, p.message = http.StatusText(p.status), "injected fault"
	return p
}

func noModel() *problem {
	return &problem{status: http.StatusNotFound, code: wire.CodeModelNotFound, title: "Model not found", message: "there is no such model"}
}

// encode marshals a message of our own, which cannot fail.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("sandbox cartesia: " + err.Error())
	}
	return b
}
