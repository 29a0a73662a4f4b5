// Package speechmatics is the client of the Speechmatics real-time API, version 2: sound goes in as
// binary frames, transcripts come out. The wire types are shared with the sandbox's emulator.
//
// Goroutines: every Stream has two, both waited for by Stream.Close. run dials, writes and, after its
// reader has ended, tells of a failure; read receives and calls the sink. The sink is therefore never
// called by two goroutines at once, and Failed is the last event of a stream.
//
// Source: Speechmatics real-time API reference (docs.speechmatics.com, spec/realtime.yaml).
package speechmatics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/voicectl/voicectl/internal/clock"
	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/provider/guard"
	"github.com/voicectl/voicectl/internal/secret"
	"github.com/voicectl/voicectl/internal/ws"
)

// DefaultURL is the vendor's European endpoint.
const DefaultURL = "wss://eu.rt.speechmatics.com/v2"

const (
	vendor       = "speechmatics"
	messageLimit = 1 << 20
)

// Options shape a Client. Zero values stand for the defaults named.
type Options struct {
	URL      string // ws(s)://…/v2; "" = DefaultURL
	Key      secret.Secret
	Language string // "" = en
	Model    string // standard, enhanced, …; "" = the vendor's default

	// MaxDelay is how long after a word its final may come, 0.7 s to 4 s; 0 = 1 s, which suits speech.
	MaxDelay time.Duration
	// EndOfUtteranceSilence ends an utterance, up to 2 s; 0 = 0.5 s, negative = off.
	EndOfUtteranceSilence time.Duration

	StartTimeout time.Duration // dial until RecognitionStarted; 0 = 10 s
	Stall        time.Duration // sound sent, nothing heard back: the stream fails; 0 = 5 s
	Behind       time.Duration // sound unacknowledged: the stream fails; 0 = 5 s
	Buffer       time.Duration // sound kept until RecognitionStarted, the oldest goes first; 0 = 10 s
	Ping         time.Duration // two in a row without an answer: the socket is dead; 0 = 5 s

	Observe func(guard.Observation)
	Clock   clock.Clock // nil = the machine's
}

// Client opens streams. It is safe for concurrent use and holds no connection of its own.
type Client struct {
	o     Options
	guard *guard.Guard
}

// New makes a Client.
func New(o Options) *Client {
	if o.URL == "" {
		o.URL = DefaultURL
	}
	if o.Language == "" {
		o.Language = "en"
	}
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	for _, d := range []struct {
		v *time.Duration
		d time.Duration
	}{
		{&o.MaxDelay, time.Second},
		{&o.EndOfUtteranceSilence, 500 * time.Millisecond},
		{&o.StartTimeout, 10 * time.Second},
		{&o.Stall, 5 * time.Second},
		{&o.Behind, 5 * time.Second},
		{&o.Buffer, 10 * time.Second},
		{&o.Ping, 5 * time.Second},
	} {
		if *d.v == 0 {
			*d.v = d.d
		}
	}
	return &Client{o: o, guard: guard.New(guard.Options{Vendor: vendor, Timeout: o.StartTimeout, Observe: o.Observe, Now: o.Clock.Now})}
}

// Open starts a stream for sound in format and returns at once: dialling goes on behind, and sound
// written meanwhile is kept. An error (wrong options, circuit open) means that nothing was started;
// whatever fails later comes as a Failed event. The end of ctx abandons the stream without an event.
// sink gets the events one at a time and must not block or call the Stream.
func (c *Client) Open(ctx context.Context, format media.Format, sink func(Event)) (*Stream, error) {
	start, err := c.start(format)
	if err != nil {
		return nil, &guard.Error{Vendor: vendor, Op: "open", Class: guard.BadRequest, Err: err}
	}
	opened, err := c.guard.Begin("open")
	if err != nil {
		return nil, err
	}
	s := newStream(c, format, sink)
	ctx, s.cancel = context.WithCancel(ctx)
	go s.run(ctx, start, opened)
	return s, nil
}

