package calls_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/agent/server"
	"github.com/voicectl/voicectl/internal/provider/twilio"
	"github.com/voicectl/voicectl/internal/secret"
	"github.com/voicectl/voicectl/internal/ws"
)

// H10, a sample of the replays that H09 begins: a signed webhook is sent again while its call waits for its
// stream, and while it lives. It takes no second seat, opens no second stream, and hurts neither the call nor
// another one. (tier: ci)
func TestHostile_H10_ReplayOfALivingCall(t *testing.T) {
	t.Parallel()
	h := open(t, plan{config: server.Config{MaxSessions: 2}})
	stream, first := h.invite(callA)
	_, second := h.invite(callA) // the network asks again when an answer was lost: both answers are good
	_, third := h.invite(callA)
	if _, b := h.invite(callB); b == "" {
		t.Fatal("the replays took the second seat")
	}
	if _, body := h.webhook("/twilio/voice", form(callC)); !strings.Contains(body, "<Say>Sorry") {
		t.Errorf("a third call was let into a house of two: %s", body)
	}
	s := h.opened(stream)
	s.handshake(callA, second)
	until(t, "the call to be served", func() bool { return h.health("/health")["active_sessions"] == 1.0 })
	for name, token := range map[string]string{"before": first, "after": third} {
		again := h.opened(stream)
		again.handshake(callA, token)
		if code := again.end(); code != ws.ClosePolicy {
			t.Errorf("a second stream with the token of the answer %s: closed with %d, want 1008", name, code)
		}
	}
	for range 50 {
		if _, body := h.webhook("/twilio/voice", form(callA)); strings.Contains(body, "<Connect") || strings.Contains(body, "<Say") || !strings.Contains(body, "<Hangup") {
			t.Fatalf("a replay while the call lives is answered %s", body)
		}
	}
	if n := h.health("/health")["active_sessions"]; n != 1.0 {
		t.Errorf("%v sessions, want the one", n)
	}
	s.text(string(twilio.AppendStop(nil, 2, streamA, twilio.Stop{AccountSID: account, CallSID: callA})))
	until(t, "a seat for another call", func() bool {
		_, body := h.webhook("/twilio/voice", form(callC))
		return strings.Contains(body, "<Connect")
	})
	if n := len(h.logs.lines("session started")); n != 1 {
		t.Errorf("%d sessions began, want 1", n)
	}
}

// H10: one signed request, sent again and again before the stream is there, gets no endless row of tokens.
func TestHostile_H10_ManyReplays(t *testing.T) {
	t.Parallel()
	h := open(t, plan{config: server.Config{MaxSessions: 2}})
	given := 0
	for range 100 {
		if _, body := h.webhook("/twilio/voice", form(callA)); strings.Contains(body, "<Connect") {
			given++
		}
	}
	if given == 0 || given > 20 {
		t.Errorf("100 replays got %d invitations", given)
	}
	h.invite(callB)
}

// H12: whatever Host says, the stream's address is built from the configured one. The rest of the class: no
// header that a proxy or an attacker writes moves it, and none is in the answer. (tier: ci)
func TestHostile_H12_Host(t *testing.T) {
	t.Parallel()
	public, err := url.Parse("https://voice.example.com")
	must(t, err)
	for _, c := range []struct {
		h      *house
		signed string
		stream string
	}{
		{open(t, plan{}), "", ""},
		{open(t, plan{config: server.Config{PublicURL: public, Dev: true}}), "https://voice.example.com", "wss://voice.example.com/twilio/media"},
	} {
		if c.signed == "" {
			c.signed, c.stream = c.h.url, c.h.mediaURL()
		}
		sig := twilio.Sign(authToken(), c.signed+"/twilio/voice", form(callA))
		for _, header := range [][]string{
			{"Host", "evil.example"},
			{"Host", "evil.example:443"},
			{"X-Forwarded-Host", "evil.example"},
			{"X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "http", "X-Forwarded-Port", "1"},
			{"Forwarded", "host=evil.example;proto=http"},
			{"X-Original-URL", "/evil.example"},
			{"X-Rewrite-URL", "//evil.example/x"},
		} {
			resp, body := c.h.ask(http.MethodPost, "/twilio/voice", form(callA).Encode(), append([]string{"Content-Type", formType, twilio.SignatureHeader, sig}, header...)...)
			if resp.StatusCode != http.StatusOK || !strings.Contains(body, `<Stream url="`+c.stream+`">`) || strings.Contains(body, "evil") {
				t.Errorf("%v: %d %s, want the stream %s", header, resp.StatusCode, body, c.stream)
			}
		}
	}
	h := open(t, plan{})
	_, body := h.ask(http.MethodPost, "/start", "", "X-Forwarded-Host", "evil.example", "Forwarded", "host=evil.example")
	if strings.Contains(body, "evil") {
		t.Errorf("/start answers %s", body)
	}
}

// wire sends a request piece by piece and returns the answer, or nil when the connection was cut without one.
func (h *house) wire(t *testing.T, most time.Duration, pieces func(w io.Writer)) *http.Response {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", h.srv.Addr().String())
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() }) // it may be closed already
	must(t, conn.SetDeadline(time.Now().Add(most)))
	done := make(chan struct{})
	go func() {
		defer close(done)
		pieces(conn)
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil
	}
	return resp
}

