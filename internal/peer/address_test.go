package peer

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/voicectl/voicectl/internal/ws"
)

// Ids follow the list of hostile inputs: H68..H72, H77.
func TestPublic(t *testing.T) {
	for addr, want := range map[string]bool{
		"8.8.8.8": true, "2606:4700:4700::1111": true, "::ffff:8.8.8.8": true,
		"169.254.169.254": false, "::ffff:127.0.0.1": false, "127.0.0.1": false, "127.1.2.3": false, "::1": false, "0.0.0.0": false, "::": false,
		"10.0.0.1": false, "172.16.0.1": false, "192.168.1.1": false, "100.64.0.1": false, "0.1.2.3": false, "224.0.0.1": false, "240.0.0.1": false,
		"255.255.255.255": false, "fe80::1": false, "fe80::1%eth0": false, "fc00::1": false, "fd12::1": false, "ff02::1": false,
		"64:ff9b::7f00:1": false, "2002:7f00:1::": false, "2001::1": false, "198.18.0.1": false,
	} {
		if got := public(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: got %v, want %v", addr, got, want)
		}
	}
}

func TestReach_GuardedDialNeverArrives(t *testing.T) {
	var arrived atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived.Add(1) }))
	defer srv.Close()
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	r := &reach{}
	for _, host := range []string{"127.0.0.1", "localhost", "::ffff:127.0.0.1", "0.0.0.0", "127.0.0.2"} {
		c, derr := r.dial(t.Context(), "tcp", net.JoinHostPort(host, port))
		if derr == nil {
			_ = c.Close()
		}
		if !errors.Is(derr, ErrPrivate) {
			t.Errorf("%s: got %v, want ErrPrivate", host, derr)
		}
		_, derr = ws.Dial(t.Context(), "ws://"+net.JoinHostPort(host, port)+"/", ws.DialOptions{NoProxy: true, Dialer: r.dial})
		if !errors.Is(derr, ErrPrivate) {
			t.Errorf("ws %s: got %v, want ErrPrivate", host, derr)
		}
	}
	client, idle := r.client(true)
	defer idle()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost:"+port, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, derr := client.Do(req); !errors.Is(derr, ErrPrivate) {
		if derr == nil {
			_ = resp.Body.Close()
		}
		t.Errorf("http: got %v, want ErrPrivate", derr)
	}
	if arrived.Load() != 0 {
		t.Fatalf("%d requests arrived", arrived.Load())
	}
	c, err := (&reach{open: true}).dial(t.Context(), "tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatalf("an operator who targets loopback may be led there: %v", err)
	}
	_ = c.Close()
}

func TestNewReach_TheOperatorsTargetOpensTheDoor(t *testing.T) {
	for target, want := range map[string]bool{
		"http://127.0.0.1:8000/twilio/voice": true, "http://[::1]:8000/": true, "http://192.168.1.5/": true, "https://8.8.8.8/voice": false, "http://localhost:1/x": true,
	} {
		r, _, err := newReach(t.Context(), Options{URL: target})
		if err != nil || r.open != want {
			t.Errorf("%s: open %v, %v, want %v", target, r.open, err, want)
		}
	}
	r, _, err := newReach(t.Context(), Options{URL: "https://8.8.8.8/", AllowPrivate: true})
	if err != nil || !r.open {
		t.Errorf("allowed, but %v, %v", r, err)
	}
}

// A public agent whose document leads to a private address: by stream, by redirect, by Location.
func TestCallTwilio_PublicAgentCannotLeadInside(t *testing.T) {
	for name, doc := range map[string]string{
		"stream":   `<Response><Connect><Stream url="wss://127.0.0.1/media"/></Connect></Response>`,
		"redirect": `<Response><Redirect>http://127.0.0.1/inside</Redirect></Response>`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				agent := newAgent(t)
				defer agent.close()
				agent.twiml("/voice", doc)
				agent.mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s arrived", r.URL) })
				o := agent.options()
				o.URL = "http://8.8.8.8/voice" // the pipe stands in for it
				p, err := CallTwilio(t.Context(), PhoneOptions{Options: o})
				if err != nil {
					t.Fatal(err)
				}
				all := <-collect(p)
				w := kinds(all, Warning)
				if len(w) != 1 || !strings.Contains(w[0].Text, ErrPrivate.Error()) {
					t.Errorf("events are %+v", all)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		agent := newAgent(t)
		defer agent.close()
		agent.mux.HandleFunc("/voice", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1/inside", http.StatusTemporaryRedirect)
		})
		o := agent.options()
		o.URL = "http://8.8.8.8/voice"
		if _, err := CallTwilio(t.Context(), PhoneOptions{Options: o}); !errors.Is(err, ErrPrivate) {
			t.Errorf("got %v, want ErrPrivate", err)
		}
	})
}

func TestUnwrapURL_HidesTheQuery(t *testing.T) {
	err := unwrapURL(&url.Error{Op: "Get", URL: "http://x/?token=1", Err: context.Canceled})
	if strings.Contains(err.Error(), "token") || !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}
