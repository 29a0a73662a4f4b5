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

// past remembers what became of each call of the phone network, by its id: invited, living or over. A
// webhook is signed without a time, so whoever has one can send it again: it takes no second seat, opens no
// second stream, and once the call is over it costs nothing.
type past struct {
	mu      sync.Mutex
	invited map[string]*invitation
	living  map[string]bool
	over    map[string]bool
	order   []string // of over
}

// invitation is a seat that TwiML promised to a call which is not yet there.
type invitation struct {
	place *place
	asked int
}

const (
	maxPast = 10000
	// maxAsked is how often one call may ask before its stream is there: the network asks again when an
	// answer was lost. Each answer has a token of its own; the seat is one.
	maxAsked = 10
)

// invite gives the seat of a call: the one it was promised, else the one that take finds, which may be nil.
// over tells that the call has had its stream, or asks too often.
func (p *past) invite(callSID string, take func() func()) (seat *place, over bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over[callSID] || p.living[callSID] {
		return nil, true
	}
	if i := p.invited[callSID]; i != nil {
		i.asked++
		return i.place, i.asked > maxAsked
	}
	leave := take()
	if leave == nil {
		return nil, false
	}
	if p.invited == nil {
		p.invited = map[string]*invitation{}
	}
	i := &invitation{asked: 1}
	i.place = reserve(func() {
		leave()
		p.forget(callSID, i)
	})
	p.invited[callSID] = i
	return i.place, false
}

func (p *past) forget(callSID string, i *invitation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.invited[callSID] == i {
		delete(p.invited, callSID)
	}
}

// begin is said when a call's stream is there; false when it had one already.
func (p *past) begin(callSID string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over[callSID] || p.living[callSID] {
		return false
	}
	if p.living == nil {
		p.living = map[string]bool{}
	}
	p.living[callSID] = true
	delete(p.invited, callSID)
	return true
}

// refused takes begin back: there was no seat.
func (p *past) refused(callSID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.living, callSID)
}

// end is said when a call's stream is over.
func (p *past) end(callSID string) {
	if callSID == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.living, callSID)
	if p.over == nil {
		p.over = map[string]bool{}
	}
	if p.over[callSID] {
		return
	}
	if len(p.order) >= maxPast {
		delete(p.over, p.order[0])
		p.order = p.order[1:]
	}
	p.over[callSID] = true
	p.order = append(p.order, callSID)
}
