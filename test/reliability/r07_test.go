package reliability

import (
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// R7: calls leave nothing behind. Thousands of short phone calls come and go, sixteen at a time (nightly 100); then
// goroutines, descriptors and the heap after a collection are what they were when idle, within 2% (and two
// goroutines, four descriptors, 1 MB for what a small sample shows), and over the last half of the calls the
// resident memory grows by 10 bytes a completed call at most. In ci the calls are too few for a slope: there the
// bound is 8 KB a call, which a forgotten goroutine, buffer or session would break. Tiers: ci with 400 calls,
// nightly with 20 000.
func TestR07_ChurnLeavesNothing(t *testing.T) {
	calls, at := nightly(20_000, 400), nightly(100, 16)
	slope := nightly(10, 8<<10)
	p := serveOn(t, append(box(t), "LOG_LEVEL=error", "VOICECTL_LIMITS_HOOKS_PER_MINUTE=0"), "--admin-addr", busyPort(t)) // one caller calls them all
	admin := p.admin()
	n := 0
	churn := func(many int) {
		var wg sync.WaitGroup
		var failed atomic.Int64
		gate := make(chan struct{}, at)
		for range many {
			n++
			sid := callSID(n)
			gate <- struct{}{}
			wg.Go(func() {
				defer func() { <-gate }()
				if err := p.shortCall(sid); err != nil && failed.Add(1) < 4 {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if failed.Load() > 0 {
			t.Fatalf("%d of %d calls failed", failed.Load(), many)
		}
	}
	churn(calls / 8) // pools, caches and the table of past calls
	idle := p.measure(admin)
	begun := time.Now()
	churn(calls / 2)
	half := p.measure(admin)
	churn(calls / 2)
	end := p.measure(admin)
	grown := float64(end.rss-half.rss) / float64(calls/2)
	t.Logf("%d calls in %v: idle %+v, half %+v, end %+v: %.1f bytes a call", calls, time.Since(begun), idle, half, end, grown)
	near := func(what string, got, was, slack int) {
		if got > was+was/50+slack {
			t.Errorf("%s: %d when idle, %d after %d calls", what, was, got, calls)
		}
	}
	near("goroutines", end.goroutines, idle.goroutines, 2)
	near("descriptors", end.files, idle.files, 4)
	near("heap", end.heap, idle.heap, 1<<20)
	if grown > float64(slope) {
		t.Errorf("resident memory grows by %.1f bytes a call, want at most %d", grown, slope)
	}
}

// shortCall is one phone call of 0.3 s to 2 s, with the greeting in it, that hangs up by itself.
func (h *house) shortCall(sid string) error {
	s, err := h.connect(sid, visit{})
	if err != nil {
		return err
	}
	read := make(chan struct{})
	go func() { defer close(read); endOf(s.conn) }()
	frames := 15 + int(sid[len(sid)-1])%16*nightly(5, 1)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range frames {
		<-tick.C
		if err = s.frame(); err != nil {
			break
		}
	}
	s.hangUp(sid)
	<-read
	return err
}

// footprint is what a process holds.
type footprint struct{ goroutines, files, heap, rss int }

var (
	reTotal = regexp.MustCompile(`goroutine profile: total (\d+)`)
	reHeap  = regexp.MustCompile(`# HeapAlloc = (\d+)`)
)

// measure waits until no session is left and looks, after a collection.
func (p *process) measure(admin string) (f footprint) {
	p.t.Helper()
	until(p.t, patience, "the sessions to end", func() bool {
		_, body := p.ask(http.MethodGet, "/health", "")
		return body == "{\"status\":\"ok\",\"active_sessions\":0}\n"
	})
	number := func(path string, re *regexp.Regexp) int {
		_, body := p.ask(http.MethodGet, admin+path, "")
		m := re.FindStringSubmatch(body)
		if m == nil {
			p.t.Fatalf("%s: %.200s", path, body)
		}
		n, err := strconv.Atoi(m[1])
		must(p.t, err)
		return n
	}
	for end := time.Now().Add(time.Second); ; time.Sleep(100 * time.Millisecond) { // what winds down gets its time
		g := number("/debug/pprof/goroutine?debug=1", reTotal)
		if f.goroutines == 0 || g < f.goroutines {
			f.goroutines = g
		}
		if time.Now().After(end) {
			break
		}
	}
	number("/debug/pprof/heap?gc=1&debug=1", reHeap)
	f.heap = number("/debug/pprof/heap?gc=1&debug=1", reHeap)
	f.files, f.rss = p.files(), p.rss()
	return f
}
