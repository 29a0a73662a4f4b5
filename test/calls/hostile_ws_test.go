package calls_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/agent/server"
	"github.com/voicectl/voicectl/internal/provider/twilio"
	"github.com/voicectl/voicectl/internal/secret"
	"github.com/voicectl/voicectl/internal/ws"
)

// Hostile origins, hosts and tokens of the browser's socket, on a server that asks for keys.
func TestHostile_OriginsAndTokens(t *testing.T) {
	t.Parallel()
	h := open(t, plan{config: server.Config{APIKeys: []secret.Secret{secret.New(apiKey)}, AllowedOrigins: []string{"https://good.example"}}})
	auth := "Bearer " + apiKey
	token := func() string {
		resp, body := h.ask(http.MethodPost, "/start", "", "Authorization", auth)
		var m map[string]string
		must(t, json.Unmarshal([]byte(body), &m))
		if resp.StatusCode != http.StatusOK || len(m) != 2 || m["token"] == "" {
			t.Fatalf("/start: %d %s, want exactly wsUrl and token", resp.StatusCode, body)
		}
		return m["token"]
	}
	for _, c := range []struct {
		name, origin string
		status       int // 0 = let in
	}{
		{"a page of the list", "https://good.example", 0},
		{"our own page", h.url, 0},
		{"no page", "", 0},
		{"H47 a foreign page", "https://evil.example", 403},
		{"H48 null", "null", 403},
		{"H48 a longer name", "https://good.example.evil.com", 403},
		{"H48 another port", "https://good.example:8443", 403},
		{"H48 another scheme", "http://good.example", 403},
		{"H48 a path", "https://good.example/x", 403},
		{"H48 a user", "https://good.example@evil.example", 403},
		{"another server of this machine", "http://127.0.0.1:1", 403},
		{"a file", "file://", 403},
	} {
		hd := http.Header{}
		pairs := []string{"Authorization", auth}
		if c.origin != "" {
			hd.Set("Origin", c.origin)
			pairs = append(pairs, "Origin", c.origin)
		}
		conn, err := h.dial("/ws?token="+token(), hd)
		if c.status == 0 {
			must(t, err)
			must(t, conn.Drop())
		} else if !refusedWith(err, c.status) {
			t.Errorf("%s: socket: %v", c.name, err)
		}
		resp, body := h.ask(http.MethodPost, "/start", "", pairs...)
		want := c.status
		if want == 0 {
			want = 200
		}
		if got := resp.Header.Get("Access-Control-Allow-Origin"); resp.StatusCode != want || (want == 200) != (got == c.origin) || got == "*" {
			t.Errorf("%s: /start: %d %s, allows %q", c.name, resp.StatusCode, body, got)
		}
		if resp, _ = h.ask(http.MethodOptions, "/start", "", "Origin", c.origin, "Access-Control-Request-Method", "POST"); c.origin != "" && (resp.StatusCode == http.StatusNoContent) != (c.status == 0) {
			t.Errorf("%s: preflight %d", c.name, resp.StatusCode)
		}
	}
	if _, err := h.dial("", nil); !refusedWith(err, http.StatusUnauthorized) {
		t.Errorf("neither token nor key: %v", err)
	}
	for name, pairs := range map[string][]string{"no key": nil, "a wrong key": {"Authorization", "Bearer x"}, "another scheme": {"Authorization", "Basic " + apiKey}} {
		for _, r := range [][2]string{{http.MethodPost, "/start"}, {http.MethodGet, "/api/calls"}} {
			resp, body := h.ask(r[0], r[1], "", pairs...)
			wantProblem(t, resp, body, http.StatusUnauthorized)
			if resp.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s: no WWW-Authenticate", name)
			}
		}
	}
	once := token()
	p := h.page(visit{url: "/ws?token=" + once})
	for name, query := range map[string]string{"H49 a token used before": once, "a token nobody gave": strings.Repeat("A", 43)} {
		conn, err := h.dial("/ws?token="+query, nil)
		must(t, err)
		if code := endOf(conn); code != ws.ClosePolicy {
			t.Errorf("%s: closed with %d, want 1008", name, code)
		}
		must(t, conn.Drop())
	}
	p.ask("Hello") // the first holder is not hurt
}