// H13: a body of one byte more than the limit is refused, whether its length is told or not, on every route
// that reads one. (tier: ci)
func TestHostile_H13_LargeBodies(t *testing.T) {
	t.Parallel()
	const limit = 64 << 10
	h := open(t, plan{})
	for _, path := range []string{"/twilio/voice", "/", "/twilio/fallback", "/twilio/status", "/start", "/connect"} {
		kind, body := formType, form(callA).Encode()+"&Pad="
		if path == "/start" || path == "/connect" {
			kind, body = "application/json", `{"agent":"`
		}
		for _, told := range []bool{true, false} {
			over := body + strings.Repeat("x", limit+1-len(body))
			sign := twilio.Sign(authToken(), h.url+path, form(callA))
			resp := h.wire(t, 5*time.Second, func(w io.Writer) {
				_, _ = fmt.Fprintf(w, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\n%s: %s\r\n", path, h.srv.Addr(), kind, twilio.SignatureHeader, sign)
				if told {
					_, _ = fmt.Fprintf(w, "Content-Length: %d\r\n\r\n%s", len(over), over)
					return
				}
				_, _ = fmt.Fprintf(w, "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(over), over)
			})
			if resp == nil || resp.StatusCode != http.StatusRequestEntityTooLarge {
				t.Errorf("%s with %d bytes (length told: %v): %v, want 413", path, len(over), told, resp)
			}
		}
	}
	v := form(callA)
	v.Set("Pad", strings.Repeat("x", limit-len(v.Encode())-len("&Pad=")))
	if n := len(v.Encode()); n != limit {
		t.Fatalf("the good body has %d bytes", n)
	}
	if resp, body := h.webhook("/twilio/voice", v); resp.StatusCode != http.StatusOK || !strings.Contains(body, "<Connect") {
		t.Errorf("a body at the limit: %d %s", resp.StatusCode, body)
	}
}

// H14 and H46, samples of bodies that do not come: without end, one byte at a time, and none at all after the
// headers. Each is cut at the limit of bytes or of time, and other callers are served meanwhile. The time is
// half a second here and 15 s by default. (tier: ci)
func TestHostile_H14_BodyWithoutEnd(t *testing.T) {
	t.Parallel()
	h := open(t, plan{config: server.Config{ReadTime: 500 * time.Millisecond}})
	const most = 64 << 20
	var sent atomic.Int64
	resp := h.wire(t, 10*time.Second, func(w io.Writer) {
		_, err := fmt.Fprintf(w, "POST /twilio/voice HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\n%s: x\r\nTransfer-Encoding: chunked\r\n\r\n", formType, twilio.SignatureHeader)
		chunk := "1000\r\n" + strings.Repeat("x", 0x1000) + "\r\n"
		for err == nil && sent.Add(0x1000) < most {
			_, err = io.WriteString(w, chunk)
		}
	})
	if resp != nil && resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("answered %d, want 413", resp.StatusCode)
	}
	if sent.Load() >= most {
		t.Error("64 MiB were taken of a body without end")
	}
}

func TestHostile_H46_SlowBodies(t *testing.T) {
	t.Parallel()
	h := open(t, plan{config: server.Config{ReadTime: 500 * time.Millisecond}})
	drip := func(head string) func(w io.Writer) {
		return func(w io.Writer) {
			_, err := io.WriteString(w, head)
			for range 100 {
				timer := time.NewTimer(100 * time.Millisecond)
				<-timer.C
				if err != nil {
					return
				}
				_, err = io.WriteString(w, "x")
			}
		}
	}
	var group sync.WaitGroup
	begun := time.Now()
	for _, path := range []string{"/twilio/voice", "/twilio/status", "/start", "/nowhere"} {
		kind := formType
		if path == "/start" {
			kind = "application/json"
		}
		head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: %s\r\n%s: x\r\nContent-Length: 1000\r\n\r\n", path, kind, twilio.SignatureHeader)
		for _, pieces := range []func(io.Writer){drip(head), func(w io.Writer) { _, _ = io.WriteString(w, head) }} {
			group.Go(func() {
				if resp := h.wire(t, 10*time.Second, pieces); resp != nil && resp.StatusCode < 400 {
					t.Errorf("%s: a body that does not come is answered %d", path, resp.StatusCode)
				}
			})
		}
	}
	if resp, body := h.webhook("/twilio/voice", form(callA)); resp.StatusCode != http.StatusOK {
		t.Errorf("another call meanwhile: %d %s", resp.StatusCode, body)
	}
	group.Wait()
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("the last was cut after %v, want 500 ms", took)
	}
}

