package probe

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"

	"github.com/voicectl/voicectl/internal/clock"
)

// Bounds of one exchange.
const (
	mostBody  = 1 << 20 // bytes of an answer that are read
	mostShown = 512     // bytes of an answer that a finding may show
)

// Request is one HTTP request.
type Request struct {
	Method string // "" = GET
	URL    string
	Header http.Header
	Body   []byte
	// Follow is how many redirects are followed, each on the same host; 0 = none.
	Follow int
	// Most bounds the answer in bytes; 0 = 1 MiB. What is longer is cut, and said.
	Most int64
	// Stream is sent in place of Body: Size bytes of it.
	Stream io.Reader
	Size   int64
}

// Response is what came back, with its times.
type Response struct {
	Status    int
	Header    http.Header
	Body      []byte
	Cut       bool          // the body was longer than the bound
	Total     time.Duration // from the request to the last byte that was read
	FirstByte time.Duration
	TLS       *tls.ConnectionState
	Remote    string // address that answered
	URL       *url.URL
	Proto     string // "HTTP/1.1", "HTTP/2.0"
}

// Do makes one exchange. Errors are *Error and tell the class.
func Do(ctx context.Context, client *http.Client, now clock.Clock, r Request) (*Response, error) {
	u, err := url.Parse(r.URL)
	if err != nil {
		return nil, &Error{Class: ClassURL, Host: "the URL", Err: err}
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, &Error{Class: ClassURL, Host: "the URL", Err: fmt.Errorf("the scheme %q is neither http nor https", u.Scheme)}
	}
	seen := map[string]bool{u.String(): true}
	for hop := 0; ; hop++ {
		resp, err := once(ctx, client, now, r, u)
		if err != nil || hop >= r.Follow || !redirects(resp.Status) {
			return resp, err
		}
		next := follow(u, resp.Header.Get("Location"))
		if next == nil {
			return resp, nil
		}
		if next.Hostname() != u.Hostname() {
			return resp, nil // whoever asked decides what to think of another host
		}
		if hop+1 == r.Follow && r.Follow >= 10 {
			return nil, &Error{Class: ClassRedirect, Host: u.Host, Err: fmt.Errorf("more than %d redirects", r.Follow)}
		}
		if seen[next.String()] {
			return nil, &Error{Class: ClassRedirect, Host: u.Host, Err: fmt.Errorf("the redirects go in a circle: %s leads back to %s", u.Path, next.Path)}
		}
		seen[next.String()] = true
		u = next
		if resp.Status == http.StatusSeeOther {
			r.Method, r.Body = http.MethodGet, nil
		}
	}
}

// follow resolves a Location; nil when it leads nowhere.
func follow(u *url.URL, location string) *url.URL {
	next, err := u.Parse(location)
	if err != nil || location == "" {
		return nil
	}
	return next
}

func redirects(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

func once(ctx context.Context, client *http.Client, now clock.Clock, r Request, u *url.URL) (*Response, error) {
	out := &Response{URL: u}
	start := now.Now()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:              func(i httptrace.GotConnInfo) { out.Remote = i.Conn.RemoteAddr().String() },
		GotFirstResponseByte: func() { out.FirstByte = now.Now().Sub(start) },
	})
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	var body io.Reader = bytes.NewReader(r.Body)
	if r.Stream != nil {
		body = r.Stream
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, &Error{Class: ClassURL, Host: u.Host, Err: err}
	}
	if r.Stream != nil {
		req.ContentLength = r.Size
	}
	for k, v := range r.Header {
		req.Header[k] = v
	}
	if h := r.Header.Get("Host"); h != "" {
		req.Host = h
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "voicectl")
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, classify(ctx, u.Host, err)
	}
	defer func() { _ = resp.Body.Close() }()
	most := r.Most
	if most <= 0 {
		most = mostBody
	}
	got, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	out.Total = now.Now().Sub(start)
	if err != nil {
		return nil, classify(ctx, u.Host, err)
	}
	if int64(len(got)) > most {
		got, out.Cut = got[:most], true
	}
	out.Status, out.Header, out.Body, out.TLS, out.Proto = resp.StatusCode, resp.Header, got, resp.TLS, resp.Proto
	return out, nil
}

// JSON decodes the body; numbers stay exact.
func (r *Response) JSON(v any) error {
	if r.Cut {
		return errors.New("the answer is longer than is read")
	}
	dec := json.NewDecoder(bytes.NewReader(r.Body))
	dec.UseNumber()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("the answer is no JSON: %w", err)
	}
	return nil
}

// Facts are what a finding may show of an answer; the text still goes through the mask.
func (r *Response) Facts() map[string]any {
	sum := sha256.Sum256(r.Body)
	f := map[string]any{
		"status": r.Status, "ms": float64(r.Total.Microseconds()) / 1000, "bytes": len(r.Body),
		"sha256": hex.EncodeToString(sum[:]), "content_type": r.Header.Get("Content-Type"),
	}
	head := r.Body
	if len(head) > mostShown {
		head = head[:mostShown]
	}
	f["head"] = string(bytes.ToValidUTF8(head, []byte("�")))
	if r.Cut {
		f["cut"] = true
	}
	return f
}
