package stage

import (
	"maps"
	"time"
)

// Record is an Entry being written. Its methods are safe for concurrent use.
type Record struct {
	s *Stage
	e *Entry
}

const (
	// maxEntries bounds the recorder; the oldest entries go first.
	maxEntries = 10000
	// maxRoute bounds what a stranger's path may cost.
	maxRoute = 256
)

// Begin opens a record of one request (or one socket).
func (s *Stage) Begin(vendor, route, method string) *Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	if len(route) > maxRoute {
		route = route[:maxRoute]
	}
	e := &Entry{Seq: s.seq, Vendor: vendor, Route: route, Method: method, At: s.o.Now(), Detail: map[string]any{}}
	s.entries = append(s.entries, e)
	if len(s.entries) > maxEntries {
		s.entries[0] = nil // the slice moves on; what it left must not be held
		s.entries = s.entries[1:]
	}
	return &Record{s: s, e: e}
}

// Set adds a detail. Never pass keys, tokens or sound.
func (r *Record) Set(key string, v any) {
	r.s.mu.Lock()
	r.e.Detail[key] = v
	r.s.mu.Unlock()
}

// Complete marks the moment at which the request was wholly known (the vendor's clock starts here).
func (r *Record) Complete() { r.stamp(&r.e.At) }

// First marks the first byte of the answer proper; only the first call counts.
func (r *Record) First() {
	r.s.mu.Lock()
	if r.e.First.IsZero() {
		r.e.First = r.s.o.Now()
	}
	r.s.mu.Unlock()
}

// End marks the end of the answer; only the first call counts.
func (r *Record) End(status int) {
	r.s.mu.Lock()
	if !r.e.Done.IsZero() {
		r.s.mu.Unlock()
		return
	}
	r.e.Done, r.e.Status = r.s.o.Now(), status
	out := r.e.clone()
	r.s.mu.Unlock()
	if r.s.o.Done != nil {
		r.s.o.Done(out)
	}
}

func (r *Record) stamp(t *time.Time) {
	r.s.mu.Lock()
	*t = r.s.o.Now()
	r.s.mu.Unlock()
}

func (e *Entry) clone() Entry {
	out := *e
	out.Detail = maps.Clone(e.Detail)
	return out
}

// Calls returns the requests of a vendor ("" = all) whose Seq is greater than since, oldest first, also
// those whose answer still runs; last is the newest Seq given out so far, of any vendor.
func (s *Stage) Calls(vendor string, since int) (calls []Entry, last int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls = []Entry{}
	for _, e := range s.entries {
		if e.Seq > since && (vendor == "" || e.Vendor == vendor) {
			calls = append(calls, e.clone())
		}
	}
	return calls, s.seq
}
