package supabase

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

// platformError is a refusal of gateway or platform, before any function runs.
type platformError struct {
	status int
	code   string // header sb-error-code; "" = gateway, which sends none
	body   map[string]any
}

func (p *platformError) write(w http.ResponseWriter) {
	if p.code != "" {
		w.Header().Set("Sb-Error-Code", p.code)
		w.Header().Set("X-Relay-Error", "true")
	}
	writeJSON(w, p.status, p.body)
}

func errNoKey() *platformError {
	return &platformError{401, "", map[string]any{
		"message": "No API key found in request",
		"hint":    "No `apikey` request header or url param was found.",
	}}
}

func errBadKey() *platformError {
	return &platformError{401, "", map[string]any{
		"message": "Invalid API key",
		"hint":    "Double check your Supabase `anon` or `service_role` API key.",
	}}
}

func errSecretInBrowser() *platformError {
	return &platformError{401, "", map[string]any{
		"message": "Forbidden use of secret API key in browser",
		"hint":    "Secret API keys can only be used in a protected environment and should never be used in a browser.",
	}}
}

func errNoHeader() *platformError {
	return &platformError{401, "UNAUTHORIZED_NO_AUTH_HEADER", map[string]any{"code": 401, "message": "Missing authorization header"}}
}

func errJWT(message string) *platformError {
	return &platformError{401, "UNAUTHORIZED_INVALID_JWT_FORMAT", map[string]any{"code": 401, "message": message}}
}

func errNoFunction() *platformError {
	return &platformError{404, "NOT_FOUND", map[string]any{"code": "NOT_FOUND", "message": "Requested function was not found"}}
}

// statusWorkerLimit is the platform's own status for a function that ran out of memory or time.
const statusWorkerLimit = 546

// Refuse answers as the platform does when it fails with the fault's status; the fault's code replaces the
// one that belongs to the status.
func Refuse(w http.ResponseWriter, _ *http.Request, f stage.Fault) {
	p := &platformError{f.Status, "EDGE_FUNCTION_ERROR", map[string]any{"code": "EDGE_FUNCTION_ERROR", "message": "Edge Function returned an error"}}
	set := func(code, message string) {
		p.code, p.body = code, map[string]any{"code": code, "message": message}
	}
	switch f.Status {
	case 0, http.StatusInternalServerError:
		p.status = http.StatusInternalServerError
		set("WORKER_ERROR", "Function exited due to an error (please check logs)")
	case http.StatusUnauthorized, http.StatusForbidden:
		p = errJWT("Invalid JWT")
		p.status = f.Status
	case http.StatusNotFound:
		p = errNoFunction()
	case http.StatusTooManyRequests:
		set("RATE_LIMIT_EXCEEDED", "Rate limit exceeded")
		w.Header().Set("Retry-After", strconv.Itoa(max(f.MS/1000, 1)))
	case http.StatusServiceUnavailable:
		set("BOOT_ERROR", "Function failed to start (please check logs)")
	case http.StatusGatewayTimeout:
		set("IDLE_TIMEOUT", "Function did not answer in time")
	case statusWorkerLimit:
		set("WORKER_LIMIT", "Function failed due to not having enough compute resources (please check logs)")
	}
	if f.Code != "" {
		p.code = f.Code
		p.body["code"] = f.Code
	}
	p.write(w)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"error":"answer cannot be encoded"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b) // a far end that is gone reads nothing
}
