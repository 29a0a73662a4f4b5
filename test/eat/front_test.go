package eat

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// front is the reverse proxy that DEPLOYMENT.md asks for: it ends TLS, says who came, sends plain requests to TLS and
// lets sockets through. It has the certificate of an authority of its own.
type front struct {
	url    string // https://localhost:PORT
	caFile string
	back   atomic.Pointer[url.URL] // nil until the server is up
	wait   sync.WaitGroup
}

func newFront(t *testing.T) *front {
	t.Helper()
	f := &front{caFile: filepath.Join(t.TempDir(), "ca.pem")}
	cert := f.certify(t)
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	_, port, err := net.SplitHostPort(ln.Addr().String())
	must(t, err)
	f.url = "https://localhost:" + port

	quiet := log.New(discard{}, "", 0)
	secure, plain := &side{conns: make(chan net.Conn), addr: ln.Addr(), done: make(chan struct{})}, &side{conns: make(chan net.Conn), addr: ln.Addr(), done: make(chan struct{})}
	proxy := &http.Server{ReadHeaderTimeout: 10 * time.Second, ErrorLog: quiet, Handler: f.proxy(quiet)}
	redirect := &http.Server{ReadHeaderTimeout: 10 * time.Second, ErrorLog: quiet, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, f.url+r.URL.RequestURI(), http.StatusPermanentRedirect)
	})}
	for srv, s := range map[*http.Server]*side{proxy: secure, redirect: plain} {
		f.wait.Go(func() {
			if err := srv.Serve(s); !errors.Is(err, http.ErrServerClosed) {
				t.Errorf("front: %v", err)
			}
		})
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}}
	f.wait.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			f.wait.Go(func() { sort(conn, conf, secure, plain) })
		}
	})
	t.Cleanup(func() {
		_, _, _ = ln.Close(), proxy.Close(), redirect.Close() // the test is over
		f.wait.Wait()
	})
	return f
}

// sort hands a connection to the side it belongs to: a handshake of TLS begins with 22.
func sort(conn net.Conn, conf *tls.Config, secure, plain *side) {
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	r := bufio.NewReader(conn)
	first, err := r.Peek(1)
	if err != nil {
		_ = conn.Close()
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	peeked := &peekedConn{Conn: conn, r: r}
	if first[0] == 22 {
		secure.give(tls.Server(peeked, conf))
		return
	}
	plain.give(peeked)
}

func (f *front) proxy(quiet *log.Logger) http.Handler {
	return &httputil.ReverseProxy{
		ErrorLog: quiet,
		Rewrite: func(r *httputil.ProxyRequest) {
			if back := f.back.Load(); back != nil {
				r.SetURL(back)
			}
			r.SetXForwarded()
			r.Out.Host = r.In.Host
		},
	}
}

// certify makes an authority and a certificate of it for localhost.
func (f *front) certify(t *testing.T) tls.Certificate {
	t.Helper()
	now := time.Now()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "voicectl test authority"}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, 3, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	must(t, err)
	must(t, os.WriteFile(f.caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}), 0o600))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, 3, 0),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der, caDER}, PrivateKey: key}
}

// side is a listener that is given its connections.
type side struct {
	conns chan net.Conn
	addr  net.Addr
	once  sync.Once
	done  chan struct{}
}

func (s *side) give(c net.Conn) {
	select {
	case s.conns <- c:
	case <-s.done:
		_ = c.Close()
	}
}

func (s *side) Accept() (net.Conn, error) {
	select {
	case c := <-s.conns:
		return c, nil
	case <-s.done:
		return nil, net.ErrClosed
	}
}

func (s *side) Close() error   { s.once.Do(func() { close(s.done) }); return nil }
func (s *side) Addr() net.Addr { return s.addr }

// peekedConn reads what was peeked at first.
type peekedConn struct {
	net.Conn
	r *bufio.Reader
}

func (c *peekedConn) Read(p []byte) (int, error) { return c.r.Read(p) }

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
