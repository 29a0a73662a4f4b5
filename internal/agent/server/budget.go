package server

import (
	"math"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// budget says how often one caller may ask: a bucket of tokens for each key, filled anew over a minute. Keys
// come from strangers, so there is a bound on how many are remembered.
type budget struct {
	perMinute int // 0 = no limit
	now       func() time.Time

	mu       sync.Mutex
	visitors map[string]*visitor
}

type visitor struct {
	limit *rate.Limiter
	seen  time.Time
}

const maxVisitors = 10000

func newBudget(perMinute int, now func() time.Time) *budget {
	return &budget{perMinute: perMinute, now: now, visitors: map[string]*visitor{}}
}

// take spends one token of a key; wait is the time until the next one when there was none. The key "" is not
// counted.
func (b *budget) take(key string) (wait time.Duration, ok bool) {
	if b.perMinute <= 0 || key == "" {
		return 0, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	v := b.visitors[key]
	if v == nil {
		b.forget(now)
		v = &visitor{limit: rate.NewLimiter(rate.Limit(float64(b.perMinute)/60), b.perMinute)}
		b.visitors[key] = v
	}
	v.seen = now
	r := v.limit.ReserveN(now, 1)
	if wait = r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return wait, false
	}
	return 0, true
}

// forget makes room when the table is full. Who was not here for a minute has a full bucket again, so nothing
// is lost with him; when all were here, some of them get a new bucket, a quarter at a time, so that a flood of
// keys does not make every request walk the table.
func (b *budget) forget(now time.Time) {
	if len(b.visitors) < maxVisitors {
		return
	}
	for key, v := range b.visitors {
		if now.Sub(v.seen) > time.Minute {
			delete(b.visitors, key)
		}
	}
	for key := range b.visitors {
		if len(b.visitors) <= maxVisitors*3/4 {
			return
		}
		delete(b.visitors, key)
	}
}

// tooMany answers 429 and says when to come again, in whole seconds.
func (s *Server) tooMany(w http.ResponseWriter, r *http.Request, kind string, wait time.Duration) {
	s.metrics.limit(kind)
	retryAfter(w, time.Duration(math.Ceil(max(wait, time.Second).Seconds()))*time.Second)
	refuse(w, r, http.StatusTooManyRequests, "too many requests", "Wait as long as Retry-After says, or raise limits.* in the configuration.")
}

// limited counts a request against the budget of its access key, or of its address when it has none that is
// good: who guesses keys is slowed down as well.
func (s *Server) limited(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key := s.gateIP(r)
		if key != "" {
			if name, ok := s.keyName(r); ok {
				key = name
			}
		}
		if wait, ok := s.api.take(key); !ok {
			s.tooMany(w, r, "api", wait)
			return
		}
		h(w, r)
	}
}

// household is the part of an address that one subscriber has: all of IPv4's, 64 bits of IPv6's. Else one
// subscriber had more keys than any table holds.
func household(ip netip.Addr) string {
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	p, err := ip.Prefix(64)
	if err != nil { // no address at all
		return ""
	}
	return p.String()
}
