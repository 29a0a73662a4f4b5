package server

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// maxHops bounds what is read of a list of proxies: the header may be as long as all headers together.
const maxHops = 16

// clientIP is the address that a request comes from. X-Forwarded-For can be written by anybody, so it is read
// only when the peer is one of the listed proxies, and only as far as listed proxies wrote it: from the right,
// to the first address that is none of them.
func (s *Server) clientIP(r *http.Request) netip.Addr {
	ip := peerIP(r)
	if !s.trusts(ip) {
		return ip
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	if len(hops) > maxHops {
		hops = hops[len(hops)-maxHops:]
	}
	for _, hop := range slices.Backward(hops) {
		next, ok := address(hop)
		if !ok {
			return ip // a proxy that writes no address is asked no further
		}
		if ip = next; !s.trusts(ip) {
			return ip
		}
	}
	return ip
}

func (s *Server) trusts(ip netip.Addr) bool {
	return slices.ContainsFunc(s.o.Config.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// peerIP is the far end of the connection; the zero address when there is none.
func peerIP(r *http.Request) netip.Addr {
	ip, _ := address(r.RemoteAddr)
	return ip
}

// address reads an address with or without a port, as proxies write it.
func address(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	ip, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return ip.Unmap().WithZone(""), err == nil
}
