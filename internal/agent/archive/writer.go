package archive

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// writer owns the writing connection and this process's spool file. run is its only goroutine; put, do
// and stop are called from others.
type writer struct {
	engine   engine
	db       *sql.DB
	conn     *sql.Conn // nil while there is none
	stmts    statements
	spool    *spool
	queue    *queue
	log      *slog.Logger
	id       string        // of this instance
	replaced func() error  // the database is another one now
	degraded atomic.Bool   // something is owed
	silent   atomic.Bool   // the last pulse did not get through
	every    time.Duration // between pulses
	next     time.Time     // of the pulse
	wait     time.Duration // between attempts; grows while they fail
	spilling bool          // records go to the spool file until the trouble is over
	full     bool          // the spool file did not take the last records
	closeErr error         // read after run has returned
}

// put queues a record and waits a short while for it to be on disk.
func (w *writer) put(ctx context.Context, rec record) error {
	j := &job{rec: rec, done: make(chan error, 1)}
	if err := w.queue.push(j); err != nil {
		if errors.Is(err, ErrFull) {
			w.degraded.Store(true)
		}
		return err
	}
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
	case <-t.C:
	}
	// Set first, then nudge: the writer clears the flag only after it has seen that nothing is owed.
	w.degraded.Store(true)
	w.queue.nudge()
	return ErrSpooled
}

// do runs op on the writing connection after everything accepted before it has landed.
func (w *writer) do(ctx context.Context, op func(context.Context, *sql.Conn) error) error {
	j := &job{ctx: ctx, op: op, done: make(chan error, 1)}
	if err := w.queue.push(j); err != nil {
		return err
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		w.queue.nudge() // so that a waiting writer drops it
		return ctx.Err()
	}
}

func (w *writer) stop() { w.queue.close() }

func (w *writer) run() {
	defer func() {
		w.closeErr = errors.Join(w.closeErr, w.spool.close(), w.letGo())
	}()
	for {
		w.pulse()
		idle, err := w.step()
		switch {
		case err != nil && w.queue.isClosed():
			w.closeErr = w.abandon(err)
			return
		case err != nil:
			w.fail(err)
		case idle && w.queue.isClosed():
			return
		case idle:
			w.recovered()
			w.rest()
		default:
			w.wait, w.spilling = 0, false
		}
	}
}

// rest waits for something to do.
func (w *writer) rest() {
	t := time.NewTimer(time.Until(w.next))
	defer t.Stop()
	select {
	case <-w.queue.wake:
	case <-t.C:
	}
}

// batch is how many records one attempt writes; few while attempts fail, so that a slow server makes progress.
func (w *writer) batch() int {
	if w.wait > 0 {
		return maxBatch / 16
	}
	return maxBatch
}

// step does the next thing; idle says that nothing is owed. An error is trouble of the database.
func (w *writer) step() (idle bool, err error) {
	jobs := w.queue.head(w.batch())
	switch {
	case len(jobs) == 0 && w.spool.empty():
		return true, nil
	case len(jobs) == 0:
		return false, w.drain(context.Background())
	case jobs[0].op != nil:
		return false, w.operate(jobs[0])
	}
	var bad *job
	err = w.attempt(context.Background(), func(ctx context.Context) (err error) {
		bad, err = w.commit(ctx, jobs)
		return err
	})
	if bad != nil { // never lands: its caller hears it, the others go on
		w.queue.remove(bad)
		bad.answer(fmt.Errorf("%w: %w", ErrInvalid, err))
		return false, nil
	}
	if err != nil {
		return false, err
	}
	w.queue.drop(len(jobs))
	for _, j := range jobs {
		j.answer(nil)
	}
	if w.silent.Load() {
		w.next = time.Time{} // it answers: ask again at once
	}
	if w.spool.empty() {
		return false, nil
	}
	return false, w.drain(context.Background()) // a batch between others, so that steady traffic cannot starve the file
}

func (w *writer) drain(ctx context.Context) error {
	return w.spool.drain(w.batch(), func(recs []record) error {
		return w.attempt(ctx, func(ctx context.Context) error { return w.commitRecords(ctx, recs) })
	})
}

func (w *writer) operate(j *job) error {
	if err := j.ctx.Err(); err != nil {
		w.queue.drop(1)
		j.answer(err)
		return nil
	}
	for !w.spool.empty() {
		if err := w.drain(j.ctx); err != nil {
			return err // stays at the head until it lands or its caller leaves
		}
	}
	err := w.attempt(j.ctx, func(ctx context.Context) error { return j.op(ctx, w.conn) })
	if err != nil && w.conn == nil && j.ctx.Err() == nil && !j.tried {
		j.tried = true // once more: the connection may have died unnoticed, long ago
		return nil
	}
	w.queue.drop(1)
	j.answer(err)
	return nil
}

// fail waits before the next attempt. When the trouble lasts, or the queue nears its bound, what waits goes
// to the spool file meanwhile.
func (w *writer) fail(cause error) {
	if !w.degraded.Swap(true) || w.wait == 0 {
		w.log.Warn("database does not take records, they wait", "component", "archive", "err", cause)
	}
	w.wait = min(max(2*w.wait, retryFirst), retryMost)
	t := time.NewTimer(w.wait)
	defer t.Stop()
	for {
		if w.spilling || w.queue.waited() >= spillAfter || w.queue.len() >= w.queue.limit*9/10 {
			w.spill()
		}
		select {
		case <-t.C:
			return
		case <-w.queue.wake:
			if w.queue.isClosed() || w.gone() {
				return
			}
		}
	}
}

// gone tells that the operation at the head has lost its caller.
func (w *writer) gone() bool {
	jobs := w.queue.head(1)
	return len(jobs) == 1 && jobs[0].op != nil && jobs[0].ctx.Err() != nil
}

func (w *writer) recovered() {
	w.wait, w.spilling = 0, false
	if w.degraded.Swap(false) {
		w.log.Info("all records are in the database", "component", "archive")
	}
}

// spill moves the queued records to the spool file; there they are durable.
func (w *writer) spill() int {
	jobs := w.queue.records()
	if len(jobs) == 0 {
		return 0
	}
	recs := make([]record, len(jobs))
	for i, j := range jobs {
		recs[i] = j.rec
	}
	if err := w.spool.add(recs); err != nil {
		w.queue.restore(jobs)
		if !w.full {
			w.log.Error("spool file does not take records, they wait in memory", "component", "archive", "err", err)
		}
		w.full = true
		return len(jobs)
	}
	w.full, w.spilling = false, true
	for _, j := range jobs {
		j.answer(nil)
	}
	return 0
}

// abandon ends a writer whose database is in trouble: what waits goes to the file for the next Open.
func (w *writer) abandon(cause error) error {
	lost := w.spill()
	for jobs := w.queue.head(1); len(jobs) > 0; jobs = w.queue.head(1) {
		w.queue.drop(1)
		jobs[0].answer(ErrClosed)
	}
	if lost > 0 {
		return fmt.Errorf("%d records lost: %w", lost, cause)
	}
	return nil
}
