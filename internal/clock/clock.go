// Package clock is the injected clock. Production code that asks for the time, or waits, takes a Clock,
// so that tests can run it on virtual time.
package clock

import "time"

// Clock tells the time and makes timers.
type Clock interface {
	Now() time.Time
	// NewTimer returns a timer that sends once on C after d.
	NewTimer(d time.Duration) Timer
}

// Timer is the part of time.Timer that is used.
type Timer interface {
	C() <-chan time.Time
	Stop() bool
	Reset(d time.Duration) bool
}

// Real is the machine's clock. Under testing/synctest it is virtual as well.
type Real struct{}

var _ Clock = Real{}

// Now returns the current time with its monotonic reading.
func (Real) Now() time.Time { return time.Now() }

// NewTimer wraps time.NewTimer.
func (Real) NewTimer(d time.Duration) Timer { return realTimer{time.NewTimer(d)} }

type realTimer struct{ *time.Timer }

func (t realTimer) C() <-chan time.Time { return t.Timer.C }
