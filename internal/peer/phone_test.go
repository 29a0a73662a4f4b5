package peer

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/media/tonecode"
	"github.com/voicectl/voicectl/internal/provider/twilio"
	"github.com/voicectl/voicectl/internal/secret"
	"github.com/voicectl/voicectl/internal/trace"
	"github.com/voicectl/voicectl/internal/ws"
)

// agentSide reads the messages of the phone network in a script.
type agentSide struct {
	t   *testing.T
	c   *ws.Conn
	dec twilio.Decoder
	buf []byte
	sid string
}

// next returns the next message, false when the socket is closed.
func (a *agentSide) next(m *twilio.Message) bool {
	_, msg, err := a.c.Read(a.buf)
	if err != nil {
		return false
	}
	a.buf = msg
	if err = a.dec.Decode(msg, m); err != nil {
		a.t.Errorf("the phone network sent %s: %v", msg, err)
	}
	return true
}

// begin reads connected and start.
func (a *agentSide) begin() twilio.Start {
	var m twilio.Message
	if !a.next(&m) || m.Event != twilio.EventConnected || !a.next(&m) || m.Event != twilio.EventStart || m.Sequence != 1 {
		a.t.Errorf("the stream begins with %+v", m)
	}
	a.sid = m.StreamSID
	return m.Start
}

func (a *agentSide) write(b []byte) {
	if err := a.c.Write(ws.Text, b); err != nil {
		a.t.Errorf("agent: write: %v", err)
	}
}

func TestPhone_SpeaksInRealTimeAndTheAgentUnderstands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const words = "What transactions does client 5001 have?"
		agent := newAgent(t)
		defer agent.close()
		agent.twiml("/voice", connectDoc)
		var (
			start   twilio.Start
			times   []time.Time
			texts   []string
			numbers []int64
		)
		agent.socket("/media", func(c *ws.Conn) {
			a := &agentSide{t: t, c: c}
			start = a.begin()
			dec := tonecode.NewDecoder(8000)
			var m twilio.Message
			for want := int64(2); a.next(&m); want++ {
				if m.Sequence != want {
					t.Errorf("message %d has number %d", want, m.Sequence)
				}
				if m.Event != twilio.EventMedia {
					continue
				}
				times, numbers = append(times, time.Now()), append(numbers, m.Media.Chunk, m.Media.Timestamp)
				if len(m.Media.Payload) != 160 || m.Media.Track != "inbound" {
					t.Errorf("frame of %d bytes on track %q", len(m.Media.Payload), m.Media.Track)
				}
				if len(times) == 1 && !bytes.Equal(m.Media.Payload, bytes.Repeat([]byte{media.MuLawSilence}, 160)) {
					t.Error("silence is not the code of silence")
				}
				for _, e := range dec.Write(media.DecodeMuLaw(nil, m.Media.Payload)) {
					if e.Kind == tonecode.Message {
						if !e.Clean() {
							t.Errorf("not clean: %+v", e)
						}
						texts = append(texts, e.Text)
					}
				}
			}
		})
		p, err := CallTwilio(t.Context(), PhoneOptions{Options: agent.options(), AccountSID: "AC00000000000000000000000000000001"})
		if err != nil {
			t.Fatal(err)
		}
		events := collect(p)
		time.Sleep(105 * time.Millisecond) // virtual
		<-p.Speak(words, tonecode.Encode(words, 16000), 16000)
		time.Sleep(time.Second)
		_ = p.Close()
		all := <-events
		agent.close()

		if start.Parameters["token"] != "t1" || start.CallSID != p.CallSID() || start.AccountSID != "AC00000000000000000000000000000001" || start.Encoding != "audio/x-mulaw" {
			t.Errorf("start is %+v", start)
		}
		if !slices.Equal(texts, []string{words}) {
			t.Errorf("the agent heard %q", texts)
		}
		for i := range times {
			if got := times[i].Sub(times[0]); got != time.Duration(i)*media.FrameTime {
				t.Fatalf("frame %d at %v", i, got)
			}
			if numbers[2*i] != int64(i+1) || numbers[2*i+1] != int64(i*20) {
				t.Fatalf("frame %d has chunk %d, timestamp %d", i, numbers[2*i], numbers[2*i+1])
			}
		}
		said := kinds(all, SayDone)[0].At.Sub(kinds(all, SayStarted)[0].At)
		if want := tonecode.Duration(words); said > want || said < want-2*media.FrameTime {
			t.Errorf("speaking took %v, want %v", said, want)
		}
		if last := all[len(all)-1]; last.Kind != Closed || last.Text != "hung up" {
			t.Errorf("last event is %+v", last)
		}
		if s := p.Stats(); s.FramesSent != len(times) || s.FramesSkipped != 0 || s.MaxLate != 0 || s.Warnings != 0 {
			t.Errorf("stats are %+v for %d frames", s, len(times))
		}
	})
}

