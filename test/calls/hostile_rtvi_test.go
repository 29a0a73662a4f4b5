package calls_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/agent/line"
	"github.com/voicectl/voicectl/internal/agent/server"
	"github.com/voicectl/voicectl/internal/provider/rtvi"
	"github.com/voicectl/voicectl/internal/ws"
)

// Messages of RTVI that are wrong get an error-response with their id, and the call goes on.
func TestHostile_RTVIMessages(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]bool{"protobuf": false, "json": true} {
		t.Run(name, func(t *testing.T) { t.Parallel(); wrongMessages(t, text) })
	}
}

func wrongMessages(t *testing.T, text bool) {
	t.Helper()
	h := open(t, plan{})
	p := h.page(visit{text: text})
	n := 0
	for name, msg := range map[string]string{
		"an unknown type":       `{"label":"rtvi-ai","type":"applause","id":"ID"}`,
		"the old append":        `{"label":"rtvi-ai","type":"append-to-context","id":"ID","data":{"role":"user","content":"x"}}`,
		"dtmf, the old form":    `{"label":"rtvi-ai","type":"dtmf","id":"ID","data":{"button":"1"}}`,
		"dtmf, nothing":         `{"label":"rtvi-ai","type":"dtmf","id":"ID","data":{"buttons":[]}}`,
		"dtmf, no key":          `{"label":"rtvi-ai","type":"dtmf","id":"ID","data":{"buttons":["1","Z"]}}`,
		"dtmf, two keys in one": `{"label":"rtvi-ai","type":"dtmf","id":"ID","data":{"buttons":["12"]}}`,
		"dtmf, too many":        `{"label":"rtvi-ai","type":"dtmf","id":"ID","data":{"buttons":["` + strings.Repeat(`1","`, 40) + `1"]}}`,
		"dtmf, numbers":         `{"label":"rtvi-ai","type":"dtmf","id":"ID","data":{"buttons":[1]}}`,
		"text without content":  `{"label":"rtvi-ai","type":"send-text","id":"ID","data":{"content":"  "}}`,
		"text as a number":      `{"label":"rtvi-ai","type":"send-text","id":"ID","data":{"content":7}}`,
		"an option as text":     `{"label":"rtvi-ai","type":"send-text","id":"ID","data":{"content":"x","options":{"audio_response":"yes"}}}`,
		"a custom one unknown":  `{"label":"rtvi-ai","type":"client-message","id":"ID","data":{"t":"applause"}}`,
		"a custom one nameless": `{"label":"rtvi-ai","type":"client-message","id":"ID","data":{}}`,
		"a result nobody asked": `{"label":"rtvi-ai","type":"llm-function-call-result","id":"ID","data":{"function_name":"x","tool_call_id":"y"}}`,
		"sound as a number":     `{"label":"rtvi-ai","type":"raw-audio","id":"ID","data":{"base64Audio":7}}`,
	} {
		n++
		p.raw([]byte(strings.Replace(msg, `"ID"`, `"`+name[:min(len(name), 30)]+`"`, 1)))
		e := p.awaitNth(rtvi.ErrorResponse, n)
		var f rtvi.Failure
		if e.Unpack(&f) != nil || f.Error == "" || e.ID != name[:min(len(name), 30)] {
			t.Errorf("%s: answered %s %s", name, e.ID, e.Data)
		}
	}
	for _, ignored := range []string{`{"label":"other","type":"x","id":"1"}`, `{"label":"rtvi-ai","type":7}`, `{"label":"rtvi-ai"}`, `{"label":"rtvi-ai","type":"raw-audio","data":{"base64Audio":"@"}}`} {
		p.raw([]byte(ignored))
	}
	p.send(rtvi.ClientMessage, "ping-1", rtvi.Custom{Kind: "ping", Data: []byte(`{"n":1}`)})
	if e := p.await(rtvi.ServerResponse); e.ID != "ping-1" || !strings.Contains(string(e.Data), `"n":1`) {
		t.Errorf("ping is answered %+v", e)
	}
	keys := p.during("keys", func() { p.send(rtvi.DTMF, "keys", rtvi.Keys{Buttons: strings.Split("5001#", "")}) })
	if !strings.Contains(string(keys.msgs[0].Data), "5001") {
		t.Errorf("keys became %s", keys.msgs[0].Data)
	}
	if a := p.ask("Hello"); a.text == "" || len(p.all(rtvi.ErrorResponse)) != n {
		t.Errorf("after all that: %q, %d error-responses for %d", a.text, len(p.all(rtvi.ErrorResponse)), n)
	}
	p.raw([]byte(`{not json`))
	if code, _ := p.closed(); code != ws.CloseInvalid {
		t.Errorf("not JSON: closed with %d, want 1007", code)
	}
}

// More messages than anybody needs end the socket; what a stalled network held back does not.
func TestHostile_H32_Flood(t *testing.T) {
	t.Parallel()
	h := open(t, plan{config: server.Config{Line: line.Limits{PerSecond: 20}}})
	for n, flood := range map[int]bool{150: false, 400: true} {
		p := h.page(visit{})
		for range n {
			if p.conn.Write(ws.Binary, rtvi.AppendMessage(nil, []byte(`{"label":"other"}`))) != nil {
				break // closed already
			}
		}
		if !flood {
			p.ask("Hello")
		} else if code, _ := p.closed(); code != ws.ClosePolicy {
			t.Errorf("closed with %d, want 1008", code)
		}
	}
	s := h.started(callA)
	for range 400 {
		if s.conn.Write(ws.Text, []byte(`{"event":"applause"}`)) != nil {
			break // closed already
		}
	}
	if code := s.end(); code != ws.ClosePolicy {
		t.Errorf("phone: closed with %d, want 1008", code)
	}
}

