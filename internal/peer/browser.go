package peer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/provider/rtvi"
	"github.com/voicectl/voicectl/internal/secret"
	"github.com/voicectl/voicectl/internal/trace"
	"github.com/voicectl/voicectl/internal/ws"
)

// BrowserOptions shape a call of a page. URL is http(s)://…/start (or …/connect, or a bare host, which
// means its /start), or ws(s)://… of the socket itself.
type BrowserOptions struct {
	Options

	APIKey secret.Secret // sent as a bearer token to URL, and nowhere else
	Origin string        // of the page; empty sends none
	// FlushOnInterrupt drops what is not played when the agent says that it was interrupted. The stock
	// client does not; voicectl's console does.
	FlushOnInterrupt bool
}

// Browser is a call of a page: it speaks 16 kHz and hears 24 kHz.
type Browser struct {
	*line
	bo   BrowserOptions
	conn *ws.Conn

	gone  chan struct{} // closed by the reader, after code and why are set
	ready chan struct{} // closed by the reader when bot-ready is there
	id    string        // of client-ready
	code  int
	why   string

	sending sync.Mutex // of the buffers of a message on its way out
	b, pcm  []byte
}

var _ Peer = (*Browser)(nil)

// CallRTVI calls an agent as a page does: /start, the socket, client-ready, and returns when bot-ready is
// there. ctx is the life of the whole call.
func CallRTVI(ctx context.Context, o BrowserOptions) (*Browser, error) {
	r, u, err := newReach(ctx, o.Options)
	if err != nil {
		return nil, err
	}
	b := &Browser{
		line: newLine(o.Options, media.BrowserIn, media.BrowserOut), bo: o,
		gone: make(chan struct{}), ready: make(chan struct{}), id: randomSID("")[:8],
	}
	b.o.Trace.Emit(trace.Event{Event: trace.Dialed, Side: trace.Caller, Attrs: map[string]any{"url": withoutQuery(u)}})
	if err = b.open(ctx, r, u); err != nil {
		return nil, err
	}
	go b.run(ctx)
	timer := b.clk.NewTimer(readyTimeout)
	defer timer.Stop()
	select {
	case <-b.ready:
		b.tell(Event{Kind: Open})
		return b, nil
	case <-b.over:
		return nil, fmt.Errorf("peer: the agent closed the socket before bot-ready (%d %s)", b.code, b.why)
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C():
		err = errors.New("no bot-ready in time: a page would hang here")
	}
	_ = b.Close() // it has no error of its own
	return nil, fmt.Errorf("peer: call: %w", err)
}

// open finds the socket, dials it and says client-ready.
func (b *Browser) open(ctx context.Context, r *reach, u *url.URL) error {
	header := http.Header{}
	if b.bo.Origin != "" {
		header.Set("Origin", b.bo.Origin)
	}
	o := ws.DialOptions{NoProxy: true, Header: header, Timeout: dialTimeout, TLS: b.o.TLS, Dialer: r.trusted, Limit: 4 << 20}
	target := u
	switch u.Scheme {
	case "ws", "wss":
		if b.bo.APIKey.Set() {
			header.Set("Authorization", "Bearer "+b.bo.APIKey.Reveal())
		}
	case "http", "https":
		var err error
		if target, err = b.start(ctx, r, u); err != nil {
			return err
		}
		o.Dialer = r.dial
	default:
		return fmt.Errorf("peer: %.40q is none of http, https, ws, wss", u.Scheme)
	}
	begun := b.clk.Now()
	conn, err := ws.Dial(ctx, target.String(), o)
	if err != nil {
		return err
	}
	b.o.Trace.Emit(trace.Event{Event: trace.StreamOpen, Side: trace.Caller, MS: trace.Milliseconds(b.clk.Now().Sub(begun))})
	b.conn = conn
	go b.read()
	if err = b.message(rtvi.ClientReady, b.id, rtvi.Ready{Version: rtvi.Version, About: &rtvi.About{Library: "voicectl"}}); err != nil {
		_ = conn.Close(ws.CloseNormal, "")
		<-b.gone
		return fmt.Errorf("peer: client-ready: %w", err)
	}
	return nil
}

