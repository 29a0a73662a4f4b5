package stage

import (
	"context"
	"fmt"
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

// jittered spreads a wait evenly around its figure, so that the figure stays the median. The spread is never
// wider than twice the figure itself: a jitter meant for the first byte must not drown the tokens.
func (p Pacer) jittered(ms int) time.Duration {
	if ms <= 0 {
		return 0
	}
	d := time.Duration(ms) * time.Millisecond
	if j := min(p.p.JitterMS, 2*ms); j > 0 {
		p.s.mu.Lock()
		d += time.Duration((p.s.rnd.Float64() - 0.5) * float64(j) * float64(time.Millisecond))
		p.s.mu.Unlock()
	}
	return d
}

// maxPaceMS bounds every figure of a pace: a minute is a fault, not a pace.
const maxPaceMS = 60_000

// SetPace replaces the latency model of a vendor from the next answer on.
func (s *Stage) SetPace(p Pace) error {
	if !Known(p.Vendor) {
		return unknownVendor("set pace", p.Vendor)
	}
	for _, f := range []struct {
		name string
		ms   int
	}{{"first_ms", p.FirstMS}, {"per_token_ms", p.PerTokenMS}, {"jitter_ms", p.JitterMS}} {
		if f.ms < 0 || f.ms > maxPaceMS {
			return fmt.Errorf("set pace: %s must be 0 to %d (got %d)", f.name, maxPaceMS, f.ms)
		}
	}
	s.mu.Lock()
	s.paces[p.Vendor] = p
	s.mu.Unlock()
	return nil
}

// Paces returns the latency model of every vendor.
func (s *Stage) Paces() []Pace {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Pace, 0, len(s.paces))
	for _, v := range Vendors() {
		p := s.paces[v]
		p.Vendor = v
		out = append(out, p)
	}
	return out
}

// defaultPaces are all zero, or medians that were published for the vendors: final transcript after the end
// of speech, first token and tokens of a small chat model, first sound of a streaming synthesizer, a
// data function with a warm worker.
func defaultPaces(realistic bool) map[string]Pace {
	if !realistic {
		return map[string]Pace{}
	}
	return map[string]Pace{
		Speechmatics: {FirstMS: 495, JitterMS: 120},
		OpenAI:       {FirstMS: 546, PerTokenMS: 12, JitterMS: 160},
		Cartesia:     {FirstMS: 188, JitterMS: 60},
		Supabase:     {FirstMS: 120, JitterMS: 40},
	}
}
