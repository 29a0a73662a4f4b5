package openai

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/provider/guard"
)

const (
	maxErrorBody = 64 << 10
	maxMessage   = 300
	maxWait      = time.Hour // a longer retry-after is nonsense
)

var (
	keyEcho = regexp.MustCompile(`\S*(?:\*{3,}|sk-)\S*`)

	tryAgain = regexp.MustCompile(`try again in ([0-9hms.]+)`)
)

// errCut is a stream that ended cleanly, but before it was complete.
var errCut = errors.New("the stream ended before the answer was complete")

// failure reads an HTTP answer of status >= 400 into an error. Servers that speak the language differ in
// the shape of theirs: {"error":{…}}, {"error":"text"}, {"message":…,"code":400}, or no JSON at all.
func failure(resp *http.Response, id string) *guard.Error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	d := readDetail(body)
	if d.message == "" && err == nil {
		d.message = http.StatusText(resp.StatusCode)
	}
	e := d.error(resp.StatusCode)
	e.RequestID = id
	if e.RetryAfter = retryAfter(resp.Header); e.RetryAfter == 0 && e.Class == guard.RateLimited {
		e.RetryAfter = waitInText(d.message)
	}
	return e
}

type detail struct{ message, kind, code string }

func readDetail(body []byte) detail {
	var flat struct {
		Error   json.RawMessage `json:"error"`
		Message json.RawMessage `json:"message"`
		Detail  json.RawMessage `json:"detail"`
		Type    json.RawMessage `json:"type"`
		Code    json.RawMessage `json:"code"`
	}
	if json.Unmarshal(body, &flat) != nil {
		return detail{message: string(body)}
	}
	d := detail{message: word(flat.Message), kind: word(flat.Type), code: word(flat.Code)}
	if d.message == "" {
		d.message = word(flat.Detail)
	}
	var nested struct {
		Message json.RawMessage `json:"message"`
		Type    json.RawMessage `json:"type"`
		Code    json.RawMessage `json:"code"`
	}
	if json.Unmarshal(flat.Error, &nested) == nil {
		d = detail{message: word(nested.Message), kind: word(nested.Type), code: word(nested.Code)}
	} else if s := word(flat.Error); s != "" {
		d.message = s
	}
	return d
}

// word takes a JSON string or number as text.
func word(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	return ""
}

// error sorts the detail under a status; 0 = the error came within a stream.
func (d detail) error(status int) *guard.Error {
	e := &guard.Error{Vendor: vendor, Status: status, Code: clip(d.code, 100), Class: guard.FromStatus(status)}
	if status == 0 {
		e.Class = guard.VendorFault
		if n, err := strconv.Atoi(d.code); err == nil && n >= 400 && n < 600 {
			e.Status, e.Class = n, guard.FromStatus(n)
		}
	}
	if e.Class == "" {
		e.Class = guard.Protocol
	}
	switch {
	case anyOf(d, "insufficient_quota", "credit_balance_exhausted", "billing_hard_limit_reached", "billing_not_active"):
		e.Class = guard.Quota
	case anyOf(d, "rate_limit_exceeded", "rate_limit_error"):
		e.Class = guard.RateLimited
		if strings.HasPrefix(d.message, "Request too large") { // no wait makes it smaller
			e.Class = guard.BadRequest
		}
	case anyOf(d, "invalid_api_key", "authentication_error"):
		e.Class = guard.Unauthorized
	case anyOf(d, "model_not_found"):
		e.Class = guard.NotFound
	case status == 0 && anyOf(d, "context_length_exceeded", "invalid_request_error"):
		e.Class = guard.BadRequest
	}
	if d.message != "" {
		e.Err = errors.New(clip(keyEcho.ReplaceAllString(d.message, "[key]"), maxMessage))
	}
	return e
}

func anyOf(d detail, codes ...string) bool {
	for _, c := range codes {
		if d.code == c || d.kind == c {
			return true
		}
	}
	return false
}

func lacksScope(e *guard.Error) bool {
	return e.Code == "missing_scope" || e.Err != nil && strings.Contains(strings.ToLower(e.Err.Error()), "missing scope")
}

// retryAfter reads retry-after-ms, then retry-after in seconds or as a date.
func retryAfter(h http.Header) time.Duration {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil {
		return sane(ms * float64(time.Millisecond))
	}
	v := h.Get("Retry-After")
	if s, err := strconv.ParseFloat(v, 64); err == nil {
		return sane(s * float64(time.Second))
	}
	if at, err := http.ParseTime(v); err == nil {
		return sane(float64(time.Until(at)))
	}
	return 0
}

func waitInText(s string) time.Duration {
	m := tryAgain.FindStringSubmatch(s)
	if m == nil {
		return 0
	}
	d, err := time.ParseDuration(strings.TrimRight(m[1], "."))
	if err != nil {
		return 0
	}
	return sane(float64(d))
}

func sane(d float64) time.Duration {
	if !(d > 0) { // NaN too
		return 0
	}
	return time.Duration(min(d, float64(maxWait)))
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
