package supabase

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/provider/guard"
)

// answer reads a response: a result into out, everything else into a *guard.Error.
func (c *Client) answer(res *http.Response, id string, out any) error {
	if v := res.Header.Get("Sb-Request-Id"); v != "" && len(v) <= 128 {
		id = v
	}
	fail := func(class guard.Class, code string, err error) error {
		return &guard.Error{Class: class, Status: res.StatusCode, Code: clip(code, 64), RequestID: id, RetryAfter: retryAfter(res), Err: err}
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxResponse+1))
	switch {
	case err != nil && errors.Is(err, io.ErrUnexpectedEOF):
		return fail(guard.Unreachable, "", fmt.Errorf("answer was cut off after %d bytes", len(body)))
	case err != nil:
		return fail(guard.Classify(err), "", err)
	case len(body) > maxResponse:
		return fail(guard.Protocol, "", fmt.Errorf("answer is larger than %d bytes", maxResponse))
	}
	var said problem
	parsed := json.Unmarshal(body, &said)
	if relay := res.Header.Get("X-Relay-Error"); relay == "true" || res.StatusCode < 200 || res.StatusCode > 299 {
		code := res.Header.Get("Sb-Error-Code")
		if code == "" {
			code = said.code()
		}
		return fail(classify(res.StatusCode, code), code, errors.New(c.debugText(said.text(), body)))
	}
	if parsed != nil {
		return fail(guard.Protocol, "", errors.New("answer is not a JSON object"))
	}
	if said.Success != nil && !*said.Success {
		// A function that failed but answered 200.
		return fail(guard.VendorFault, said.code(), errors.New(c.debugText(said.text(), body)))
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fail(guard.Protocol, "", fmt.Errorf("answer has another shape than expected: %w", err))
	}
	return nil
}

// problem is the union of the error bodies that gateway, platform and functions write.
type problem struct {
	Success *bool           `json:"success"`
	Code    json.RawMessage `json:"code"` // number or text
	Message json.RawMessage `json:"message"`
	Msg     json.RawMessage `json:"msg"`
	Error   json.RawMessage `json:"error"` // text, or an object
}

func (p problem) code() string {
	var t Text
	if len(p.Code) == 0 || json.Unmarshal(p.Code, &t) != nil {
		return ""
	}
	return string(t)
}

func (p problem) text() string {
	for _, raw := range []json.RawMessage{p.Message, p.Msg, p.Error} {
		var s string
		if len(raw) > 0 && json.Unmarshal(raw, &s) == nil && s != "" {
			return s
		}
	}
	return ""
}

// classify prefers the platform's own code to the status: one status stands for several of them.
func classify(status int, code string) guard.Class {
	switch {
	case strings.HasPrefix(code, "UNAUTHORIZED_"):
		return guard.Unauthorized
	case strings.HasPrefix(code, "NOT_FOUND"):
		return guard.NotFound
	case code == "RATE_LIMIT_EXCEEDED":
		return guard.RateLimited
	case code == "IDLE_TIMEOUT":
		return guard.Timeout
	case strings.HasPrefix(code, "WORKER_"), code == "BOOT_ERROR", code == "EDGE_FUNCTION_ERROR":
		return guard.VendorFault
	}
	if class := guard.FromStatus(status); class != "" {
		return class
	}
	if status >= 300 {
		return guard.Protocol // a redirect, which is not followed
	}
	return guard.VendorFault // a relay error with a good status
}

// debugText is the vendor's own words, short and without our key, should it be echoed.
func (c *Client) debugText(text string, body []byte) string {
	if text == "" {
		text = string(body)
	}
	if c.key.Set() {
		text = strings.ReplaceAll(text, c.key.Reveal(), c.key.String())
	}
	if text = strings.ToValidUTF8(clip(text, 200), ""); text == "" {
		return "no text"
	}
	return text
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

func retryAfter(res *http.Response) time.Duration {
	v := res.Header.Get("Retry-After")
	if v == "" {
		return 0
	}
	if s, err := strconv.Atoi(v); err == nil {
		return time.Duration(min(max(s, 0), 86400)) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(time.Until(t), 0)
	}
	return 0
}
