package peer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/media/tonecode"
	"github.com/voicectl/voicectl/internal/provider/rtvi"
	"github.com/voicectl/voicectl/internal/secret"
	"github.com/voicectl/voicectl/internal/trace"
	"github.com/voicectl/voicectl/internal/ws"
)

// botSide is the agent's side of a page's socket.
type botSide struct {
	t   *testing.T
	c   *ws.Conn
	buf []byte
}

// next returns the next frame, and its message when it holds one.
func (b *botSide) next() (f rtvi.Frame, e rtvi.Envelope, ok bool) {
	kind, msg, err := b.c.Read(b.buf)
	if err != nil {
		return f, e, false
	}
	b.buf = msg
	if kind != ws.Binary {
		b.t.Error("the page sent a text frame")
	}
	if err = rtvi.DecodeFrame(msg, &f); err != nil {
		b.t.Error(err)
	}
	if f.Kind == rtvi.FrameMessage {
		if e, err = rtvi.Decode(f.Data); err != nil {
			b.t.Error(err)
		}
	}
	return f, e, true
}

func (b *botSide) message(t rtvi.Type, id string, data any) {
	msg, err := rtvi.Encode(t, id, data)
	if err != nil {
		b.t.Error(err)
	}
	b.write(rtvi.AppendMessage(nil, msg))
}

func (b *botSide) write(raw []byte) {
	if err := b.c.Write(ws.Binary, raw); err != nil {
		b.t.Errorf("bot: write: %v", err)
	}
}

func (b *botSide) audio(samples []int16) {
	b.write(rtvi.AppendAudio(nil, media.AppendPCM16(nil, samples), 24000, 1))
}

// handshake waits for client-ready and answers it.
func (b *botSide) handshake() {
	_, e, _ := b.next()
	var r rtvi.Ready
	if err := e.Unpack(&r); err != nil || e.Type != rtvi.ClientReady || r.Version != rtvi.Version || len(e.ID) != 8 || r.About == nil {
		b.t.Errorf("the page begins with %+v %+v", e, r)
	}
	b.message(rtvi.BotReady, e.ID, rtvi.Ready{Version: rtvi.Version})
}

func startRoute(a *scriptedAgent, answer string) {
	a.mux.HandleFunc("POST /start", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer key1" || r.Header.Get("Content-Type") != "application/json" {
			a.t.Errorf("start with %v", r.Header)
		}
		_, _ = io.WriteString(w, answer)
	})
}

func TestBrowser_TalksAndHears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const words, answer = "What transactions does client 5001 have?", "Client 5001 has three."
		agent := newAgent(t)
		defer agent.close()
		startRoute(agent, `{"wsUrl":"ws://127.0.0.1/ws","token":"t 1"}`)
		var (
			texts []string
			times []time.Time
			typed []rtvi.TextInput
			keys  rtvi.Keys
			bye   bool
		)
		agent.mux.HandleFunc("GET /ws", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("token") != "t 1" || r.Header.Get("Authorization") != "" {
				t.Errorf("socket asked with %q and %v", r.URL.RawQuery, r.Header)
			}
			c, err := ws.Accept(w, r, ws.AcceptOptions{Limit: 1 << 20})
			if err != nil {
				t.Error(err)
				return
			}
			agent.wg.Go(func() {
				b := &botSide{t: t, c: c}
				b.handshake()
				dec := tonecode.NewDecoder(16000)
				for {
					f, e, ok := b.next()
					if !ok {
						return
					}
					switch e.Type { //nolint:exhaustive // the others are not sent
					case rtvi.SendText:
						var in rtvi.TextInput
						if err := e.Unpack(&in); err != nil {
							t.Error(err)
						}
						typed = append(typed, in)
						b.audio(tonecode.Encode(answer, 24000))
					case rtvi.DTMF:
						_ = e.Unpack(&keys)
					case rtvi.DisconnectBot:
						bye = true
					}
					if f.Kind != rtvi.FrameAudio {
						continue
					}
					times = append(times, time.Now())
					if len(f.Audio) != 640 || f.Rate != 16000 || f.Channels != 1 {
						t.Errorf("frame of %d bytes at %d", len(f.Audio), f.Rate)
					}
					for _, te := range dec.Write(media.DecodePCM16(nil, f.Audio)) {
						if te.Kind == tonecode.Message {
							texts = append(texts, te.Text)
						}
					}
				}
			})
		})
		path := filepath.Join(t.TempDir(), "call.wav")
		file, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		var lines bytes.Buffer
		o := BrowserOptions{Options: agent.options(), APIKey: secret.New("key1")}
		o.URL, o.Listen = "http://127.0.0.1", true
		o.Trace = trace.NewWriter(&lines, trace.WriterOptions{Side: trace.Caller})
		if o.Recorder, err = NewRecorder(file, 24000); err != nil {
			t.Fatal(err)
		}
		b, err := CallRTVI(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if speaks, hears := b.Format(); speaks != media.BrowserIn || hears != media.BrowserOut {
			t.Errorf("formats %v %v", speaks, hears)
		}
		events := collect(b)
		<-b.Speak(words, tonecode.Encode(words, 16000), 16000)
		if err = b.SendText("and 5002?"); err != nil {
			t.Fatal(err)
		}
		if err = b.Digits("1#"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(tonecode.Duration(answer) + time.Second) // virtual
		_ = b.Close()
		all := <-events
		agent.close()
		if err = o.Recorder.Close(); err != nil {
			t.Fatal(err)
		}
		_ = file.Close()

		if !slices.Equal(texts, []string{words}) || len(typed) != 1 || typed[0].Content != "and 5002?" || !typed[0].Options.Speak() {
			t.Errorf("the agent heard %q and read %+v", texts, typed)
		}
		if !slices.Equal(keys.Buttons, []string{"1", "#"}) || !bye {
			t.Errorf("keys %q, disconnect %v", keys.Buttons, bye)
		}
		for i := range times {
			if got := times[i].Sub(times[0]); got != time.Duration(i)*media.FrameTime {
				t.Fatalf("frame %d at %v", i, got)
			}
		}
		heard := kinds(all, Heard)
		if len(heard) != 1 || heard[0].Text != answer || !heard[0].OK {
			t.Errorf("heard %+v", heard)
		}
		if err = b.SendText("late"); err == nil {
			t.Error("typed after the end")
		}
		checkRecording(t, path, words, answer)
		evs, err := trace.Read(&lines)
		if err != nil {
			t.Fatal(err)
		}
		turns := trace.Turns(evs)
		if len(turns) == 0 || turns[len(turns)-1].Said != answer || turns[len(turns)-1].Response() == nil {
			t.Errorf("turns are %+v", turns)
		}
	})
}

