package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/clock"
)

// victim listens on loopback and must never see a connection.
type victim struct {
	port int
	hits atomic.Int64
}

func newVictim(t *testing.T) *victim {
	t.Helper()
	v := &victim{}
	ln := listen(t, "tcp", "127.0.0.1:0", func(c net.Conn) { v.hits.Add(1); _ = c.Close() })
	v.port = ln.Addr().(*net.TCPAddr).Port
	t.Cleanup(func() {
		if n := v.hits.Load(); n > 0 {
			t.Errorf("the listener on loopback saw %d connections", n)
		}
	})
	return v
}

// guarded asks with a guarded client, whatever Foreign says of the URL; host may hold %d for the port.
func (v *victim) guarded(t *testing.T, raw string, resolver *net.Resolver) error {
	t.Helper()
	if strings.Contains(raw, "PORT") {
		raw = strings.ReplaceAll(raw, "PORT", fmt.Sprint(v.port))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	client := NewClient(ClientOptions{Guarded: true, Resolver: resolver})
	defer client.CloseIdleConnections()
	resp, err := Do(ctx, client, clock.Real{}, Request{URL: raw, Follow: 10})
	if err == nil {
		t.Errorf("%s was answered: %d", raw, resp.Status)
	}
	return err
}

// names resolves every name by answer; no packet leaves the process.
func names(answer func() netip.Addr) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go func() {
			defer func() { _ = there.Close() }()
			for {
				// A pipe is a stream to the resolver: each message has its length before it.
				head := make([]byte, 2)
				if _, err := io.ReadFull(there, head); err != nil {
					return
				}
				m := make([]byte, binary.BigEndian.Uint16(head))
				if _, err := io.ReadFull(there, m); err != nil {
					return
				}
				end := 12 // of the question: labels, a zero, type and class
				for m[end] != 0 {
					end += int(m[end]) + 1
				}
				end += 5
				typ := binary.BigEndian.Uint16(m[end-4:])
				reply := append([]byte{0, 0, m[0], m[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, m[12:end]...)
				if typ == 1 {
					reply[9] = 1
					ip := answer().As4()
					reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, ip[0], ip[1], ip[2], ip[3])
				}
				binary.BigEndian.PutUint16(reply, uint16(len(reply)-2))
				if _, err := there.Write(reply); err != nil {
					return
				}
			}
		}()
		return here, nil
	}}
}

func mustSay(t *testing.T, err error, rule string) {
	t.Helper()
	var refused *RefusedError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), rule) {
		t.Errorf("got %v, want a refusal that names %q", err, rule)
	}
}

func TestHostile_H68_MetadataOfTheCloud(t *testing.T) {
	v := newVictim(t)
	for _, raw := range []string{"http://169.254.169.254/", "http://169.254.169.254:PORT/latest/meta-data/", "http://[fe80::1]/", "http://100.100.100.200/"} {
		if err := v.guarded(t, raw, nil); err != nil {
			mustSay(t, err, "address")
		}
	}
	_, err := Foreign("https://169.254.169.254/")
	mustSay(t, err, "cloud metadata")
}

func TestHostile_H69_Version4InsideVersion6(t *testing.T) {
	v := newVictim(t)
	mustSay(t, v.guarded(t, "http://[::ffff:127.0.0.1]:PORT/", nil), "loopback")
	mustSay(t, v.guarded(t, "http://[::1]:PORT/", nil), "loopback")
	_, err := Foreign("https://[::ffff:127.0.0.1]/")
	mustSay(t, err, "loopback")
}

func TestHostile_H70_AddressesWrittenOddly(t *testing.T) {
	v := newVictim(t)
	for _, host := range []string{"0x7f000001", "2130706433", "127.1", "0177.0.0.1", "0x7f.1", "127.0.0.1.", "1.0x"} {
		mustSay(t, v.guarded(t, "http://"+host+":PORT/", nil), "address")
		if _, err := Foreign("https://" + host + "/"); err == nil {
			t.Errorf("%s passes", host)
		}
	}
}

func TestHostile_H71_ANameForAPrivateAddress(t *testing.T) {
	v := newVictim(t)
	r := names(func() netip.Addr { return netip.MustParseAddr("10.0.0.1") })
	mustSay(t, v.guarded(t, "http://files.partner.example:PORT/", r), "private")
}

func TestHostile_H72_ANameThatChangesBetweenLookUpAndDial(t *testing.T) {
	v := newVictim(t)
	var asked atomic.Int64
	r := names(func() netip.Addr {
		if asked.Add(1) == 1 {
			return netip.MustParseAddr("93.184.216.34")
		}
		return netip.MustParseAddr("127.0.0.1")
	})
	first, err := r.LookupNetIP(t.Context(), "ip4", "rebind.example")
	if err != nil || len(first) != 1 || Barred(first[0]) != "" {
		t.Fatalf("the first look-up should be public: %v %v", first, err)
	}
	if _, err := Foreign(fmt.Sprintf("https://rebind.example:%d/", v.port)); err != nil {
		t.Fatalf("a name is judged when it is dialed: %v", err)
	}
	mustSay(t, v.guarded(t, "http://rebind.example:PORT/", r), "loopback")
}

