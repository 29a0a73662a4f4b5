package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/voicectl/voicectl/internal/ws"
)

// Socket opens a WebSocket the way client opens its connections: with its trusted authorities, its dialer and
// its proxy. An answer other than 101 is a *ws.HandshakeError, all else an *Error. The caller closes it.
func Socket(ctx context.Context, client *http.Client, u *url.URL, header http.Header, limit time.Duration) (*ws.Conn, error) {
	o := ws.DialOptions{Header: header, Timeout: limit, WriteTimeout: limit, NoProxy: true}
	if t, ok := client.Transport.(*http.Transport); ok {
		o.Dialer, o.NoProxy = t.DialContext, t.Proxy == nil
		if t.TLSClientConfig != nil {
			o.TLS = &tls.Config{RootCAs: t.TLSClientConfig.RootCAs, MinVersion: tls.VersionTLS12}
		}
	}
	to := *u
	to.Scheme = map[string]string{"http": "ws", "https": "wss"}[u.Scheme]
	if to.Scheme == "" {
		to.Scheme = u.Scheme
	}
	c, err := ws.Dial(ctx, to.String(), o)
	var refused *ws.HandshakeError
	if err != nil && !errors.As(err, &refused) {
		return nil, classify(ctx, u.Host, err)
	}
	return c, err
}

// Dial makes a TCP connection like client's; address is "host:port". Errors are *Error. The caller closes it.
func Dial(ctx context.Context, client *http.Client, address string) (net.Conn, error) {
	dial := (&net.Dialer{Timeout: 5 * time.Second}).DialContext
	if t, ok := client.Transport.(*http.Transport); ok && t.DialContext != nil {
		dial = t.DialContext
	}
	c, err := dial(ctx, "tcp", address)
	if err != nil {
		return nil, classify(ctx, address, err)
	}
	return c, nil
}

// Handshake speaks TLS of the versions low to high (0 = any from 1.0) with address and returns what was
// agreed on. The certificate is not judged: whoever asks does that with Verify. Errors are *Error.
func Handshake(ctx context.Context, client *http.Client, address, name string, low, high uint16) (*tls.ConnectionState, error) {
	c, err := Dial(ctx, client, address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	config := &tls.Config{
		ServerName: name, MinVersion: low, MaxVersion: high, NextProtos: []string{"http/1.1"},
		InsecureSkipVerify: true, //nolint:gosec // nothing is sent; the certificate is what is looked at
	}
	if high != 0 && high < tls.VersionTLS12 {
		// What is looked for is whether the server would take it, with whatever cipher.
		for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
			config.CipherSuites = append(config.CipherSuites, s.ID)
		}
	}
	conn := tls.Client(c, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, classify(ctx, address, err)
	}
	state := conn.ConnectionState()
	return &state, nil
}

// Verify judges a chain as a client that trusts client's authorities would.
func Verify(client *http.Client, state *tls.ConnectionState, name string, now time.Time) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the server shows no certificate")
	}
	o := x509.VerifyOptions{DNSName: name, CurrentTime: now, Intermediates: x509.NewCertPool()}
	if t, ok := client.Transport.(*http.Transport); ok && t.TLSClientConfig != nil {
		o.Roots = t.TLSClientConfig.RootCAs
	}
	for _, c := range state.PeerCertificates[1:] {
		o.Intermediates.AddCert(c)
	}
	_, err := state.PeerCertificates[0].Verify(o)
	return err
}
