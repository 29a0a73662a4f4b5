package calls_test

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/agent/line"
	"github.com/voicectl/voicectl/internal/agent/server"
	"github.com/voicectl/voicectl/internal/provider/twilio"
	"github.com/voicectl/voicectl/internal/secret"
	"github.com/voicectl/voicectl/internal/ws"
)

// Hostile upgrades of the media socket: refused before any vendor is dialled.
func TestHostile_MediaUpgrades(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	u := h.mediaURL()
	header := func(pairs ...string) http.Header {
		hd := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			hd.Add(pairs[i], pairs[i+1])
		}
		return hd
	}
	good := twilio.Sign(authToken(), u, nil)
	for name, c := range map[string]struct {
		header http.Header
		status int
	}{
		"H20 no signature":          {header(), 401},
		"wrong signature":           {header(twilio.SignatureHeader, twilio.Sign(secret.New("x"), u, nil)), 403},
		"signed for another socket": {header(twilio.SignatureHeader, twilio.Sign(authToken(), h.url+"/ws", nil)), 403},
		"two signatures":            {header(twilio.SignatureHeader, good, twilio.SignatureHeader, good), 400},
		"H47 a page":                {header(twilio.SignatureHeader, good, "Origin", "https://evil.example"), 403},
		"a page of our own":         {header(twilio.SignatureHeader, good, "Origin", h.url), 403},
	} {
		if _, err := h.dial(u, c.header); !refusedWith(err, c.status) {
			t.Errorf("%s: %v, want %d", name, err, c.status)
		}
	}
	if calls, _ := h.stage.Calls("", 0); len(calls) > 0 {
		t.Errorf("vendors were asked: %+v", calls)
	}
}

// Hostile handshakes: the socket closes with the code of the fault, and no session begins.
func TestHostile_MediaHandshakes(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	start := func(callSID, token string, change ...string) string {
		b, err := twilio.AppendStart(nil, 1, twilio.Start{StreamSID: streamA, AccountSID: account, CallSID: callSID, Parameters: map[string]string{"token": token}})
		must(t, err)
		return strings.NewReplacer(change...).Replace(string(b))
	}
	fresh := func() string { _, token := h.invite(callA); return token }
	_, used := h.invite(callC)
	s := h.opened(h.mediaURL())
	s.handshake(callC, used)
	connected := string(twilio.AppendConnected(nil))
	for name, c := range map[string]struct {
		say  []string
		code int
	}{
		"H21 an unknown token":        {[]string{connected, start(callA, "nobody gave this")}, ws.ClosePolicy},
		"no token":                    {[]string{connected, start(callA, "")}, ws.ClosePolicy},
		"H22 a token used before":     {[]string{connected, start(callC, used)}, ws.ClosePolicy},
		"H23 another call's token":    {[]string{connected, start(callB, fresh())}, ws.ClosePolicy},
		"another account":             {[]string{connected, start(callA, fresh(), account, strings.Replace(account, "1", "2", 1))}, ws.ClosePolicy},
		"a call id out of shape":      {[]string{connected, start("CA1", fresh())}, ws.ClosePolicy},
		"H25 media before start":      {[]string{connected, string(twilio.AppendInboundMedia(nil, 1, streamA, twilio.Media{Payload: []byte{255}}))}, ws.CloseProtocol},
		"H25 media first of all":      {[]string{string(twilio.AppendInboundMedia(nil, 1, streamA, twilio.Media{Payload: []byte{255}}))}, ws.CloseProtocol},
		"start without connected":     {[]string{start(callA, fresh())}, ws.CloseProtocol},
		"connected twice":             {[]string{connected, connected}, ws.CloseProtocol},
		"another sound":               {[]string{connected, start(callA, fresh(), "audio/x-mulaw", "audio/opus")}, ws.CloseUnsupported},
		"another rate":                {[]string{connected, start(callA, fresh(), "8000", "16000")}, ws.CloseUnsupported},
		"not JSON":                    {[]string{"hello"}, ws.CloseInvalid},
		"not JSON for start":          {[]string{connected, "{"}, ws.CloseInvalid},
		"H36 nested for ever":         {[]string{connected, strings.Repeat(`{"event":`, 5000) + "1" + strings.Repeat("}", 5000)}, ws.CloseUnsupported},
		"H37 event twice":             {[]string{connected, `{"event":"start","event":"media"}`}, ws.CloseUnsupported},
		"H39 not UTF-8":               {[]string{connected, "{\"event\":\"st\xffart\"}"}, ws.CloseInvalid},
		"an array":                    {[]string{`["connected"]`}, ws.CloseUnsupported},
		"a protocol of somebody else": {[]string{`{"label":"rtvi-ai","type":"client-ready","id":"1"}`}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := h.in(t).opened(h.mediaURL())
			begun := time.Now()
			for _, m := range c.say {
				s.text(m)
			}
			code := s.end()
			if c.code == 0 && code != ws.CloseProtocol && code != ws.CloseUnsupported || c.code != 0 && code != c.code || time.Since(begun) > 2*time.Second {
				t.Errorf("closed with %d after %v, want %d", code, time.Since(begun), c.code)
			}
		})
	}
	t.Run("binary for connected", func(t *testing.T) {
		t.Parallel()
		s := h.in(t).opened(h.mediaURL())
		must(t, s.conn.Write(ws.Binary, []byte(connected)))
		if code := s.end(); code != ws.CloseUnsupported {
			t.Errorf("closed with %d", code)
		}
	})
	t.Cleanup(func() { // after all of the above
		if n := len(h.logs.lines("session started")); n != 1 {
			t.Errorf("%d sessions began, want the one good one", n)
		}
	})
}

