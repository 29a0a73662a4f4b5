package reliability

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/voicectl/voicectl/internal/agent/line"
	"github.com/voicectl/voicectl/internal/agent/server"
	"github.com/voicectl/voicectl/internal/clock"
)

// jumping is a machine's clock whose wall time can be set while its monotonic time goes on: what
// an administrator, a virtual machine that wakes up, or a time server does.
type jumping struct {
	clock.Real
	by atomic.Int64 // seconds
}

func (j *jumping) Now() time.Time { return setWall(time.Now(), j.by.Load()) }

// setWall moves the wall time of t by seconds and leaves its monotonic reading, which nothing in the language
// can: Add moves both. The layout of time.Time is checked by TestR14_TheClockOfThisTest.
func setWall(t time.Time, seconds int64) time.Time {
	const nsecShift = 30
	*(*uint64)(unsafe.Pointer(&t)) += uint64(seconds << nsecShift)
	return t
}

func TestR14_TheClockOfThisTest(t *testing.T) {
	now := time.Now()
	for _, by := range jumps() {
		set := setWall(now, by)
		if set.Unix()-now.Unix() != by || set.Sub(now) != 0 {
			t.Fatalf("set by %d s: wall %d s, monotonic %v", by, set.Unix()-now.Unix(), set.Sub(now))
		}
	}
}

func jumps() []int64 {
	const hour, year = 3600, 365 * 24 * 3600
	return []int64{hour, -hour, 10 * year, -10 * year, 1, 0}
}

// R14: whoever sets the wall clock during a call changes nothing: answers come and are paced as before, no limit
// of time is reached, tokens keep their age, and the lengths in the records are right. Not beside other tests,
// whose load would bend the times. Tiers: ci and nightly alike.
func TestR14_ClockJumps(t *testing.T) {
	clk := &jumping{}
	h := open(t, plan{
		clock: clk, now: clk.Now,
		config: server.Config{SessionTime: time.Minute, TokenTTL: 20 * time.Second, Line: line.Limits{Idle: 30 * time.Second}},
	})
	begun := time.Now()
	p := h.page(visit{})
	say := func() time.Duration {
		at := time.Now()
		if p.say("Hello") == "" {
			t.Fatal("no answer")
		}
		return time.Since(at)
	}
	say() // opens the synthesizer's socket
	normal := say()
	for _, by := range jumps() {
		done := make(chan struct{})
		go func() { // in the midst of the answer
			defer close(done)
			time.Sleep(normal / 2)
			clk.by.Store(by)
		}()
		took := say()
		<-done
		t.Logf("set by %d s: answer heard after %v, without %v", by, took, normal)
		if took < normal*3/4 || took > normal+2*slack {
			t.Errorf("set by %d s: the answer was heard after %v, without %v", by, took, normal)
		}
	}
	// A phone's token and its place are as old as they are, though the clock never rests.
	var stop atomic.Bool
	restless := make(chan struct{})
	go func() {
		defer close(restless)
		for i := 0; !stop.Load(); i++ {
			clk.by.Store(jumps()[i%len(jumps())])
			time.Sleep(time.Millisecond)
		}
	}()
	c := h.call(nil)
	c.speak("Hello")
	c.hears("Hello")
	stop.Store(true)
	<-restless
	id := p.session()
	clk.by.Store(jumps()[0]) // the end is another hour than the beginning
	p.close()
	length := time.Since(begun)
	if ends := h.logs.ends(t, 1, patience); ends[0] != "completed" {
		t.Errorf("the session ended by %v", ends)
	}
	r, err := h.record(id)
	must(t, err)
	if kept := r.Call.EndedAt.Sub(r.Call.StartedAt); kept < length-slack || kept > length+slack {
		t.Errorf("the row says that the call took %v, it took %v", kept, length)
	}
	if len(r.Turns) != 2+len(jumps()) {
		t.Errorf("%d turns, want %d", len(r.Turns), 2+len(jumps()))
	}
	wantAscending(t, h, id, length)
}

// wantAscending looks at the times of a call's events: they go up, and not beyond its end.
func wantAscending(t *testing.T, h *house, id string, length time.Duration) {
	t.Helper()
	_, body := h.ask(http.MethodGet, "/api/calls/"+id+"/events.jsonl", "")
	n, last := 0, -1.0
	for text := range strings.Lines(body) {
		var e struct {
			Event string  `json:"event"`
			T     float64 `json:"t"`
		}
		must(t, json.Unmarshal([]byte(text), &e))
		if e.Event != "step" {
			continue
		}
		if n++; e.T < last || e.T > float64((length+slack).Milliseconds()) {
			t.Errorf("event %d is at %v ms, the one before at %v, the call took %v", n, e.T, last, length)
		}
		last = e.T
	}
	if n < 10 {
		t.Errorf("%d steps in the journal", n)
	}
}