// Check proves key, endpoint and settings: it opens a session, sends no sound and ends it.
func (c *Client) Check(ctx context.Context) error {
	start, err := c.start(media.Phone)
	if err != nil {
		return &guard.Error{Vendor: vendor, Op: "check", Class: guard.BadRequest, Err: err}
	}
	return c.guard.Do(ctx, "check", true, func(ctx context.Context) error {
		err := c.check(ctx, start)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	})
}

func (c *Client) check(ctx context.Context, start []byte) error {
	conn, err := c.dial(ctx, uuid.NewString())
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Drop() })()
	defer func() { _ = conn.Close(ws.CloseNormal, "") }()
	if err = conn.Write(ws.Text, start); err != nil {
		return err
	}
	var buf []byte
	for {
		var kind ws.Kind
		if kind, buf, err = conn.Read(buf); err != nil {
			return wireError(err)
		}
		if kind != ws.Text {
			continue
		}
		m, err := decode(buf)
		if err != nil {
			return protocolError(err)
		}
		switch m.Message {
		case MsgRecognitionStarted:
			if err = conn.Write(ws.Text, encode(EndOfStream{Message: MsgEndOfStream})); err != nil {
				return err
			}
		case MsgEndOfTranscript:
			return nil
		case MsgError:
			return vendorError(m.Type, m.Reason, 0)
		}
	}
}

// start is the StartRecognition message for a format.
func (c *Client) start(f media.Format) ([]byte, error) {
	u, err := url.Parse(c.o.URL)
	if err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "" {
		return nil, errors.New("url: want ws(s)://host/v2; set SPEECHMATICS_RT_URL")
	}
	if !c.o.Key.Set() {
		return nil, errors.New("no key; set SPEECHMATICS_API_KEY")
	}
	if f.Rate <= 0 || f.Encoding != media.MuLaw && f.Encoding != media.PCM16 {
		return nil, fmt.Errorf("audio format %q at %d Hz: want mulaw or pcm_s16le", f.Encoding, f.Rate)
	}
	delay, silence := c.o.MaxDelay.Seconds(), max(c.o.EndOfUtteranceSilence.Seconds(), 0)
	if delay < MinMaxDelay || delay > MaxMaxDelay {
		return nil, fmt.Errorf("max delay %.2f s: want %.1f to %.1f", delay, MinMaxDelay, MaxMaxDelay)
	}
	if silence > MaxSilenceTrigger {
		return nil, fmt.Errorf("end of utterance silence %.2f s: want at most %.1f", silence, MaxSilenceTrigger)
	}
	partials := true
	return encode(StartRecognition{
		Message:     MsgStartRecognition,
		AudioFormat: AudioFormat{Type: "raw", Encoding: string(f.Encoding), SampleRate: f.Rate},
		TranscriptionConfig: TranscriptionConfig{
			Language: c.o.Language, Model: c.o.Model, MaxDelay: &delay, EnablePartials: &partials,
			ConversationConfig: &ConversationConfig{SilenceTrigger: silence},
		},
	}), nil
}

// dial opens the socket. id is what the request is known by until the vendor names the session.
func (c *Client) dial(ctx context.Context, id string) (*ws.Conn, error) {
	conn, err := ws.Dial(ctx, c.o.URL, ws.DialOptions{
		Header:  http.Header{"Authorization": {"Bearer " + c.o.Key.Reveal()}, "X-Request-Id": {id}},
		Limit:   messageLimit,
		Timeout: c.o.StartTimeout,
		// Most of what comes are acknowledgements of 40 bytes, and there is a socket a call.
		ReadBuffer: 1 << 10,
	})
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	return nil, wireError(err)
}

// encode marshals a message of our own, which cannot fail: the types hold only finite numbers and text.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("speechmatics: " + err.Error())
	}
	return b
}
