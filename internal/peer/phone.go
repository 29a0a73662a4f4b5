package peer

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/provider/twilio"
	"github.com/voicectl/voicectl/internal/secret"
	"github.com/voicectl/voicectl/internal/trace"
)

// PhoneOptions shape a phone call. URL is the voice webhook.
type PhoneOptions struct {
	Options

	AuthToken           secret.Secret // signs the webhook and the upgrade; not set = unsigned
	AccountSID, CallSID string        // empty = made up
	From, To            string        // empty = +15550100001 and +15550100002
	Params              url.Values    // more parameters of the webhook; they win
	FallbackURL         string        // asked when the webhook fails, as the vendor does
	MaxPause            time.Duration // how long a <Pause> is waited for at most; 0 = 1 s
	SilentHangup        bool          // hang up without a stop message, as a network may
}

// Phone is a call of the phone network. Its marks and buffer are the carrier's.
type Phone struct {
	*line
	po    PhoneOptions
	reach *reach
	order chan struct{}

	omu    sync.Mutex // of what follows
	doc    *document  // ordered by Replace
	digits []string
}

var _ Peer = (*Phone)(nil)

// CallTwilio calls an agent as the phone network does: the signed webhook, then what its document says.
// It returns when the webhook was answered with a sound document; a refused or broken one is a
// *WebhookError or a *twilio.TwiMLError. ctx is the life of the whole call: when it is done, the caller
// hangs up.
func CallTwilio(ctx context.Context, o PhoneOptions) (*Phone, error) {
	for _, d := range []struct {
		field *string
		value string
	}{
		{&o.AccountSID, randomSID("AC")}, {&o.CallSID, randomSID("CA")}, {&o.From, "+15550100001"}, {&o.To, "+15550100002"},
	} {
		if *d.field == "" {
			*d.field = d.value
		}
	}
	if o.MaxPause <= 0 {
		o.MaxPause = time.Second
	}
	r, u, err := newReach(ctx, o.Options)
	if err != nil {
		return nil, err
	}
	p := &Phone{line: newLine(o.Options, media.Phone, media.Phone), po: o, reach: r, order: make(chan struct{}, 1)}
	p.o.Trace.Emit(trace.Event{Event: trace.Dialed, Side: trace.Caller, Attrs: map[string]any{"url": withoutQuery(u), "call": o.CallSID}})
	doc, err := p.fetch(ctx, fetch{url: u, trusted: true, status: "ringing"})
	if err != nil && o.FallbackURL != "" {
		doc, err = p.fallback(ctx, u, err)
	}
	if err != nil {
		return nil, err
	}
	go p.run(ctx, doc)
	return p, nil
}

// CallSID is the id the call has.
func (p *Phone) CallSID() string { return p.po.CallSID }

// SendText implements Peer.
func (p *Phone) SendText(string) error { return ErrNoText }

// Digits implements Peer: keys 0-9 * # A-D, five a second.
func (p *Phone) Digits(digits string) error {
	for _, d := range digits {
		if d > 'D' || (d < '0' || d > '9') && d != '*' && d != '#' && d < 'A' {
			return fmt.Errorf("peer: %q is not a key of a phone", d)
		}
	}
	select {
	case <-p.over:
		return ErrOver
	default:
	}
	p.omu.Lock()
	defer p.omu.Unlock()
	for _, d := range digits {
		p.digits = append(p.digits, string(d))
	}
	return nil
}

// Replace gives the call another document, as an update over REST does: a stream ends with stop, then
// the new document runs.
func (p *Phone) Replace(doc []byte) error {
	verbs, err := twilio.ParseTwiML(doc, twilio.TwiMLOptions{LoopbackStreams: p.reach.open})
	if err != nil {
		return err
	}
	select {
	case <-p.over:
		return ErrOver
	default:
	}
	p.omu.Lock()
	p.doc = &document{verbs: verbs}
	p.omu.Unlock()
	select {
	case p.order <- struct{}{}:
	default: // an order is on its way already; it will find this document
	}
	return nil
}

