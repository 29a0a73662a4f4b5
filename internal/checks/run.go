package checks

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	defaultJobs    = 16
	defaultTimeout = 10 * time.Second
	whole          = 1 << 20 // weight of an exclusive look
)

// RunOptions are what a run is made with. The zero value works.
type RunOptions struct {
	Jobs    int           // looks at once; 0 = 16
	Retries int           // more attempts at a look that could not be made for a reason that may pass
	Backoff time.Duration // before the first of them; 0 = 200 ms
	Waivers []Waiver
	On      func(Event) // called for one event at a time
}

// Event is something that happened during a run.
type Event struct {
	Type    EventType
	Check   string
	Finding *Finding // of EventFinding
	Done    int      // checks that are judged
	Of      int
}

// EventType is a kind of event.
type EventType string

// The events.
const (
	EventStart   EventType = "start"
	EventFinding EventType = "finding"
)

// runner is the state of one run.
type runner struct {
	plan    *Plan
	opts    RunOptions
	jobs    *semaphore.Weighted
	target  *semaphore.Weighted
	waivers map[string]Waiver

	mu   sync.Mutex // guards seen and done, and serializes events
	seen map[string]*sighting
	done int
}

// sighting is one look, made once.
type sighting struct {
	once     sync.Once
	obs      Observation
	err      error
	ms       float64
	attempts int
}

// Run makes all looks of a plan and returns the findings in the order of the plan. It ends early when ctx
// does; what was not judged by then is a skip that says so.
func Run(ctx context.Context, plan *Plan, opts RunOptions) []Finding {
	if opts.Jobs <= 0 {
		opts.Jobs = defaultJobs
	}
	if opts.Backoff <= 0 {
		opts.Backoff = 200 * time.Millisecond
	}
	r := &runner{
		plan: plan, opts: opts, seen: map[string]*sighting{}, waivers: map[string]Waiver{},
		jobs: semaphore.NewWeighted(int64(opts.Jobs)), target: semaphore.NewWeighted(whole),
	}
	for _, w := range opts.Waivers {
		r.waivers[w.Check] = w
	}
	findings := make([]Finding, len(plan.items))
	judged := make(map[string]chan struct{}, len(plan.items))
	index := make(map[string]int, len(plan.items))
	for i := range plan.items {
		judged[plan.items[i].check.ID], index[plan.items[i].check.ID] = make(chan struct{}), i
	}
	var wg sync.WaitGroup
	for i := range plan.items {
		wg.Go(func() {
			it := &plan.items[i]
			defer close(judged[it.check.ID])
			for _, need := range it.check.After {
				<-judged[need] // parents always end, and there is no cycle
				if reason := blocks(&findings[index[need]]); reason != "" && it.state == "" {
					it.state, it.reason = Blocked, reason
				}
			}
			findings[i] = r.judge(ctx, it)
			r.tell(EventFinding, &findings[i])
		})
	}
	wg.Wait()
	return findings
}

// blocks says why a check that needs this finding cannot run, "" when it can.
func blocks(f *Finding) string {
	switch f.State {
	case Pass, Warn, NotApplied, Waived, Elsewhere:
		return ""
	case Fail, Error, Inconclusive, Skip, Blocked, Stale:
	}
	return fmt.Sprintf("needs %s, which is %s", f.ID, f.State)
}

func (r *runner) judge(ctx context.Context, it *item) Finding {
	f := newFinding(it)
	if it.state != "" {
		f.State, f.Reason, f.Fix = it.state, it.reason, it.fix
	} else {
		r.tell(EventStart, &f)
		r.look(ctx, it, &f)
	}
	f.masked(r.plan.scope.Mask)
	waive(&f, r.waivers, r.plan.scope.Clock.Now())
	return f
}

// look makes the looks of one check at the same time and folds them.
func (r *runner) look(ctx context.Context, it *item, f *Finding) {
	sights := make([]*sighting, len(it.looks))
	var wg sync.WaitGroup
	for i, l := range it.looks {
		if l.state != "" {
			sights[i] = &sighting{obs: Observation{State: l.state, Wanted: l.reason, Fix: l.fix}}
			continue
		}
		wg.Go(func() { sights[i] = r.sight(ctx, l) })
	}
	wg.Wait()
	fold(f, it, sights)
	if ctx.Err() != nil && f.State == Error {
		f.State, f.Reason = Skip, "interrupted"
	}
}

// sight returns the observation of a look, making it when nobody has.
func (r *runner) sight(ctx context.Context, l look) *sighting {
	r.mu.Lock()
	s := r.seen[l.key]
	if s == nil {
		s = &sighting{}
		r.seen[l.key] = s
	}
	r.mu.Unlock()
	s.once.Do(func() { r.make(ctx, l, s) })
	return s
}

func (r *runner) make(ctx context.Context, l look, s *sighting) {
	if s.err = r.jobs.Acquire(ctx, 1); s.err != nil {
		return
	}
	defer r.jobs.Release(1)
	weight := int64(1)
	if l.kind.Exclusive {
		weight = whole
	}
	if s.err = r.target.Acquire(ctx, weight); s.err != nil {
		return
	}
	defer r.target.Release(weight)
	start := r.plan.scope.Clock.Now()
	wait := r.opts.Backoff
	for {
		s.attempts++
		s.obs, s.err = r.once(ctx, l)
		if s.err == nil || s.attempts > r.opts.Retries || !passing(s.err) || !r.pause(ctx, wait) {
			break
		}
		wait *= 2
	}
	s.ms = float64(r.plan.scope.Clock.Now().Sub(start).Microseconds()) / 1000
}

// once makes one attempt. A panic of a kind is an error of that look and of no other.
func (r *runner) once(ctx context.Context, l look) (obs Observation, err error) {
	limit := l.kind.Timeout
	if limit == 0 {
		limit = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			obs, err = Observation{}, &PanicError{Kind: l.kind.Name, Value: p, Stack: debug.Stack()}
		}
	}()
	obs, err = l.kind.Look(ctx, r.plan.scope, l.with)
	if err == nil && obs.State == "" {
		err = fmt.Errorf("the kind %s told nothing", l.kind.Name)
	}
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %v: %w", limit, err)
	}
	return obs, err
}

// PanicError is a panic inside a kind: a defect of voicectl, told as "could not look".
type PanicError struct {
	Kind  string
	Value any
	Stack []byte
}

// Error implements error.
func (e *PanicError) Error() string {
	return fmt.Sprintf("internal error in the kind %s: %v; please report it", e.Kind, e.Value)
}

// passing tells whether an error may go away by itself. A look that used up its time had its chance.
func passing(err error) bool {
	var t interface{ Temporary() bool }
	return !errors.Is(err, context.DeadlineExceeded) && errors.As(err, &t) && t.Temporary()
}

func (r *runner) pause(ctx context.Context, d time.Duration) bool {
	t := r.plan.scope.Clock.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C():
		return true
	}
}

func (r *runner) tell(typ EventType, f *Finding) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if typ == EventFinding {
		r.done++
	}
	if r.opts.On != nil {
		r.opts.On(Event{Type: typ, Check: f.ID, Finding: f, Done: r.done, Of: len(r.plan.items)})
	}
}
