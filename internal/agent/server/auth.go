package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/voicectl/voicectl/internal/secret"
)

// checkExposure refuses a set-up that leaves the door open to the world.
func checkExposure(c Config) error {
	var errs []error
	if !c.Dev && !c.Sandbox && len(c.APIKeys) == 0 && !loopbackBind(c.Addr) {
		errs = append(errs, fmt.Errorf("server: %s is reachable from outside, and no access key is set; set VOICECTL_API_KEYS, or bind to 127.0.0.1", c.Addr))
	}
	if c.AdminAddr != "" && !loopbackBind(c.AdminAddr) && len(c.APIKeys) == 0 {
		errs = append(errs, fmt.Errorf("server: the admin listener %s is reachable from outside, and no access key is set; set VOICECTL_API_KEYS, or bind it to 127.0.0.1", c.AdminAddr))
	}
	return errors.Join(errs...)
}

func loopbackBind(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && loopbackName(host)
}

func loopbackName(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return ip != nil && ip.IsLoopback()
}

// open tells whether this request needs no key: a developer's machine or the sandbox, bound to loopback,
// without keys. A public address that leads here, mostly through a proxy on this machine, closes the door:
// a bind to loopback then says nothing about who comes. Under --dev and --sandbox it stays open for who
// asks by a name of this machine.
func (s *Server) open(r *http.Request) bool {
	c := s.o.Config
	switch {
	case len(s.keys) > 0:
		return false
	case loopbackName(s.public.Hostname()):
		return c.Dev || c.Sandbox || loopbackBind(c.Addr)
	}
	return (c.Dev || c.Sandbox) && loopbackName(hostname(r))
}

func hostname(r *http.Request) string {
	if h, _, err := net.SplitHostPort(r.Host); err == nil {
		return h
	}
	return r.Host
}

// hashes are all that the server keeps of the access keys. Several are good at once, so that a key can be
// changed without an outage.
func hashes(keys []secret.Secret) [][sha256.Size]byte {
	var out [][sha256.Size]byte
	for _, k := range keys {
		out = append(out, sha256.Sum256([]byte(k.Reveal())))
	}
	return out
}

// keyed tells whether the request carries one of the access keys.
func (s *Server) keyed(r *http.Request) bool {
	_, ok := s.keyName(r)
	return ok
}

// keyName names the access key of a request for those who count by key. Every key is compared, and in constant
// time.
func (s *Server) keyName(r *http.Request) (name string, ok bool) {
	got, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return "", false
	}
	sum := sha256.Sum256([]byte(strings.TrimSpace(got)))
	match := 0
	for i := range s.keys {
		match |= subtle.ConstantTimeCompare(sum[:], s.keys[i][:])
	}
	if match == 0 {
		return "", false
	}
	return "key " + hex.EncodeToString(sum[:8]), true
}

// authorized answers 401 when a key is wanted and not there.
func (s *Server) authorized(w http.ResponseWriter, r *http.Request) bool {
	if s.open(r) || s.keyed(r) {
		return true
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="voicectl"`)
	refuse(w, r, http.StatusUnauthorized, "unauthorized", "Send one of the access keys as: Authorization: Bearer KEY.")
	return false
}

// originAllowed judges the Origin header. A browser always sends it; an exact list decides. In --dev any
// page of this machine may come.
func (s *Server) originAllowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true // no browser; a token decides
	}
	for _, a := range s.o.Config.AllowedOrigins {
		if strings.EqualFold(strings.TrimRight(a, "/"), origin) {
			return true
		}
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return false
	}
	if u.Scheme == s.public.Scheme && strings.EqualFold(u.Host, s.public.Host) {
		return true
	}
	if !loopbackName(u.Hostname()) {
		return false
	}
	// The same server under another of loopback's names; under --dev or --sandbox any port.
	_, port, _ := net.SplitHostPort(s.listener.Addr().String())
	return s.o.Config.Dev || s.o.Config.Sandbox || (loopbackBind(s.o.Config.Addr) && u.Port() == port)
}

// hostAllowed keeps a page of the world from reaching a developer's server by a name that resolves to
// loopback: such a server answers to loopback's names only.
func (s *Server) hostAllowed(r *http.Request) bool {
	return !s.open(r) || loopbackName(hostname(r)) || strings.EqualFold(r.Host, s.public.Host)
}