// H18, a sample of values out of shape: an id that is none, a party that is neither E.164 nor one of the
// vendor's other forms. Rightly signed all the same; refused before anything is done with it. (tier: ci)
func TestHostile_H18_ValuesOutOfShape(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	hex := strings.Repeat("a", 32)
	for name, values := range map[string][]string{
		"CallSid": {
			"", "CA", "CA" + hex[1:], "CA" + hex + "a", "CB" + hex, "ca" + hex, "CA" + hex[1:] + "g", "CA" + hex + "\n", " CA" + hex, "CA" + hex[1:] + "\u0661",
			"CA" + hex[2:] + "%%", strings.Repeat("CA"+hex, 100), "CA" + hex[2:] + "\r\n", "MZ" + hex,
		},
		"From": {
			"", "+", "1 555 0100", "+1-555-010-0001", "+1555\r\nX-Evil: 1", "<b>", "+155501000015550100001", "tel:+15550100001", "javascript:alert(1)", "+1555010000\u0661",
			"sip:", "sip:a b", "client:", "client:<x>", "client:" + strings.Repeat("x", 200), "+15550100001,+15550100002", "'; DROP TABLE calls; --", "\x00",
		},
		"To":         {"+", "900", "<Dial>+19005550100</Dial>", "+1555 0100", "http://evil.example", "+1900555010\x00"},
		"AccountSid": {"", "AC", "AC" + hex[1:], "AC" + hex + "a", "ac" + hex, "*"},
		"StreamSid":  {"MZ", "MZ" + hex + "a", "../x"},
	} {
		for _, value := range values {
			if name == "To" && value == "900" {
				continue // a short code is a number
			}
			v := form(callA)
			v.Set(name, value)
			resp, body := h.webhook("/twilio/voice", v)
			if resp.StatusCode != http.StatusBadRequest && resp.StatusCode != http.StatusForbidden || strings.Contains(body, "<Connect") {
				t.Errorf("%s=%.60q: %d %s", name, value, resp.StatusCode, body)
			}
		}
	}
	for name, value := range map[string]string{"a\nb": "x", "a b": "x", "": "x", strings.Repeat("n", 65): "x", "é": "x"} {
		v := form(callA)
		v.Set(name, value)
		if resp, body := h.webhook("/twilio/voice", v); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("a parameter named %.20q: %d %s", name, resp.StatusCode, body)
		}
	}
	for _, missing := range []string{"CallSid", "AccountSid", "From", "To"} {
		v := form(callA)
		v.Del(missing)
		if resp, body := h.webhook("/twilio/voice", v); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("without %s: %d %s", missing, resp.StatusCode, body)
		}
	}
	for _, from := range []string{"+15550100001", "266696687", "sip:ann@example.com", "client:ann_1", "Anonymous", "RESTRICTED"} {
		v := form(callA)
		v.Set("From", from)
		if resp, body := h.webhook("/twilio/status", v); resp.StatusCode != http.StatusNoContent {
			t.Errorf("From=%s, as the vendor sends it: %d %s", from, resp.StatusCode, body)
		}
	}
}

