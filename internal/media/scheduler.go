package media

import (
	"container/heap"
	"sync"
	"time"
)

const (
	gridStep   = time.Millisecond     // due times lie on this grid, so that one wake-up serves all that share a step
	maxCatchUp = 3                    // missed ticks made up for at once; older ones are skipped
	lateAfter  = 5 * time.Millisecond // a tick that begins later than this is counted as late
)

// Scheduler calls functions at fixed intervals, all from one goroutine and one timer. Each entry keeps its phase on
// an absolute grid: a late tick does not move those after it. With nothing registered it sleeps.
//
// The goroutine is started by NewScheduler, owned by the Scheduler and ended by Close.
type Scheduler struct {
	now   func() time.Time
	base  time.Time
	wake  chan struct{} // capacity 1: the earliest due time may have changed
	quit  chan struct{}
	ended chan struct{}

	mu     sync.Mutex
	due    dueHeap
	load   [FrameTime / gridStep]int // entries on each step of a frame time
	closed bool
	stats  lateness
}

// Entry is one registered function.
type Entry struct {
	s        *Scheduler
	fn       func(now time.Time) (again bool)
	interval time.Duration
	due      time.Time
	slot     int
	index    int // in the heap; -1 when it is not there
	stopped  bool
	done     chan struct{}
}

// NewScheduler starts a scheduler. now is the clock (nil means time.Now); timers are the runtime's, so a clock that
// does not run with it belongs into testing/synctest.
func NewScheduler(now func() time.Time) *Scheduler {
	if now == nil {
		now = time.Now
	}
	s := &Scheduler{
		now: now, base: now(),
		wake: make(chan struct{}, 1), quit: make(chan struct{}), ended: make(chan struct{}),
	}
	go s.run()
	return s
}

// Add calls fn every interval (at least 1 ms) until it answers false, the entry is stopped or the scheduler closed.
// The first call comes within one interval, at the step that has the fewest other entries, so that calls made at
// the same moment spread over the frame time. fn gets the time at which it runs. It must not block: everybody waits
// for it. After a stall it is called up to three times more in a row to catch up; what was missed before is skipped.
func (s *Scheduler) Add(interval time.Duration, fn func(now time.Time) (again bool)) *Entry {
	interval = max(interval, gridStep)
	e := &Entry{s: s, fn: fn, interval: interval, index: -1, done: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		e.stopped = true
		close(e.done)
		return e
	}
	next := int64(s.now().Sub(s.base)/gridStep) + 1
	best := next
	for step := next; step < next+min(int64(interval/gridStep), int64(len(s.load))); step++ {
		if s.load[step%int64(len(s.load))] < s.load[best%int64(len(s.load))] {
			best = step
		}
	}
	e.due, e.slot = s.base.Add(time.Duration(best)*gridStep), int(best%int64(len(s.load)))
	s.load[e.slot]++
	heap.Push(&s.due, e)
	if e.index == 0 {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	return e
}

// Stop ends the entry; fn may call it. No call begins after Stop returns, but one may be under way when Stop is
// called from elsewhere: who must know that it is over waits for Done.
func (e *Entry) Stop() {
	e.s.mu.Lock()
	defer e.s.mu.Unlock()
	e.stopped = true
	if e.index >= 0 {
		heap.Remove(&e.s.due, e.index)
		e.s.drop(e)
	}
}

// Done is closed when fn is not running and will not be called again.
func (e *Entry) Done() <-chan struct{} { return e.done }

// drop finishes an entry that has left the heap. The lock is held.
func (s *Scheduler) drop(e *Entry) {
	s.load[e.slot]--
	close(e.done)
}

// Close stops every entry and waits until no function runs. It must not be called from one.
func (s *Scheduler) Close() {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.quit)
		for len(s.due) > 0 {
			e, _ := heap.Pop(&s.due).(*Entry)
			e.stopped = true
			s.drop(e)
		}
	}
	s.mu.Unlock()
	<-s.ended
}

func (s *Scheduler) run() {
	defer close(s.ended)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		wait, pending := s.tick()
		var fire <-chan time.Time
		if pending {
			timer.Reset(wait)
			fire = timer.C
		}
		select {
		case <-fire:
		case <-s.wake:
		case <-s.quit:
			return
		}
	}
}

// tick runs everything that is due and tells how long until the next.
func (s *Scheduler) tick() (wait time.Duration, pending bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.due) > 0 {
		e := s.due[0]
		now := s.now()
		late := now.Sub(e.due)
		if late < 0 {
			return -late, true
		}
		heap.Pop(&s.due)
		owed := 1 + int64(late/e.interval)
		skipped := max(0, owed-1-maxCatchUp)
		s.stats.skipped += uint64(skipped)
		s.stats.max = max(s.stats.max, late)
		e.due = e.due.Add(time.Duration(skipped) * e.interval)
		for again := true; again && !e.stopped && !s.closed && owed > skipped; owed-- {
			now = s.now()
			s.stats.add(now.Sub(e.due))
			e.due = e.due.Add(e.interval)
			s.mu.Unlock()
			again = e.fn(now)
			s.mu.Lock()
			e.stopped = e.stopped || !again
		}
		if e.stopped || s.closed {
			e.stopped = true
			s.drop(e)
			continue
		}
		heap.Push(&s.due, e)
	}
	return 0, false
}

// dueHeap orders entries by due time (container/heap).
type dueHeap []*Entry

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *dueHeap) Push(x any) {
	e, _ := x.(*Entry)
	e.index = len(*h)
	*h = append(*h, e)
}

func (h *dueHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	e.index = -1
	return e
}
