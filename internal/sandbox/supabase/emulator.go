// Package supabase emulates a Supabase project: the gateway's keys, five data functions below /functions/v1/,
// the health of its auth service, and how many rows of its tables a key sees. The data is seeded, mails go to
// the stage's outbox.
package supabase

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	wire "github.com/voicectl/voicectl/internal/provider/supabase"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

const (
	functionsPrefix = "/functions/v1/"
	maxBody         = 256 << 10
)

type emulator struct {
	stage *stage.Stage
	seeds *seeds
}

// New makes the emulator; mount it with the prefix stripped.
func New(s *stage.Stage) http.Handler { return &emulator{stage: s, seeds: load()} }

func (e *emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := e.stage.Begin(stage.Supabase, r.URL.Path, r.Method)
	out := &response{ResponseWriter: w, rec: rec}
	defer func() { rec.End(out.status) }()
	cors(w)
	name, function := strings.CutPrefix(r.URL.Path, functionsPrefix)
	name, _, _ = strings.Cut(name, "/") // sub-paths belong to the function
	switch {
	case function && !slices.Contains(wire.Functions(), name) && r.Method == http.MethodOptions:
		errNoFunction().write(out)
	case function && r.Method == http.MethodOptions:
		out.WriteHeader(http.StatusOK) // the preflight passes the JWT check
		_, _ = io.WriteString(out, "ok")
	case function:
		e.function(out, r, name)
	case r.URL.Path == "/auth/v1/health":
		e.health(out, r)
	case strings.HasPrefix(r.URL.Path, restPrefix):
		e.rest(out, r, strings.TrimPrefix(r.URL.Path, restPrefix))
	case strings.HasPrefix(r.URL.Path, "/v1/projects/") && strings.HasSuffix(r.URL.Path, "/advisors/security"):
		advice(out, r, strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/v1/projects/"), "/advisors/security"))
	default:
		writeJSON(out, http.StatusNotFound, map[string]any{"message": "no Route matched with those values"})
	}
}

func (e *emulator) health(w *response, r *http.Request) {
	if _, bad := authorize(r, false); bad != nil {
		bad.write(w)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"version": "v2.180.0", "name": "GoTrue", "description": "GoTrue is a user registration and authentication API",
	})
}

func (e *emulator) function(w *response, r *http.Request, name string) {
	c, bad := authorize(r, true)
	w.rec.Set("apikey", string(c.apikey))
	w.rec.Set("bearer", string(c.bearer))
	w.rec.Set("same_key", c.same)
	if id := r.Header.Get("X-Request-Id"); id != "" && len(id) <= 128 {
		w.rec.Set("request_id", id)
	}
	if bad != nil {
		bad.write(w)
		return
	}
	if !slices.Contains(wire.Functions(), name) {
		errNoFunction().write(w)
		return
	}
	w.rec.Set("function", name)
	in, err := decode(w, r)
	w.rec.Complete()
	if err == nil {
		w.rec.Set("args", in.record())
	}
	w.Header().Set("X-Served-By", "supabase-edge-runtime")
	w.Header().Set("Sb-Request-Id", fmt.Sprintf("sandbox-%08d", e.stage.Now().UnixNano()%1e8))
	if e.stage.Pacer(stage.Supabase).First(r.Context()) != nil {
		return
	}
	// A fault strikes before the function has an effect: a mail whose answer got lost is tested by close.
	fault, faulty := e.stage.Midway(stage.Supabase, r.URL.Path)
	if faulty && (fault.Mode == stage.ModeReset || fault.Mode == stage.ModeStall) {
		w.rec.Set("fault", fault.Mode)
		if fault.Mode == stage.ModeReset {
			stage.Abort(w.ResponseWriter, true)
			return
		}
		if fault.Hold(r.Context()) != nil {
			return
		}
	}
	var result any
	if err == nil {
		result, err = e.run(name, in)
	}
	status := http.StatusOK
	if err != nil {
		status, result = failure(err)
	}
	body, err := json.Marshal(result)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"success":false,"error":"answer cannot be encoded"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	if faulty {
		w.rec.Set("fault", fault.Mode)
		w.spoil(r, fault, status, body)
		return
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func failure(err error) (status int, body any) {
	status = http.StatusBadRequest
	var fe *functionError
	if errors.As(err, &fe) {
		status = fe.status
	}
	return status, map[string]any{"success": false, "error": err.Error()}
}

func decode(w http.ResponseWriter, r *http.Request) (input, error) {
	var in input
	if r.Method != http.MethodPost {
		return in, refusal(http.StatusMethodNotAllowed, "method not allowed")
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return in, refusal(http.StatusRequestEntityTooLarge, "body is too large")
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return input{}, refusal(http.StatusBadRequest, "body is not a valid JSON object")
	}
	return in, nil
}
