package session

import (
	"cmp"
	"slices"
	"time"

	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/clock"
)

// timers keeps the engine's few named deadlines on one timer of the clock.
type timers struct {
	clock clock.Clock
	due   map[turn.TimerID]time.Time
	timer clock.Timer
}

func (t *timers) set(id turn.TimerID, after time.Duration) {
	if t.due == nil {
		t.due = map[turn.TimerID]time.Time{}
	}
	t.due[id] = t.clock.Now().Add(after)
	t.arm()
}

func (t *timers) clear(id turn.TimerID) { delete(t.due, id) }

func (t *timers) arm() {
	var first time.Time
	for _, at := range t.due {
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	if first.IsZero() {
		return
	}
	d := max(0, first.Sub(t.clock.Now()))
	if t.timer == nil {
		t.timer = t.clock.NewTimer(d)
		return
	}
	t.timer.Stop()
	t.timer.Reset(d)
}

// c is the channel to wait on; nil blocks for ever.
func (t *timers) c() <-chan time.Time {
	if t.timer == nil {
		return nil
	}
	return t.timer.C()
}

// expired takes out the timers that are due and arms the next.
func (t *timers) expired() []turn.TimerID {
	now := t.clock.Now()
	var out []turn.TimerID
	for id, at := range t.due {
		if !at.After(now) {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, func(a, b turn.TimerID) int {
		return cmp.Or(t.due[a].Compare(t.due[b]), cmp.Compare(a, b))
	})
	for _, id := range out {
		delete(t.due, id)
	}
	t.arm()
	return out
}

func (t *timers) stop() {
	if t.timer != nil {
		t.timer.Stop()
	}
}