func TestPhone_PlaysInRealTimeMarksAndClears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agent := newAgent(t)
		defer agent.close()
		agent.twiml("/voice", connectDoc)
		at := map[string]time.Duration{}
		agent.socket("/media", func(c *ws.Conn) {
			a := &agentSide{t: t, c: c}
			a.begin()
			begun := time.Now()
			second := media.EncodeMuLaw(nil, tone(8000, 5000))
			a.write(twilio.AppendMark(nil, a.sid, "at once"))
			a.write(twilio.AppendMedia(nil, a.sid, second))
			a.write(twilio.AppendMark(nil, a.sid, "one second"))
			a.write(twilio.AppendMedia(nil, a.sid, second))
			a.write(twilio.AppendMark(nil, a.sid, "flushed"))
			a.write(twilio.AppendMark(nil, a.sid, "flushed too"))
			var m twilio.Message
			for a.next(&m) {
				if m.Event == twilio.EventMark {
					at[m.Mark] = time.Since(begun)
				}
				if m.Mark == "after" {
					return
				}
				if m.Event == twilio.EventMedia && m.Media.Timestamp == 1500 {
					a.write(twilio.AppendClear(nil, a.sid))
				}
				if m.Event == twilio.EventMedia && m.Media.Timestamp == 1600 {
					a.write(twilio.AppendMark(nil, a.sid, "after"))
				}
			}
		})
		o := PhoneOptions{Options: agent.options()}
		sound, frames := 0, 0
		o.Played = func(p Played) {
			frames++
			sound += p.Sound
			if len(p.Samples) != 160 || p.Rate != 8000 {
				t.Errorf("frame of %d samples at %d", len(p.Samples), p.Rate)
			}
			if p.Sound > 0 && p.Samples[0] == 0 || p.Sound == 0 && p.Samples[159] != 0 {
				t.Errorf("frame %d: sound %d, samples %v", frames, p.Sound, p.Samples[:4])
			}
		}
		p, err := CallTwilio(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		all := <-collect(p)
		agent.close()
		if at["at once"] != 0 {
			t.Errorf("a mark behind nothing came back after %v", at["at once"])
		}
		if got := at["one second"]; got < time.Second || got > time.Second+2*media.FrameTime {
			t.Errorf("the mark behind one second came back after %v", got)
		}
		if got := at["flushed"]; got != at["flushed too"] || got < 1500*time.Millisecond || got > 1540*time.Millisecond {
			t.Errorf("flushed marks came back after %v and %v", got, at["flushed too"])
		}
		var marks []string
		for _, e := range kinds(all, Mark) {
			marks = append(marks, fmt.Sprintf("%s %v", e.Text, e.OK))
		}
		if want := []string{"at once true", "one second true", "flushed false", "flushed too false", "after true"}; !slices.Equal(marks, want) {
			t.Errorf("marks %q, want %q", marks, want)
		}
		clears := kinds(all, Clear)
		if len(clears) != 1 || clears[0].Lost+time.Duration(sound)*time.Second/8000 != 2*time.Second {
			t.Errorf("clear dropped %v and %d samples were played: not 2 s in all", clears, sound)
		}
		if len(kinds(all, AudioFirst)) != 1 {
			t.Errorf("first audio: %v", kinds(all, AudioFirst))
		}
		if last := all[len(all)-1]; last.Kind != Closed || last.Code != ws.CloseNormal || last.Text != "end of the document" {
			t.Errorf("last event is %+v", last)
		}
	})
}