// start asks for the socket's address.
func (b *Browser) start(ctx context.Context, r *reach, u *url.URL) (*url.URL, error) {
	ask := *u
	if ask.Path == "" || ask.Path == "/" {
		ask.Path = "/start"
	}
	ctx, cancel := context.WithTimeout(ctx, webhookTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, ask.String(), bytes.NewReader([]byte("{}")))
	if err != nil {
		return nil, fmt.Errorf("peer: start: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if b.bo.Origin != "" {
		req.Header.Set("Origin", b.bo.Origin)
	}
	if b.bo.APIKey.Set() {
		req.Header.Set("Authorization", "Bearer "+b.bo.APIKey.Reveal())
	}
	client, idle := r.client(false)
	defer idle()
	begun := b.clk.Now()
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("peer: start %s: %w", withoutQuery(&ask), unwrapURL(err))
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return nil, fmt.Errorf("peer: start %s: answer broke off: %w", withoutQuery(&ask), err)
	}
	b.o.Trace.Emit(trace.Event{
		Event: trace.Webhook, Side: trace.Caller, MS: trace.Milliseconds(b.clk.Now().Sub(begun)), Attrs: map[string]any{"status": resp.StatusCode},
	})
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, &WebhookError{URL: withoutQuery(&ask), Status: resp.StatusCode, Body: string(body[:min(len(body), 4<<10)])}
	}
	return b.socket(&ask, body)
}

// socket reads the answer of /start as the stock client does: wsUrl and token, both text, nothing else.
func (b *Browser) socket(asked *url.URL, body []byte) (*url.URL, error) {
	var answer map[string]any
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("peer: start %s: the answer is not a JSON object", withoutQuery(asked))
	}
	var raw, token string
	for key, v := range answer {
		s, isText := v.(string)
		switch key {
		case "wsUrl", "ws_url":
			raw = s
		case "token":
			token = s
		default:
			b.tell(Event{Kind: Warning, Text: fmt.Sprintf("start answers %.40q: the stock client throws on keys it does not know", key)})
			continue
		}
		if !isText {
			b.tell(Event{Kind: Warning, Text: fmt.Sprintf("start answers a %q that is no text: the stock client throws", key)})
		}
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || (u.Scheme != "ws" && u.Scheme != "wss") {
		return nil, fmt.Errorf("peer: start %s: wsUrl is missing or not a ws:// or wss:// address", withoutQuery(asked))
	}
	if token != "" {
		q := u.Query()
		q.Set("token", token)
		u.RawQuery = q.Encode()
	}
	return u, nil
}

// run owns the call.
func (b *Browser) run(ctx context.Context) {
	end := b.pace(ctx, b, b.gone, nil)
	why := "hung up"
	if end == endGone {
		why = "closed by the agent"
	}
	if end == endSlow {
		why = ErrSlowReader.Error()
	}
	if end == endHung {
		_ = b.message(rtvi.DisconnectBot, "", struct{}{})
	}
	_ = b.conn.Close(ws.CloseNormal, "")
	<-b.gone
	if end == endGone && b.why != "" {
		why += ": " + b.why
	}
	b.end(b.code, why)
}

// audio implements wire.
func (b *Browser) audio(_ int64, samples []int16) error {
	b.sending.Lock()
	defer b.sending.Unlock()
	b.pcm = media.AppendPCM16(b.pcm[:0], samples)
	b.b = rtvi.AppendAudio(b.b[:0], b.pcm, uint32(b.speaks.Rate), 1)
	return b.conn.Write(ws.Binary, b.b)
}

// echo implements wire; a page knows no marks.
func (b *Browser) echo(echo) error { return nil }

// idle implements wire.
func (b *Browser) idle() error { return nil }