func (p *Phone) replaced() *document {
	p.omu.Lock()
	defer p.omu.Unlock()
	d := p.doc
	p.doc = nil
	return d
}

// maxVerbs bounds a call whose documents lead in circles.
const maxVerbs = 100

// run carries out the documents; it owns the call.
func (p *Phone) run(ctx context.Context, doc *document) {
	code, why := p.walk(ctx, doc)
	p.end(code, why)
}

// walk goes through the verbs and returns how the call ended.
func (p *Phone) walk(ctx context.Context, doc *document) (code int, why string) {
	redirects := 0
	for i, n := 0, 0; i < len(doc.verbs); n++ {
		if n == maxVerbs {
			return code, "the documents lead in circles"
		}
		v := doc.verbs[i]
		i++
		p.note(v)
		next := endNone
		switch v.Name {
		case "Connect":
			var err error
			if next, code, err = p.connect(ctx, v); err != nil {
				p.tell(Event{Kind: Warning, Code: streamCode(err), Text: err.Error()})
			}
		case "Pause":
			next = p.pause(ctx, v)
		case "Hangup":
			return code, "hung up by the document"
		case "Reject":
			reason := v.Attr("reason")
			if reason == "" {
				reason = "rejected"
			}
			return code, "rejected: " + reason
		case "Dial":
			return code, "dialed on"
		case "Redirect":
			redirects++
			if redirects > maxRedirects {
				return code, "too many redirects"
			}
			to, err := p.follow(ctx, doc, v)
			if err != nil {
				p.tell(Event{Kind: Warning, Text: err.Error()})
				return code, "redirect failed"
			}
			doc, i = to, 0
		default: // Say, Record, Gather and the others are noted; nobody here hears them
		}
		switch next {
		case endHung:
			return code, "hung up"
		case endSlow:
			return code, ErrSlowReader.Error()
		case endOrder:
			if d := p.replaced(); d != nil {
				doc, i = d, 0
			}
		case endNone, endGone:
		}
		if ctx.Err() != nil || p.hungUp() {
			return code, "hung up"
		}
	}
	return code, "end of the document"
}

func (p *Phone) hungUp() bool {
	select {
	case <-p.hang:
		return true
	default:
		return false
	}
}

func (p *Phone) note(v twilio.Verb) {
	text := v.Text
	if v.Name == "Dial" && text == "" && len(v.Verbs) > 0 {
		text = v.Verbs[0].Text
	}
	p.tell(Event{Kind: Verb, Type: v.Name, Text: text})
	p.o.Trace.Emit(trace.Event{Event: trace.Verb, Side: trace.Caller, Text: text, Attrs: map[string]any{"kind": v.Name}})
}

func (p *Phone) pause(ctx context.Context, v twilio.Verb) ending {
	length := time.Second
	if s, err := strconv.Atoi(v.Attr("length")); err == nil {
		length = time.Duration(min(s, 3600)) * time.Second
	}
	timer := p.clk.NewTimer(min(length, p.po.MaxPause))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return endHung
	case <-p.hang:
		return endHung
	case <-p.order:
		return endOrder
	case <-timer.C():
		return endNone
	}
}

func (p *Phone) follow(ctx context.Context, doc *document, v twilio.Verb) (*document, error) {
	to, err := url.Parse(v.Text)
	if err != nil {
		return nil, errors.New("peer: redirect to what is no url")
	}
	if !to.IsAbs() {
		if doc.url == nil {
			return nil, errors.New("peer: a relative redirect in a document that has no url")
		}
		to = doc.url.ResolveReference(to)
	}
	return p.fetch(ctx, fetch{url: to, method: v.Attr("method"), status: "in-progress"})
}

func withoutQuery(u *url.URL) string {
	c := *u
	c.RawQuery, c.User, c.Fragment = "", nil, ""
	return c.String()
}
