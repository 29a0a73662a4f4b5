package line

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/provider/rtvi"
	"github.com/voicectl/voicectl/internal/ws"
)

// takeMessage handles one RTVI message of the client.
func (l *RTVI) takeMessage(msg []byte, now time.Time) error {
	e, err := rtvi.Decode(msg)
	switch {
	case errors.Is(err, rtvi.ErrLabel):
		return nil // another protocol's message on the same channel
	case err != nil && !l.o.Binary && !utf8.Valid(msg):
		return &refusal{ws.CloseInvalid, "not utf-8", session.EndProtocol}
	case err != nil && !json.Valid(msg):
		return &refusal{ws.CloseInvalid, "not JSON", session.EndProtocol}
	case err != nil:
		return l.useless(err)
	}
	if e.Type != rtvi.RawAudio && e.Type != rtvi.RawAudioBatch { // of those the sound decides
		l.bad = 0
	}
	switch e.Type {
	case rtvi.ClientReady:
		return l.clientReady(e, now)
	case rtvi.DisconnectBot:
		return io.EOF
	case rtvi.SendText:
		var in rtvi.TextInput
		if err := e.Unpack(&in); err != nil || strings.TrimSpace(in.Content) == "" {
			return l.fail(e.ID, "send-text needs content")
		}
		l.text(in.Content, !in.Options.Speak(), !in.Options.Run(), now)
	case rtvi.DTMF:
		return l.keys(e, now)
	case rtvi.ClientMessage:
		var c rtvi.Custom
		if err := e.Unpack(&c); err != nil || c.Kind == "" {
			return l.fail(e.ID, "client-message needs t")
		}
		l.pending = append(l.pending, session.In{Kind: session.InMessage, ID: e.ID, Type: c.Kind, Data: append([]byte(nil), c.Data...), At: now})
	case rtvi.RawAudio, rtvi.RawAudioBatch:
		var a rtvi.AudioInput
		if err := e.Unpack(&a); err != nil {
			return l.fail(e.ID, "raw-audio has the wrong shape")
		}
		for _, b64 := range append(a.Batch, a.Audio) {
			if b64 == "" {
				continue
			}
			data, err := base64.StdEncoding.DecodeString(b64)
			if err != nil {
				return l.useless(err)
			}
			if err := l.takeAudio(data, a.SampleRate, a.Channels, now); err != nil {
				return err
			}
		}
	case rtvi.FunctionResult:
		return l.fail(e.ID, "no function of the client is waited for")
	default:
		return l.fail(e.ID, "Unsupported type "+string(e.Type))
	}
	return nil
}

func (l *RTVI) clientReady(e rtvi.Envelope, now time.Time) error {
	var r rtvi.Ready
	_ = e.Unpack(&r) // a wrong shape is a missing version
	compat, text := rtvi.Check(r.Version)
	version := rtvi.Version
	if compat == rtvi.Legacy {
		version = r.Version
		l.mu.Lock()
		l.legacy = true
		l.mu.Unlock()
	}
	if text != "" {
		if err := l.fail(e.ID, text); err != nil {
			return err
		}
	}
	if err := l.write(rtvi.BotReady, e.ID, rtvi.Ready{Version: version, About: &rtvi.About{Library: "voicectl"}}); err != nil {
		return err
	}
	if !l.ready {
		l.ready = true
		l.pending = append(l.pending, session.In{Kind: session.InReady, At: now})
	}
	return nil
}

// keys takes a sequence of key presses; the old single button is refused as the protocol says.
func (l *RTVI) keys(e rtvi.Envelope, now time.Time) error {
	var k rtvi.Keys
	if err := e.Unpack(&k); err != nil || len(k.Buttons) == 0 || len(k.Buttons) > 32 {
		return l.fail(e.ID, "dtmf needs buttons: a list of keys")
	}
	for _, b := range k.Buttons {
		if len(b) != 1 || !strings.Contains("0123456789*#", b) {
			return l.fail(e.ID, "dtmf: a button is one of 0-9 * #")
		}
	}
	for _, b := range k.Buttons {
		l.pending = append(l.pending, session.In{Kind: session.InKey, Digit: b, At: now})
	}
	return nil
}

func (l *RTVI) fail(id, text string) error {
	return slowError(l.write(rtvi.ErrorResponse, id, rtvi.Failure{Error: text}))
}