func TestHostile_H73_ARedirectInwards(t *testing.T) {
	v := newVictim(t)
	// A public host cannot be had here, so the guard is off for the first hop alone: what it answers is
	// neither followed, nor taken by Foreign, nor dialed by a guarded client.
	target := fmt.Sprintf("http://localhost:%d/admin", v.port)
	ln := listen(t, "tcp", "127.0.0.1:0", func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		_, _ = fmt.Fprintf(c, "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", target)
		_ = c.Close()
	})
	resp, err := ask(t, NewClient(ClientOptions{}), 2*time.Second, Request{URL: "http://" + ln.Addr().String() + "/", Follow: 10})
	if err != nil || resp.Status != 302 {
		t.Fatalf("got %+v %v", resp, err)
	}
	_, err = Foreign(resp.Header.Get("Location"))
	mustSay(t, err, "scheme http")
	mustSay(t, v.guarded(t, resp.Header.Get("Location"), nil), "loopback")
}

func TestHostile_H74_OtherSchemes(t *testing.T) {
	v := newVictim(t)
	for _, raw := range []string{"file:///etc/passwd", "gopher://127.0.0.1:PORT/_x", "unix:///var/run/docker.sock", "ftp://127.0.0.1:PORT/", "jar:http://127.0.0.1:PORT!/", "javascript:alert(1)"} {
		if err := v.guarded(t, raw, nil); class(err) != ClassURL || !strings.Contains(err.Error(), "scheme") {
			t.Errorf("%s: got %v", raw, err)
		}
		if _, err := Foreign(raw); err == nil {
			t.Errorf("%s passes", raw)
		}
	}
	_, err := Foreign("http://example.com/")
	mustSay(t, err, "scheme http")
}

func TestHostile_H75_MalformedHosts(t *testing.T) {
	v := newVictim(t)
	for _, raw := range []string{"http://[::1", "http://[::1]evil]:PORT/", "http://[::1%25lo]:PORT/", "http://127.0.0.1%00.evil.example:PORT/", "http://[::1].evil.example:PORT/", "http:///x", "http://127.0.0.1\\@evil.example:PORT/"} {
		if err := v.guarded(t, raw, nil); err != nil && class(err) != ClassURL && class(err) != ClassBarred && class(err) != ClassProtocol {
			t.Errorf("%s: got %v", raw, err)
		}
		if u, err := Foreign(strings.Replace(strings.ReplaceAll(raw, "PORT", "1"), "http:", "https:", 1)); err == nil {
			t.Errorf("%s passes as %v", raw, u)
		}
	}
}

func TestHostile_H76_AUserBeforeTheHost(t *testing.T) {
	v := newVictim(t)
	for _, raw := range []string{"http://user@127.0.0.1@evil.invalid:PORT/", "http://evil.example@127.0.0.1:PORT/"} {
		if err := v.guarded(t, raw, nil); class(err) == "" {
			t.Errorf("%s: got %v", raw, err)
		}
		_, err := Foreign(strings.ReplaceAll(strings.Replace(raw, "http:", "https:", 1), ":PORT", ""))
		if err == nil {
			t.Errorf("%s passes", raw)
		}
	}
	_, err := Foreign("https://user:secretword@example.com/")
	mustSay(t, err, "user")
	if strings.Contains(err.Error(), "secretword") {
		t.Errorf("the password is told: %v", err)
	}
}

func TestHostile_H77_LoopbackBehindNAT64(t *testing.T) {
	v := newVictim(t)
	mustSay(t, v.guarded(t, "http://[64:ff9b::7f00:1]:PORT/", nil), "NAT64")
	_, err := Foreign("https://[64:ff9b::7f00:1]/")
	mustSay(t, err, "NAT64")
}

func TestForeign_LetsPublicOnesPass(t *testing.T) {
	for _, raw := range []string{"https://agent.example.com/x?y=1", "wss://agent.example.com/media", "https://93.184.216.34/", "https://[2606:2800:220:1::1]:8443/", "https://a1.b2.example/"} {
		if u, err := Foreign(raw); err != nil || u.String() != raw {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func FuzzForeign(f *testing.F) {
	for _, s := range []string{"https://a.example/", "https://[::1]/", "https://127.1/", "https://u@h/", "wss://[::ffff:10.0.0.1]:1/", "https://0x7f.0.0.1", "//x", "https://a%00b/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := Foreign(raw)
		if err != nil {
			return
		}
		again, err := url.Parse(u.String())
		if err != nil || again.Hostname() != u.Hostname() || u.User != nil {
			t.Errorf("%q is read in two ways: %v", raw, err)
		}
		if a, err := netip.ParseAddr(u.Hostname()); err == nil && Barred(a) != "" {
			t.Errorf("%q leads to %s", raw, Barred(a))
		}
	})
}
