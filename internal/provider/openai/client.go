package openai

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	api "github.com/sashabaranov/go-openai"

	"github.com/voicectl/voicectl/internal/provider/guard"
	"github.com/voicectl/voicectl/internal/secret"
)

const vendor = "openai"

// DefaultBaseURL is the vendor's own address.
const DefaultBaseURL = "https://api.openai.com/v1"

// Options shape a Client.
type Options struct {
	BaseURL     string // with /v1; "" = DefaultBaseURL
	Key         secret.Secret
	Model       string
	Timeout     time.Duration // from the question to the first token; 0 = 10 s
	Stall       time.Duration // between two tokens; 0 = 10 s
	MaxTokens   int           // of one answer; 0 = the vendor's limit
	Temperature *float64      // nil = the vendor's default; 0 is sent as next to nothing
	Effort      string        // reasoning_effort, for models that think; "" = not sent
	HTTP        *http.Client  // nil = an own one; it must not set a Timeout shorter than an answer
	Observe     func(guard.Observation)
}

// Client is safe for concurrent use.
type Client struct {
	o     Options
	guard *guard.Guard
	tools atomic.Pointer[encodedTools] // of the last question
}

// New makes a Client. It does not touch the network.
func New(o Options) *Client {
	if o.BaseURL == "" {
		o.BaseURL = DefaultBaseURL
	}
	o.BaseURL = strings.TrimRight(o.BaseURL, "/")
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Stall <= 0 {
		o.Stall = 10 * time.Second
	}
	if o.HTTP == nil {
		t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // documented type of net/http
		t.MaxIdleConnsPerHost = 64                           // answers overlap; a new TLS handshake a turn would be heard
		// No timer of an idle connection: stopped or not, the runtime keeps it for its whole time, and with it the
		// connection's buffer, which holds a caller's words. Who uses the client calls Close now and then.
		t.IdleConnTimeout = 0
		o.HTTP = &http.Client{Transport: t}
	}
	return &Client{o: o, guard: guard.New(guard.Options{Vendor: vendor, Timeout: o.Timeout, Observe: o.Observe})}
}

// Close lets idle connections go.
func (c *Client) Close() { c.o.HTTP.CloseIdleConnections() }

// Open tells whether the circuit breaker holds calls back now.
func (c *Client) Open() bool { return c.guard.Open() }

// Models lists the names of the models that the key may use, sorted. It is the cheapest check of a key.
// A failure that may pass is tried once more. Errors are *guard.Error.
func (c *Client) Models(ctx context.Context) ([]string, error) {
	var names []string
	err := c.guard.Do(ctx, "models", true, func(ctx context.Context) error {
		list, err := c.api(&exchange{http: c.o.HTTP}).ListModels(ctx)
		if err != nil {
			return sort(err)
		}
		names = names[:0]
		for _, m := range list.Models {
			names = append(names, m.ID)
		}
		slices.Sort(names)
		return nil
	})
	return names, err
}

// Check tells whether the key works and the configured model exists. A restricted key that may not list
// models passes: the vendor knows it, and chat may still be allowed.
func (c *Client) Check(ctx context.Context) error {
	names, err := c.Models(ctx)
	if err != nil {
		var ge *guard.Error
		if errors.As(err, &ge) && ge.Class == guard.Unauthorized && lacksScope(ge) {
			return nil
		}
		return err
	}
	if c.o.Model == "" || slices.Contains(names, c.o.Model) {
		return nil
	}
	// Aliases and fine-tuned names are not always listed.
	return c.guard.Do(ctx, "model", true, func(ctx context.Context) error {
		_, err := c.api(&exchange{http: c.o.HTTP}).GetModel(ctx, c.o.Model)
		return sort(err)
	})
}

// api makes a go-openai client around one exchange. It costs a few small allocations and gives each
// request its own place to keep what the library drops.
func (c *Client) api(x *exchange) *api.Client {
	cfg := api.DefaultConfig(c.o.Key.Reveal())
	cfg.BaseURL = c.o.BaseURL
	cfg.HTTPClient = x
	return api.NewClientWithConfig(cfg)
}
