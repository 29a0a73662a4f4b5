package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"
)

// ClientOptions are what a client is made with.
type ClientOptions struct {
	Roots   *x509.CertPool // nil = the system's
	Guarded bool           // refuse private, loopback and metadata addresses, after every resolution
	Proxy   bool           // take HTTPS_PROXY and the like from the environment of the process
	// Resolver looks names up; nil = the system's.
	Resolver *net.Resolver
}

// NewClient makes a client that follows no redirect. Time limits come from the contexts of requests.
func NewClient(o ClientOptions) *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second, Resolver: o.Resolver}
	dial := dialer.DialContext
	if o.Guarded {
		dialer.Control = refusePrivate
		dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if err := refuseOddHost(addr); err != nil {
				return nil, err
			}
			return dialer.DialContext(ctx, network, addr)
		}
	}
	t := &http.Transport{
		DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: 5 * time.Second, MaxIdleConnsPerHost: 16, IdleConnTimeout: 10 * time.Second,
		MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true, ResponseHeaderTimeout: 30 * time.Second,
	}
	if o.Proxy && !o.Guarded {
		t.Proxy = http.ProxyFromEnvironment
	}
	return &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
