package ws

import (
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// AcceptOptions shape the server's side of a handshake.
type AcceptOptions struct {
	Limit        int64 // bytes of one message
	WriteTimeout time.Duration
	Subprotocols []string
	// CheckOrigin decides over the Origin header; nil lets only the same origin (or none) pass.
	CheckOrigin func(*http.Request) bool
}

// Small buffers after the hijack: an idle call costs 8 KB in place of 23.
const bufferSize = 512

const sendBuffer = 64 << 10

//nolint:gochecknoglobals // a pool is shared by nature
var writeBuffers, dialBuffers sync.Pool

// Accept upgrades the request. On an error the answer has been written. The handler should return soon
// after and leave the Conn to another goroutine, so that net/http's buffers are freed.
func Accept(w http.ResponseWriter, r *http.Request, o AcceptOptions) (*Conn, error) {
	up := websocket.Upgrader{
		HandshakeTimeout: 10 * time.Second,
		ReadBufferSize:   bufferSize,
		WriteBufferSize:  bufferSize,
		WriteBufferPool:  &writeBuffers,
		Subprotocols:     o.Subprotocols,
		CheckOrigin:      o.CheckOrigin,
	}
	c, err := up.Upgrade(w, r, nil)
	if err != nil {
		return nil, err
	}
	// The kernel would let a peer that does not read pile up megabytes. This is over a second of sound.
	if tcp, ok := c.NetConn().(interface{ SetWriteBuffer(int) error }); ok {
		_ = tcp.SetWriteBuffer(sendBuffer) // a bound, not a need
	}
	return wrap(c, o.Limit, o.WriteTimeout), nil
}

// IsUpgrade tells whether the request asks for a WebSocket.
func IsUpgrade(r *http.Request) bool { return websocket.IsWebSocketUpgrade(r) }