func (b *Browser) message(t rtvi.Type, id string, data any) error {
	msg, err := rtvi.Encode(t, id, data)
	if err != nil {
		return err
	}
	b.sending.Lock()
	defer b.sending.Unlock()
	b.b = rtvi.AppendMessage(b.b[:0], msg)
	return b.conn.Write(ws.Binary, b.b)
}

// Send sends any message of a client.
func (b *Browser) Send(t rtvi.Type, id string, data any) error {
	select {
	case <-b.over:
		return ErrOver
	default:
		return b.message(t, id, data)
	}
}

// SendText implements Peer: the reply comes at once and is spoken.
func (b *Browser) SendText(text string) error {
	select {
	case <-b.over:
		return ErrOver
	default:
	}
	b.o.Trace.Emit(trace.Event{Event: trace.Typed, Side: trace.Caller, Text: text, At: b.clk.Now()})
	return b.Send(rtvi.SendText, randomSID("")[:8], rtvi.TextInput{Content: text})
}

// Digits implements Peer.
func (b *Browser) Digits(digits string) error {
	return b.Send(rtvi.DTMF, randomSID("")[:8], rtvi.Keys{Buttons: strings.Split(digits, "")})
}

// read takes what the agent sends until the socket ends.
func (b *Browser) read() {
	defer close(b.gone)
	var (
		f       rtvi.Frame
		buf     []byte
		samples []int16
	)
	for {
		kind, msg, err := b.conn.Read(buf)
		if err != nil {
			b.code, b.why = ws.CloseCode(err), ws.CloseReason(err)
			return
		}
		buf = msg
		if kind != ws.Binary {
			b.tell(Event{Kind: Warning, Text: "text frame: the stock client knows binary ones only"})
			continue
		}
		if err = rtvi.DecodeFrame(msg, &f); err != nil {
			b.tell(Event{Kind: Warning, Text: err.Error()})
			continue
		}
		switch f.Kind {
		case rtvi.FrameAudio:
			samples = b.sound(samples[:0], f)
		case rtvi.FrameMessage:
			b.take(f.Data)
		case rtvi.FrameText, rtvi.FrameTranscription, rtvi.FrameInterruption:
			b.tell(Event{Kind: Warning, Text: fmt.Sprintf("frame of kind %d: the stock client throws", f.Kind)})
		}
	}
}

// sound plays a frame as the stock client does: 24 kHz mono, whatever the frame says of itself.
func (b *Browser) sound(dst []int16, f rtvi.Frame) []int16 {
	switch {
	case len(f.Audio)%2 != 0:
		b.tell(Event{Kind: Warning, Text: "half a sample of sound: the stock client throws"})
		return dst
	case int(f.Rate) != b.hears.Rate || f.Channels != 1:
		b.tell(Event{Kind: Warning, Text: fmt.Sprintf("sound of %d Hz, %d channels is played as 24000 Hz, 1", f.Rate, f.Channels)})
	}
	dst = media.DecodePCM16(dst, f.Audio)
	b.arrive(dst)
	return dst
}

func (b *Browser) take(data []byte) {
	e, err := rtvi.Decode(data)
	if err != nil {
		if !errors.Is(err, rtvi.ErrLabel) {
			b.tell(Event{Kind: Warning, Text: err.Error()})
		}
		return
	}
	b.tell(Event{Kind: Message, Type: string(e.Type), ID: e.ID, Data: bytes.Clone(e.Data)})
	switch e.Type { //nolint:exhaustive // the others need no act of ours
	case rtvi.BotReady:
		if e.ID != b.id {
			b.tell(Event{Kind: Warning, Text: "bot-ready has not the id of client-ready: the stock client waits on"})
			return
		}
		select {
		case <-b.ready:
		default:
			close(b.ready)
		}
	case rtvi.BotInterrupted:
		if b.bo.FlushOnInterrupt {
			b.flush()
		}
	case rtvi.Error:
		var fault rtvi.Fault
		if e.Unpack(&fault) == nil && fault.Fatal { // the stock client disconnects
			b.hanging.Do(func() { close(b.hang) })
		}
	}
}
