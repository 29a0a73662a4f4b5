package openai

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	wire "github.com/voicectl/voicectl/internal/provider/openai"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

const badRequest = "invalid_request_error"

// refusal is an answer of status >= 400.
type refusal struct {
	status int
	detail wire.ErrorDetail
}

// refuse words one; an empty param or code is null on the wire.
func refuse(status int, param, code, format string, args ...any) *refusal {
	r := &refusal{status: status, detail: wire.ErrorDetail{Message: fmt.Sprintf(format, args...), Type: badRequest}}
	if param != "" {
		r.detail.Param = &param
	}
	if code != "" {
		r.detail.Code = &code
	}
	return r
}

func invalid(param, code, format string, args ...any) *refusal {
	return refuse(http.StatusBadRequest, param, code, format, args...)
}

func (r *refusal) write(w http.ResponseWriter) int {
	return writeJSON(w, r.status, wire.ErrorBody{Error: r.detail})
}

func writeJSON(w http.ResponseWriter, status int, v any) int {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // the client may be gone
	return status
}

// Refuse writes the vendor's own error for an injected fault of mode status. Status 0 means 500; Code
// picks among the errors of a status (429: rate_limit_exceeded or insufficient_quota).
func Refuse(w http.ResponseWriter, _ *http.Request, f stage.Fault) {
	headers(w.Header(), time.Now())
	status := f.Status
	if status < 400 || status > 599 {
		status = http.StatusInternalServerError
	}
	if status == http.StatusTooManyRequests && f.Code != "insufficient_quota" {
		wait := 1
		if f.MS > 0 {
			wait = (f.MS + 999) / 1000
			w.Header().Set("Retry-After-Ms", strconv.Itoa(f.MS))
		}
		w.Header().Set("Retry-After", strconv.Itoa(wait))
		w.Header().Set("X-Ratelimit-Remaining-Requests", "0")
	}
	injected(status, f.Code).write(w)
}

func injected(status int, code string) *refusal {
	var r *refusal
	switch status {
	case 400:
		r = refuse(status, "", "", "Invalid request.")
	case 401:
		r = refuse(status, "", "invalid_api_key", "Incorrect API key provided: sk-sand***********box. You can find your API key at https://platform.openai.com/account/api-keys.")
	case 403:
		r = refuse(status, "", "unsupported_country_region_territory", "Country, region, or territory not supported")
		r.detail.Type = "request_forbidden"
	case 404:
		r = refuse(status, "", "model_not_found", "The model does not exist or you do not have access to it.")
	case 408:
		r = refuse(status, "", "", "Request timed out.")
	case 429:
		r = refuse(status, "", "rate_limit_exceeded", "Rate limit reached for requests: Limit 10000, Used 10000, Requested 1. Please try again in 1s. Visit https://platform.openai.com/account/rate-limits to learn more.")
		r.detail.Type = "requests"
		if code == "insufficient_quota" {
			r = refuse(status, "", code, "You exceeded your current quota, please check your plan and billing details. For more information on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.")
			r.detail.Type = code
		}
	case 500:
		r = refuse(status, "", "", "The server had an error while processing your request. Sorry about that!")
		r.detail.Type = "server_error"
	case 503:
		r = refuse(status, "", "", "The engine is currently overloaded, please try again later.")
		r.detail.Type = "server_error"
	default:
		r = refuse(status, "", "", "%s", http.StatusText(status))
		if status >= 500 {
			r.detail.Type = "server_error"
		}
	}
	if code != "" {
		r.detail.Code = &code
	}
	return r
}

// clip bounds what a refusal quotes of the request.
func clip(s string) string {
	if len(s) > 120 {
		return s[:120]
	}
	return s
}
