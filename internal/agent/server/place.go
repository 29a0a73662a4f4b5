package server

import (
	"sync"
	"time"
)

// placeTime is how long a place that TwiML promised waits for its stream. The phone network connects
// within a second or two.
const placeTime = 10 * time.Second

// place is a seat taken before its guest is there.
type place struct {
	leave func()
	timer *time.Timer
}

// reserve holds a seat for a while; it frees itself.
func reserve(leave func()) *place {
	return &place{leave: leave, timer: time.AfterFunc(placeTime, leave)}
}

// claim gives the seat to its guest, who leaves it in the end; nil when it was not held so long.
func (p *place) claim() (leave func()) {
	if p == nil || !p.timer.Stop() {
		return nil
	}
	return p.leave
}

// free gives the seat back.
func (p *place) free() {
	if leave := p.claim(); leave != nil {
		leave()
	}
}

// past remembers the calls that are over, so that a webhook which somebody sends again, with its good
// signature, takes no seat and costs nothing.
type past struct {
	mu    sync.Mutex
	known map[string]bool
	order []string
}

const maxPast = 10000

func (p *past) add(callSID string) {
	if callSID == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil {
		p.known = map[string]bool{}
	}
	if p.known[callSID] {
		return
	}
	if len(p.order) >= maxPast {
		delete(p.known, p.order[0])
		p.order = p.order[1:]
	}
	p.known[callSID] = true
	p.order = append(p.order, callSID)
}

func (p *past) has(callSID string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known[callSID]
}
