package server

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// gate counts who is inside. A place is taken before the handshake and given back at the end of the
// session; a phone call takes it at the webhook already, so that what TwiML promised is never refused.
type gate struct {
	max, perIP, perMinute int
	now                   func() time.Time

	mu       sync.Mutex
	inside   int
	byIP     map[string]int
	visitors map[string]*visitor
}

type visitor struct {
	limit *rate.Limiter
	seen  time.Time
}

const maxVisitors = 10000

func newGate(c Config, now func() time.Time) *gate {
	g := &gate{max: c.MaxSessions, perIP: c.MaxPerIP, perMinute: c.NewPerMinute, now: now, byIP: map[string]int{}, visitors: map[string]*visitor{}}
	return g
}

// enter takes a place; why is "" when it was given.
func (g *gate) enter(ip string) (leave func(), why string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.inside >= g.max:
		return nil, "capacity"
	case ip != "" && g.perIP > 0 && g.byIP[ip] >= g.perIP:
		return nil, "per_ip"
	case ip != "" && !g.allow(ip):
		return nil, "rate"
	}
	g.inside++
	g.byIP[ip]++
	var once sync.Once
	return func() {
		once.Do(func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.inside--
			if g.byIP[ip]--; g.byIP[ip] <= 0 {
				delete(g.byIP, ip)
			}
		})
	}, ""
}

func (g *gate) full() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inside >= g.max
}

func (g *gate) allow(ip string) bool {
	if g.perMinute <= 0 {
		return true
	}
	now := g.now()
	v := g.visitors[ip]
	if v == nil {
		if len(g.visitors) >= maxVisitors {
			g.forget(now)
		}
		v = &visitor{limit: rate.NewLimiter(rate.Limit(float64(g.perMinute)/60), g.perMinute)}
		g.visitors[ip] = v
	}
	v.seen = now
	return v.limit.AllowN(now, 1)
}

// forget drops visitors that were not here for two minutes, or any when all are new.
func (g *gate) forget(now time.Time) {
	for ip, v := range g.visitors {
		if now.Sub(v.seen) > 2*time.Minute || len(g.visitors) >= maxVisitors {
			delete(g.visitors, ip)
		}
	}
}
