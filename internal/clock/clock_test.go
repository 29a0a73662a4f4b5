package clock_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/voicectl/voicectl/internal/clock"
)

func TestReal_TimerFiresOnceAtItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c clock.Clock = clock.Real{}
		start := c.Now()
		timer := c.NewTimer(3 * time.Second)
		if at := <-timer.C(); at.Sub(start) != 3*time.Second {
			t.Errorf("fired after %v, want 3s", at.Sub(start))
		}
		select {
		case <-timer.C():
			t.Error("fired twice")
		case <-time.After(time.Hour):
		}
	})
}

func TestReal_TimerStopsAndResets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		timer := clock.Real{}.NewTimer(time.Second)
		if !timer.Stop() {
			t.Error("Stop of a running timer says that it had fired")
		}
		start := time.Now()
		if timer.Reset(2 * time.Second) {
			t.Error("Reset of a stopped timer says that it was running")
		}
		if at := <-timer.C(); at.Sub(start) != 2*time.Second {
			t.Errorf("fired after %v, want 2s", at.Sub(start))
		}
	})
}
