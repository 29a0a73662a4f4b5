package openai

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"github.com/voicectl/voicectl/internal/provider/guard"
)

const maxListBody = 8 << 20

// exchange is the HTTP client of one request. It stands between go-openai and the wire because the
// library drops the headers of failures and reads event streams too trustingly.
type exchange struct {
	http  *http.Client
	tools []byte  // JSON that the body lacks
	asked bool    // the request went out: what fails from here on is not our own refusal
	event *events // of a streamed answer
	id    string  // of the request: ours, until the vendor has given its own
}

// Do implements the library's HTTPDoer.
func (x *exchange) Do(req *http.Request) (*http.Response, error) {
	if err := withTools(req, x.tools); err != nil {
		return nil, err
	}
	x.asked = true
	// The vendor's support finds a request by this name even when it was never answered.
	x.id = rand.Text()
	req.Header.Set("X-Client-Request-Id", x.id)
	// A connection that the vendor closed while it was idle fails a request before anything of an answer came:
	// net/http sends it again on a new one when the request may be repeated. An empty key says so and is not sent.
	req.Header["Idempotency-Key"] = []string{}
	resp, err := x.http.Do(req)
	if err != nil {
		return nil, err
	}
	if id := clip(resp.Header.Get("X-Request-Id"), 100); id != "" {
		x.id = id
	}
	if resp.StatusCode >= 400 {
		defer func() { _ = resp.Body.Close() }()
		return nil, failure(resp, x.id)
	}
	if req.Header.Get("Accept") != "text/event-stream" {
		resp.Body = &bounded{ReadCloser: resp.Body, left: maxListBody}
		return resp, nil
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind == "application/json" || kind == "text/html" {
		defer func() { _ = resp.Body.Close() }()
		return nil, x.unstreamed(resp, kind)
	}
	x.event = newEvents(resp.Body)
	resp.Body = x.event
	return resp, nil
}

// unstreamed is a 200 that is no stream: an error in disguise, or a server that cannot stream.
func (x *exchange) unstreamed(resp *http.Response, kind string) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	if err != nil {
		return err
	}
	if e := errorEvent(body); e != nil {
		e.RequestID = x.id
		return e
	}
	return protocol(fmt.Errorf("the server answered %s where an event stream was asked for", kind), x.id)
}

func protocol(err error, id string) *guard.Error {
	return &guard.Error{Vendor: vendor, Class: guard.Protocol, RequestID: id, Err: err}
}

// bounded is a body that may not grow without end.
type bounded struct {
	io.ReadCloser
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, protocol(errors.New("the answer is larger than 8 MiB"), "")
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
