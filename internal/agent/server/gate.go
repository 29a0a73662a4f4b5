package server

import (
	"sync"
	"time"
)

// gate counts who is inside. A place is taken before the handshake and given back at the end of the
// session; a phone call takes it at the webhook already, so that what TwiML promised is never refused.
type gate struct {
	max, perIP int
	news       *budget // new sessions of one address

	mu     sync.Mutex
	inside int
	byIP   map[string]int
}

func newGate(c Config, now func() time.Time) *gate {
	return &gate{max: c.MaxSessions, perIP: c.MaxPerIP, news: newBudget(c.NewPerMinute, now), byIP: map[string]int{}}
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
	}
	if _, ok := g.news.take(ip); !ok {
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

// wait is how long who was refused should wait before he comes again.
func (g *gate) wait(why string) time.Duration {
	if why == "rate" && g.news.perMinute > 0 {
		return max(retrySoon, time.Minute/time.Duration(g.news.perMinute))
	}
	return retrySoon
}
