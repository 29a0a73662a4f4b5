package calls_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/agent/line"
	"github.com/voicectl/voicectl/internal/agent/server"
	"github.com/voicectl/voicectl/internal/provider/rtvi"
	"github.com/voicectl/voicectl/internal/provider/twilio"
	"github.com/voicectl/voicectl/internal/ws"
)

// H26: a second `start` on a stream ends it with 1002, whatever it names, and changes nothing: the call stays
// the one that was admitted, and the token in it is not spent. (tier: ci)
func TestHostile_H26_SecondStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ stream, call string }{
		"the same again": {streamA, callA}, "another call": {streamA, callB}, "another stream": {streamB, callB},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, plan{})
			url, token := h.invite(callB)
			s := h.started(callA)
			until(t, "the call to be served", func() bool { return h.health("/health")["active_sessions"] == 1.0 })
			b, err := twilio.AppendStart(nil, 2, twilio.Start{StreamSID: c.stream, AccountSID: account, CallSID: c.call, Parameters: map[string]string{"token": token}})
			must(t, err)
			s.text(string(b))
			if code := s.end(); code != ws.CloseProtocol {
				t.Errorf("closed with %d, want 1002", code)
			}
			other := h.opened(url)
			other.handshake(callB, token)
			until(t, "the other call to be served with its own token", func() bool { return len(h.logs.lines("session started")) == 2 })
			for i, l := range h.logs.lines("session started") {
				if want := []string{callA, callB}[i]; l["call_sid"] != want {
					t.Errorf("session %d is of call %v, want %s", i+1, l["call_sid"], want)
				}
			}
		})
	}
}