// Hostile messages of a stream that is under way.
func TestHostile_MediaMessages(t *testing.T) {
	t.Parallel()
	media := func(payload string) string {
		return `{"event":"media","sequenceNumber":"3","streamSid":"` + streamA + `","media":{"track":"inbound","chunk":"1","timestamp":"5","payload":"` + payload + `"}}`
	}
	frame := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{255}, 160))
	many := func(n int, m string) []string {
		out := make([]string, n)
		for i := range out {
			out[i] = m
		}
		return out
	}
	const tolerated = ws.CloseNormal // it goes on until stop
	for name, c := range map[string]struct {
		say  []string
		code int
	}{
		"H33 not base64":               {many(49, media("@@@@")), tolerated},
		"H33 50 in a row":              {many(50, media("@@@@")), ws.CloseUnsupported},
		"H33 50, but not in a row":     {append(append(many(40, media("@@@@")), media(frame)), many(40, media("@"))...), tolerated},
		"H34 line ends in base64":      {many(3, media(`AAAA\nAAAA`)), tolerated},
		"H35 no sound":                 {[]string{media("")}, tolerated},
		"H35 a byte":                   {[]string{media("/w==")}, tolerated},
		"H36 nested for ever":          {[]string{strings.Repeat(`{"event":`, 5000) + "1" + strings.Repeat("}", 5000)}, ws.CloseUnsupported},
		"H37 payload twice":            {[]string{strings.Replace(media(frame), `"payload"`, `"payload":"AAAA","payload"`, 1)}, ws.CloseUnsupported},
		"H37 event twice":              {[]string{strings.Replace(media(frame), `{"event"`, `{"event":"stop","event"`, 1)}, ws.CloseUnsupported},
		"not JSON":                     {[]string{"hello"}, ws.CloseInvalid},
		"half a message":               {[]string{media(frame)[:40]}, ws.CloseInvalid},
		"H39 not UTF-8":                {[]string{"{\"event\":\"mark\",\"mark\":{\"name\":\"\xff\"}}"}, ws.CloseInvalid},
		"H40 a time before the start":  {[]string{strings.Replace(media(frame), `"5"`, `"-1"`, 1)}, tolerated},
		"H40 a number without end":     {[]string{strings.Replace(media(frame), `"chunk":"1"`, `"chunk":1e400`, 1)}, tolerated},
		"H42 sound of the other track": {[]string{strings.Replace(media(frame), "inbound", "outbound", 1)}, tolerated},
		"H43 another stream":           {[]string{strings.Replace(media(frame), streamA, streamB, 1)}, ws.CloseProtocol},
		"start again":                  {[]string{`{"event":"connected","protocol":"Call","version":"1.0.0"}`}, ws.CloseProtocol},
		"an event of tomorrow":         {[]string{`{"event":"applause","streamSid":"` + streamA + `","applause":{"loud":true}}`}, tolerated},
		"marks that nobody set":        {many(60, `{"event":"mark","streamSid":"`+streamA+`","mark":{"name":"e99.1"}}`), tolerated},
		"a key that does not exist":    {[]string{`{"event":"dtmf","streamSid":"` + streamA + `","dtmf":{"track":"inbound_track","digit":"Z"}}`}, tolerated},
		"H41 faster than real time":    {many(600, media(frame)), ws.ClosePolicy}, // 12 s of sound at once
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, plan{})
			s := h.started(callA)
			for _, m := range c.say {
				if s.conn.Write(ws.Text, []byte(m)) != nil {
					break // closed already, and rightly so when the code says it
				}
			}
			_ = s.conn.Write(ws.Text, twilio.AppendStop(nil, 9, streamA, twilio.Stop{AccountSID: account, CallSID: callA})) // likewise
			if code := s.end(); code != c.code {
				t.Errorf("closed with %d, want %d", code, c.code)
			}
		})
	}
	t.Run("binary", func(t *testing.T) {
		t.Parallel()
		s := open(t, plan{}).started(callA)
		must(t, s.conn.Write(ws.Binary, []byte(media(frame))))
		if code := s.end(); code != ws.CloseUnsupported {
			t.Errorf("closed with %d", code)
		}
	})
	t.Run("counted by the limit of the operator", func(t *testing.T) {
		t.Parallel()
		s := open(t, plan{config: server.Config{Line: line.Limits{BadInRow: 3}}}).started(callA)
		for range 3 {
			s.text(media("@"))
		}
		if code := s.end(); code != ws.CloseUnsupported {
			t.Errorf("closed with %d", code)
		}
	})
}
