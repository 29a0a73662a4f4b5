package cartesia

import (
	"context"
	"fmt"
	"time"

	"github.com/voicectl/voicectl/internal/provider/guard"
	"github.com/voicectl/voicectl/internal/ws"
)

const (
	messageLimit = 4 << 20
	backoffMin   = 100 * time.Millisecond
	backoffMax   = 2 * time.Second
	// A speech that waits for a dial is silence in a call: when the pause is longer, it fails at once, and
	// another endpoint or an apology can be heard.
	dialPatience = 250 * time.Millisecond
)

// outgoing is one message that waits for the socket.
type outgoing struct {
	sp      *Speech // nil for a cancel
	payload []byte  // nil: the speech had no text; it completes without the vendor
	last    bool    // no more text
}

// socket is one connection; err and heard may be read after gone is closed.
type socket struct {
	conn  *ws.Conn
	gone  chan struct{}
	err   error
	heard bool
}

// redial spaces the attempts to connect. It belongs to run.
type redial struct {
	failures int
	next     time.Time
	err      error // of the last one
}

func (r *redial) failed(now time.Time, err error) {
	r.err = err
	wait := min(backoffMin<<min(r.failures, 10), backoffMax)
	r.failures++
	r.next = now.Add(wait)
}

// run owns the socket: it alone dials, writes and waits for the reader.
func (c *Client) run(ctx context.Context) {
	defer close(c.done)
	var (
		sock *socket
		re   redial
	)
	timer := c.o.Clock.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		var gone <-chan struct{}
		if sock != nil {
			gone = sock.gone
		}
		select {
		case <-ctx.Done():
		case <-gone:
		case <-c.wake:
		case <-timer.C():
			if c.checkStalls() && sock != nil {
				_ = sock.conn.Drop() // nothing at all was heard: it is dead
			}
		}
		if sock = c.flush(ctx, sock, &re); ctx.Err() != nil {
			break
		}
		timer.Reset(c.untilDue())
	}
	if sock != nil {
		_ = sock.conn.Close(ws.CloseNormal, "")
		<-sock.gone
	}
	c.warmed(context.Canceled)
	c.failAll(fmt.Errorf("client was closed: %w", context.Canceled), func(*Speech) bool { return true })
}

// flush sends what is queued, over a new socket when there is none.
func (c *Client) flush(ctx context.Context, sock *socket, re *redial) *socket {
	for ctx.Err() == nil {
		if sock != nil {
			select {
			case <-sock.gone:
				if !sock.heard { // it was of no use: do not dial in a tight loop
					re.failed(c.o.Clock.Now(), sock.err)
				} else {
					*re = redial{}
				}
				c.lost(sock.err)
				sock = nil
				continue
			default:
			}
		}
		if !c.wanted(sock != nil) {
			return sock
		}
		if sock == nil {
			var err error
			if sock, err = c.connect(ctx, re); err != nil {
				c.warmed(err)
				c.unsent(err)
				return nil
			}
			c.warmed(nil)
			continue
		}
		payload := c.next()
		if payload == nil {
			continue
		}
		if err := sock.conn.Write(ws.Text, payload); err != nil {
			// The reader may be about to hear why; it gets a moment before the socket is dropped.
			t := c.o.Clock.NewTimer(time.Second)
			select {
			case <-sock.gone:
			case <-t.C():
				_ = sock.conn.Drop()
				<-sock.gone
			}
			t.Stop()
		}
	}
	return sock
}

// connect dials, not before the pause after the last failure is over; in a long one it fails as the last one did.
func (c *Client) connect(ctx context.Context, re *redial) (*socket, error) {
	if wait := re.next.Sub(c.o.Clock.Now()); wait > dialPatience && re.err != nil {
		return nil, re.err
	} else if wait > 0 {
		t := c.o.Clock.NewTimer(wait)
		defer t.Stop()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-t.C():
		}
	}
	conn, err := c.dial(ctx)
	if err != nil {
		re.failed(c.o.Clock.Now(), err)
		return nil, err
	}
	c.count(func(st *Stats) { st.Dials++ })
	conn.KeepAlive(c.o.Ping)
	sock := &socket{conn: conn, gone: make(chan struct{})}
	go func() {
		defer close(sock.gone)
		defer func() { _ = conn.Drop() }()
		c.read(sock)
	}()
	return sock, nil
}

func (c *Client) dial(ctx context.Context) (*ws.Conn, error) {
	conn, err := ws.Dial(ctx, c.socketURL(), ws.DialOptions{
		Header: c.header(), Limit: messageLimit, Timeout: c.o.DialTimeout,
	})
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	return nil, wireError(err)
}

// push queues a message and wakes run. c.mu is held.
func (c *Client) push(m outgoing) {
	c.queue = append(c.queue, m)
	c.queued += len(m.payload)
	c.poke()
}

// wanted tells whether a socket is of use now. Without one, cancels are moot.
func (c *Client) wanted(connected bool) bool {
	c.mu.Lock()
	if !connected {
		c.filter(func(m outgoing) bool { return m.sp != nil })
	}
	var silent []*Speech
	for _, m := range c.queue {
		if m.payload == nil {
			silent = append(silent, m.sp)
		}
	}
	for _, sp := range silent {
		c.remove(sp)
	}
	wanted := len(c.queue) > 0 || len(c.warm) > 0 && !connected
	c.mu.Unlock()
	for _, sp := range silent {
		_ = sp.guard(nil, false)
		sp.tell(Event{Kind: Complete, At: c.o.Clock.Now()})
	}
	if connected {
		c.warmed(nil)
	}
	return wanted
}

