// Package cartesia is the client of the Cartesia text-to-speech API: many speeches share one WebSocket,
// each a context of its own. The wire types are shared with the sandbox's emulator.
//
// Goroutines: a Client that has been used has one, run, which dials, writes, and watches for speeches
// that stall; each socket has one more, read, which run waits for. Client.Close waits for run. Sinks are
// called by both, never at the same time for one Speech; all speeches share read, so a sink that blocks
// holds up all of them.
//
// Source: Cartesia API reference (docs.cartesia.ai), version 2026-03-01.
package cartesia

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/voicectl/voicectl/internal/clock"
	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/provider/guard"
	"github.com/voicectl/voicectl/internal/secret"
)

// Defaults of Options.
const (
	DefaultBaseURL = "https://api.cartesia.ai"
	DefaultModel   = "sonic-3.5"
)

const vendor = "cartesia"

// Options shape a Client. Zero values stand for the defaults named.
type Options struct {
	BaseURL  string // http(s)://…; the socket's URL is derived from it; "" = DefaultBaseURL
	Key      secret.Secret
	Voice    string // id; required to speak
	Model    string // "" = DefaultModel
	Version  string // "" = DefaultVersion
	Language string // "" = en

	// BufferDelay is how long the vendor may keep text to see whether more comes. 0 suits text that
	// comes a clause at a time.
	BufferDelay time.Duration
	DialTimeout time.Duration // 0 = 5 s
	Stall       time.Duration // text sent, no sound: the speech fails; 0 = 5 s
	Timeout     time.Duration // of one HTTP request; 0 = 10 s
	Ping        time.Duration // two in a row without an answer: the socket is dead; 0 = 5 s

	Observe func(guard.Observation)
	Clock   clock.Clock  // nil = the machine's
	HTTP    *http.Client // nil = one of its own
}

// Client speaks. It is safe for concurrent use; Close frees its socket.
type Client struct {
	o     Options
	guard *guard.Guard
	http  *http.Client
	base  *url.URL
	bad   error // why the options cannot work

	wake chan struct{} // run has something to do
	stop context.CancelFunc
	done chan struct{} // closed when run has returned; nil before it was started

	mu     sync.Mutex
	closed bool
	open   map[string]*Speech // by context id, until Done, Failed or Cancel
	queue  []outgoing
	queued int            // bytes in queue
	warm   []chan<- error // Prewarms that wait
	heard  time.Time      // last message of any kind
	stats  Stats
}

// Stats counts what passed through a Client.
type Stats struct {
	Dials    int // sockets opened
	Lost     int // sockets that ended while something was spoken
	Replayed int // speeches told again on a new socket, before any of their sound had come
	Late     int // messages of no open context, mostly sound of cancelled ones
	Unknown  int // messages of unknown type, and binary ones
}

// New makes a Client without touching the network. Options that cannot work are told by every call.
func New(o Options) *Client {
	o.BaseURL = orElse(o.BaseURL, DefaultBaseURL)
	o.Model = orElse(o.Model, DefaultModel)
	o.Version = orElse(o.Version, DefaultVersion)
	o.Language = orElse(o.Language, "en")
	o.DialTimeout = orElse(o.DialTimeout, 5*time.Second)
	o.Stall = orElse(o.Stall, 5*time.Second)
	o.Timeout = orElse(o.Timeout, 10*time.Second)
	o.Ping = orElse(o.Ping, 5*time.Second)
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	if o.HTTP == nil {
		t := &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 4, IdleConnTimeout: 90 * time.Second, ForceAttemptHTTP2: true}
		o.HTTP = &http.Client{Transport: t}
	}
	c := &Client{
		o: o, http: o.HTTP, wake: make(chan struct{}, 1), open: map[string]*Speech{},
		guard: guard.New(guard.Options{Vendor: vendor, Timeout: o.Timeout, Observe: o.Observe, Now: o.Clock.Now}),
	}
	c.base, c.bad = parseBase(o)
	return c
}

func orElse[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

func parseBase(o Options) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(o.BaseURL, "/"))
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, errors.New("base url: want http(s)://host; set CARTESIA_BASE_URL")
	case !o.Key.Set():
		return nil, errors.New("no key; set CARTESIA_API_KEY")
	case o.BufferDelay < 0 || o.BufferDelay > 5*time.Second:
		return nil, fmt.Errorf("buffer delay %s: want 0 to 5 s", o.BufferDelay)
	}
	return u, nil
}

// socketURL is the base with the scheme of a WebSocket.
func (c *Client) socketURL() string {
	u := *c.base
	u.Scheme = strings.Replace(u.Scheme, "http", "ws", 1)
	u.Path += "/tts/websocket"
	return u.String()
}