func TestPhone_ListensAndTraces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const words = "Client 5001 has three transactions."
		agent := newAgent(t)
		defer agent.close()
		agent.twiml("/voice", connectDoc)
		agent.socket("/media", func(c *ws.Conn) {
			a := &agentSide{t: t, c: c}
			a.begin()
			a.write(twilio.AppendMedia(nil, a.sid, media.EncodeMuLaw(nil, tonecode.Encode(words, 8000))))
			a.write(twilio.AppendMark(nil, a.sid, "end"))
			var m twilio.Message
			for a.next(&m) && m.Event != twilio.EventMark {
			}
			for range 25 { // half a second of quiet, so that the ear hears the end
				a.next(&m)
			}
		})
		var file bytes.Buffer
		o := PhoneOptions{Options: agent.options()}
		o.Listen, o.Trace = true, trace.NewWriter(&file, trace.WriterOptions{Side: trace.Caller})
		p, err := CallTwilio(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		all := <-collect(p)
		heard := kinds(all, Heard)
		if len(heard) != 1 || heard[0].Text != words || !heard[0].OK {
			t.Errorf("heard %+v", heard)
		}
		start, stop := kinds(all, SpeechStarted), kinds(all, SpeechStopped)
		if len(start) != 1 || len(stop) != 1 {
			t.Fatalf("speech started %v, stopped %v", start, stop)
		}
		if got, want := stop[0].At.Sub(start[0].At), tonecode.Duration(words); got < want-100*time.Millisecond || got > want+100*time.Millisecond {
			t.Errorf("the voice lasted %v, want %v", got, want)
		}
		events, err := trace.Read(&file)
		if err != nil || o.Trace.Err() != nil {
			t.Fatal(err, o.Trace.Err())
		}
		var names []string
		for _, e := range events {
			names = append(names, string(e.Event))
		}
		if want := []string{"dialed", "webhook", "verb", "stream_open", "audio_first", "heard", "mark", "closed"}; !slices.Equal(names, want) {
			t.Errorf("trace has %q, want %q", names, want)
		}
		if turns := trace.Turns(events); len(turns) != 1 || turns[0].Said != words || turns[0].Arrived == nil {
			t.Errorf("turns are %+v", turns)
		}
	})
}

func TestPhone_SignsWebhookAndUpgrade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		token := secret.New("sometoken")
		v := twilio.ValidateOptions{Tokens: []secret.Secret{token}, PublicURL: "http://127.0.0.1", AccountSID: "AC00000000000000000000000000000001"}
		agent := newAgent(t)
		defer agent.close()
		agent.mux.HandleFunc("/voice", func(w http.ResponseWriter, r *http.Request) {
			params, err := twilio.ValidateWebhook(r, v)
			if err != nil || params.Get("CallStatus") != "ringing" || params.Get("From") != "+15557770000" || params.Get("FromCountry") != "US" {
				t.Errorf("webhook: %v, %v", params, err)
			}
			w.Header().Set("Content-Type", "text/xml")
			_, _ = io.WriteString(w, connectDoc)
		})
		agent.mux.HandleFunc("/media", func(w http.ResponseWriter, r *http.Request) {
			if err := twilio.ValidateUpgrade(r, v); err != nil {
				t.Errorf("upgrade: %v", err)
			}
			http.Error(w, "full", http.StatusServiceUnavailable)
		})
		o := PhoneOptions{Options: agent.options(), AuthToken: token, AccountSID: v.AccountSID, From: "+15557770000"}
		o.URL += "?agent=julia"
		p, err := CallTwilio(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		all := <-collect(p)
		if w := kinds(all, Warning); len(w) != 1 || w[0].Code != codeStreamHandshake {
			t.Errorf("warnings are %v", w)
		}
	})
}

