package ws

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair gives both ends of a socket over loopback.
func pair(t *testing.T, limit int64) (server, client *Conn) {
	t.Helper()
	got := make(chan *Conn, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := Accept(w, r, AcceptOptions{Limit: limit})
		if err != nil {
			t.Error(err)
		}
		got <- c
	}))
	t.Cleanup(srv.Close)
	client, err := Dial(t.Context(), "ws"+strings.TrimPrefix(srv.URL, "http"), DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	server = <-got
	t.Cleanup(func() { _ = server.Close(CloseNormal, ""); _ = client.Close(CloseNormal, "") })
	return server, client
}

func TestConn_CarriesBothKindsAndReusesTheBuffer(t *testing.T) {
	server, client := pair(t, 1<<20)
	var buf []byte
	for _, m := range []struct {
		kind Kind
		text string
	}{{Text, "hello"}, {Binary, strings.Repeat("x", 70000)}, {Text, ""}} {
		if err := client.Write(m.kind, []byte(m.text)); err != nil {
			t.Fatal(err)
		}
		kind, got, err := server.Read(buf)
		if err != nil || kind != m.kind || string(got) != m.text {
			t.Fatalf("read %v, %d bytes, %v", kind, len(got), err)
		}
		buf = got
	}
}

func TestConn_RefusesAMessageOverTheLimit(t *testing.T) {
	server, client := pair(t, 1000)
	if err := client.Write(Text, make([]byte, 1001)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := server.Read(nil); CloseCode(err) != CloseTooBig {
		t.Errorf("server saw %v, want too big", err)
	}
	if _, _, err := client.Read(nil); CloseCode(err) != CloseTooBig {
		t.Errorf("client was told %v, want 1009", err)
	}
}

func TestConn_CloseGivesCodeAndReasonAndIsRepeatable(t *testing.T) {
	server, client := pair(t, 0)
	if err := server.Close(ClosePolicy, strings.Repeat("long ", 60)); err != nil {
		t.Fatal(err)
	}
	if err := server.Close(CloseNormal, ""); err != nil {
		t.Fatal(err)
	}
	_, _, err := client.Read(nil)
	if CloseCode(err) != ClosePolicy || len(CloseReason(err)) > 123 || !strings.HasPrefix(CloseReason(err), "long") {
		t.Errorf("client was told %d %q", CloseCode(err), CloseReason(err))
	}
	if err := server.Write(Text, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("write after close: %v", err)
	}
}

func TestAccept_NegotiatesNoCompression(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := Accept(w, r, AcceptOptions{}); err == nil {
			_ = c.Close(CloseNormal, "")
		}
	}))
	defer srv.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Extensions": "permessage-deflate",
	} {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Sec-WebSocket-Extensions") != "" {
		t.Errorf("status %d, extensions %q", resp.StatusCode, resp.Header.Get("Sec-WebSocket-Extensions"))
	}
}

func TestDial_TellsARefusalWithoutItsQuery(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no entry", http.StatusForbidden)
	}))
	defer srv.Close()
	_, err := Dial(t.Context(), "ws"+strings.TrimPrefix(srv.URL, "http")+"/x?key=secret", DialOptions{})
	var he *HandshakeError
	if !errors.As(err, &he) || he.Status != http.StatusForbidden || !strings.Contains(he.Body, "no entry") {
		t.Fatalf("got %v", err)
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the key is in %q", err)
	}
}

func TestDial_CancelEndsTheWaitForTheUpgrade(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		if c, err := ln.Accept(); err == nil {
			buf := make([]byte, 1)
			_, _ = c.Read(buf) // the request has come; now nobody answers
			cancel()
			_, _ = c.Read(make([]byte, 4096))
			defer func() { _ = c.Close() }()
			for {
				if _, err := c.Read(buf); err != nil {
					return
				}
			}
		}
	}()
	start := time.Now()
	_, err = Dial(ctx, "ws://"+ln.Addr().String(), DialOptions{Timeout: time.Minute})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v after %v, want cancelled", err, time.Since(start))
	}
}

func TestConn_KeepAliveNoticesADeadPeer(t *testing.T) {
	server, client := pair(t, 0)
	server.KeepAlive(20 * time.Millisecond)
	// client does not read, so it answers no ping
	_ = client
	_, _, err := server.Read(nil)
	var ne net.Error
	if !errors.As(err, &ne) || !ne.Timeout() {
		t.Errorf("read ended with %v, want a timeout", err)
	}
}