func (c *Client) header() http.Header {
	return http.Header{"Authorization": {"Bearer " + c.o.Key.Reveal()}, "Cartesia-Version": {c.o.Version}}
}

func (c *Client) usable(op string, f media.Format) (OutputFormat, error) {
	refuse := func(err error) (OutputFormat, error) {
		e := badOptions(err)
		e.Vendor, e.Op = vendor, op
		return OutputFormat{}, e
	}
	if c.bad != nil {
		return refuse(c.bad)
	}
	if c.o.Voice == "" {
		return refuse(errors.New("no voice; set CARTESIA_VOICE_ID or VOICE_ID"))
	}
	out := OutputFormat{Container: "raw", SampleRate: f.Rate}
	switch f.Encoding {
	case media.MuLaw:
		out.Encoding = EncodingMuLaw
	case media.PCM16:
		out.Encoding = EncodingPCM16
	default:
		return refuse(fmt.Errorf("audio encoding %q: want mulaw or pcm_s16le", f.Encoding))
	}
	if !ValidRate(f.Rate) {
		return refuse(fmt.Errorf("audio rate %d: want 8000, 16000, 22050, 24000, 44100 or 48000", f.Rate))
	}
	return out, nil
}

// ValidRate tells whether the vendor makes sound at this sample rate.
func ValidRate(hz int) bool {
	switch hz {
	case 8000, 16000, 22050, 24000, 44100, 48000:
		return true
	}
	return false
}

// Open starts a speech in format and returns at once; the shared socket is dialled when there is text
// to send and no socket. An error (wrong options, circuit open, client closed) means that nothing was
// started; whatever fails later comes as a Failed event. The end of ctx cancels the speech. sink gets
// the events one at a time; it must not block and must not call the Speech.
func (c *Client) Open(ctx context.Context, format media.Format, sink func(Event)) (*Speech, error) {
	out, err := c.usable("speak", format)
	if err != nil {
		return nil, err
	}
	done, err := c.guard.Begin("speak")
	if err != nil {
		return nil, err
	}
	delay := int(c.o.BufferDelay.Milliseconds())
	sp := &Speech{c: c, format: format, sink: sink, id: uuid.NewString(), guard: done}
	sp.template = Generate{
		ContextID: sp.id, ModelID: c.o.Model, Voice: VoiceRef{Mode: "id", ID: c.o.Voice}, OutputFormat: out,
		Language: c.o.Language, Continue: true, MaxBufferDelayMS: &delay, AddTimestamps: true,
	}
	c.mu.Lock()
	if !c.start() {
		c.mu.Unlock()
		return nil, done(fmt.Errorf("client is closed: %w", context.Canceled), false)
	}
	c.open[sp.id] = sp
	sp.release = context.AfterFunc(ctx, sp.Cancel)
	c.mu.Unlock()
	return sp, nil
}

// Prewarm dials the shared socket, unless there is one, so that the next speech need not wait for it.
func (c *Client) Prewarm(ctx context.Context) error {
	if c.bad != nil {
		return &guard.Error{Vendor: vendor, Op: "connect", Class: guard.BadRequest, Err: c.bad}
	}
	done, err := c.guard.Begin("connect")
	if err != nil {
		return err
	}
	warm := make(chan error, 1)
	c.mu.Lock()
	if !c.start() {
		c.mu.Unlock()
		return done(fmt.Errorf("client is closed: %w", context.Canceled), false)
	}
	c.warm = append(c.warm, warm)
	c.mu.Unlock()
	c.poke()
	select {
	case err = <-warm:
	case <-ctx.Done():
		err = ctx.Err()
	}
	return done(err, false)
}

// Stats tells what passed so far.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

// Close fails what is being spoken (class cancelled), closes the socket and waits until the goroutines
// are gone, at most until the end of ctx.
func (c *Client) Close(ctx context.Context) error {
	c.mu.Lock()
	c.closed = true
	done := c.done
	c.mu.Unlock()
	c.http.CloseIdleConnections()
	if done == nil {
		return nil
	}
	c.stop()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("cartesia: close: %w", ctx.Err())
	}
}

// start starts run at the first use; false when the client is closed. c.mu is held.
func (c *Client) start() bool {
	if c.closed {
		return false
	}
	if c.done == nil {
		c.done = make(chan struct{})
		ctx, stop := context.WithCancel(context.Background())
		c.stop = stop
		go c.run(ctx)
	}
	return true
}

func (c *Client) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// encode marshals a message of our own, which cannot fail: the types hold only numbers and text.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("cartesia: " + err.Error())
	}
	return b
}
