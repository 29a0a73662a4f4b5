package peer

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// reach decides which addresses a call may be led to. The operator's own URL may be anywhere. URLs that
// the agent hands out (TwiML, redirects, the answer of /start) may lead to private addresses only when
// the operator's did: else a stranger's document could make this machine knock at its own doors.
type reach struct {
	o    Options
	open bool // private addresses may be dialed
}

// newReach looks at the operator's URL: whether its host is, or resolves to, a private address.
func newReach(ctx context.Context, o Options) (*reach, *url.URL, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" {
		return nil, nil, fmt.Errorf("peer: %.200q is not an absolute url", o.URL)
	}
	r := &reach{o: o, open: o.AllowPrivate}
	if r.open {
		return r, u, nil
	}
	host := u.Hostname()
	if ip, perr := netip.ParseAddr(host); perr == nil {
		r.open = !public(ip)
		return r, u, nil
	}
	rctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(rctx, "ip", host)
	if err != nil {
		return r, u, nil
	}
	for _, ip := range addrs {
		r.open = r.open || !public(ip)
	}
	return r, u, nil
}

// dial is for URLs of the agent.
func (r *reach) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if r.open {
		return r.trusted(ctx, network, addr)
	}
	if r.o.Dialer == nil {
		d := net.Dialer{Control: func(_, address string, _ syscall.RawConn) error { return mustBePublic(address) }}
		return d.DialContext(ctx, network, addr)
	}
	c, err := r.o.Dialer(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if err = mustBePublic(c.RemoteAddr().String()); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// trusted is for the operator's URL.
func (r *reach) trusted(ctx context.Context, network, addr string) (net.Conn, error) {
	if r.o.Dialer != nil {
		return r.o.Dialer(ctx, network, addr)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, addr)
}

// client makes a client for one request. It follows no redirect by itself. A guarded one asks no proxy,
// which would dial for us where we cannot look.
func (r *reach) client(guarded bool) (*http.Client, func()) {
	t := &http.Transport{
		DialContext: r.trusted, Proxy: http.ProxyFromEnvironment, TLSClientConfig: r.o.TLS,
		TLSHandshakeTimeout: 5 * time.Second, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 64 << 10,
	}
	if guarded {
		t.DialContext = r.dial
		if !r.open {
			t.Proxy = nil
		}
	}
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}, t.CloseIdleConnections
}

func mustBePublic(address string) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !public(ap.Addr()) {
		return fmt.Errorf("%w: %s, which the agent named: target it directly, or allow private addresses", ErrPrivate, address)
	}
	return nil
}

// notPublic lists what netip has no word for.
//
//nolint:gochecknoglobals // constant table
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),   // carrier NAT
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), // NAT64: leads to any IPv4
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2002::/16"), // 6to4, likewise
	netip.MustParsePrefix("2001::/32"), // Teredo, likewise
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("fec0::/10"),
}

func public(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if !ip.IsValid() || ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsMulticast() ||
		ip.IsUnspecified() || ip.IsInterfaceLocalMulticast() {
		return false
	}
	for _, p := range notPublic {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}
