package speechmatics

import (
	"errors"
	"fmt"
	"time"

	"github.com/voicectl/voicectl/internal/provider/guard"
	"github.com/voicectl/voicectl/internal/ws"
)

// Types of the vendor's Error message that are named elsewhere in this module.
const (
	ErrProtocol         = "protocol_error"
	ErrInvalidMessage   = "invalid_message"
	ErrInvalidModel     = "invalid_model"
	ErrInvalidLanguage  = "invalid_language"
	ErrInvalidConfig    = "invalid_config"
	ErrInvalidAudioType = "invalid_audio_type"
	ErrNotAuthorised    = "not_authorised"
	ErrNotAllowed       = "not_allowed"
	ErrJob              = "job_error"
	ErrQuotaExceeded    = "quota_exceeded"
	ErrTimeLimit        = "timelimit_exceeded"
	ErrIdleTimeout      = "idle_timeout"
	ErrSessionTimeout   = "session_timeout"
	ErrUnknown          = "unknown_error"
)

// retryWait is what the vendor asks to wait before a session is tried again: 5 to 10 s.
const retryWait = 5 * time.Second

// CloseCode is the close code that goes with a type of Error, by the vendor's table.
func CloseCode(errorType string) int {
	switch errorType {
	case ErrNotAuthorised:
		return 4001
	case ErrNotAllowed:
		return 4003
	case ErrInvalidModel:
		return 4004
	case ErrQuotaExceeded:
		return 4005
	case ErrTimeLimit:
		return 4006
	case ErrJob:
		return 4013
	case ErrIdleTimeout, ErrSessionTimeout:
		return ws.ClosePolicy
	case ErrUnknown:
		return ws.CloseInternal
	}
	return ws.CloseUnsupported // protocol_error and all that the client said wrongly
}

// ErrorType is the type of Error that goes with a close code, "" when there is none.
func ErrorType(code int) string {
	switch code {
	case ws.CloseUnsupported:
		return ErrProtocol
	case ws.CloseInternal:
		return ErrUnknown
	case 4001:
		return ErrNotAuthorised
	case 4003:
		return ErrNotAllowed
	case 4004:
		return ErrInvalidModel
	case 4005:
		return ErrQuotaExceeded
	case 4006:
		return ErrTimeLimit
	case 4013:
		return ErrJob
	}
	return ""
}

func classOf(errorType string) guard.Class {
	switch errorType {
	case ErrNotAuthorised, ErrNotAllowed:
		return guard.Unauthorized
	case ErrQuotaExceeded: // too many sessions at once: the vendor asks to try again
		return guard.RateLimited
	case ErrTimeLimit: // the hours of the plan are used up
		return guard.Quota
	case ErrInvalidModel:
		return guard.NotFound
	case ErrProtocol, ErrInvalidMessage, ErrInvalidLanguage, ErrInvalidConfig, ErrInvalidAudioType, "invalid_output_format":
		return guard.BadRequest
	case ErrIdleTimeout, ErrSessionTimeout:
		return guard.Timeout
	}
	return guard.VendorFault
}

// vendorError is an Error said by the vendor, in a message or as the reason of a close.
func vendorError(errorType, reason string, status int) *guard.Error {
	e := &guard.Error{Class: classOf(errorType), Code: errorType, Status: status}
	if reason != "" && reason != errorType {
		e.Err = errors.New(reason)
	}
	switch errorType {
	case ErrQuotaExceeded, ErrJob, ErrUnknown:
		e.RetryAfter = retryWait
	}
	return e
}

func protocolError(err error) *guard.Error {
	return &guard.Error{Class: guard.Protocol, Err: err}
}

// wireError sorts an error of dialling or reading.
func wireError(err error) error {
	var hs *ws.HandshakeError
	if errors.As(err, &hs) {
		return &guard.Error{Class: handshakeClass(hs.Status), Status: hs.Status, Err: err}
	}
	code := ws.CloseCode(err)
	switch code {
	case 0:
		return err
	case ws.CloseTooBig:
		return protocolError(fmt.Errorf("message over the limit: %w", err))
	case ws.CloseNormal, ws.CloseGoingAway, ws.CloseAbnormal, 1005:
		return &guard.Error{Class: guard.Unreachable, Status: code, Err: fmt.Errorf("closed before the end of the transcript: %w", err)}
	}
	reason := ws.CloseReason(err)
	errorType := ErrorType(code)
	if code == ws.ClosePolicy && (reason == ErrIdleTimeout || reason == ErrSessionTimeout) || errorType == "" && classOf(reason) != guard.VendorFault {
		errorType = reason
	}
	if errorType == "" {
		return &guard.Error{Class: guard.VendorFault, Status: code, Err: err}
	}
	return vendorError(errorType, reason, code)
}

func handshakeClass(status int) guard.Class {
	if class := guard.FromStatus(status); class != "" {
		return class
	}
	return guard.Protocol // a 2xx or 3xx where 101 was due
}
