package archive

import (
	"fmt"
	"testing"
	"time"
)

// Tier: ci.
func TestArchive_ACallOfADeadInstanceIsLostAndOfALivingOneIsNot(t *testing.T) {
	onBoth(t, func(t *testing.T, s store) {
		o := s.options()
		o.pulse = 20 * time.Millisecond
		dead, err := Open(o)
		must(t, err)
		lost, over := call(1), call(2)
		put(t, dead.BeginCall(t.Context(), lost))
		put(t, dead.BeginCall(t.Context(), over))
		put(t, dead.EndCall(t.Context(), over.ID, "completed", over.StartedAt.Add(time.Minute)))
		settle(t, dead)
		id := dead.write.id
		must(t, dead.Close())

		living := open(t, o)
		live := call(3)
		put(t, living.BeginCall(t.Context(), live))
		watcher := open(t, o)
		settle(t, watcher)
		if c, err := watcher.Call(t.Context(), lost.ID); err != nil || c.EndReason != "" {
			t.Errorf("an instance that was heard of just now is taken for dead: %+v, %v", c, err)
		}
		seen := time.Now().Add(-time.Hour).Truncate(time.Microsecond).UTC()
		s.exec(t, fmt.Sprintf("UPDATE instances SET seen_at = %d WHERE id = '%s'", micros(seen), id))
		within(t, 10*time.Second, "the end of the lost call", func() bool {
			c, err := watcher.Call(t.Context(), lost.ID)
			return err == nil && c.EndReason == "lost" && c.EndedAt.Equal(seen)
		})
		for c, want := range map[Call]EndReason{over: "completed", live: ""} {
			if got, err := watcher.Call(t.Context(), c.ID); err != nil || got.EndReason != want {
				t.Errorf("got end %q, %v, want %q", got.EndReason, err, want)
			}
		}
		// It was only cut off: its own end is the true one.
		end := lost.StartedAt.Add(time.Hour)
		put(t, watcher.EndCall(t.Context(), lost.ID, "completed", end))
		put(t, watcher.EndCall(t.Context(), lost.ID, "error", end))
		settle(t, watcher)
		if c, err := watcher.Call(t.Context(), lost.ID); err != nil || c.EndReason != "completed" || !c.EndedAt.Equal(end) {
			t.Errorf("the true end does not stand: %+v, %v", c, err)
		}
	})
}
