package twilio

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/twilio/twilio-go/client"
	api "github.com/twilio/twilio-go/rest/api/v2010"

	"github.com/voicectl/voicectl/internal/provider/guard"
	"github.com/voicectl/voicectl/internal/secret"
)

// DefaultAPI is where the vendor's REST interface is.
const DefaultAPI = "https://api.twilio.com"

const maxAnswer = 1 << 20 // bytes of one REST answer

// RESTOptions shape a REST client.
type RESTOptions struct {
	AccountSID string
	// Username is an API key's sid (SK…); empty = AccountSID.
	Username string
	Token    secret.Secret // the account's auth token, or the API key's secret
	// BaseURL stands in for DefaultAPI; a path in it is put before the vendor's.
	BaseURL string
	Guard   *guard.Guard
	// Transport makes the requests; nil = a pool of its own.
	Transport http.RoundTripper
}

// REST asks the vendor's REST interface. It is safe for concurrent use.
//
// The api service of twilio-go is used alone, not its RestClient, which would link every product of the
// vendor into the binary. The library cannot leave *.twilio.com and knows no context, so each call gets
// a transport that moves the request and binds it to the caller's context.
type REST struct {
	o    RESTOptions
	base *url.URL
	next http.RoundTripper
}

// NewREST checks the options and makes a client. It asks nothing yet.
func NewREST(o RESTOptions) (*REST, error) {
	if !accountSID.MatchString(o.AccountSID) {
		return nil, errors.New("twilio: rest: account sid is not AC and 32 hex digits: check TWILIO_ACCOUNT_SID")
	}
	if !o.Token.Set() {
		return nil, errors.New("twilio: rest: no auth token: set TWILIO_AUTH_TOKEN")
	}
	if o.BaseURL == "" {
		o.BaseURL = DefaultAPI
	}
	base, err := url.Parse(o.BaseURL)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, errors.New("twilio: rest: base url is not an absolute http(s) address: check TWILIO_API_BASE_URL")
	}
	if o.Username == "" {
		o.Username = o.AccountSID
	}
	if o.Guard == nil {
		o.Guard = guard.New(guard.Options{Vendor: "twilio"})
	}
	r := &REST{o: o, base: base, next: o.Transport}
	if r.next == nil {
		r.next = &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 5 * time.Second,
			MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second, ForceAttemptHTTP2: true,
		}
	}
	return r, nil
}

// Close lets go of idle connections.
func (r *REST) Close() {
	if t, ok := r.next.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// Account is the part of an account's record that a check looks at.
type Account struct {
	SID, FriendlyName string
	Status            string // active, suspended or closed
	Type              string // Trial or Full
}

// Account fetches the account's own record: the cheapest proof that sid and token are right.
func (r *REST) Account(ctx context.Context) (Account, error) {
	var out Account
	err := r.do(ctx, "account", func(s *api.ApiService) error {
		a, err := s.FetchAccount(r.o.AccountSID)
		if err != nil {
			return err
		}
		out = Account{deref(a.Sid), deref(a.FriendlyName), deref(a.Status), deref(a.Type)}
		return nil
	})
	return out, err
}

// EndCall hangs up a live call. A call that is over already is no error: the aim is reached.
func (r *REST) EndCall(ctx context.Context, callSid string) error {
	if !ValidCallSID(callSid) {
		return errors.New("twilio: end call: not a call sid")
	}
	return r.do(ctx, "end_call", func(s *api.ApiService) error {
		_, err := s.UpdateCall(callSid, (&api.UpdateCallParams{}).SetStatus("completed"))
		var ge *guard.Error
		if errors.As(err, &ge) && (ge.Status == http.StatusNotFound || ge.Code == "20404" || ge.Code == "21220") {
			return nil
		}
		return err
	})
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// do runs one request through the guard. All of them may be repeated: ending a call twice ends it once.
func (r *REST) do(ctx context.Context, op string, ask func(*api.ApiService) error) error {
	return r.o.Guard.Do(ctx, op, true, func(ctx context.Context) error {
		t := &transport{ctx: ctx, rest: r}
		c := &client.Client{
			Credentials: client.NewCredentials(r.o.Username, r.o.Token.Reveal()),
			HTTPClient: &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse
			}},
		}
		c.SetAccountSid(r.o.AccountSID)
		err := ask(api.NewApiServiceWithClient(c))
		return t.sort(err)
	})
}

// transport carries one request to the configured base under the caller's context.
type transport struct {
	ctx    context.Context //nolint:containedctx // lives for one call of a library that knows no context
	rest   *REST
	failed *guard.Error // an answer of 4xx or 5xx
}

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.Clone(t.ctx)
	out.URL.Scheme, out.URL.Host, out.Host = t.rest.base.Scheme, t.rest.base.Host, t.rest.base.Host
	out.URL.Path = strings.TrimRight(t.rest.base.Path, "/") + out.URL.Path
	out.URL.RawPath = ""
	resp, err := t.rest.next.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if cerr := resp.Body.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, err
	}
	if len(body) > maxAnswer {
		return nil, &guard.Error{Class: guard.Protocol, Err: errors.New("answer too large")}
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if resp.StatusCode >= 300 {
		t.failed = failure(resp, body)
		return nil, t.failed
	}
	return resp, nil
}

// sort brings back what the library wrapped, and calls an answer it could not read by its name.
func (t *transport) sort(err error) error {
	if err == nil || t.failed == nil {
		var local *client.TwilioRestError
		var syntax *json.SyntaxError
		var kind *json.UnmarshalTypeError
		var wire *url.Error
		switch {
		case errors.As(err, &wire): // never arrived, or broke off
		case errors.As(err, &local): // refused by the library before sending
			return &guard.Error{Class: guard.BadRequest, Status: local.Status, Code: strconv.Itoa(local.Code), Err: errors.New(local.Message)}
		case errors.As(err, &syntax), errors.As(err, &kind), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return &guard.Error{Class: guard.Protocol, Err: errors.New("answer is not the JSON that was asked for")}
		}
		return err
	}
	if errors.Is(err, t.failed) {
		return t.failed
	}
	return err
}

// failure reads the vendor's error answer; a body that is not JSON leaves the status alone.
func failure(resp *http.Response, body []byte) *guard.Error {
	e := &guard.Error{Class: guard.FromStatus(resp.StatusCode), Status: resp.StatusCode, RequestID: resp.Header.Get("Twilio-Request-Id")}
	if e.Class == "" {
		e.Class = guard.Protocol // a redirect: the interface has none
	}
	var said struct {
		Code    json.Number `json:"code"`
		Message string      `json:"message"`
	}
	if json.Unmarshal(body, &said) == nil {
		e.Code = said.Code.String()
		e.Err = fmt.Errorf("%.200s", said.Message)
	}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 && s < 3600 {
		e.RetryAfter = time.Duration(s) * time.Second
	}
	return e
}
