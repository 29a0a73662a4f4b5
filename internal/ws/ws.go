// Package ws is the one home of gorilla/websocket: accept, dial, limits, deadlines, pooled buffers.
//
// Compression is never negotiated: with it, a read limit counts compressed bytes, and a 32 KB frame
// can become 32 MB in memory. One goroutine reads a Conn; any number may write.
package ws

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Kind is the type of a message.
type Kind int

// The two kinds of data message.
const (
	Text   Kind = websocket.TextMessage
	Binary Kind = websocket.BinaryMessage
)

// Close codes in use, by RFC 6455 section 7.4.1.
const (
	CloseNormal      = websocket.CloseNormalClosure
	CloseGoingAway   = websocket.CloseGoingAway
	CloseProtocol    = websocket.CloseProtocolError
	CloseUnsupported = websocket.CloseUnsupportedData
	CloseInvalid     = websocket.CloseInvalidFramePayloadData
	ClosePolicy      = websocket.ClosePolicyViolation
	CloseTooBig      = websocket.CloseMessageTooBig
	CloseInternal    = websocket.CloseInternalServerErr
	CloseTryLater    = websocket.CloseTryAgainLater
	CloseAbnormal    = websocket.CloseAbnormalClosure
)

// DefaultWriteTimeout bounds one write; a peer that does not read for so long is gone.
const DefaultWriteTimeout = 5 * time.Second

// ErrClosed is returned by Write after Close.
var ErrClosed = errors.New("ws: connection closed")

// Conn is one WebSocket.
type Conn struct {
	ws           *websocket.Conn
	writeTimeout time.Duration

	mu     sync.Mutex // held while writing
	closed bool
	stop   chan struct{}
	once   sync.Once
	alive  // what tells a living peer from a dead one
}

func wrap(c *websocket.Conn, limit int64, writeTimeout time.Duration) *Conn {
	if limit > 0 {
		c.SetReadLimit(limit)
	}
	if writeTimeout <= 0 {
		writeTimeout = DefaultWriteTimeout
	}
	conn := &Conn{ws: c, writeTimeout: writeTimeout, stop: make(chan struct{})}
	conn.listen()
	return conn
}

// Read returns the next data message, appended to buf[:0]; reuse the result as the next buf to read
// without allocation.
func (c *Conn) Read(buf []byte) (Kind, []byte, error) {
	kind, r, err := c.ws.NextReader() // here a silent socket waits: what comes after has its own frame on the stack
	if err != nil {
		return 0, buf[:0], c.why(err)
	}
	c.heard.Add(1)
	if buf, err = c.rest(r, buf[:0]); err != nil {
		return 0, buf, err
	}
	return Kind(kind), buf, nil
}

// rest reads a message to its end.
func (c *Conn) rest(r io.Reader, buf []byte) ([]byte, error) {
	if cap(buf) == 0 {
		buf = make([]byte, 0, bufferSize)
	}
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return buf[:0], c.why(err)
		}
		c.heard.Add(1)
	}
}

// SetReadDeadline bounds the next reads; the zero time removes the bound.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.ws.SetReadDeadline(t) }

// SetReadLimit changes the size bound of one message, in bytes.
func (c *Conn) SetReadLimit(n int64) { c.ws.SetReadLimit(n) }

// Write sends one message within the write timeout.
func (c *Conn) Write(kind Kind, data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	if err := c.ws.SetWriteDeadline(time.Now().Add(c.writeTimeout)); err != nil {
		return err
	}
	err := c.ws.WriteMessage(int(kind), data)
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		c.stuck.Store(true)
	}
	return err
}

// Close says goodbye with a code and a reason (at most 123 bytes are sent) and closes the socket. It
// waits up to one second for the write and a third of one for the peer to leave. A peer that did not take a
// message in time is not told.
func (c *Conn) Close(code int, reason string) error {
	var err error
	c.once.Do(func() {
		close(c.stop)
		defer func() {
			c.mu.Lock()
			c.closed = true
			c.mu.Unlock()
		}()
		if c.stuck.Load() || c.dead.Load() {
			c.reset()
			return
		}
		if len(reason) > 123 {
			reason = strings.ToValidUTF8(reason[:123], "")
		}
		// WriteControl has its own lock and deadline, so a Write that hangs cannot hang Close.
		_ = c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(time.Second))
		c.linger()
		err = c.ws.Close()
	})
	return err
}

// linger lets the peer read the goodbye. A socket that is closed while sound is still coming in is reset
// by the kernel, and the reset overtakes the code that says why.
func (c *Conn) linger() {
	nc := c.ws.NetConn()
	half, ok := nc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	if nc.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, nc, lingerBytes) // ends with the peer's end, the deadline or the limit
}

const (
	lingerTime  = 300 * time.Millisecond
	lingerBytes = 4 << 20
)

// Drop closes the socket without a word, as a dying process would.
func (c *Conn) Drop() error {
	c.once.Do(func() { close(c.stop) })
	return c.ws.NetConn().Close()
}

// Subprotocol is what the handshake agreed on.
func (c *Conn) Subprotocol() string { return c.ws.Subprotocol() }

// RemoteAddr is the peer's address.
func (c *Conn) RemoteAddr() net.Addr { return c.ws.RemoteAddr() }

// CloseCode is the code of the peer's close frame: CloseAbnormal when the socket ended without one,
// 0 when err is not about closing.
func CloseCode(err error) int {
	var ce *websocket.CloseError
	switch {
	case errors.As(err, &ce):
		return ce.Code
	case errors.Is(err, websocket.ErrReadLimit):
		return CloseTooBig
	case errors.Is(err, ErrLost):
		return CloseAbnormal
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return CloseAbnormal
	}
	return 0
}

// CloseReason is the text of the peer's close frame, "" when there is none.
func CloseReason(err error) string {
	var ce *websocket.CloseError
	if errors.As(err, &ce) {
		return ce.Text
	}
	return ""
}

// HandshakeError is a refused upgrade: the server answered, but not with 101.
type HandshakeError struct {
	URL    string // without its query, which may hold a key
	Status int
	Body   string // at most 4 KiB
}

func (e *HandshakeError) Error() string {
	return fmt.Sprintf("ws: %s answered %d to the upgrade: %s", e.URL, e.Status, strings.TrimSpace(e.Body))
}