// H38, a sample of well-formed messages that are of no use: events nobody knows, keys without number, numbers
// without end, other types than expected. They are dropped and counted, or end the socket by a rule; the
// process and another call go on. (tier: ci)
func TestHostile_H38_UselessMessages(t *testing.T) {
	t.Parallel()
	payload := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{255}, 160))
	keys := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"k%d":%d,`, i, i)
		}
		return b.String()
	}
	media := func(inner string) string {
		return `{"event":"media","streamSid":"` + streamA + `","media":` + inner + `}`
	}
	huge := strings.Repeat("9", 400)
	for name, c := range map[string]struct {
		msg   string
		n     int
		codes []int // the call goes on (0), or one of these closes
	}{
		"an event of nobody":          {`{"event":"applause","streamSid":"` + streamA + `"}`, 300, []int{0}},
		"an event of 60 KiB":          {`{"event":"` + strings.Repeat("a", 60<<10) + `"}`, 3, []int{0, ws.CloseUnsupported}},
		"a thousand keys":             {`{"event":"applause",` + keys(1000) + `"x":1}`, 5, []int{0, ws.CloseUnsupported}},
		"a thousand keys in media":    {media(`{` + keys(1000) + `"payload":"` + payload + `"}`), 5, []int{0, ws.CloseUnsupported}},
		"a key of 60 KiB":             {`{"event":"applause","` + strings.Repeat("k", 60<<10) + `":1}`, 5, []int{0, ws.CloseUnsupported}},
		"a number of 400 digits":      {`{"event":"media","sequenceNumber":` + huge + `,"streamSid":"` + streamA + `","media":{"payload":"` + payload + `"}}`, 5, []int{0}},
		"a text of 400 digits":        {`{"event":"media","sequenceNumber":"` + huge + `","streamSid":"` + streamA + `","media":{"payload":"` + payload + `"}}`, 5, []int{0}},
		"a time without end":          {media(`{"timestamp":1e999999,"payload":"` + payload + `"}`), 5, []int{0, ws.CloseUnsupported, ws.CloseInvalid}},
		"a time below zero":           {media(`{"timestamp":"-9223372036854775809","payload":"` + payload + `"}`), 5, []int{0}},
		"media as a list":             {media(`["payload","` + payload + `"]`), 5, []int{0, ws.CloseUnsupported}},
		"media as a text":             {media(`"` + payload + `"`), 5, []int{0, ws.CloseUnsupported}},
		"no media in media":           {`{"event":"media","streamSid":"` + streamA + `"}`, 5, []int{0, ws.CloseUnsupported}},
		"payload as a number":         {media(`{"payload":7}`), 5, []int{0, ws.CloseUnsupported}},
		"payload as an object":        {media(`{"payload":{"payload":"` + payload + `"}}`), 5, []int{0, ws.CloseUnsupported}},
		"no event":                    {`{"streamSid":"` + streamA + `"}`, 5, []int{0, ws.CloseUnsupported}},
		"the event as a number":       {`{"event":7}`, 5, []int{0, ws.CloseUnsupported}},
		"the event in another case":   {`{"Event":"stop","EVENT":"stop"}`, 5, []int{0, ws.CloseUnsupported}},
		"a mark of 10 KiB":            {`{"event":"mark","streamSid":"` + streamA + `","mark":{"name":"` + strings.Repeat("m", 10<<10) + `"}}`, 5, []int{0, ws.CloseUnsupported}},
		"a thousand keys of a phone":  {`{"event":"dtmf","streamSid":"` + streamA + `","dtmf":{"digit":"1"}}`, 1000, []int{0}},
		"ten digits in one key":       {`{"event":"dtmf","streamSid":"` + streamA + `","dtmf":{"digit":"1234567890"}}`, 5, []int{0, ws.CloseUnsupported}},
		"nested in what nobody knows": {`{"event":"applause","x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`, 5, []int{0, ws.CloseUnsupported}},
		"null":                        {`null`, 1, []int{ws.CloseUnsupported}},
		"a text":                      {`"stop"`, 1, []int{ws.CloseUnsupported}},
		"nothing":                     {``, 1, []int{ws.CloseInvalid}},
		"two in one":                  {`{"event":"applause"}{"event":"stop"}`, 1, []int{ws.CloseInvalid}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, plan{config: server.Config{Line: line.Limits{PerSecond: 2000}}})
			s := h.started(callA)
			for range c.n {
				if s.conn.Write(ws.Text, []byte(c.msg)) != nil {
					break // closed already; which code is judged below
				}
			}
			_ = s.conn.Write(ws.Text, twilio.AppendStop(nil, 9, streamA, twilio.Stop{AccountSID: account, CallSID: callA})) // likewise
			got := s.end()
			if got == ws.CloseNormal {
				got = 0
			}
			good := false
			for _, code := range c.codes {
				good = good || code == got
			}
			if !good {
				t.Errorf("ended with %d, want one of %v (0: it goes on)", got, c.codes)
			}
			if a := h.page(visit{}).ask("Hello"); a.text == "" {
				t.Error("another call has no answer")
			}
		})
	}
	t.Run("the browser's protocol", func(t *testing.T) {
		t.Parallel()
		h := open(t, plan{})
		p := h.page(visit{text: true})
		for _, msg := range []string{
			`{"label":"rtvi-ai","type":"client-message","id":"1","data":{"t":"ping","d":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}}`,
			`{"label":"rtvi-ai","type":"send-text","id":"` + strings.Repeat("i", 50<<10) + `","data":{"content":""}}`,
			`{"label":"rtvi-ai","type":"send-text","id":1e400,"data":{"content":"x"}}`,
			`{"label":"rtvi-ai",` + keys(1000) + `"type":"applause","id":"2"}`,
			`{"label":"rtvi-ai","type":"raw-audio","id":"3","data":{"base64Audio":"AAAA","sampleRate":` + huge + `}}`,
			`{"label":"rtvi-ai","type":"raw-audio","id":"4","data":{"base64Audio":"AAAA","sampleRate":16000,"numChannels":-1}}`,
			`{"label":"rtvi-ai","type":"` + strings.Repeat("t", 50<<10) + `","id":"5"}`,
		} {
			p.raw([]byte(msg))
		}
		if a := p.ask("Hello"); a.text == "" {
			t.Error("the call does not go on")
		}
		for _, e := range p.all(rtvi.ErrorResponse) {
			if len(e.Data) > 4<<10 {
				t.Errorf("an error-response of %d bytes", len(e.Data))
			}
		}
	})
}
