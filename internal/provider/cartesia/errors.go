package cartesia

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/provider/guard"
	"github.com/voicectl/voicectl/internal/ws"
)

// ErrOver is returned by Say and End of a Speech that has ended, failed or been cancelled.
var ErrOver = errors.New("cartesia: this speech is over")

// problem makes the error of a status and what was said with it.
func problem(status int, code, requestID, text string) *guard.Error {
	e := &guard.Error{Class: guard.FromStatus(status), Status: status, Code: code, RequestID: requestID}
	switch {
	case code == CodeConcurrency:
		e.Class = guard.RateLimited
	case code == CodeModelNotFound:
		e.Class = guard.NotFound
	case e.Class == "":
		e.Class = guard.VendorFault
	}
	if text = strings.TrimSpace(text); text != "" {
		e.Err = errors.New(text)
	}
	return e
}

// failure is the error of an error message.
func (m *inbound) failure() *guard.Error {
	text := m.Error
	if text == "" {
		text = join(m.Title, m.Message)
	}
	return problem(m.StatusCode, m.ErrorCode, m.RequestID, text)
}

// httpError is the error of an answer other than 2xx: JSON since version 2026-03-01, text before.
func httpError(status int, h http.Header, body []byte) *guard.Error {
	var p Problem
	e := problem(status, "", "", clip(string(body)))
	if json.Unmarshal(body, &p) == nil && (p.Title != "" || p.Message != "" || p.ErrorCode != nil) {
		code := ""
		if p.ErrorCode != nil {
			code = *p.ErrorCode
		}
		e = problem(status, code, p.RequestID, clip(join(p.Title, p.Message)))
	}
	if s, err := strconv.Atoi(h.Get("Retry-After")); err == nil && s > 0 && s < 3600 {
		e.RetryAfter = time.Duration(s) * time.Second
	}
	return e
}

func join(title, message string) string {
	if title == "" || message == "" {
		return title + message
	}
	return title + ": " + message
}

func clip(s string) string {
	const limit = 300
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "")
	}
	return s
}

// wireError sorts an error of dialling, reading or writing the socket.
func wireError(err error) error {
	var hs *ws.HandshakeError
	if errors.As(err, &hs) {
		e := httpError(hs.Status, nil, []byte(hs.Body))
		if hs.Status < 400 {
			e.Class = guard.Protocol // a 2xx or 3xx where 101 was due
		}
		return e
	}
	switch code := ws.CloseCode(err); code {
	case 0:
		return err
	case ws.CloseTooBig:
		return protocolError(fmt.Errorf("message over the limit: %w", err))
	case ws.CloseTryLater:
		return &guard.Error{Class: guard.RateLimited, Status: code, Err: err}
	case ws.CloseInternal:
		return &guard.Error{Class: guard.VendorFault, Status: code, Err: err}
	case ws.ClosePolicy:
		return &guard.Error{Class: guard.Unauthorized, Status: code, Err: err}
	case ws.CloseProtocol, ws.CloseUnsupported, ws.CloseInvalid:
		return protocolError(err)
	default:
		return &guard.Error{Class: guard.Unreachable, Status: code, Err: err}
	}
}

func protocolError(err error) *guard.Error { return &guard.Error{Class: guard.Protocol, Err: err} }

func badOptions(err error) *guard.Error { return &guard.Error{Class: guard.BadRequest, Err: err} }