// checkRecording decodes both sides of the file.
func checkRecording(t *testing.T, path, left, right string) {
	t.Helper()
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	wav, err := media.ReadWAV(in, 64<<20)
	if err != nil {
		t.Fatal(err)
	}
	for side, want := range []string{left, right} {
		dec := tonecode.NewDecoder(wav.Rate)
		var samples []int16
		for i := side; i < len(wav.Samples); i += 2 {
			samples = append(samples, wav.Samples[i])
		}
		var got []string
		for _, e := range append(slices.Clone(dec.Write(samples)), dec.Flush()...) {
			if e.Kind == tonecode.Message {
				got = append(got, e.Text)
			}
		}
		if !slices.Equal(got, []string{want}) {
			t.Errorf("side %d of the recording says %q, want %q", side, got, want)
		}
	}
}

func TestBrowser_Interruption(t *testing.T) {
	for _, flush := range []bool{true, false} {
		t.Run(fmt.Sprint("flush ", flush), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				agent := newAgent(t)
				defer agent.close()
				agent.socket("/ws", func(c *ws.Conn) {
					b := &botSide{t: t, c: c}
					b.handshake()
					b.audio(tone(48000, 4000)) // 2 s
					for range 25 {
						b.next()
					}
					b.message(rtvi.BotInterrupted, "", nil)
					for range 100 {
						b.next()
					}
				})
				o := BrowserOptions{Options: agent.options(), FlushOnInterrupt: flush}
				o.URL = "ws://127.0.0.1/ws"
				sound := 0
				o.Played = func(p Played) { sound += p.Sound }
				b, err := CallRTVI(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				all := <-collect(b)
				want := 48000
				if flush {
					want = 25 * 480
				}
				if sound < want-960 || sound > want+960 || (len(kinds(all, Clear)) == 1) != flush {
					t.Errorf("%d samples were heard, want %d; %v", sound, want, kinds(all, Clear))
				}
			})
		})
	}
}

