package calls_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/agent/line"
	"github.com/voicectl/voicectl/internal/agent/server"
	"github.com/voicectl/voicectl/internal/provider/rtvi"
	"github.com/voicectl/voicectl/internal/provider/twilio"
	"github.com/voicectl/voicectl/internal/ws"
)

// COM-07 and H13: no route takes more than the limit, announced or not.
func TestCOM07_BodyLimit(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	big := strings.Repeat("a", 64<<10+1)
	for _, path := range []string{"/start", "/connect", "/twilio/voice", "/", "/twilio/fallback", "/twilio/status", "/health", "/nowhere"} {
		resp, body := h.ask(http.MethodPost, path, big, "Content-Type", "application/json")
		wantProblem(t, resp, body, http.StatusRequestEntityTooLarge)
	}
	v := form(callA)
	v.Set("Pad", strings.Repeat("a", 64<<10))
	for path, body := range map[string]string{"/twilio/voice": v.Encode(), "/start": `{"agent":"` + big + `"}`} {
		kind, sig := formType, twilio.Sign(authToken(), h.url+path, v)
		if path == "/start" {
			kind = "application/json"
		}
		resp, got := h.chunked(path, body, kind, sig)
		if resp != "413" || !strings.Contains(got, `"status_code":413`) {
			t.Errorf("%s in chunks: %s %s", path, resp, got)
		}
	}
	small := open(t, plan{config: server.Config{Body: 1024}})
	resp, body := small.ask(http.MethodPost, "/start", strings.Repeat(" ", 1025), "Content-Type", "application/json")
	wantProblem(t, resp, body, http.StatusRequestEntityTooLarge)
}

// chunked posts a body without telling its length.
func (h *house) chunked(path, body, kind, sig string) (status, answer string) {
	h.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(h.t.Context(), "tcp", h.srv.Addr().String())
	must(h.t, err)
	defer func() { _ = conn.Close() }() // read to its end
	must(h.t, conn.SetDeadline(time.Now().Add(patience)))
	go func() { // the server may answer, and close, before it has read all
		_, _ = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nX-Twilio-Signature: %s\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n%x\r\n%s\r\n0\r\n\r\n",
			path, h.srv.Addr(), kind, sig, len(body), body)
	}()
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	must(h.t, err)
	defer func() { _ = resp.Body.Close() }()
	b := make([]byte, 1024)
	n, _ := resp.Body.Read(b)
	return fmt.Sprint(resp.StatusCode), string(b[:n])
}

// COM-07: unknown addresses, wrong methods, wrong types and missing upgrades are JSON errors with the
// request's id.
func TestCOM07_ErrorsAreJSON(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	for _, c := range []struct {
		method, path, kind string
		status             int
	}{
		{"GET", "/nowhere", "", 404},
		{"GET", "/api/callz", "", 404},
		{"POST", "/health/", "", 404},
		{"POST", "/health", "", 405},
		{"DELETE", "/start", "", 405},
		{"GET", "/twilio/voice", "", 405},
		{"PUT", "/api/calls", "", 405},
		{"POST", "/ws", "", 405},
		{"PATCH", "/twilio/media", "", 405},
		{"POST", "/start", "text/plain", 415},
		{"POST", "/start", "multipart/form-data; boundary=x", 415},
		{"GET", "/ws", "", 426},
		{"GET", "/twilio/media", "", 426},
		{"GET", "/api/calls/not-a-uuid", "", 400},
		{"GET", "/api/calls/00000000-0000-4000-8000-000000000000", "", 404},
		{"GET", "/api/calls/..%2f..%2fetc%2fpasswd", "", 400}, // H97
		{"GET", "/api/calls/00000000-0000-4000-8000-000000000000/recording.wav", "", 404},
		{"GET", "/api/calls/00000000-0000-4000-8000-000000000000/events.jsonl", "", 404},
		{"GET", "/api/calls?limit=0", "", 400},
		{"GET", "/api/calls?limit=201", "", 400},
		{"GET", "/api/calls?before=x", "", 400},
	} {
		var header []string
		body := ""
		if c.kind != "" {
			header, body = []string{"Content-Type", c.kind}, "x"
		}
		resp, got := h.ask(c.method, c.path, body, header...)
		wantProblem(t, resp, got, c.status)
		if c.status == 405 && resp.Header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow", c.method, c.path)
		}
		if c.status == 426 && !strings.EqualFold(resp.Header.Get("Upgrade"), "websocket") {
			t.Errorf("%s %s: Upgrade is %q", c.method, c.path, resp.Header.Get("Upgrade"))
		}
	}
	for _, body := range []string{`{`, `[]`, `{"agent":7}`, `{"agent":"nobody"}`} {
		resp, got := h.ask(http.MethodPost, "/start", body, "Content-Type", "application/json")
		wantProblem(t, resp, got, http.StatusBadRequest)
	}
}