// filter keeps the queued messages that satisfy keep. c.mu is held.
func (c *Client) filter(keep func(outgoing) bool) {
	kept := c.queue[:0]
	c.queued = 0
	for _, m := range c.queue {
		if keep(m) {
			kept = append(kept, m)
			c.queued += len(m.payload)
		}
	}
	clear(c.queue[len(kept):])
	c.queue = kept
}

// next takes the first message, and notes that its speech is on the wire and waits for an answer.
func (c *Client) next() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		return nil
	}
	m := c.queue[0]
	c.queue[0] = outgoing{} // its speech leads to a whole session, which must not outlive its end
	c.queue = c.queue[1:]
	c.queued -= len(m.payload)
	if sp := m.sp; sp != nil {
		now := c.o.Clock.Now()
		if sp.sounded && now.Sub(sp.last) > expiry {
			sp.resumed = sp.length()
		}
		if !sp.sounded && sp.size <= maxText {
			sp.sent = append(sp.sent, m.payload)
			sp.size += len(m.payload)
		}
		sp.onWire = true
		sp.final = sp.final || m.last
		sp.due = now.Add(c.o.Stall)
		sp.asked, sp.askedAt = now, sp.length()
	}
	return m.payload
}

// remove takes a speech out of the open ones, with what it still has queued; false when it was not
// open. Who removes a speech tells its end. c.mu is held.
func (c *Client) remove(sp *Speech) bool {
	if c.open[sp.id] != sp {
		return false
	}
	delete(c.open, sp.id)
	c.filter(func(m outgoing) bool { return m.sp != sp })
	sp.release()
	return true
}

// lost deals with the end of a socket: a speech of which nothing was heard is told again once, all
// others that the socket knew of fail.
func (c *Client) lost(err error) {
	c.mu.Lock()
	var again []outgoing
	known := false
	for _, sp := range c.open {
		if !sp.onWire {
			continue
		}
		known = true
		if sp.sounded || sp.again || sp.size > maxText || len(sp.sent) == 0 {
			continue // fails below
		}
		for i, payload := range sp.sent {
			again = append(again, outgoing{sp: sp, payload: payload, last: sp.final && i == len(sp.sent)-1})
			c.queued += len(payload)
		}
		sp.again, sp.onWire, sp.final, sp.sent, sp.size, sp.due = true, false, false, nil, 0, time.Time{}
		c.stats.Replayed++
	}
	c.queue = append(again, c.queue...)
	if known {
		c.stats.Lost++
	}
	c.mu.Unlock()
	c.failAll(err, func(sp *Speech) bool { return sp.onWire })
}

// unsent fails the speeches whose text found no socket.
func (c *Client) unsent(err error) {
	c.mu.Lock()
	waiting := map[*Speech]bool{}
	for _, m := range c.queue {
		waiting[m.sp] = true
	}
	c.mu.Unlock()
	c.failAll(err, func(sp *Speech) bool { return waiting[sp] })
}

// failAll fails the open speeches that match. One broken socket is one failure for the circuit breaker,
// however many speeches it carried.
func (c *Client) failAll(err error, match func(*Speech) bool) {
	c.mu.Lock()
	var failed []*Speech
	for _, sp := range c.open {
		if match(sp) {
			failed = append(failed, sp)
		}
	}
	for _, sp := range failed {
		c.remove(sp)
	}
	c.mu.Unlock()
	for i, sp := range failed {
		sp.fail(err, i == 0)
	}
}

// checkStalls fails the speeches that wait too long; true when the socket as a whole is silent.
func (c *Client) checkStalls() (silent bool) {
	now := c.o.Clock.Now()
	stalled := func(sp *Speech) bool { return !sp.due.IsZero() && !now.Before(sp.due) }
	c.mu.Lock()
	for _, sp := range c.open {
		if stalled(sp) {
			silent = silent || now.Sub(c.heard) >= c.o.Stall
			c.push(outgoing{payload: encode(Cancel{ContextID: sp.id, Cancel: true})})
		}
	}
	c.mu.Unlock()
	c.failAll(&guard.Error{Class: guard.Timeout, Code: "stall", Err: fmt.Errorf("no sound for %s", c.o.Stall)}, stalled)
	return silent
}

// untilDue is the time until the next speech has waited too long.
func (c *Client) untilDue() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := time.Hour
	now := c.o.Clock.Now()
	for _, sp := range c.open {
		if !sp.due.IsZero() {
			next = min(next, sp.due.Sub(now))
		}
	}
	return max(next, 0)
}

// warmed answers the Prewarms that wait.
func (c *Client) warmed(err error) {
	c.mu.Lock()
	warm := c.warm
	c.warm = nil
	c.mu.Unlock()
	for _, w := range warm {
		w <- err // has room for one
	}
}

func (c *Client) count(f func(*Stats)) {
	c.mu.Lock()
	f(&c.stats)
	c.mu.Unlock()
}
