package calls_test

import (
	"os"
	"runtime"
	"testing"

	"github.com/voicectl/voicectl/internal/agent/server"
)

// COM-09: an idle session holds at most 2 MiB, counted with its caller and its vendors, which live in this
// process too; when all are over no goroutine is left. Not parallel: it counts what the whole process holds.
// (tier: ci with 24 sessions, nightly with 240)
func TestCOM09_MemoryAndGoroutinesOfIdleSessions(t *testing.T) {
	const limit = 2 << 20
	sessions := 24
	if nightly() {
		sessions = 240
	}
	h := open(t, plan{config: server.Config{MaxSessions: sessions + 2}})
	visitors := func(n int) (leave func()) {
		var ends []func()
		for range n / 2 {
			ends = append(ends, h.page(visit{}).close)
			c := h.call(nil)
			ends = append(ends, func() { c.hangUp() })
		}
		until(t, "all sessions", func() bool { return h.health("/health?detail=1")["active_sessions"] == float64(n) })
		return func() {
			for _, end := range ends {
				end()
			}
			until(t, "the end of all sessions", func() bool { return h.health("/health?detail=1")["active_sessions"] == 0.0 })
		}
	}
	visitors(2)() // what is made once is made now
	goroutines := runtime.NumGoroutine()
	before := held()
	leave := visitors(sessions)
	each := (held() - before) / int64(sessions)
	t.Logf("%d KiB and %.1f goroutines a session, its caller and its vendors included", each>>10, float64(runtime.NumGoroutine()-goroutines)/float64(sessions))
	if each > limit {
		t.Errorf("an idle session holds %d KiB, at most %d", each>>10, limit>>10)
	}
	leave()
	until(t, "the goroutines to end", func() bool { return runtime.NumGoroutine() <= goroutines })
}

// nightly tells whether the long forms are wanted.
func nightly() bool { return os.Getenv("VOICECTL_NIGHTLY") == "1" }

// held is the memory in use by this process, heap and stacks.
func held() int64 {
	runtime.GC()
	runtime.GC() // pools are emptied in two steps
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}
