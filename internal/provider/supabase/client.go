// Package supabase calls the Edge Functions of a Supabase project, and knows its two generations of keys.
//
// A key goes out in both headers, apikey and Authorization: a function that verifies JWTs needs the legacy
// key as Bearer, and a new-format key is accepted as Bearer as long as it equals apikey. So the pair works
// in every case in which any header can work. Redirects are not followed, so that a key never reaches
// another host.
package supabase

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/provider/guard"
	"github.com/voicectl/voicectl/internal/secret"
)

const (
	// Vendor is the name in errors and metrics.
	Vendor = "supabase"

	defaultTimeout = 8 * time.Second
	maxRequest     = 64 << 10
	maxResponse    = 1 << 20
)

// Options shape a Client.
type Options struct {
	URL       string // of the project, https://REF.supabase.co or an emulator's; a path is kept
	Key       secret.Secret
	Functions map[string]string // default name -> the project's name; missing = the default name
	Timeout   time.Duration     // of one try; 0 = 8 s
	HTTP      *http.Client      // nil = one of its own; its redirect policy is replaced
	Observe   func(guard.Observation)
}

// Client is safe for concurrent use.
type Client struct {
	base  string
	key   secret.Secret
	names map[string]string
	http  *http.Client
	guard *guard.Guard
}

var functionName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$`)

// New checks the options and makes a Client. It does not touch the network.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, fmt.Errorf("supabase url: not a URL")
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("supabase url: want https://REF.supabase.co, without user, query and fragment")
	}
	if strings.ContainsAny(o.Key.Reveal(), "\r\n") {
		return nil, fmt.Errorf("supabase key: holds a line break")
	}
	names := make(map[string]string, len(o.Functions))
	for from, to := range o.Functions {
		if !functionName.MatchString(to) {
			return nil, fmt.Errorf("supabase functions: %q is no function name (for %s)", to, from)
		}
		names[from] = to
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // documented type of net/http
	t.IdleConnTimeout = 0                                // its timer would keep a caller's words in memory; see Close
	client := http.Client{Transport: t}
	if o.HTTP != nil {
		client = *o.HTTP
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{
		base: strings.TrimRight(u.String(), "/"), key: o.Key, names: names, http: &client,
		guard: guard.New(guard.Options{Vendor: Vendor, Timeout: o.Timeout, Observe: o.Observe}),
	}, nil
}

// Close lets idle connections go, with what was sent and received last in their buffers. The Client may be used
// again.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Open tells whether the circuit is open: the project failed so often that it is not asked now.
func (c *Client) Open() bool { return c.guard.Open() }

// Call sends in as JSON to the function with the default name fn and decodes the answer into out (nil =
// ignored). Functions that only read are tried once more after a failure that may pass. The error is
// always a *guard.Error; its text is for debug logs only.
func (c *Client) Call(ctx context.Context, fn string, in, out any) error {
	name := fn
	if to, ok := c.names[fn]; ok {
		name = to
	}
	if !functionName.MatchString(name) {
		return &guard.Error{Vendor: Vendor, Op: "call", Class: guard.BadRequest, Err: fmt.Errorf("%.60q is no function name", name)}
	}
	body, err := json.Marshal(in)
	if err == nil && len(body) > maxRequest {
		err = fmt.Errorf("request has %d bytes; at most %d are sent", len(body), maxRequest)
	}
	if err != nil {
		return &guard.Error{Vendor: Vendor, Op: name, Class: guard.BadRequest, Err: err}
	}
	id := requestID()
	return c.guard.Do(ctx, name, reads(fn), func(ctx context.Context) error {
		return c.once(ctx, name, id, body, out)
	})
}

func (c *Client) once(ctx context.Context, name, id string, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/functions/v1/"+name, bytes.NewReader(body))
	if err != nil {
		return &guard.Error{Class: guard.BadRequest, RequestID: id, Err: err}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("X-Request-Id", id)
	if c.key.Set() {
		req.Header.Set("Apikey", c.key.Reveal())
		req.Header.Set("Authorization", "Bearer "+c.key.Reveal())
	}
	res, err := c.http.Do(req)
	if err != nil {
		return &guard.Error{Class: guard.Classify(err), RequestID: id, Err: err}
	}
	defer func() { _ = res.Body.Close() }()
	return c.answer(res, id, out)
}

func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand documents it)
	return hex.EncodeToString(b[:])
}
