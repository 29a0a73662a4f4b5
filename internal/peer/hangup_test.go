package peer

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voicectl/voicectl/internal/provider/twilio"
	"github.com/voicectl/voicectl/internal/ws"
)

func TestPhone_KeysReplaceAndHangUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agent := newAgent(t)
		defer agent.close()
		agent.twiml("/voice", connectDoc)
		var keys []string
		stops := make(chan twilio.Stop, 2)
		agent.socket("/media", func(c *ws.Conn) {
			a := &agentSide{t: t, c: c}
			a.begin()
			var m twilio.Message
			for a.next(&m) {
				if m.Event == twilio.EventDTMF {
					keys = append(keys, m.DTMF.Digit)
					if m.DTMF.Track != "inbound_track" {
						t.Errorf("track is %q", m.DTMF.Track)
					}
				}
				if m.Event == twilio.EventStop {
					stops <- m.Stop
				}
			}
		})
		p, err := CallTwilio(t.Context(), PhoneOptions{Options: agent.options()})
		if err != nil {
			t.Fatal(err)
		}
		events := collect(p)
		if err = p.Digits("12#"); err != nil {
			t.Fatal(err)
		}
		if err = p.Digits("1x"); err == nil {
			t.Error("x is no key")
		}
		if err = p.SendText("hi"); !errors.Is(err, ErrNoText) {
			t.Errorf("typing on a phone: %v", err)
		}
		time.Sleep(time.Second)
		if err = p.Replace([]byte(`<Response><Connect><Stream url="ws://127.0.0.1/media"/></Connect></Response>`)); err != nil {
			t.Fatal(err)
		}
		if s := <-stops; s.CallSID != p.CallSID() {
			t.Errorf("stop is %+v", s)
		}
		time.Sleep(time.Second)
		_ = p.Close()
		_ = p.Close()
		<-stops
		all := <-events
		agent.close()
		if !slices.Equal(keys, []string{"1", "2", "#"}) {
			t.Errorf("keys %q", keys)
		}
		if len(kinds(all, Open)) != 2 {
			t.Errorf("streams: %v", kinds(all, Open))
		}
		if err = p.Digits("1"); !errors.Is(err, ErrOver) {
			t.Errorf("keys after the end: %v", err)
		}
		if err = p.Replace([]byte(`<Response/>`)); !errors.Is(err, ErrOver) {
			t.Errorf("a document after the end: %v", err)
		}
	})
}

func TestPhone_ContextIsTheLifeOfTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agent := newAgent(t)
		defer agent.close()
		agent.twiml("/voice", connectDoc)
		stopped := false
		agent.socket("/media", func(c *ws.Conn) {
			a := &agentSide{t: t, c: c}
			a.begin()
			var m twilio.Message
			for a.next(&m) {
				stopped = stopped || m.Event == twilio.EventStop
			}
		})
		ctx, cancel := context.WithCancel(t.Context())
		o := PhoneOptions{Options: agent.options(), SilentHangup: true}
		p, err := CallTwilio(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		events := collect(p)
		time.Sleep(time.Second)
		cancel()
		<-p.Done()
		<-events
		agent.close()
		if stopped {
			t.Error("a silent hang-up said stop")
		}
	})
}
