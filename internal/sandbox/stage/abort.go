package stage

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// Abort ends the connection behind w without an answer. With reset its far end reads "connection reset by
// peer" rather than an end of file. Where the connection cannot be taken over (HTTP/2, a recorder) it
// panics with http.ErrAbortHandler, which is net/http's own way to do the same.
func Abort(w http.ResponseWriter, reset bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	raw := conn
	if t, ok := conn.(*tls.Conn); ok {
		raw = t.NetConn()
	}
	if tcp, ok := raw.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0) // without it the kernel says goodbye properly
	}
	_ = raw.Close()
}

// Pause waits between two pieces of an answer without end: for the fault's MS, or a moment.
func (f Fault) Pause(ctx context.Context) error {
	const moment = 2 * time.Millisecond
	return wait(ctx, max(time.Duration(f.MS)*time.Millisecond, moment))
}

// Hold waits as a stalled vendor does: for the fault's MS, or until the far end gives up when it has none.
// It returns nil when the answer shall go on.
func (f Fault) Hold(ctx context.Context) error {
	if f.MS > 0 {
		return wait(ctx, time.Duration(f.MS)*time.Millisecond)
	}
	<-ctx.Done()
	return ctx.Err()
}
