package calls_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/provider/twilio"
	"github.com/voicectl/voicectl/internal/ws"
)

// rawSocket upgrades by hand, so that frames can be broken.
func (h *house) rawSocket(url string) (net.Conn, *bufio.Reader, *http.Response) {
	h.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(h.t.Context(), "tcp", h.srv.Addr().String())
	must(h.t, err)
	h.t.Cleanup(func() { _ = conn.Close() }) // it may be closed already
	must(h.t, conn.SetDeadline(time.Now().Add(patience)))
	path := url[strings.Index(url[5:], "/")+5:]
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n%s: %s\r\n\r\n",
		path, h.srv.Addr(), twilio.SignatureHeader, twilio.Sign(authToken(), url, nil))
	must(h.t, err)
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	must(h.t, err)
	if resp.StatusCode != http.StatusSwitchingProtocols {
		h.t.Fatalf("upgrade: %d", resp.StatusCode)
	}
	return conn, r, resp
}

// frame makes one frame of a client; the mask is zero, so the payload stays as it is.
func frame(first byte, masked bool, payload []byte) []byte {
	out := []byte{first, byte(len(payload))}
	if len(payload) > 125 {
		out = binary.BigEndian.AppendUint16([]byte{first, 126}, uint16(len(payload)))
	}
	if masked {
		out[1] |= 0x80
		out = append(out, 0, 0, 0, 0)
	}
	return append(out, payload...)
}

// closeCode reads frames of the server until it closes.
func closeCode(r *bufio.Reader) int {
	for {
		head := make([]byte, 2)
		if _, err := io.ReadFull(r, head); err != nil {
			return ws.CloseAbnormal
		}
		n := int(head[1] & 0x7f)
		if n == 126 {
			b := make([]byte, 2)
			if _, err := io.ReadFull(r, b); err != nil {
				return ws.CloseAbnormal
			}
			n = int(binary.BigEndian.Uint16(b))
		}
		payload := make([]byte, n)
		if _, err := io.ReadFull(r, payload); err != nil {
			return ws.CloseAbnormal
		}
		if head[0]&0x0f == 8 && n >= 2 {
			return int(binary.BigEndian.Uint16(payload))
		}
	}
}

// Hostile frames, below the messages: no compression is agreed on, and broken frames end the socket.
func TestHostile_Frames(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	const fin, text, cont, ping = 0x80, 1, 0, 9
	for name, c := range map[string]struct {
		bytes func() []byte
		code  int
	}{
		"H28 compressed, unasked": {func() []byte { return frame(fin|0x40|text, true, []byte("{}")) }, ws.CloseProtocol},
		"H29 not masked":          {func() []byte { return frame(fin|text, false, []byte("{}")) }, ws.CloseProtocol},
		"H30 an unknown opcode":   {func() []byte { return frame(fin|3, true, []byte("{}")) }, ws.CloseProtocol},
		"H30 a ping too long":     {func() []byte { return frame(fin|ping, true, make([]byte, 126)) }, ws.CloseProtocol},
		"H30 a part of nothing":   {func() []byte { return frame(fin|cont, true, []byte("x")) }, ws.CloseProtocol},
		"H31 in crumbs without end": {func() []byte {
			out := frame(text, true, []byte("{"))
			for range 70 << 10 {
				out = append(out, frame(cont, true, []byte(" "))...)
			}
			return out
		}, ws.CloseTooBig},
	} {
		for _, url := range []string{h.mediaURL(), "ws" + strings.TrimPrefix(h.url, "http") + "/ws"} {
			t.Run(name+url[strings.LastIndex(url, "/"):], func(t *testing.T) {
				t.Parallel()
				conn, r, resp := h.in(t).rawSocket(url)
				if ext := resp.Header.Get("Sec-WebSocket-Extensions"); ext != "" {
					t.Errorf("H27: %q was negotiated", ext)
				}
				go func() { _, _ = conn.Write(c.bytes()) }() // the server may close midway
				if code := closeCode(r); code != c.code {
					t.Errorf("closed with %d, want %d", code, c.code)
				}
			})
		}
	}
}
