package probe

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
)

// RefusedError is an address that a guarded client does not speak to.
type RefusedError struct {
	Address string
	Rule    string // "loopback", "private", …
}

// Error implements error.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("refused to connect to %s: %s address", e.Address, e.Rule)
}

// Hint says why that is not a fault of the network.
func (e *RefusedError) Hint() string {
	return "the address came from the backend and not from you; check where it points"
}

// barred are the networks that an address from elsewhere may not lead to, with the rule that each breaks.
// Source: IANA special-purpose registries.
var barred = []struct { //nolint:gochecknoglobals // a table
	net  netip.Prefix
	rule string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "this-network"},
	{netip.MustParsePrefix("10.0.0.0/8"), "private"},
	{netip.MustParsePrefix("100.64.0.0/10"), "carrier-grade NAT"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local (cloud metadata)"},
	{netip.MustParsePrefix("172.16.0.0/12"), "private"},
	{netip.MustParsePrefix("192.0.0.0/24"), "special-purpose"},
	{netip.MustParsePrefix("192.0.2.0/24"), "documentation"},
	{netip.MustParsePrefix("192.88.99.0/24"), "6to4 relay"},
	{netip.MustParsePrefix("192.168.0.0/16"), "private"},
	{netip.MustParsePrefix("198.18.0.0/15"), "benchmarking"},
	{netip.MustParsePrefix("198.51.100.0/24"), "documentation"},
	{netip.MustParsePrefix("203.0.113.0/24"), "documentation"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved"},
	{netip.MustParsePrefix("::/128"), "unspecified"},
	{netip.MustParsePrefix("::1/128"), "loopback"},
	{netip.MustParsePrefix("64:ff9b::/96"), "NAT64"},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "NAT64"},
	{netip.MustParsePrefix("100::/64"), "discard"},
	{netip.MustParsePrefix("2001::/23"), "special-purpose"},
	{netip.MustParsePrefix("2001:db8::/32"), "documentation"},
	{netip.MustParsePrefix("2002::/16"), "6to4"},
	{netip.MustParsePrefix("fc00::/7"), "private"},
	{netip.MustParsePrefix("fe80::/10"), "link-local"},
	{netip.MustParsePrefix("fec0::/10"), "site-local"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
}

// Barred returns the rule that forbids an address, "" when it is a public one.
func Barred(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	for _, b := range barred {
		if b.net.Contains(addr) {
			return b.rule
		}
	}
	if !addr.IsValid() || !addr.IsGlobalUnicast() {
		return "not public"
	}
	return ""
}

// refusePrivate is called with the resolved address of every dial, so that neither a name that resolves to a
// private address nor one that changes between look-up and dial gets through.
func refusePrivate(network, address string, _ syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return &RefusedError{Address: address, Rule: network}
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return &RefusedError{Address: address, Rule: "unreadable"}
	}
	if rule := Barred(ap.Addr()); rule != "" {
		return &RefusedError{Address: address, Rule: rule}
	}
	return nil
}

// refuseOddHost refuses hosts that end in a number without being an address ("127.1", "0x7f000001"): what they
// lead to depends on who reads them. Source: WHATWG URL, "ends in a number".
func refuseOddHost(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return &RefusedError{Address: "an unreadable address", Rule: "malformed"}
	}
	if rule := oddHost(host); rule != "" {
		return &RefusedError{Address: address, Rule: rule}
	}
	return nil
}

func oddHost(host string) string {
	if _, err := netip.ParseAddr(host); err == nil {
		return ""
	}
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	last := strings.ToLower(labels[len(labels)-1])
	digits := strings.TrimPrefix(last, "0x")
	if last == "0x" || digits != "" && strings.Trim(digits, "0123456789abcdef") == "" && (digits != last || strings.Trim(digits, "0123456789") == "") {
		return "a number in place of a name is no public"
	}
	return ""
}

// Foreign reads a URL that came from elsewhere (TwiML, a redirect, a tool's argument). Only https and wss
// without user and with a plain host pass; what the host resolves to is judged when it is dialed.
func Foreign(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, &RefusedError{Address: "an unreadable URL", Rule: "malformed"}
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "wss":
		return nil, &RefusedError{Address: u.Redacted(), Rule: "scheme " + u.Scheme}
	case u.User != nil:
		return nil, &RefusedError{Address: u.Redacted(), Rule: "user in the"}
	case oddHost(u.Hostname()) != "":
		return nil, &RefusedError{Address: u.Host, Rule: oddHost(u.Hostname())}
	case u.Hostname() == "" || strings.ContainsAny(u.Hostname(), "%`\\ \t"):
		return nil, &RefusedError{Address: "a URL without a plain host", Rule: "malformed"}
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
		if rule := Barred(addr); rule != "" {
			return nil, &RefusedError{Address: u.Host, Rule: rule}
		}
	}
	return u, nil
}