func TestPhone_ProtocolWarnings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agent := newAgent(t)
		defer agent.close()
		agent.twiml("/voice", connectDoc)
		agent.socket("/media", func(c *ws.Conn) {
			a := &agentSide{t: t, c: c}
			a.begin()
			if err := c.Write(ws.Binary, []byte{1, 2, 3}); err != nil {
				t.Error(err)
			}
			a.write([]byte("not json"))
			a.write(twilio.AppendClear(nil, "MZ-another"))
			a.write([]byte(`{"event":"hangup","streamSid":"` + a.sid + `"}`))
			a.write([]byte(`{"event":"media","streamSid":"` + a.sid + `","media":{"payload":"**"}}`))
			for range 200 {
				a.write([]byte("{}"))
			}
			a.write(twilio.AppendMark(nil, a.sid, "still alive"))
			var m twilio.Message
			for a.next(&m) && m.Event != twilio.EventMark {
			}
		})
		p, err := CallTwilio(t.Context(), PhoneOptions{Options: agent.options()})
		if err != nil {
			t.Fatal(err)
		}
		all := <-collect(p)
		var codes []int
		for _, e := range kinds(all, Warning) {
			codes = append(codes, e.Code)
		}
		if len(codes) != maxWarnings || !slices.Equal(codes[:5], []int{31950, 31951, 31951, 31951, 31951}) {
			t.Errorf("%d warnings: %v", len(codes), codes[:5])
		}
		if p.Stats().Warnings != 205 || len(kinds(all, Mark)) != 1 {
			t.Errorf("%d warnings counted, %d marks", p.Stats().Warnings, len(kinds(all, Mark)))
		}
	})
}

func TestPhone_LateMachineSkipsAndKeepsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agent := newAgent(t)
		defer agent.close()
		agent.twiml("/voice", connectDoc)
		var stamps []int64
		agent.socket("/media", func(c *ws.Conn) {
			a := &agentSide{t: t, c: c}
			a.begin()
			var m twilio.Message
			for a.next(&m) {
				if m.Event == twilio.EventMedia {
					stamps = append(stamps, m.Media.Timestamp)
				}
			}
		})
		o := PhoneOptions{Options: agent.options()}
		frames := 0
		o.Played = func(Played) {
			if frames++; frames == 10 {
				time.Sleep(500 * time.Millisecond) // virtual: the machine stalls
			}
		}
		p, err := CallTwilio(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		events := collect(p)
		time.Sleep(2*time.Second - time.Millisecond)
		_ = p.Close()
		<-events
		agent.close()
		s := p.Stats()
		if s.FramesSkipped < 15 || s.FramesSent+s.FramesSkipped != 100 || frames != 100 || s.MaxLate != 480*time.Millisecond {
			t.Errorf("stats are %+v, %d frames played", s, frames)
		}
		if stamps[len(stamps)-1] != 1980 {
			t.Errorf("the last frame is stamped %d ms, want 1980", stamps[len(stamps)-1])
		}
	})
}

func TestPhone_EventsThatNobodyReadsEndTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agent := newAgent(t)
		defer agent.close()
		agent.twiml("/voice", connectDoc)
		agent.socket("/media", func(c *ws.Conn) {
			a := &agentSide{t: t, c: c}
			a.begin()
			for i := 0; c.Write(ws.Text, twilio.AppendMark(nil, a.sid, fmt.Sprint(i))) == nil; i++ {
				var m twilio.Message
				for a.next(&m) && m.Event != twilio.EventMark {
				}
			}
		})
		p, err := CallTwilio(t.Context(), PhoneOptions{Options: agent.options()})
		if err != nil {
			t.Fatal(err)
		}
		<-p.Done()
		all := <-collect(p)
		if last := all[len(all)-1]; last.Kind != Closed || last.Text != ErrSlowReader.Error() || len(all) != eventBuffer+1 {
			t.Errorf("%d events, the last is %+v", len(all), last)
		}
	})
}

// echoAgent waits for a text, answers, waits until the answer was played, and hangs up.
func echoAgent(a *agentSide, answer string) {
	a.begin()
	dec := tonecode.NewDecoder(8000)
	var m twilio.Message
	for a.next(&m) {
		if m.Event == twilio.EventMark {
			return
		}
		if m.Event != twilio.EventMedia {
			continue
		}
		for _, e := range dec.Write(media.DecodeMuLaw(nil, m.Media.Payload)) {
			if e.Kind == tonecode.Message {
				a.write(twilio.AppendMedia(nil, a.sid, media.EncodeMuLaw(nil, tonecode.Encode(answer, 8000))))
				a.write(twilio.AppendMark(nil, a.sid, "end"))
			}
		}
	}
}
