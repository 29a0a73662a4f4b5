package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
)

// Class is why an exchange did not come about.
type Class string

// The classes.
const (
	ClassURL      Class = "url"
	ClassDNS      Class = "dns"
	ClassRefused  Class = "refused"
	ClassTLS      Class = "tls"
	ClassTime     Class = "time"
	ClassReset    Class = "reset"
	ClassRedirect Class = "redirect"
	ClassBarred   Class = "barred"
	ClassProtocol Class = "protocol"
)

// Error is an exchange that did not come about: "could not look", with the class.
type Error struct {
	Class Class
	Host  string
	Err   error
}

// Error implements error. The text of the cause is told for classes where it helps.
func (e *Error) Error() string {
	switch e.Class {
	case ClassDNS:
		return fmt.Sprintf("%s: the name does not resolve", e.Host)
	case ClassRefused:
		return fmt.Sprintf("%s: connection refused, nothing listens there", e.Host)
	case ClassTime:
		return fmt.Sprintf("%s: no answer in time", e.Host)
	case ClassReset:
		return fmt.Sprintf("%s: the connection was cut before the answer was whole", e.Host)
	case ClassTLS:
		return fmt.Sprintf("%s: no TLS connection: %v", e.Host, e.Err)
	case ClassURL, ClassRedirect, ClassBarred, ClassProtocol:
		return fmt.Sprintf("%s: %v", e.Host, e.Err)
	}
	return fmt.Sprintf("%s: %v", e.Host, e.Err)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Temporary tells whether another attempt makes sense.
func (e *Error) Temporary() bool {
	switch e.Class {
	case ClassTime, ClassReset, ClassRefused:
		return true
	case ClassDNS:
		var d *net.DNSError
		return errors.As(e.Err, &d) && d.IsTemporary
	case ClassURL, ClassTLS, ClassRedirect, ClassBarred, ClassProtocol:
	}
	return false
}

// Hint is the next step.
func (e *Error) Hint() string {
	switch e.Class {
	case ClassDNS:
		return "check the spelling of the host and the name server"
	case ClassRefused:
		return "start the backend, or check host and port"
	case ClassTime:
		return "check the firewall, or give it more time with --timeout"
	case ClassTLS:
		return "check certificate, name and protocol; --ca-file FILE adds a certificate authority"
	case ClassReset:
		return "look into the log of the backend, or of the proxy before it"
	case ClassURL:
		return "check the URL"
	case ClassRedirect:
		return "look where the redirects lead"
	case ClassBarred, ClassProtocol:
	}
	return ""
}

func classify(ctx context.Context, host string, err error) error {
	var (
		dns     *net.DNSError
		barred  *RefusedError
		cert    *tls.CertificateVerificationError
		alert   tls.AlertError
		header  tls.RecordHeaderError
		unknown x509.UnknownAuthorityError
		timeout interface{ Timeout() bool }
	)
	is := func(c Class) error { return &Error{Class: c, Host: host, Err: err} }
	switch {
	case errors.As(err, &barred):
		return &Error{Class: ClassBarred, Host: host, Err: barred}
	case errors.As(err, &dns):
		return is(ClassDNS)
	case errors.As(err, &cert):
		return &Error{Class: ClassTLS, Host: host, Err: cert.Err}
	case errors.As(err, &alert), errors.As(err, &header), errors.As(err, &unknown), errors.Is(err, http.ErrSchemeMismatch), strings.Contains(err.Error(), "tls: "):
		// Most errors of a handshake, alerts of the far end among them, have no type of their own.
		return is(ClassTLS)
	case errors.Is(err, syscall.ECONNREFUSED):
		return is(ClassRefused)
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return is(ClassTime)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return is(ClassReset)
	}
	return is(ClassProtocol)
}