// H50, a sample of tokens in wrong hands beside H49: a token is for one session, of one kind, for one minute;
// of many that spend it at once one gets in. And no page of the world makes a browser ask for one (CSRF).
// (tier: ci)
func TestHostile_H50_TokensAndForgedRequests(t *testing.T) {
	t.Parallel()
	h := open(t, plan{config: server.Config{APIKeys: []secret.Secret{secret.New(apiKey)}, TokenTTL: 700 * time.Millisecond}})
	fresh := func() string { return h.tokenOf(apiKey) }

	url, phone := h.invite(callA)
	conn, err := h.dial("/ws?token="+phone, nil)
	must(t, err)
	if code := endOf(conn); code != ws.ClosePolicy {
		t.Errorf("a phone's token on a browser's socket: closed with %d", code)
	}
	s := h.opened(url)
	s.handshake(callB, fresh())
	if code := s.end(); code != ws.ClosePolicy {
		t.Errorf("a browser's token on a phone's socket: closed with %d", code)
	}
	s = h.opened(url)
	s.handshake(callA, phone) // wrong hands did not use it up
	until(t, "the call to be served", func() bool { return h.health("/health")["active_sessions"] == 1.0 })

	old := fresh()
	timer := time.NewTimer(time.Second)
	<-timer.C
	for name, token := range map[string]string{"an old one": old, "half of one": fresh()[:20], "one and more": fresh() + "A", "another case": strings.ToUpper(fresh()), "in a wildcard": "*", "a star of SQL": "%"} {
		conn, err := h.dial("/ws?token="+token, nil)
		if err != nil {
			continue // refused at once
		}
		if code := endOf(conn); code != ws.ClosePolicy {
			t.Errorf("%s: closed with %d", name, code)
		}
	}

	token := fresh()
	var group sync.WaitGroup
	codes := make(chan int, 20)
	for range 20 {
		group.Go(func() {
			conn, err := h.dial("/ws?token="+token, nil)
			if err != nil {
				codes <- 0
				return
			}
			defer func() { _ = conn.Drop() }() // it is closed by the server but for one
			_ = conn.Write(ws.Binary, []byte{0xff})
			codes <- endOf(conn)
		})
	}
	group.Wait()
	close(codes)
	in := 0
	for code := range codes {
		if code == ws.CloseUnsupported { // was let in, and then said nonsense
			in++
		}
	}
	if in != 1 {
		t.Errorf("%d of 20 got in with one token", in)
	}

	browser := open(t, plan{}) // open to this machine, as for a developer
	for name, header := range map[string][]string{
		"a form of another page":           {"Content-Type", formType, "Origin", "https://evil.example"},
		"plain text of another page":       {"Content-Type", "text/plain", "Origin", "https://evil.example"},
		"nothing of another page":          {"Origin", "https://evil.example"},
		"JSON of another page":             {"Content-Type", "application/json", "Origin", "https://evil.example"},
		"a page without a name":            {"Origin", "null"},
		"a form without an origin":         {"Content-Type", formType},
		"plain text without an origin":     {"Content-Type", "text/plain"},
		"parts without an origin":          {"Content-Type", "multipart/form-data; boundary=x"},
		"a type that begins as JSON":       {"Content-Type", "application/jsonp"},
		"another port of this machine":     {"Origin", "http://127.0.0.1:1", "Content-Type", "application/json"},
		"a name that only looks like ours": {"Origin", "http://localhost.evil.example"},
	} {
		if resp, body := browser.ask(http.MethodPost, "/start", `{}`, header...); resp.StatusCode != http.StatusForbidden && resp.StatusCode != http.StatusUnsupportedMediaType {
			t.Errorf("%s: %d %s", name, resp.StatusCode, body)
		}
	}
	// A page cannot read the admin listener, but it could start work there by an image's address.
	for _, site := range []string{"cross-site", "same-site"} {
		resp, body := browser.ask(http.MethodGet, browser.admin()+"/debug/pprof/profile?seconds=3600", "", "Sec-Fetch-Site", site)
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("admin from a page (%s): %d %.100s", site, resp.StatusCode, body)
		}
	}
	if resp, _ := browser.ask(http.MethodGet, browser.admin()+"/metrics", "", "Sec-Fetch-Site", "none"); resp.StatusCode != http.StatusOK {
		t.Errorf("an operator's own browser: %d", resp.StatusCode)
	}
}

// tokenOf asks /start for a one-use token.
func (h *house) tokenOf(key string) string {
	h.t.Helper()
	resp, body := h.ask(http.MethodPost, "/start", "", "Authorization", "Bearer "+key)
	if resp.StatusCode != http.StatusOK {
		h.t.Fatalf("/start: %d %s", resp.StatusCode, body)
	}
	var m map[string]string
	must(h.t, json.Unmarshal([]byte(body), &m))
	return m["token"]
}
