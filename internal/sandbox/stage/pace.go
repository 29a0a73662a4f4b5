package stage

import (
	"context"
	"time"
)

// Pacer makes one answer take the time its vendor would.
type Pacer struct {
	s *Stage
	p Pace
}

// Pacer returns the pacer of a vendor, by the pace set now.
func (s *Stage) Pacer(vendor string) Pacer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Pacer{s: s, p: s.paces[vendor]}
}

// First waits as long as the vendor thinks before its first byte.
func (p Pacer) First(ctx context.Context) error { return wait(ctx, p.jittered(p.p.FirstMS)) }

// Token waits as long as the vendor takes between two pieces of its answer.
func (p Pacer) Token(ctx context.Context) error { return wait(ctx, p.jittered(p.p.PerTokenMS)) }

func (p Pacer) jittered(ms int) time.Duration {
	d := time.Duration(ms) * time.Millisecond
	if p.p.JitterMS > 0 && ms > 0 {
		p.s.mu.Lock()
		d += time.Duration(p.s.rnd.Float64() * float64(p.p.JitterMS) * float64(time.Millisecond))
		p.s.mu.Unlock()
	}
	return d
}
