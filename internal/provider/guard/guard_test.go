package guard

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestCOM06_SafeReadIsTriedOnceMore(t *testing.T) {
	cases := map[string]struct {
		safe bool
		err  error
		want int
	}{
		"a safe read after a passing failure":    {true, &Error{Class: VendorFault}, 2},
		"an unsafe call":                         {false, &Error{Class: VendorFault}, 1},
		"a failure that does not pass":           {true, &Error{Class: Quota}, 1},
		"a wait that is too long":                {true, &Error{Class: RateLimited, RetryAfter: time.Hour}, 1},
		"a transport failure, classified by us":  {true, errors.New("connection reset"), 2},
		"a request that was wrong by our own do": {true, &Error{Class: BadRequest}, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := New(Options{Vendor: "v"})
				calls := 0
				err := g.Do(t.Context(), "op", c.safe, func(context.Context) error { calls++; return c.err })
				if calls != c.want || err == nil {
					t.Errorf("called %d times (want %d), error %v", calls, c.want, err)
				}
			})
		})
	}
}

func TestCOM06_BreakerOpensAfterFiveFailuresIn30sFor15s(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Options{Vendor: "v"})
		fail := func() error {
			return g.Do(t.Context(), "op", false, func(context.Context) error { return &Error{Class: VendorFault, Status: 500} })
		}
		for range 4 {
			_ = fail()
		}
		time.Sleep(31 * time.Second)
		_ = fail() // the four are forgotten
		if g.Open() {
			t.Fatal("open after five failures that did not fall within 30 s")
		}
		for range 4 {
			_ = fail()
		}
		if !g.Open() {
			t.Fatal("closed after five failures within 30 s")
		}
		asked := false
		err := g.Do(t.Context(), "op", true, func(context.Context) error { asked = true; return nil })
		if asked || ClassOf(err) != CircuitOpen {
			t.Errorf("asked %v, error %v", asked, err)
		}
		time.Sleep(BreakerOpen + time.Millisecond)
		if err := g.Do(t.Context(), "op", false, func(context.Context) error { return nil }); err != nil || g.Open() {
			t.Errorf("after the pause: %v, open %v", err, g.Open())
		}
	})
}

func TestGuard_CancelledTrialDoesNotCloseTheCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Options{Vendor: "v"})
		for range BreakerFailures {
			_ = g.Do(t.Context(), "op", false, func(context.Context) error { return &Error{Class: Unreachable} })
		}
		time.Sleep(BreakerOpen + time.Millisecond)
		_ = g.Do(t.Context(), "op", false, func(context.Context) error { return context.Canceled })
		if !g.Open() {
			t.Error("a trial that proved nothing closed the circuit")
		}
	})
}

func TestGuard_TimeoutEndsATryAndIsObserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []Observation
		g := New(Options{Vendor: "v", Timeout: time.Second, Observe: func(o Observation) { seen = append(seen, o) }})
		err := g.Do(t.Context(), "op", true, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		if ClassOf(err) != Timeout {
			t.Fatalf("got %v", err)
		}
		if len(seen) != 2 || seen[0].Took != time.Second || !seen[1].Retried || seen[0].Vendor != "v" || seen[0].Class != Timeout {
			t.Errorf("observed %+v", seen)
		}
	})
}

func TestFromStatus_SortsEachStatus(t *testing.T) {
	for status, want := range map[int]Class{
		http.StatusUnauthorized: Unauthorized, http.StatusForbidden: Unauthorized, http.StatusPaymentRequired: Quota,
		http.StatusNotFound: NotFound, http.StatusRequestTimeout: Timeout, http.StatusGatewayTimeout: Timeout,
		http.StatusTooManyRequests: RateLimited, http.StatusInternalServerError: VendorFault, http.StatusBadRequest: BadRequest, http.StatusOK: "",
	} {
		if got := FromStatus(status); got != want {
			t.Errorf("%d is %q, want %q", status, got, want)
		}
	}
}
