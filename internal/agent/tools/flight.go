package tools

import "context"

// flight is a call that others may wait for. out and kept are written before done is closed.
type flight struct {
	done chan struct{}
	out  Outcome
	kept bool
}

// share runs fn once for a key of a turn: whoever asks for the same while it runs, or after it when keep says
// so, gets the same outcome. begin, when given, sees a new flight under the lock.
func (b *Box) share(ctx context.Context, flights map[string]*flight, key string, keep func(Outcome) bool, fn func() Outcome, begin func(*flight)) Outcome {
	for {
		f, mine := b.board(flights, key, begin)
		if mine {
			return b.fly(flights, key, f, keep, fn)
		}
		select {
		case <-ctx.Done():
			return failed("that", ctx.Err())
		case <-f.done:
		}
		if f.out.Class == classCancelled && !f.kept && ctx.Err() == nil {
			continue // its caller gave up; ours did not
		}
		out := f.out
		out.Cached = true
		return out
	}
}

func (b *Box) board(flights map[string]*flight, key string, begin func(*flight)) (f *flight, mine bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f = flights[key]; f != nil {
		return f, false
	}
	f = &flight{done: make(chan struct{})}
	flights[key] = f
	if begin != nil {
		begin(f)
	}
	return f, true
}

func (b *Box) fly(flights map[string]*flight, key string, f *flight, keep func(Outcome) bool, fn func() Outcome) Outcome {
	f.out = internal() // what the others get should fn panic; whether it had sent a mail is not known
	f.out.unsent = false
	defer func() {
		b.mu.Lock()
		if f.kept = keep(f.out); !f.kept {
			delete(flights, key)
		}
		b.mu.Unlock()
		close(f.done)
	}()
	f.out = fn()
	return f.out
}

// succeeded keeps results and lets failures be tried again.
func succeeded(o Outcome) bool { return o.OK }