func TestBrowser_WhatTheStockClientTripsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agent := newAgent(t)
		defer agent.close()
		startRoute(agent, `{"wsUrl":"ws://127.0.0.1/ws","token":null,"sessionId":"s"}`)
		agent.socket("/ws", func(c *ws.Conn) {
			b := &botSide{t: t, c: c}
			b.message(rtvi.BotReady, "another", rtvi.Ready{Version: rtvi.Version})
			b.handshake()
			if err := c.Write(ws.Text, []byte(`{"label":"rtvi-ai","type":"bot-ready"}`)); err != nil {
				t.Error(err)
			}
			b.write(rtvi.AppendAudio(nil, []byte{1, 2, 3}, 24000, 1))
			b.write(rtvi.AppendAudio(nil, []byte{1, 2}, 16000, 1))
			b.write(rtvi.AppendFrame(nil, rtvi.Frame{Kind: rtvi.FrameInterruption, ID: 1}))
			b.write([]byte{0xff})
			b.write(rtvi.AppendMessage(nil, []byte(`{"label":"rtvi-ai"}`)))
			b.write(rtvi.AppendMessage(nil, []byte(`{"label":"other"}`))) // not for us: no warning
			b.message(rtvi.Error, "", rtvi.NewFault("the model is gone", true))
			for {
				if _, _, ok := b.next(); !ok {
					return
				}
			}
		})
		o := BrowserOptions{Options: agent.options(), APIKey: secret.New("key1")}
		o.URL = "http://127.0.0.1/start"
		b, err := CallRTVI(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		all := <-collect(b) // the fatal error ends the call
		var got []string
		for _, e := range kinds(all, Warning) {
			got = append(got, e.Text)
		}
		slices.Sort(got)
		want := []string{"bot-ready has not", "frame of kind 5", "half a sample", "rtvi: decode frame", "rtvi: decode: malformed", "sound of 16000 Hz", "start answers \"sessionId\"", "start answers a \"token\"", "text frame"}
		if len(got) != len(want) {
			t.Fatalf("warnings %q", got)
		}
		for i := range want {
			if !strings.HasPrefix(got[i], want[i]) {
				t.Errorf("warning %q, want %q", got[i], want[i])
			}
		}
		m := kinds(all, Message)
		var fault rtvi.Fault
		if last := m[len(m)-1]; last.Type != string(rtvi.Error) || json.Unmarshal(last.Data, &fault) != nil || fault.Message != "the model is gone" {
			t.Errorf("messages are %+v", m)
		}
	})
}

func TestCallRTVI_Fails(t *testing.T) {
	for name, tc := range map[string]struct {
		url, start string
		socket     func(b *botSide)
		says       string
		takes      time.Duration
	}{
		"no bot-ready": {"ws://127.0.0.1/ws", "", func(b *botSide) {
			for {
				if _, _, ok := b.next(); !ok {
					return
				}
			}
		}, "no bot-ready in time", readyTimeout},
		"closed before bot-ready": {"ws://127.0.0.1/ws", "", func(b *botSide) {
			b.next()
			_ = b.c.Close(ws.ClosePolicy, "bad token")
		}, "1008 bad token", 0},
		"no socket":       {"ws://127.0.0.1/other", "", nil, "404", 0},
		"start, no url":   {"http://127.0.0.1/start", `{"token":"x"}`, nil, "wsUrl is missing", 0},
		"start, no json":  {"http://127.0.0.1/start", `hello`, nil, "not a JSON object", 0},
		"start, an http":  {"http://127.0.0.1/start", `{"wsUrl":"http://127.0.0.1/ws"}`, nil, "wsUrl is missing or not", 0},
		"start not there": {"http://127.0.0.1/connect", "", nil, "answered 404", 0},
		"another scheme":  {"ftp://127.0.0.1/", "", nil, "none of http", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				agent := newAgent(t)
				defer agent.close()
				startRoute(agent, tc.start)
				if tc.socket != nil {
					agent.socket("/ws", func(c *ws.Conn) { tc.socket(&botSide{t: t, c: c}) })
				}
				o := BrowserOptions{Options: agent.options(), APIKey: secret.New("key1")}
				o.URL = tc.url
				begun := time.Now()
				_, err := CallRTVI(t.Context(), o)
				if err == nil || !strings.Contains(err.Error(), tc.says) || time.Since(begun) != tc.takes {
					t.Fatalf("got %v after %v, want %q after %v", err, time.Since(begun), tc.says, tc.takes)
				}
				if strings.Contains(err.Error(), "key1") {
					t.Fatal("the error tells the key")
				}
			})
		})
	}
}

// TestPhone_OnRealSockets is the same path over TCP and the machine's clock.
func TestPhone_OnRealSockets(t *testing.T) {
	const words, answer = "Hello.", "Hello, this is Julia."
	agent := &scriptedAgent{t: t, mux: http.NewServeMux()}
	srv := httptest.NewServer(agent.mux)
	defer func() { srv.Close(); agent.wg.Wait() }()
	agent.twiml("/voice", strings.ReplaceAll(connectDoc, "ws://127.0.0.1", "ws"+strings.TrimPrefix(srv.URL, "http")))
	agent.socket("/media", func(c *ws.Conn) { echoAgent(&agentSide{t: t, c: c}, answer) })
	p, err := CallTwilio(t.Context(), PhoneOptions{Options: Options{URL: srv.URL + "/voice", Listen: true}})
	if err != nil {
		t.Fatal(err)
	}
	<-p.Speak(words, tonecode.Encode(words, 8000), 8000)
	all := <-collect(p)
	if h := kinds(all, Heard); len(h) != 1 || h[0].Text != answer {
		t.Fatalf("heard %+v; %+v", h, p.Stats())
	}
}
