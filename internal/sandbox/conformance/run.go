package conformance

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/voicectl/voicectl/internal/secret"
)

// State is the outcome of a case.
type State string

// The outcomes. A case that was not reached says nothing about the vendor; one that does not apply was not run.
const (
	Pass       State = "pass"
	Fail       State = "fail"
	Unreached  State = "unreached"
	NotApplied State = "n/a"
)

// Result is what became of one case.
type Result struct {
	Case        Case
	State       State
	Differences []Difference
	Reason      string // of Unreached and NotApplied
	Took        time.Duration
}

// Target is who is asked.
type Target struct {
	URL        string // as the vendor's own library takes it: with /v1, with /v2
	Management string // the second address of a vendor that has one
	Key        secret.Secret
	Vars       map[string]string // in place of the document's
	// Live: this is the vendor itself. What only the sandbox can do is left out, and an answer that says the
	// vendor is busy is no difference.
	Live bool
	// Patience is the wait for one answer or message; a case may take three times as long. 0 = 15 s.
	Patience time.Duration
}

// Bounds of one case. Nothing a vendor does may hold a run up, or fill memory.
const (
	patience    = 15 * time.Second
	maxBody     = 4 << 20
	maxMessage  = 1 << 20
	maxMessages = 10_000
	maxSilence  = 5000 // ms
	badKey      = "bad-conformance-key-0123456789"
)

// Run performs one case. Nothing but ctx ends it early; its errors are in the result.
func (d *Document) Run(ctx context.Context, c Case, t Target) Result {
	start := time.Now()
	r := Result{Case: c}
	if t.Live && c.SandboxOnly != "" {
		r.State, r.Reason = NotApplied, c.SandboxOnly
		return r
	}
	if t.Patience <= 0 {
		t.Patience = patience
	}
	own, cancel := context.WithTimeout(ctx, 3*t.Patience)
	defer cancel()
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, DisableKeepAlives: true, ResponseHeaderTimeout: t.Patience}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	a := &act{doc: d, c: c, t: t, vars: vars{}, http: client}
	maps.Copy(a.vars, d.Vars)
	for name, value := range t.Vars {
		if value != "" {
			a.vars[name] = value
		}
	}
	a.vars["key"] = t.Key.Reveal()
	if c.Key == BadKey {
		a.vars["key"] = badKey
	}
	diffs, err := a.perform(own)
	if ctx.Err() != nil {
		err = errors.Join(err, ctx.Err())
	}
	for i := range diffs {
		diffs[i].Saw = a.vars.mask(diffs[i].Saw)
	}
	r.Differences, r.Took = diffs, time.Since(start)
	switch {
	case err != nil:
		r.State, r.Reason, r.Differences = Unreached, a.vars.mask(err.Error()), nil
	case len(diffs) > 0:
		r.State = Fail
	default:
		r.State = Pass
	}
	return r
}

// act is one case under way.
type act struct {
	doc  *Document
	c    Case
	t    Target
	vars vars
	http *http.Client
}

// errUnreached means that nothing can be said about the vendor.
var errUnreached = errors.New("not reached")

// perform takes the steps until one has differences: the next would stand on them.
func (a *act) perform(ctx context.Context) ([]Difference, error) {
	for i, s := range a.c.Steps {
		if s.Unless != "" && a.vars[s.Unless] != "" {
			continue
		}
		diffs, err := a.step(ctx, s)
		if errors.Is(err, errUnreached) {
			return nil, err
		}
		if err != nil {
			diffs = append(diffs, Difference{"case", "a step that can be taken", err.Error()})
		}
		if len(diffs) > 0 {
			if len(a.c.Steps) > 1 {
				for k := range diffs {
					diffs[k].Path = fmt.Sprintf("step %d: %s", i+1, diffs[k].Path)
				}
			}
			return diffs, nil
		}
	}
	return nil, nil
}

func (a *act) step(ctx context.Context, s Step) ([]Difference, error) {
	if s.Socket != nil {
		filled, err := fill(a.vars, *s.Socket)
		if err != nil {
			return nil, err
		}
		return a.socket(ctx, filled)
	}
	q, err := fill(a.vars, *s.Request)
	if err != nil {
		return nil, err
	}
	e, err := fill(a.vars, *s.Expect)
	if err != nil {
		return nil, err
	}
	return a.request(ctx, q, e)
}

// failure sorts the error of a request that got no answer: who was not there at all says nothing about the
// vendor; who was there and broke off does.
func failure(err error) ([]Difference, error) {
	var op *net.OpError
	var dns *net.DNSError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	if errors.As(err, &dns) || errors.As(err, &unknown) || errors.As(err, &host) || errors.As(err, &invalid) ||
		errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect" || op.Op == "socks connect") {
		var named *url.Error // repeats the URL
		if errors.As(err, &named) {
			err = named.Err
		}
		return nil, fmt.Errorf("%w: %w", errUnreached, err)
	}
	return []Difference{{"answer", "an answer", cause(err)}}, nil
}

// cause is the innermost of an error, which names no URL.
func cause(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err.Error()
		}
		err = next
	}
}

// busy tells whether a live vendor said that it cannot answer now.
func (a *act) busy(status int, want Codes) error {
	if !a.t.Live || want.has(status) {
		return nil
	}
	switch status {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return fmt.Errorf("%w: the vendor answered %d %s", errUnreached, status, http.StatusText(status))
	}
	return nil
}
