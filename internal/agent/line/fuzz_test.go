package line

import (
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/provider/rtvi"
	"github.com/voicectl/voicectl/internal/provider/twilio"
	"github.com/voicectl/voicectl/internal/ws"
)

// knownCodes are the close codes that a far end may be told for what it said.
func knownCodes(code int) bool {
	switch code {
	case ws.CloseNormal, ws.CloseProtocol, ws.CloseUnsupported, ws.CloseInvalid, ws.ClosePolicy:
		return true
	}
	return false
}

// sane holds what a session may rely on, whatever came over the wire.
func sane(t *testing.T, in session.In, most time.Duration) {
	t.Helper()
	switch in.Kind {
	case session.InAudio:
		if n := len(in.Frame.Data); n == 0 || n%in.Frame.Format.SampleBytes() != 0 || in.Frame.Duration() > most {
			t.Errorf("a frame of %d bytes, %v", n, in.Frame.Duration())
		}
		in.Frame.Release()
	case session.InText:
		if len(in.Text) > 8<<10 || !utf8.ValidString(in.Text) {
			t.Errorf("a text of %d bytes, valid: %v", len(in.Text), utf8.ValidString(in.Text))
		}
	case session.InKey:
		if len(in.Digit) != 1 || !strings.Contains("0123456789*#ABCD", in.Digit) {
			t.Errorf("a key %q", in.Digit)
		}
	case session.InMark:
		if len(in.Mark) > 512 {
			t.Errorf("a mark of %d bytes", len(in.Mark))
		}
	case session.InMessage:
		if in.Type == "" {
			t.Error("a message without a type")
		}
	case session.InReady:
	}
}

func FuzzRTVI_Take(f *testing.F) {
	message := func(s string) []byte { return rtvi.AppendMessage(nil, []byte(s)) }
	for _, s := range []string{
		`{"label":"rtvi-ai","type":"client-ready","id":"1","data":{"version":"2.1.0","about":{"library":"x"}}}`,
		`{"label":"rtvi-ai","type":"client-ready","id":"1","data":{"version":"1.0.0"}}`,
		`{"label":"rtvi-ai","type":"send-text","id":"2","data":{"content":"hé","options":{"audio_response":false}}}`,
		`{"label":"rtvi-ai","type":"send-text","id":"2","data":{"content":"` + strings.Repeat("é", 5000) + `"}}`,
		`{"label":"rtvi-ai","type":"dtmf","id":"3","data":{"buttons":["1","#"]}}`,
		`{"label":"rtvi-ai","type":"client-message","id":"4","data":{"t":"ping","d":{"n":1}}}`,
		`{"label":"rtvi-ai","type":"raw-audio","id":"5","data":{"base64Audio":"AAAAAA==","sampleRate":8000,"numChannels":2}}`,
		`{"label":"rtvi-ai","type":"raw-audio-batch","data":{"base64AudioBatch":["AAA=","@"],"sampleRate":-1}}`,
		`{"label":"rtvi-ai","type":"disconnect-bot"}`, `{"label":"x"}`, `{`, `[]`, "{\"label\":\"rtvi-ai\",\"type\":\"\xff\"}", "",
	} {
		f.Add([]byte(s), false)
		f.Add(message(s), true)
	}
	f.Add(rtvi.AppendAudio(nil, make([]byte, 641), 48000, 2), true)
	f.Add(rtvi.AppendAudio(nil, make([]byte, 640), 7, 1), true)
	f.Add(rtvi.AppendFrame(nil, rtvi.Frame{Kind: rtvi.FrameText, Text: "hello"}), true)
	f.Add([]byte{0xff, 0xff}, true)
	conn := pair(f)
	f.Fuzz(func(t *testing.T, msg []byte, binary bool) {
		l := &RTVI{conn: conn, o: RTVIOptions{Binary: binary}, limits: Limits{BadInRow: 3}.withDefaults(), log: slog.New(slog.DiscardHandler)}
		now := time.Unix(1000, 0)
		for range 4 { // the same again: counters and pace see it too
			err := l.take(msg, binary, now)
			var r *refusal
			switch {
			case errors.As(err, &r):
				if !knownCodes(r.code) {
					t.Errorf("refused with %d", r.code)
				}
			case err != nil && !errors.Is(err, io.EOF):
				t.Errorf("an error of no kind: %v", err)
			}
			for _, in := range l.pending {
				sane(t, in, l.limits.Ahead)
			}
			if l.pending = nil; err != nil {
				break
			}
		}
		if l.bad >= 3 && l.total < 3 {
			t.Errorf("%d bad in a row of %d", l.bad, l.total)
		}
	})
}

func FuzzTwilio_Take(f *testing.F) {
	const sid = "MZ0000000000000000000000000000000a"
	f.Add(twilio.AppendInboundMedia(nil, 3, sid, twilio.Media{Chunk: 1, Timestamp: 20, Payload: make([]byte, 160)}))
	f.Add(twilio.AppendInboundMedia(nil, 3, "MZother", twilio.Media{Payload: []byte{1}}))
	f.Add(twilio.AppendDTMF(nil, 4, sid, "5"))
	f.Add(twilio.AppendMarkEcho(nil, 5, sid, "e1.200"))
	f.Add(twilio.AppendStop(nil, 6, sid, twilio.Stop{}))
	f.Add(twilio.AppendConnected(nil))
	f.Add([]byte(`{"event":"media","media":{"payload":"@@@@"}}`))
	f.Add([]byte(`{"event":"media","media":{"payload":"` + base64.StdEncoding.EncodeToString(make([]byte, 40000)) + `"}}`))
	f.Add([]byte(`{"event":"applause"}`))
	f.Add([]byte(`{"event":"media","event":"stop"}`))
	f.Add([]byte("{\"event\":\"mark\",\"mark\":{\"name\":\"\xff\"}}"))
	f.Add([]byte(`nonsense`))
	f.Fuzz(func(t *testing.T, msg []byte) {
		l := &Twilio{limits: Limits{BadInRow: 3}.withDefaults(), log: slog.New(slog.DiscardHandler), start: twilio.Start{StreamSID: sid}}
		now := time.Unix(1000, 0)
		for n := range 4 {
			var in session.In
			ok, err := l.take(ws.Text, msg, now, &in)
			var r *refusal
			if err != nil && (!errors.As(err, &r) || !knownCodes(r.code)) {
				t.Errorf("an error of no kind: %v", err)
			}
			if ok && err != nil {
				t.Error("both something and an error")
			}
			if ok {
				sane(t, in, l.limits.Ahead)
			}
			if err != nil {
				break
			}
			if l.bad != 0 && l.bad != n+1 {
				t.Errorf("%d bad in a row after %d times the same", l.bad, n+1)
			}
		}
	})
}
