package ws

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// Errors of Read that are not the peer's goodbye.
var (
	// ErrLost says that KeepAlive has heard nothing of the peer any more. It is a timeout (net.Error).
	ErrLost error = lost{}
	// ErrFlood says that the peer sent more control frames than anybody needs: close it with ClosePolicy.
	ErrFlood = errors.New("ws: flood of control frames")
)

type lost struct{}

func (lost) Error() string   { return "ws: peer lost: two pings were not answered" }
func (lost) Timeout() bool   { return true }
func (lost) Temporary() bool { return false }

// maxControl is how many pings and pongs a peer may send in one second. One is what peers need; what a stalled
// network holds back may come at once. Each ping is answered, so a flood of them would cost twice.
const maxControl = 100

// alive follows what comes from the peer.
type alive struct {
	heard atomic.Uint64 // messages, pieces of them, and control frames
	dead  atomic.Bool   // set by KeepAlive
	stuck atomic.Bool   // a write timed out: the peer does not read

	// The reader's.
	second  time.Time // in which controls are counted
	control int
}

// listen counts control frames and answers pings, within bounds.
func (c *Conn) listen() {
	c.ws.SetPongHandler(func(string) error { return c.controlled() })
	c.ws.SetPingHandler(func(data string) error {
		if err := c.controlled(); err != nil {
			return err
		}
		_ = c.ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(time.Second)) // a dead socket fails the read
		return nil
	})
}

func (c *Conn) controlled() error {
	c.heard.Add(1)
	if now := time.Now(); now.Sub(c.second) >= time.Second {
		c.second, c.control = now, 0
	}
	if c.control++; c.control > maxControl {
		return ErrFlood
	}
	return nil
}

// why puts the true reason in the place of what a closed socket says.
func (c *Conn) why(err error) error {
	if c.dead.Load() {
		return ErrLost
	}
	return err
}

// reset closes the socket without a goodbye and drops what the kernel still wants to send: nobody is there to be
// told, and the kernel would keep it for minutes.
func (c *Conn) reset() {
	if tcp, ok := c.ws.NetConn().(interface{ SetLinger(int) error }); ok {
		_ = tcp.SetLinger(0) // then it is only closed
	}
	_ = c.ws.NetConn().Close()
}

// KeepAlive pings every interval. When nothing at all has come for two intervals, in which two pings went out,
// the peer is gone without a word: the socket is closed and Read fails with ErrLost, after two and a half
// intervals at most. Read deadlines are left to the reader. It stops with Close or Drop, or one look later. Call
// it once, before reading.
func (c *Conn) KeepAlive(interval time.Duration) {
	const perInterval = 2 // looks
	every := interval / perInterval
	seen, quiet, looks := c.heard.Load(), 0, 0
	var timer *time.Timer // no goroutine between two looks: a server holds many sockets
	set := make(chan struct{})
	timer = time.AfterFunc(every, func() {
		<-set
		select {
		case <-c.stop:
			return
		default:
		}
		begun := time.Now()
		if now := c.heard.Load(); now != seen {
			seen, quiet = now, 0
		} else if quiet++; quiet >= 2*perInterval {
			c.dead.Store(true)
			c.reset()
			return
		}
		if looks++; looks%perInterval == 0 {
			// What cannot be written, because a write hangs or has failed, is a miss.
			_ = c.ws.WriteControl(websocket.PingMessage, nil, begun.Add(every))
		}
		timer.Reset(max(every-time.Since(begun), 0))
	})
	close(set)
}