// Versions: 2.x is taken, 1.x is answered in its own way, all others are told and served.
func TestRTVI_Versions(t *testing.T) {
	t.Parallel()
	for version, told := range map[string]bool{"2.0.0": false, "2.3.1": false, "1.2.0": false, "3.0.0": true, "0.9.0": true, "2.-1.0": true, "x": true, "none": true} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			h := open(t, plan{})
			v := version
			if v == "none" {
				v = " "
			}
			p := h.page(visit{version: v})
			errs := p.all(rtvi.ErrorResponse)
			if (len(errs) == 1) != told || told && (errs[0].ID != "ready-01" || !strings.Contains(string(errs[0].Data), "Compatibility issues may occur.")) {
				t.Errorf("told %+v", errs)
			}
			var ready rtvi.Ready
			must(t, p.await(rtvi.BotReady).Unpack(&ready))
			want := rtvi.Version
			if version == "1.2.0" {
				want = version
			}
			if ready.Version != want {
				t.Errorf("bot-ready says %s, want %s", ready.Version, want)
			}
			a := p.say("Hello")
			for _, m := range a.msgs {
				if m.Type == rtvi.BotOutput && strings.Contains(string(m.Data), `"spoken"`) != (version == "1.2.0") {
					t.Errorf("bot-output of the wrong kind: %s", m.Data)
				}
			}
		})
	}
}

// Sound of any shape is taken or dropped; faster than real time, or of nothing else than broken frames,
// ends the socket.
func TestHostile_RTVISound(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	json := func(data string) func(p *page) {
		return func(p *page) { p.raw([]byte(`{"label":"rtvi-ai","type":"raw-audio","id":"a","data":` + data + `}`)) }
	}
	// A write may fail: the server is free to close while the rest is still on its way. What it said on
	// closing, or that the call goes on, is judged below.
	frame := func(n int, rate, channels uint32) func(p *page) {
		return func(p *page) { _ = p.conn.Write(ws.Binary, rtvi.AppendAudio(nil, make([]byte, n), rate, channels)) }
	}
	second := base64.StdEncoding.EncodeToString(make([]byte, 32000))
	for name, c := range map[string]struct {
		text bool
		do   func(p *page)
		n    int
		code int // 0 = the call goes on
	}{
		"odd bytes":             {false, frame(641, 16000, 1), 3, 0},
		"no bytes":              {false, frame(0, 16000, 1), 3, 0},
		"one byte":              {false, frame(1, 16000, 1), 3, 0},
		"another rate":          {false, frame(1920, 48000, 1), 5, 0},
		"an odd rate":           {false, frame(882, 22050, 1), 5, 0},
		"stereo":                {false, frame(1280, 16000, 2), 5, 0},
		"no rate":               {false, frame(640, 0, 0), 5, 0},
		"a rate of nobody":      {false, frame(640, 4000, 1), 49, 0},
		"a rate of nobody, 50":  {false, frame(640, 4000, 1), 50, ws.CloseUnsupported},
		"eight channels":        {false, frame(640, 16000, 8), 49, 0},
		"an impossible rate":    {false, frame(640, 4000000, 1), 49, 0},
		"5 s at once":           {false, frame(160000, 16000, 1), 1, 0},
		"H41 12 s at once":      {false, frame(32000, 16000, 1), 12, ws.ClosePolicy},
		"H41 15 s in a message": {false, frame(480000, 16000, 1), 1, ws.ClosePolicy},
		"no frame at all":       {false, func(p *page) { _ = p.conn.Write(ws.Binary, []byte{0xff}) }, 50, ws.CloseUnsupported},
		"text on binary":        {false, func(p *page) { _ = p.conn.Write(ws.Text, []byte("{}")) }, 1, ws.CloseUnsupported},
		"binary on text":        {true, func(p *page) { _ = p.conn.Write(ws.Binary, []byte("{}")) }, 1, ws.CloseUnsupported},
		"sound in JSON":         {true, json(`{"base64Audio":"` + second + `","sampleRate":16000,"numChannels":1}`), 3, 0},
		"a batch in JSON":       {true, json(`{"base64AudioBatch":["` + second + `","` + second + `"],"sampleRate":16000}`), 2, 0},
		"H41 in JSON":           {true, json(`{"base64AudioBatch":["` + strings.Repeat(second+`","`, 12) + `"],"sampleRate":16000}`), 1, ws.ClosePolicy},
		"broken base64, 50":     {true, json(`{"base64Audio":"@"}`), 50, ws.CloseUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := h.in(t).page(visit{text: c.text})
			for range c.n {
				c.do(p)
			}
			if c.code == 0 {
				if a := p.ask("Hello"); a.text == "" {
					t.Error("the call does not go on")
				}
				return
			}
			if code, _ := p.closed(); code != c.code {
				t.Errorf("closed with %d, want %d", code, c.code)
			}
		})
	}
}
