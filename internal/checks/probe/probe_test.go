package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/voicectl/voicectl/internal/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func ask(t *testing.T, client *http.Client, limit time.Duration, r Request) (*Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	t.Cleanup(client.CloseIdleConnections)
	return Do(ctx, client, clock.Real{}, r)
}

// class is the class of an error, "" when there is none.
func class(err error) Class {
	var e *Error
	if errors.As(err, &e) {
		return e.Class
	}
	return ""
}

func listen(t *testing.T, network, address string, serve func(net.Conn)) net.Listener {
	t.Helper()
	ln, err := net.Listen(network, address)
	if err != nil {
		t.Skipf("this machine does not listen on %s: %v", address, err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			serve(c)
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
	return ln
}

func TestDo_TellsTheReasonsApart(t *testing.T) {
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	secure.Config.ErrorLog = nil
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	expired := httptest.NewUnstartedServer(http.NotFoundHandler())
	expired.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
	expired.StartTLS()
	defer expired.Close()
	held := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-held }))
	defer slow.Close()
	defer close(held)
	cut := listen(t, "tcp", "127.0.0.1:0", func(c net.Conn) {
		_, _ = c.Read(make([]byte, 10))
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	})
	half := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "ten bytes.")
	}))
	defer half.Close()
	odd := listen(t, "tcp", "127.0.0.1:0", func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1))
		_, _ = io.WriteString(c, "220 mail ready\r\n")
		_ = c.Close()
	})
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()

	for name, c := range map[string]struct {
		url   string
		limit time.Duration
		want  Class
		says  string
	}{
		"no such name":               {"http://backend.invalid/", 8 * time.Second, ClassDNS, "does not resolve"},
		"nothing listens":            {"http://" + gone.Addr().String(), time.Second, ClassRefused, "nothing listens"},
		"an unknown authority":       {secure.URL, time.Second, ClassTLS, "certificate signed by unknown authority"},
		"plain text where TLS was":   {"https://" + strings.TrimPrefix(plain.URL, "http://"), time.Second, ClassTLS, "no TLS connection"},
		"accepts and never answers":  {slow.URL, 60 * time.Millisecond, ClassTime, "no answer in time"},
		"cut before the answer":      {"http://" + cut.Addr().String(), time.Second, ClassReset, "was cut"},
		"cut in the answer":          {half.URL, time.Second, ClassReset, "was cut"},
		"another protocol":           {"http://" + odd.Addr().String(), time.Second, ClassProtocol, "malformed HTTP"},
		"not a URL":                  {"http://[::1", time.Second, ClassURL, "missing ']'"},
		"a scheme that is no HTTP's": {"ftp://127.0.0.1/", time.Second, ClassURL, `"ftp" is neither`},
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := ask(t, NewClient(ClientOptions{Roots: x509.NewCertPool()}), c.limit, Request{URL: c.url})
			if class(err) != c.want || resp != nil || !strings.Contains(fmt.Sprint(err), c.says) {
				t.Errorf("got %q %v, want %q", class(err), err, c.want)
			}
		})
	}
}

func TestDo_ACancelledAskIsNoFindingOfTheTarget(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	held := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { cancel(); <-held }))
	defer srv.Close()
	defer close(held)
	client := NewClient(ClientOptions{})
	defer client.CloseIdleConnections()
	if _, err := Do(ctx, client, clock.Real{}, Request{URL: srv.URL}); !errors.Is(err, context.Canceled) || class(err) != "" {
		t.Errorf("got %v", err)
	}
}

func TestDo_Redirects(t *testing.T) {
	var hops atomic.Int64
	mux := http.NewServeMux()
	mux.Handle("/a", http.RedirectHandler("/b", http.StatusFound))
	mux.Handle("/b", http.RedirectHandler("/a", http.StatusFound))
	mux.HandleFunc("/on/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, fmt.Sprintf("/on/%d", hops.Add(1)), http.StatusFound)
	})
	mux.Handle("/away", http.RedirectHandler("http://elsewhere.invalid/", http.StatusFound))
	mux.Handle("/once", http.RedirectHandler("/here", http.StatusSeeOther))
	mux.HandleFunc("/here", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Method) })
	srv := httptest.NewServer(mux)
	defer srv.Close()
	client := NewClient(ClientOptions{})
	for name, c := range map[string]struct {
		r      Request
		class  Class
		status int
	}{
		"none is followed unless asked": {Request{URL: srv.URL + "/once"}, "", 303},
		"one is followed":               {Request{Method: "POST", URL: srv.URL + "/once", Follow: 3}, "", 200},
		"a circle is told":              {Request{URL: srv.URL + "/a", Follow: 3}, ClassRedirect, 0},
		"a chain without end is told":   {Request{URL: srv.URL + "/on/0", Follow: 10}, ClassRedirect, 0},
		"another host is not followed":  {Request{URL: srv.URL + "/away", Follow: 10}, "", 302},
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := ask(t, client, 2*time.Second, c.r)
			if class(err) != c.class || c.class == "" && (err != nil || resp.Status != c.status) {
				t.Fatalf("got %+v %v", resp, err)
			}
			if c.status == 200 && string(resp.Body) != "GET" {
				t.Errorf("303 asks with GET, got %s", resp.Body)
			}
		})
	}
}

