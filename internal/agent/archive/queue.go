package archive

import (
	"context"
	"database/sql"
	"sync"
	"time"
)

// job is one record on its way to the disk, or an operation that runs alone on the writing connection.
type job struct {
	rec  record
	ctx  context.Context //nolint:containedctx // an operation whose caller has left is not begun
	op   func(context.Context, *sql.Conn) error
	done chan error // buffered: the writer never waits for a caller

	tried bool      // by the writer alone
	since time.Time // set when it is queued
}

func (j *job) answer(err error) { j.done <- err }

// queue is the bounded memory between callers and the writer, oldest first. Only the writer takes.
type queue struct {
	mu     sync.Mutex
	items  []*job
	closed bool
	limit  int
	wake   chan struct{} // of capacity 1
}

// maxOps is how many operations may stand behind a full queue of records: they wait for what was taken.
const maxOps = 64

func newQueue(limit int) *queue { return &queue{limit: limit, wake: make(chan struct{}, 1)} }

func (q *queue) push(j *job) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return ErrClosed
	case len(q.items) >= q.limit && (j.op == nil || len(q.items) >= q.limit+maxOps):
		return ErrFull
	}
	j.since = time.Now()
	q.items = append(q.items, j)
	q.nudge()
	return nil
}

// nudge makes the writer look again.
func (q *queue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// head is what the writer does next: one operation, or a run of records. It stays in the queue.
func (q *queue) head(most int) []*job {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for n < len(q.items) && n < most && q.items[n].op == nil {
		n++
	}
	if n == 0 && len(q.items) > 0 {
		n = 1
	}
	return append([]*job(nil), q.items[:n]...)
}

// drop removes the first n.
func (q *queue) drop(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	clear(q.items[:n])
	q.items = q.items[n:]
	if len(q.items) == 0 {
		q.items = nil
	}
}

// remove takes out one job.
func (q *queue) remove(j *job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, have := range q.items {
		if have == j {
			q.items = append(q.items[:i], q.items[i+1:]...)
			return
		}
	}
}

// records takes all records out and leaves the operations.
func (q *queue) records() []*job {
	q.mu.Lock()
	defer q.mu.Unlock()
	var out, ops []*job
	for _, j := range q.items {
		if j.op == nil {
			out = append(out, j)
		} else {
			ops = append(ops, j)
		}
	}
	q.items = ops
	return out
}

// restore puts records back before everything else.
func (q *queue) restore(jobs []*job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = append(jobs, q.items...)
}

func (q *queue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

// waited tells how long the oldest has been here.
func (q *queue) waited() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return 0
	}
	return time.Since(q.items[0].since)
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.nudge()
}

func (q *queue) isClosed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}
