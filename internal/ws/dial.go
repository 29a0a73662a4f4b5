package ws

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/websocket"
)

// DialOptions shape the client's side of a handshake.
type DialOptions struct {
	Header       http.Header
	Limit        int64         // bytes of one message; 0 = 1 MiB
	Timeout      time.Duration // of the whole handshake; 0 = 10 s
	WriteTimeout time.Duration
	Subprotocols []string
	ReadBuffer   int // bytes; 0 = 4 KiB. Small messages need no more than 1 KiB
	TLS          *tls.Config
	// NoProxy dials the peer itself whatever the environment says: a Dialer that judges addresses must see
	// the peer's, not a proxy's.
	NoProxy bool
	// Dialer makes the TCP connection; nil = net.Dialer.
	Dialer func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Dial opens a WebSocket. An answer other than 101 is a *HandshakeError.
func Dial(ctx context.Context, rawURL string, o DialOptions) (*Conn, error) {
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Limit <= 0 {
		o.Limit = 1 << 20
	}
	if o.ReadBuffer <= 0 {
		o.ReadBuffer = 4 << 10
	}
	// The library stops a dial with ctx, but not the wait for the answer to the upgrade.
	dial := o.Dialer
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	var unwatch func() bool
	watched := func(inner context.Context, network, addr string) (net.Conn, error) {
		nc, err := dial(inner, network, addr) // inner ends with the handshake; ctx is the caller's
		if err == nil {
			unwatch = context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
		}
		return nc, err
	}
	d := websocket.Dialer{
		Proxy:             http.ProxyFromEnvironment,
		HandshakeTimeout:  o.Timeout,
		ReadBufferSize:    o.ReadBuffer,
		WriteBufferSize:   4096,
		WriteBufferPool:   &dialBuffers,
		Subprotocols:      o.Subprotocols,
		TLSClientConfig:   o.TLS,
		NetDialContext:    watched,
		EnableCompression: false,
	}
	if o.NoProxy {
		d.Proxy = nil
	}
	c, resp, err := d.DialContext(ctx, rawURL, o.Header)
	if unwatch != nil && !unwatch() && err == nil {
		_ = c.Close()
		err = context.Cause(ctx)
	}
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	if resp != nil && resp.Body != nil {
		defer func() { _ = resp.Body.Close() }()
	}
	if err != nil {
		shown := withoutQuery(rawURL)
		if resp != nil && errors.Is(err, websocket.ErrBadHandshake) {
			body, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
			return nil, &HandshakeError{URL: shown, Status: resp.StatusCode, Body: string(body)}
		}
		return nil, fmt.Errorf("ws: dial %s: %w", shown, err)
	}
	return wrap(c, o.Limit, o.WriteTimeout), nil
}

func withoutQuery(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(malformed url)"
	}
	u.RawQuery, u.User, u.Fragment = "", nil, ""
	return u.String()
}
