package line

import (
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/time/rate"

	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/ws"
)

// Limits bound what one far end may do.
type Limits struct {
	Handshake time.Duration // for each message of the handshake: 10 s
	Idle      time.Duration // without anything from the far end: 5 min
	BadInRow  int           // messages of no use before the line is closed: 50
	Ahead     time.Duration // how far sound may run ahead of the clock: 10 s
	PerSecond int           // messages, on average; what a stalled network holds back may come at once: 200
	Ping      time.Duration // to a browser; two in a row without an answer and it is gone: 5 s
	Quiet     time.Duration // without a message of a phone's stream, whose sound never pauses: 5 s
}

func (l Limits) withDefaults() Limits {
	if l.Handshake <= 0 {
		l.Handshake = 10 * time.Second
	}
	if l.Idle <= 0 {
		l.Idle = 5 * time.Minute
	}
	if l.BadInRow <= 0 {
		l.BadInRow = 50
	}
	if l.Ahead <= 0 {
		l.Ahead = 10 * time.Second
	}
	if l.PerSecond <= 0 {
		l.PerSecond = 200
	}
	if l.Ping <= 0 {
		l.Ping = 5 * time.Second
	}
	if l.Quiet <= 0 {
		l.Quiet = 5 * time.Second
	}
	return l
}

// meter bounds how many messages come. Ten seconds' worth may come at once, as after a stall.
type meter struct {
	bucket *rate.Limiter
}

func newMeter(l Limits) meter {
	return meter{rate.NewLimiter(rate.Limit(l.PerSecond), 10*l.PerSecond)}
}

func (m meter) take(now time.Time) error {
	if m.bucket.AllowN(now, 1) {
		return nil
	}
	return &refusal{ws.ClosePolicy, "too many messages", session.EndPolicy}
}

// refusal ends a line with a close code.
type refusal struct {
	code int
	why  string
	end  session.End
}

func (r *refusal) Error() string { return fmt.Sprintf("line: close %d: %s", r.code, r.why) }

// lineError turns a read error into one that tells how the session ends.
func lineError(err error) error {
	end := session.EndPeer
	var r *refusal
	var le *session.LineError
	var ne net.Error
	switch {
	case errors.As(err, &le):
		end = le.End
	case errors.As(err, &r):
		end = r.end
	case errors.Is(err, ws.ErrLost):
		end = session.EndLost
	case errors.Is(err, ws.ErrFlood):
		end = session.EndPolicy
	case ws.CloseCode(err) == ws.CloseNormal, ws.CloseCode(err) == ws.CloseGoingAway, ws.CloseCode(err) == 1005:
		end = session.EndNormal
	case ws.CloseCode(err) == ws.CloseTooBig:
		end = session.EndPolicy
	case errors.As(err, &ne) && ne.Timeout():
		end = session.EndLimit
	}
	return &session.LineError{End: end, Err: err}
}

// slowError turns a write error into one that tells how the session ends.
func slowError(err error) error {
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		return &session.LineError{End: session.EndSlow, Err: err}
	}
	return err
}

// closeCode is what the far end is told.
func closeCode(why session.End) (int, string) {
	switch why {
	case session.EndNormal, session.EndPeer:
		return ws.CloseNormal, ""
	case session.EndDrain:
		return ws.CloseGoingAway, "the service is restarting"
	case session.EndLimit:
		return ws.ClosePolicy, "limit reached"
	case session.EndLost:
		return ws.ClosePolicy, "nothing was heard any more"
	case session.EndSlow:
		return ws.CloseTryLater, "too slow to take what is sent"
	case session.EndPolicy:
		return ws.ClosePolicy, "policy"
	case session.EndProtocol:
		return ws.CloseProtocol, "protocol error"
	case session.EndError:
		return ws.CloseInternal, "internal error"
	}
	return ws.CloseInternal, ""
}

// pace watches that sound does not come much faster than it lasts.
type pace struct {
	first time.Time
	sound time.Duration
}

func (p *pace) ahead(now time.Time, d time.Duration) time.Duration {
	if p.first.IsZero() {
		p.first = now
	}
	p.sound += d
	over := p.sound - now.Sub(p.first)
	if over < 0 { // a far end that paused may not save it up
		p.first, p.sound, over = now, 0, 0
	}
	return over
}
