package sandbox

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// mayControl guards the control routes. They are for programs on this machine: the peer must be on loopback and
// must have asked for a loopback host. A web page whose name was rebound to 127.0.0.1 sends its own name and is
// refused. When the sandbox listens elsewhere on purpose, the very address it listens on may be asked for (an
// address cannot be rebound), and names that the operator listed.
func (s *Sandbox) mayControl(r *http.Request) bool {
	host := strings.ToLower(hostOnly(r.Host))
	if slices.Contains(s.o.Hosts, host) {
		return true
	}
	addr, err := netip.ParseAddr(host)
	if err == nil {
		addr = addr.Unmap()
	}
	if host == "localhost" || (err == nil && addr.IsLoopback()) {
		peer, perr := netip.ParseAddrPort(r.RemoteAddr)
		return perr == nil && peer.Addr().Unmap().IsLoopback()
	}
	if err != nil {
		return false
	}
	here, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	local, lerr := netip.ParseAddrPort(here.String())
	return lerr == nil && local.Addr().Unmap() == addr
}

func hostOnly(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.TrimSuffix(strings.Trim(host, "[]"), ".")
}
