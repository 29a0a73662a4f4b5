// Package guard stands between a vendor's client and the wire: a timeout, one bounded retry for reads
// that are safe to repeat, a circuit breaker, and one observation a call for the metrics. Every vendor
// client owns one Guard.
package guard

import (
	"context"
	"errors"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// Breaker thresholds: five failures within 30 s open the circuit for 15 s at most (COM-06). The pause is spread
// from 9 s on, so that many processes that lost a vendor together do not come back to it together.
const (
	BreakerFailures = 5
	BreakerWindow   = 30 * time.Second
	BreakerOpen     = 15 * time.Second
	breakerSpread   = 3 * time.Second
	retryWaitMax    = 2 * time.Second
	retryWait       = 200 * time.Millisecond
)

// Observation is one finished vendor call.
type Observation struct {
	Vendor, Op string
	Took       time.Duration
	Class      Class // "" = success
	Retried    bool
}

// Options shape a Guard.
type Options struct {
	Vendor  string
	Timeout time.Duration // of one try of Do; 0 = 10 s
	Observe func(Observation)
	Now     func() time.Time // nil = time.Now
}

// Guard is safe for concurrent use.
type Guard struct {
	o       Options
	breaker circuitbreaker.CircuitBreaker[any]
}

// New makes a Guard with a closed circuit.
func New(o Options) *Guard {
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Observe == nil {
		o.Observe = func(Observation) {}
	}
	return &Guard{o: o, breaker: circuitbreaker.NewBuilder[any]().
		WithFailureThresholdPeriod(BreakerFailures, BreakerWindow).WithDelay(BreakerOpen - breakerSpread).WithJitter(breakerSpread).WithSuccessThreshold(1).Build()}
}

// Open tells whether the circuit is open now.
func (g *Guard) Open() bool { return g.breaker.IsOpen() }

// Do runs one bounded request. safe requests (idempotent reads) are tried once more after a failure
// that may pass. The error is always an *Error.
func (g *Guard) Do(ctx context.Context, op string, safe bool, fn func(ctx context.Context) error) error {
	err := g.try(ctx, op, false, fn)
	if err == nil || !safe || !Retryable(err) || ctx.Err() != nil {
		return err
	}
	wait := retryWait
	var ge *Error
	if errors.As(err, &ge) && ge.RetryAfter > 0 {
		if ge.RetryAfter > retryWaitMax {
			return err
		}
		wait = ge.RetryAfter
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return err
	case <-t.C:
	}
	return g.try(ctx, op, true, fn)
}

func (g *Guard) try(ctx context.Context, op string, retried bool, fn func(ctx context.Context) error) error {
	done, err := g.Begin(op)
	if err != nil {
		return err
	}
	tctx, cancel := context.WithTimeout(ctx, g.o.Timeout)
	defer cancel()
	return done(fn(tctx), retried)
}

// Begin is for long-lived work (a stream, a socket) that times itself: it fails at once when the
// circuit is open; else the caller calls done exactly once with the outcome, and returns what done
// returns.
func (g *Guard) Begin(op string) (done func(err error, retried bool) error, err error) {
	start := g.o.Now()
	if !g.breaker.TryAcquirePermit() {
		e := &Error{Vendor: g.o.Vendor, Op: op, Class: CircuitOpen, Err: errors.New("too many failures in a row; not asked")}
		g.o.Observe(Observation{Vendor: g.o.Vendor, Op: op, Class: CircuitOpen})
		return nil, e
	}
	return func(err error, retried bool) error {
		e := g.wrap(op, err)
		class := Class("")
		if e != nil {
			class = e.Class
		}
		switch {
		case class.countsAgainstVendor():
			g.breaker.RecordFailure()
		case class != Cancelled:
			g.breaker.RecordSuccess()
		case g.breaker.IsHalfOpen():
			// The one trial was given up by ourselves and proved nothing: wait and try another.
			g.breaker.RecordFailure()
		}
		g.o.Observe(Observation{Vendor: g.o.Vendor, Op: op, Took: g.o.Now().Sub(start), Class: class, Retried: retried})
		if e == nil {
			return nil
		}
		return e
	}, nil
}

func (g *Guard) wrap(op string, err error) *Error {
	if err == nil {
		return nil
	}
	var ge *Error
	if errors.As(err, &ge) {
		out := *ge
		if out.Vendor == "" {
			out.Vendor = g.o.Vendor
		}
		if out.Op == "" {
			out.Op = op
		}
		return &out
	}
	return &Error{Vendor: g.o.Vendor, Op: op, Class: Classify(err), Err: err}
}
