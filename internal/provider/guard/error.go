package guard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// Class is the kind of a vendor failure: it decides over retry, breaker, words to the caller and label
// of the metric.
type Class string

// The classes.
const (
	Unreachable  Class = "unreachable"  // refused, DNS, TLS, reset
	Timeout      Class = "timeout"      // no answer in time, or a stall midway
	Unauthorized Class = "unauthorized" // 401, 403: the key is wrong
	RateLimited  Class = "rate_limited" // 429 that passes
	Quota        Class = "quota"        // out of credit: waiting does not help
	BadRequest   Class = "bad_request"  // 4xx: we asked wrongly
	NotFound     Class = "not_found"    // model, voice, function does not exist
	VendorFault  Class = "vendor"       // 5xx, or an error said in the stream
	Protocol     Class = "protocol"     // an answer that cannot be understood
	Empty        Class = "empty"        // an answer that holds nothing
	CircuitOpen  Class = "circuit_open" // not asked at all
	Cancelled    Class = "cancelled"    // we stopped it ourselves
)

func (c Class) countsAgainstVendor() bool {
	switch c {
	case Unreachable, Timeout, VendorFault, Protocol, Empty, RateLimited, Quota, Unauthorized:
		return true
	case BadRequest, NotFound, CircuitOpen, Cancelled, "":
		return false
	}
	return false
}

// Error is a failed vendor call. Message is the vendor's own text and stays in debug logs; it is never
// spoken and never shown to a stranger.
type Error struct {
	Vendor, Op string
	Class      Class
	Status     int           // HTTP status or vendor code, 0 = none
	Code       string        // the vendor's error code
	RequestID  string        // the vendor's id for its support
	RetryAfter time.Duration // 0 = not said
	Err        error
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s %s: %s", e.Vendor, e.Op, e.Class)
	if e.Status != 0 {
		s += fmt.Sprintf(" (%d)", e.Status)
	}
	if e.Code != "" {
		s += " " + e.Code
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// ClassOf returns the class of err, "" for nil.
func ClassOf(err error) Class {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Class
	}
	return Classify(err)
}

// Classify sorts an error of the transport.
func Classify(err error) Class {
	var ne net.Error
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.Canceled):
		return Cancelled
	case errors.Is(err, context.DeadlineExceeded):
		return Timeout
	case errors.As(err, &ne) && ne.Timeout():
		return Timeout
	}
	return Unreachable
}

// FromStatus sorts an HTTP status.
func FromStatus(status int) Class {
	switch {
	case status == 401 || status == 403:
		return Unauthorized
	case status == 402:
		return Quota
	case status == 404:
		return NotFound
	case status == 408 || status == 504:
		return Timeout
	case status == 429:
		return RateLimited
	case status >= 500:
		return VendorFault
	case status >= 400:
		return BadRequest
	}
	return ""
}

// Retryable tells whether asking once more may help.
func Retryable(err error) bool {
	switch ClassOf(err) {
	case Unreachable, Timeout, RateLimited, VendorFault:
		return true
	case Unauthorized, Quota, BadRequest, NotFound, Protocol, Empty, CircuitOpen, Cancelled, "":
		return false
	}
	return false
}
