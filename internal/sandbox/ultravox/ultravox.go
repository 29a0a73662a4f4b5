// Package ultravox emulates a server of speech models as vLLM runs one: its models, its health, its metrics, and
// chat completions whose questions may hold sound. What it hears is text carried as tones (package tonecode), and
// what it says is package planner's. It starts no goroutine.
package ultravox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

// Model is the model that is served.
const Model = "fixie-ai/ultravox-v0_4_1-llama-3_1-8b"

const maxLength = 8192

type server struct {
	stage *stage.Stage

	running, done          atomic.Int64
	promptWords, saidWords atomic.Int64
}

// New makes the emulator; mount it with the prefix stripped. Any key will do, and none, but not one that begins
// with "bad".
func New(s *stage.Stage) http.Handler { return &server{stage: s} }

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := s.stage.Begin(stage.Ultravox, r.URL.Path, r.Method)
	status := http.StatusOK
	defer func() { rec.End(status) }()
	if strings.HasPrefix(r.URL.Path, "/v1") && !admitted(r) {
		status = write(w, http.StatusUnauthorized, map[string]any{"error": "Unauthorized"})
		return
	}
	want := http.MethodGet
	if r.URL.Path == "/v1/chat/completions" {
		want = http.MethodPost
	}
	switch {
	case r.Method != want:
		status = write(w, http.StatusMethodNotAllowed, map[string]any{"detail": "Method Not Allowed"})
	case r.URL.Path == "/health", r.URL.Path == "/ping":
		w.WriteHeader(http.StatusOK) // the body is empty
	case r.URL.Path == "/version":
		status = write(w, http.StatusOK, map[string]any{"version": "0.27.1"})
	case r.URL.Path == "/metrics":
		s.metrics(w)
	case r.URL.Path == "/v1/models":
		rec.First()
		status = write(w, http.StatusOK, map[string]any{"object": "list", "data": []any{map[string]any{
			"id": Model, "object": "model", "created": s.stage.Now().Unix(), "owned_by": "vllm", "root": Model, "parent": nil, "max_model_len": maxLength,
			"permission": []any{},
		}}})
	case r.URL.Path == "/v1/chat/completions":
		s.running.Add(1)
		defer s.running.Add(-1)
		status = 499 // until chat returns: a reset may leave by panic
		status = s.chat(w, r, rec)
	default:
		status = write(w, http.StatusNotFound, map[string]any{"detail": "Not Found"})
	}
}

func admitted(r *http.Request) bool {
	_, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return !strings.HasPrefix(strings.TrimSpace(key), "bad")
}

func (s *server) metrics(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	line := func(kind, name, help, value string) {
		_, _ = fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n%s{engine=\"0\",model_name=%q} %s\n", name, help, name, kind, name, Model, value)
	}
	running := s.running.Load()
	line("gauge", "vllm:num_requests_running", "Number of requests in model execution batches.", strconv.FormatInt(running, 10)+".0")
	line("gauge", "vllm:num_requests_waiting", "Number of requests waiting to be processed.", "0.0")
	line("gauge", "vllm:kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.", strconv.FormatFloat(min(float64(running)*0.02, 1), 'f', 3, 64))
	line("counter", "vllm:prompt_tokens_total", "Number of prefill tokens processed.", strconv.FormatInt(s.promptWords.Load(), 10)+".0")
	line("counter", "vllm:generation_tokens_total", "Number of generation tokens processed.", strconv.FormatInt(s.saidWords.Load(), 10)+".0")
	line("counter", "vllm:request_success_total", "Count of successfully processed requests.", strconv.FormatInt(s.done.Load(), 10)+".0")
}

// Refuse answers as the server does when it fails with the fault's status.
func Refuse(w http.ResponseWriter, _ *http.Request, f stage.Fault) {
	switch f.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		write(w, f.Status, map[string]any{"error": "Unauthorized"})
	case http.StatusNotFound:
		fail(w, f.Status, "NotFoundError", "The model does not exist.")
	case 0:
		fail(w, http.StatusInternalServerError, "InternalServerError", "the engine is dead")
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", strconv.Itoa(max(f.MS/1000, 1)))
		fail(w, f.Status, "RateLimitError", "too many requests")
	default:
		fail(w, f.Status, "InternalServerError", "the engine is dead")
	}
}

// fail writes an error in the server's shape: its code is a number.
func fail(w http.ResponseWriter, status int, kind, message string) int {
	return write(w, status, map[string]any{"error": map[string]any{"message": message, "type": kind, "param": nil, "code": status}})
}

func write(w http.ResponseWriter, status int, body any) int {
	b, err := json.Marshal(body)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b) // a far end that is gone reads nothing
	return status
}
