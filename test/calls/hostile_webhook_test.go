package calls_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/agent/server"
	"github.com/voicectl/voicectl/internal/provider/twilio"
	"github.com/voicectl/voicectl/internal/secret"
)

// Hostile webhooks: every route of the phone network refuses them alike, and no vendor is asked.
func TestHostile_Webhooks(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	good := form(callA)
	with := func(name, value string) url.Values {
		v := form(callA)
		v.Set(name, value)
		return v
	}
	sign := func(path string, v url.Values) string { return twilio.Sign(authToken(), h.url+path, v) }
	for _, path := range []string{"/twilio/voice", "/", "/twilio/fallback", "/twilio/status"} {
		glued := strings.Replace(good.Encode(), "From=%2B1555", "Fro=m%2B1555", 1)
		cases := []struct {
			name, body, sig string
			header          []string
			status          int
		}{
			{"H01 no signature", good.Encode(), "", nil, 403},
			{"H02 wrong signature", good.Encode(), twilio.Sign(secret.New("other"), h.url+path, good), nil, 403},
			{"H02 not base64", good.Encode(), "@@@", nil, 403},
			{"H03 signed for another path", good.Encode(), sign("/other", good), nil, 403},
			{"H03 signed without the query", good.Encode(), sign(path, good), []string{"query", "?agent=julia"}, 403},
			{"H05 a name twice", good.Encode() + "&From=%2B1999", sign(path, good), nil, 400},
			{"H06 borders moved", glued, sign(path, good), nil, 400},
			{"H07 all in one value", "AccountSid=" + url.QueryEscape(account+"CallSid"+callA+"CallStatusringingFrom+15550100001To+15550100002"), sign(path, good), nil, 400},
			{"H08 signed with an empty key", good.Encode(), twilio.Sign(secret.New(""), h.url+path, good), nil, 403},
			{"H11 signed for a forwarded host", good.Encode(), twilio.Sign(authToken(), "https://evil.example"+path, good), []string{"X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "https"}, 403},
			{"H15 not a form", good.Encode(), sign(path, good), []string{"Content-Type", "application/json"}, 415},
			{"H16 compressed", good.Encode(), sign(path, good), []string{"Content-Encoding", "gzip"}, 415},
			{"H17 another account", with("AccountSid", strings.Replace(account, "1", "2", 1)).Encode(), sign(path, with("AccountSid", strings.Replace(account, "1", "2", 1))), nil, 403},
			{"H19 a path for an id", with("CallSid", "../../x").Encode(), sign(path, with("CallSid", "../../x")), nil, 400},
			{"H19 a script for a number", with("From", "<script>").Encode(), sign(path, with("From", "<script>")), nil, 400},
		}
		for _, c := range cases {
			target, header := path, []string{"Content-Type", formType}
			if c.sig != "" {
				header = append(header, twilio.SignatureHeader, c.sig)
			}
			if len(c.header) > 0 && c.header[0] == "query" {
				target += c.header[1]
			} else {
				header = append(header, c.header...)
			}
			resp, body := h.ask(http.MethodPost, target, c.body, header...)
			if resp.StatusCode != c.status {
				t.Errorf("%s to %s: %d %s, want %d", c.name, path, resp.StatusCode, body, c.status)
				continue
			}
			wantProblem(t, resp, body, c.status)
		}
	}
	if calls, _ := h.stage.Calls("", 0); len(calls) > 0 {
		t.Errorf("vendors were asked: %+v", calls)
	}
	if n := h.health("/health")["active_sessions"]; n != 0.0 {
		t.Errorf("%v sessions", n)
	}
}

// H01: an unsigned webhook is refused before its body is read.
func TestHostile_H01_BeforeTheBody(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", h.srv.Addr().String())
	must(t, err)
	defer func() { _ = conn.Close() }() // read as far as wanted
	must(t, conn.SetDeadline(time.Now().Add(5*time.Second)))
	_, err = fmt.Fprintf(conn, "POST /twilio/voice HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: 1000\r\n\r\n", h.srv.Addr(), formType)
	must(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("got %v %v while the body was not sent", resp, err)
	}
}

// H04: while the token is rotated the one before is good too, and no third; H08: without any, nobody is.
func TestHostile_H04_TokenRotation(t *testing.T) {
	t.Parallel()
	before, now := secret.New("token-before"), secret.New("token-now")
	h := open(t, plan{config: server.Config{TwilioTokens: []secret.Secret{now, before}}})
	closed := open(t, plan{config: server.Config{TwilioTokens: []secret.Secret{}}})
	empty := open(t, plan{config: server.Config{TwilioTokens: []secret.Secret{secret.New("")}}})
	for _, c := range []struct {
		h      *house
		token  secret.Secret
		status int
	}{{h, now, 200}, {h, before, 200}, {h, authToken(), 403}, {closed, authToken(), 403}, {closed, secret.New(""), 403}, {empty, secret.New(""), 403}} {
		resp, body := c.h.ask(http.MethodPost, "/twilio/voice", form(callA).Encode(), "Content-Type", formType,
			twilio.SignatureHeader, twilio.Sign(c.token, c.h.url+"/twilio/voice", form(callA)))
		if resp.StatusCode != c.status {
			t.Errorf("%d %s, want %d", resp.StatusCode, body, c.status)
		}
	}
}

// What the phone network's other webhooks are answered.
func TestWebhooks_FallbackStatusAndAgents(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	if resp, body := h.webhook("/twilio/fallback", form(callA)); resp.StatusCode != http.StatusOK || !strings.Contains(body, "<Say>Sorry") || resp.Header.Get("Content-Type") != "text/xml; charset=utf-8" {
		t.Errorf("fallback: %d %s", resp.StatusCode, body)
	}
	if resp, body := h.webhook("/twilio/status", form(callA)); resp.StatusCode != http.StatusNoContent || body != "" {
		t.Errorf("status: %d %s", resp.StatusCode, body)
	}
	if resp, body := h.webhook("/twilio/voice?agent=julia", form(callA)); resp.StatusCode != http.StatusOK || !strings.Contains(body, "<Connect") {
		t.Errorf("agent by name: %d %s", resp.StatusCode, body)
	}
	resp, body := h.webhook("/twilio/voice?agent=nobody", form(callA))
	wantProblem(t, resp, body, http.StatusBadRequest)
}

// A full house hears words, never silence, and a token's place is one session's.
func TestWebhooks_FullHouse(t *testing.T) {
	t.Parallel()
	h := open(t, plan{config: server.Config{MaxSessions: 1}})
	p := h.page(visit{})
	if resp, body := h.webhook("/twilio/voice", form(callA)); resp.StatusCode != http.StatusOK || !strings.Contains(body, "<Say>Sorry") || strings.Contains(body, "<Connect") {
		t.Errorf("a phone call: %d %s", resp.StatusCode, body)
	}
	resp, body := h.ask(http.MethodPost, "/start", "")
	wantProblem(t, resp, body, http.StatusServiceUnavailable)
	if _, err := h.dial("", nil); !refusedWith(err, http.StatusServiceUnavailable) {
		t.Errorf("a socket: %v", err)
	}
	if !strings.Contains(h.metrics(), `voicectl_limits_total{kind="capacity"} 3`) {
		t.Error("the limit is not counted")
	}
	p.close()
	until(t, "a place", func() bool { resp, _ := h.ask(http.MethodPost, "/start", ""); return resp.StatusCode == http.StatusOK })
}

// One address may hold so many sessions, and begin so many a minute.
func TestLimits_OfOneAddress(t *testing.T) {
	t.Parallel()
	h := open(t, plan{config: server.Config{MaxPerIP: 1, NewPerMinute: 2}})
	p := h.page(visit{})
	if _, err := h.dial("", nil); !refusedWith(err, http.StatusTooManyRequests) {
		t.Errorf("a second one at once: %v", err)
	}
	p.close()
	until(t, "the place to be free", func() bool { return h.health("/health")["active_sessions"] == 0.0 })
	var q *page
	until(t, "the place to be given", func() bool {
		conn, err := h.dial("", nil)
		if err != nil {
			return false
		}
		q = &page{t: t, conn: conn}
		return true
	})
	must(t, q.conn.Drop())
	if c := h.started(callA); c == nil { // the phone network is many callers behind few addresses
		t.Error("a phone call is limited by address")
	}
	untilIn(t, 5*time.Second, "the place to be free", func() bool { return strings.Contains(h.metrics(), `voicectl_limits_total{kind="per_ip"}`) })
	if _, err := h.dial("", nil); !refusedWith(err, http.StatusTooManyRequests) || !strings.Contains(h.metrics(), `voicectl_limits_total{kind="rate"}`) {
		t.Errorf("a third one in a minute: %v", err)
	}
}

// What TwiML promised is kept: the seat is taken at the webhook, so a second caller hears that all lines
// are busy, and the first one's stream is never refused. (tier: ci)
func TestWebhooks_ASeatIsTakenAtTheWebhook(t *testing.T) {
	t.Parallel()
	h := open(t, plan{config: server.Config{MaxSessions: 1}})
	url, token := h.invite(callA)
	if _, body := h.webhook("/twilio/voice", form(callB)); !strings.Contains(body, "<Say>Sorry") {
		t.Errorf("the second caller was promised a seat: %s", body)
	}
	s := h.opened(url)
	s.handshake(callA, token)
	until(t, "the call to be served", func() bool { return h.health("/health")["active_sessions"] == 1.0 })
}

// H09: a webhook that is sent again after its call has ended, with its good signature, takes no seat and
// asks nobody. (tier: ci)
func TestWebhooks_H09ReplayAfterTheCall(t *testing.T) {
	t.Parallel()
	h := open(t, plan{config: server.Config{MaxSessions: 1}})
	s := h.started(callA)
	until(t, "the call to be served", func() bool { return h.health("/health")["active_sessions"] == 1.0 })
	s.text(string(twilio.AppendStop(nil, 2, streamA, twilio.Stop{AccountSID: account, CallSID: callA})))
	until(t, "the call to end", func() bool { return h.health("/health")["active_sessions"] == 0.0 })
	until(t, "the seat to be free", func() bool {
		_, body := h.webhook("/twilio/voice", form(callA))
		return !strings.Contains(body, "<Connect") && !strings.Contains(body, "<Say") && strings.Contains(body, "<Hangup")
	})
	until(t, "another call to be given the only seat", func() bool {
		_, body := h.webhook("/twilio/voice", form(callB))
		return strings.Contains(body, "<Connect")
	})
}
