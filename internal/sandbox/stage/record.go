package stage

import "time"

// Record is an Entry being written. Its methods are safe for concurrent use.
type Record struct {
	s *Stage
	e *Entry
}

// maxEntries bounds the recorder; the oldest entries go first.
const maxEntries = 10000

// Begin opens a record of one request (or one socket).
func (s *Stage) Begin(vendor, route, method string) *Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	e := &Entry{Seq: s.seq, Vendor: vendor, Route: route, Method: method, At: s.o.Now(), Detail: map[string]any{}}
	s.entries = append(s.entries, e)
	if len(s.entries) > maxEntries {
		s.entries = s.entries[len(s.entries)-maxEntries:]
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

// End marks the end of the answer.
func (r *Record) End(status int) {
	r.stamp(&r.e.Done)
	r.s.mu.Lock()
	r.e.Status = status
	r.s.mu.Unlock()
}

func (r *Record) stamp(t *time.Time) {
	r.s.mu.Lock()
	*t = r.s.o.Now()
	r.s.mu.Unlock()
}