func TestDo_AHugeBodyIsCut(t *testing.T) {
	var sent atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(2<<30))
		piece := make([]byte, 64<<10)
		for {
			n, err := w.Write(piece)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}))
	defer srv.Close()
	resp, err := ask(t, NewClient(ClientOptions{}), 10*time.Second, Request{URL: srv.URL})
	if err != nil || !resp.Cut || len(resp.Body) != 1<<20 {
		t.Fatalf("got %v", err)
	}
	srv.CloseClientConnections()
	if n := sent.Load(); n > 64<<20 {
		t.Errorf("%d bytes were drawn from the target", n)
	}
	var v any
	if err := resp.JSON(&v); err == nil {
		t.Error("a cut body was taken for JSON")
	}
}

func TestDo_AnEndlessStreamEndsWithTheTime(t *testing.T) {
	leave := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for {
			_, _ = io.WriteString(w, ".")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
				return
			case <-leave:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}))
	defer srv.Close()
	defer close(leave)
	start := time.Now()
	_, err := ask(t, NewClient(ClientOptions{}), 100*time.Millisecond, Request{URL: srv.URL})
	if class(err) != ClassTime || time.Since(start) > 5*time.Second {
		t.Errorf("got %v after %v", err, time.Since(start))
	}
}

func TestDo_IPv6AloneWorks(t *testing.T) {
	ln := listen(t, "tcp6", "[::1]:0", func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
		_ = c.Close()
	})
	resp, err := ask(t, NewClient(ClientOptions{}), 2*time.Second, Request{URL: "http://" + ln.Addr().String() + "/health"})
	if err != nil || string(resp.Body) != "ok" || !strings.HasPrefix(resp.Remote, "[::1]:") {
		t.Errorf("got %+v %v", resp, err)
	}
}

func TestFacts_ShowTheHeadAndTheDigest(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("é", 400)+"\xff")
	}))
	defer srv.Close()
	resp, err := ask(t, NewClient(ClientOptions{}), 2*time.Second, Request{URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	f := resp.Facts()
	if f["bytes"] != 801 || len(f["head"].(string)) > mostShown+3 || len(f["sha256"].(string)) != 64 || f["cut"] != nil {
		t.Errorf("got %v", f)
	}
}

func TestHandshake_SeesVersionAndChain(t *testing.T) {
	serve := func(low, high uint16) *httptest.Server {
		srv := httptest.NewUnstartedServer(http.NotFoundHandler())
		srv.TLS = &tls.Config{MinVersion: low, MaxVersion: high}
		srv.StartTLS()
		t.Cleanup(srv.Close)
		return srv
	}
	modern, old := serve(tls.VersionTLS12, 0), serve(tls.VersionTLS10, tls.VersionTLS11)
	roots := x509.NewCertPool()
	roots.AddCert(modern.Certificate())
	client := NewClient(ClientOptions{Roots: roots})
	at := func(srv *httptest.Server) string { return srv.Listener.Addr().String() }

	state, err := Handshake(t.Context(), client, at(modern), "example.com", tls.VersionTLS12, 0)
	if err != nil || state.Version != tls.VersionTLS13 {
		t.Fatalf("got %+v %v", state, err)
	}
	if err := Verify(client, state, "example.com", time.Now()); err != nil {
		t.Errorf("verify: %v", err)
	}
	for name, v := range map[string]struct {
		client *http.Client
		name   string
		now    time.Time
	}{
		"unknown authority": {NewClient(ClientOptions{Roots: x509.NewCertPool()}), "example.com", time.Now()},
		"another name":      {client, "evil.example", time.Now()},
		"expired":           {client, "example.com", time.Now().AddDate(100, 0, 0)},
	} {
		if Verify(v.client, state, v.name, v.now) == nil {
			t.Errorf("%s passes", name)
		}
	}
	if _, err := Handshake(t.Context(), client, at(modern), "", tls.VersionTLS10, tls.VersionTLS11); class(err) != ClassTLS {
		t.Errorf("an old version was taken: %v", err)
	}
	if state, err := Handshake(t.Context(), client, at(old), "", tls.VersionTLS10, tls.VersionTLS11); err != nil || state.Version != tls.VersionTLS11 {
		t.Errorf("an old server was not seen: %v", err)
	}
	if _, err := Handshake(t.Context(), client, "127.0.0.1:1", "", 0, 0); class(err) != ClassRefused {
		t.Errorf("got %v", err)
	}
}

func TestSocket_TellsARefusalFromAFailure(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no entry", http.StatusForbidden) }))
	defer srv.Close()
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := Socket(t.Context(), NewClient(ClientOptions{}), u, nil, time.Second); c != nil || !strings.Contains(fmt.Sprint(err), "403") {
		t.Errorf("got %v", err)
	}
	u.Host = "127.0.0.1:1"
	if _, err := Socket(t.Context(), NewClient(ClientOptions{}), u, nil, time.Second); class(err) != ClassRefused {
		t.Errorf("got %v", err)
	}
}