// COM-07: a message over the limit ends its socket with 1009: 64 KiB before the protocol is known and on
// the phone's socket, 1 MiB for a browser; what is just below is taken.
func TestCOM07_MessageLimits(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	first, err := h.dial("", nil)
	must(t, err)
	must(t, first.Write(ws.Text, make([]byte, 64<<10+1)))
	if code := endOf(first); code != ws.CloseTooBig {
		t.Errorf("a first message of 64 KiB and a byte: %d", code)
	}
	must(t, first.Drop())

	phone := h.started(callA)
	phone.text(`{"event":"mark","streamSid":"` + streamA + `","mark":{"name":"` + strings.Repeat("a", 64<<10) + `"}}`)
	if code := phone.end(); code != ws.CloseTooBig {
		t.Errorf("a message of the phone beyond 64 KiB: %d", code)
	}

	p := h.page(visit{})
	pad := func(n int) []byte { // an RTVI message of n bytes that is answered
		const head, tail = `{"label":"rtvi-ai","type":"pad","id":"`, `"}`
		return []byte(head + "x" + tail + strings.Repeat(" ", n-len(head)-1-len(tail)))
	}
	p.raw(pad(900 << 10))
	if e := p.await(rtvi.ErrorResponse); e.ID != "x" {
		t.Errorf("a message of 900 KiB is answered %+v", e)
	}
	p.raw(pad(1<<20 + 1))
	if code, _ := p.closed(); code != ws.CloseTooBig {
		t.Errorf("a message of 1 MiB and a byte: %d", code)
	}
}

// COM-07: whoever says nothing, at any step, is dropped in time.
func TestCOM07_HandshakeAndIdleTimeouts(t *testing.T) {
	t.Parallel()
	h := open(t, plan{config: server.Config{Line: line.Limits{Handshake: 100 * time.Millisecond, Idle: 200 * time.Millisecond}}})
	say := map[string]func(t *testing.T) *ws.Conn{
		"nothing on ws": func(t *testing.T) *ws.Conn {
			c, err := h.dial("", nil)
			must(t, err)
			return c
		},
		"nothing on the media socket": func(t *testing.T) *ws.Conn {
			c, err := h.media(h.mediaURL())
			must(t, err)
			return c
		},
		"H24 connected, then nothing": func(t *testing.T) *ws.Conn {
			c, err := h.media(h.mediaURL())
			must(t, err)
			must(t, c.Write(ws.Text, twilio.AppendConnected(nil)))
			return c
		},
		"sound, but no client-ready": func(t *testing.T) *ws.Conn {
			c, err := h.dial("", nil)
			must(t, err)
			must(t, c.Write(ws.Binary, rtvi.AppendAudio(nil, make([]byte, 640), 16000, 1)))
			return c
		},
		"idle after client-ready": func(t *testing.T) *ws.Conn {
			c, err := h.dial("", nil)
			must(t, err)
			must(t, c.Write(ws.Text, []byte(`{"label":"rtvi-ai","type":"client-ready","id":"1","data":{"version":"2.1.0"}}`)))
			return c
		},
		"idle after start": func(t *testing.T) *ws.Conn { return h.in(t).started(callA).conn },
	}
	for name, open := range say {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := open(t)
			defer func() { _ = c.Drop() }() // it may be closed
			begun := time.Now()
			if code := endOf(c); code != ws.ClosePolicy || time.Since(begun) > 3*time.Second {
				t.Errorf("closed with %d after %v, want 1008", code, time.Since(begun))
			}
		})
	}
}
