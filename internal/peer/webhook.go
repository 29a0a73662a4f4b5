package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/voicectl/voicectl/internal/provider/twilio"
	"github.com/voicectl/voicectl/internal/trace"
)

const (
	maxRedirects   = 10
	codeRetrieval  = 11200 // the vendor's: HTTP retrieval failure
	codeConnection = 11205
	codeType       = 12300 // invalid content type
)

// document is a TwiML document and where it came from.
type document struct {
	url   *url.URL // nil = ordered, not fetched
	verbs []twilio.Verb
}

// WebhookError is an answer to the webhook that is not a document.
type WebhookError struct {
	URL    string // without its query
	Status int
	Body   string // at most 4 KiB
}

func (e *WebhookError) Error() string {
	return fmt.Sprintf("peer: webhook %s answered %d: %s", e.URL, e.Status, strings.TrimSpace(e.Body))
}

type fetch struct {
	url     *url.URL
	method  string // empty = POST
	status  string // CallStatus
	trusted bool   // the operator's own URL
	more    url.Values
}

// params is the parameter set of a voice webhook. The places of caller and called are not known here,
// which the vendor says with empty values.
func (p *Phone) params(f fetch) url.Values {
	v := url.Values{
		"CallSid": {p.po.CallSID}, "AccountSid": {p.po.AccountSID}, "From": {p.po.From}, "To": {p.po.To},
		"Caller": {p.po.From}, "Called": {p.po.To}, "CallStatus": {f.status}, "ApiVersion": {"2010-04-01"}, "Direction": {"inbound"},
	}
	for _, who := range []string{"From", "To", "Caller", "Called"} {
		for _, what := range []string{"City", "State", "Zip"} {
			v.Set(who+what, "")
		}
		v.Set(who+"Country", "US")
	}
	maps.Copy(v, p.po.Params)
	maps.Copy(v, f.more)
	return v
}

// fetch asks for a document, following redirects of HTTP.
func (p *Phone) fetch(ctx context.Context, f fetch) (*document, error) {
	begun := p.clk.Now()
	ctx, cancel := context.WithTimeout(ctx, webhookTimeout)
	defer cancel()
	for range maxRedirects {
		resp, body, err := p.ask(ctx, f) //nolint:bodyclose // ask has read and closed it
		if err != nil {
			return nil, err
		}
		p.o.Trace.Emit(trace.Event{
			Event: trace.Webhook, Side: trace.Caller, MS: trace.Milliseconds(p.clk.Now().Sub(begun)),
			Attrs: map[string]any{"status": resp.StatusCode},
		})
		if to := resp.Header.Get("Location"); resp.StatusCode >= 300 && resp.StatusCode < 400 && to != "" {
			next, perr := f.url.Parse(to)
			if perr != nil {
				return nil, errors.New("peer: webhook redirects to what is no url")
			}
			f.url, f.trusted = next, false
			if resp.StatusCode < 307 {
				f.method = http.MethodGet
			}
			continue
		}
		if resp.StatusCode < 200 || resp.StatusCode > 299 {
			return nil, &WebhookError{URL: withoutQuery(f.url), Status: resp.StatusCode, Body: string(body[:min(len(body), 4<<10)])}
		}
		kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")) // a broken one is warned about below
		if kind != "text/xml" && kind != "application/xml" {
			p.tell(Event{Kind: Warning, Code: codeType, Text: fmt.Sprintf("the document's content type is %.60q, not text/xml", kind)})
		}
		verbs, err := twilio.ParseTwiML(body, twilio.TwiMLOptions{LoopbackStreams: p.reach.open})
		if err != nil {
			return nil, err
		}
		return &document{url: f.url, verbs: verbs}, nil
	}
	return nil, errors.New("peer: webhook: too many redirects")
}

// ask makes one signed request.
func (p *Phone) ask(ctx context.Context, f fetch) (*http.Response, []byte, error) {
	if f.url.Scheme != "http" && f.url.Scheme != "https" {
		return nil, nil, fmt.Errorf("peer: webhook: %.40q is not http or https", f.url.Scheme)
	}
	target := *f.url
	target.Fragment = "" // options of the vendor's fetcher: neither sent nor signed
	params := p.params(f)
	method, body := http.MethodPost, params.Encode()
	signed := params
	if f.method == http.MethodGet {
		method, body, signed = http.MethodGet, "", nil
		if target.RawQuery != "" {
			target.RawQuery += "&"
		}
		target.RawQuery += params.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target.String(), strings.NewReader(body))
	if err != nil {
		return nil, nil, fmt.Errorf("peer: webhook: %w", err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	}
	req.Header.Set("User-Agent", "TwilioProxy/1.1")
	req.Header.Set("Accept", "*/*")
	if p.po.AuthToken.Set() {
		req.Header.Set(twilio.SignatureHeader, twilio.Sign(p.po.AuthToken, target.String(), signed))
	}
	client, idle := p.reach.client(!f.trusted)
	defer idle()
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, fmt.Errorf("peer: webhook %s: %w", withoutQuery(f.url), unwrapURL(err))
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, twilio.MaxTwiML+1))
	if err != nil {
		return nil, nil, fmt.Errorf("peer: webhook %s: answer broke off: %w", withoutQuery(f.url), err)
	}
	return resp, answer, nil
}

// unwrapURL drops the wrapper that repeats the URL, which may hold a key in its query.
func unwrapURL(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

// fallback asks the second URL, telling it what went wrong with the first.
func (p *Phone) fallback(ctx context.Context, first *url.URL, cause error) (*document, error) {
	u, err := url.Parse(p.po.FallbackURL)
	if err != nil || u.Host == "" {
		return nil, errors.Join(cause, errors.New("peer: the fallback url is not an absolute url"))
	}
	code := codeConnection
	var we *WebhookError
	var te *twilio.TwiMLError
	switch {
	case errors.As(cause, &we):
		code = codeRetrieval
	case errors.As(cause, &te):
		code = te.Faults[0].Code
	}
	p.tell(Event{Kind: Warning, Code: code, Text: cause.Error()})
	doc, err := p.fetch(ctx, fetch{url: u, trusted: true, status: "ringing", more: url.Values{
		"ErrorCode": {strconv.Itoa(code)}, "ErrorUrl": {withoutQuery(first)},
	}})
	if err != nil {
		return nil, errors.Join(cause, err)
	}
	return doc, nil
}