// A page whose name was rebound to this machine gets nothing of a server that is open on loopback; nor do
// pages of other servers, unless it is for development.
func TestHostile_ReboundHosts(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	for _, host := range []string{"rebound.example", "rebound.example:8000", "127.0.0.1.evil.example", "169.254.169.254"} {
		for _, r := range [][2]string{{http.MethodPost, "/start"}, {http.MethodGet, "/api/calls"}} {
			resp, body := h.ask(r[0], r[1], "", "Host", host)
			wantProblem(t, resp, body, http.StatusForbidden)
		}
		resp, body := h.ask(http.MethodGet, "/ws", "", "Host", host, "Connection", "Upgrade", "Upgrade", "websocket",
			"Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==", "Origin", "")
		wantProblem(t, resp, body, http.StatusForbidden)
	}
	for _, host := range []string{"localhost:1", "127.0.0.1", "[::1]:80"} {
		if resp, body := h.ask(http.MethodGet, "/api/calls", "", "Host", host); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", host, resp.StatusCode, body)
		}
	}
	dev := open(t, plan{config: server.Config{Dev: true}})
	for origin, want := range map[string]int{"http://localhost:5173": 200, "http://evil.example": 403, "null": 403} {
		if resp, _ := dev.ask(http.MethodPost, "/start", "", "Origin", origin); resp.StatusCode != want {
			t.Errorf("dev, %s: %d", origin, resp.StatusCode)
		}
	}
}

// A public address leads the world here through a proxy, whatever the bind: without keys nobody of it gets a
// session or the records of calls, neither by the public name nor by the name that a proxy puts in its place.
func TestHostile_PublicAddressWithoutKeys(t *testing.T) {
	t.Parallel()
	public, err := url.Parse("https://voice.example.com")
	must(t, err)
	for name, c := range map[string]struct {
		config server.Config
		local  int // answer to who comes by a name of this machine
	}{
		"serving":     {server.Config{PublicURL: public}, 401},
		"development": {server.Config{PublicURL: public, Dev: true}, 200},
	} {
		h := open(t, plan{config: c.config})
		for host, want := range map[string]int{"voice.example.com": 401, "evil.example": 401, "127.0.0.1:8000": c.local} {
			for _, r := range [][2]string{{http.MethodPost, "/start"}, {http.MethodGet, "/api/calls"}} {
				if resp, body := h.ask(r[0], r[1], "", "Host", host); resp.StatusCode != want {
					t.Errorf("%s: %s by %s: %d %s, want %d", name, r[1], host, resp.StatusCode, body, want)
				}
			}
		}
		if _, err := h.dial("", nil); (err == nil) != (c.local == 200) {
			t.Errorf("%s: a socket by loopback: %v", name, err)
		}
	}
}

// The first message decides; what is of neither protocol ends the socket and makes no session.
func TestHostile_FirstMessages(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	for name, c := range map[string]struct {
		kind ws.Kind
		msg  string
		code int
	}{
		"not JSON":                      {ws.Text, "GET / HTTP/1.1", ws.CloseInvalid},
		"H39 not UTF-8":                 {ws.Text, "{\"label\":\"rtvi-ai\",\"type\":\"\xff\"}", ws.CloseInvalid},
		"an array":                      {ws.Text, "[]", ws.CloseUnsupported},
		"another carrier's start":       {ws.Text, `{"event":"start","start":{"call_id":"x"}}`, ws.CloseUnsupported},
		"another label":                 {ws.Text, `{"label":"other","type":"client-ready","id":"1"}`, ws.CloseUnsupported},
		"an empty object":               {ws.Text, `{}`, ws.CloseUnsupported},
		"no protobuf":                   {ws.Binary, "\xff\xff\xff", ws.CloseUnsupported},
		"an empty frame":                {ws.Binary, "", ws.CloseUnsupported},
		"JSON in binary":                {ws.Binary, `{"label":"rtvi-ai","type":"client-ready","id":"1"}`, ws.CloseUnsupported},
		"a phone whose upgrade was not": {ws.Text, string(twilio.AppendConnected(nil)), 0},
	} {
		conn, err := h.dial("", nil)
		must(t, err)
		must(t, conn.Write(c.kind, []byte(c.msg)))
		if c.code == 0 {
			b, err := twilio.AppendStart(nil, 1, twilio.Start{StreamSID: streamA, AccountSID: account, CallSID: callA})
			must(t, err)
			must(t, conn.Write(ws.Text, b))
			c.code = ws.ClosePolicy
		}
		if code := endOf(conn); code != c.code {
			t.Errorf("%s: closed with %d, want %d", name, code, c.code)
		}
		must(t, conn.Drop())
	}
	if n := len(h.logs.lines("session started")); n != 0 {
		t.Errorf("%d sessions began", n)
	}
	if calls, _ := h.stage.Calls("", 0); len(calls) > 0 {
		t.Errorf("vendors were asked: %+v", calls)
	}
}

// A phone may also come to /ws, signed, as older set-ups do.
func TestWS_TakesAPhone(t *testing.T) {
	t.Parallel()
	h := open(t, plan{greet: true})
	_, token := h.invite(callA)
	conn, err := h.media("ws" + strings.TrimPrefix(h.url, "http") + "/ws")
	must(t, err)
	s := &stream{t: t, conn: conn}
	s.handshake(callA, token)
	if _, msg, err := conn.Read(nil); err != nil || !strings.Contains(string(msg), `"event":"media"`) {
		t.Errorf("got %s %v, want the greeting", msg, err)
	}
	must(t, conn.Drop())
}
