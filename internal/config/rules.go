package config

import (
	"net"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/voicectl/voicectl/internal/envcat"
)

// derive fills what follows from other values, and brings words into one form.
func (l *loader) derive(cfg *Config) {
	cfg.Environment = strings.ToLower(cfg.Environment)
	cfg.Log.Format = strings.ToLower(cfg.Log.Format)
	cfg.Log.Level = strings.ToLower(cfg.Log.Level)
	if cfg.Log.Level == "warning" {
		cfg.Log.Level = "warn"
	}
	cfg.PublicURL = strings.TrimRight(cfg.PublicURL, "/")
	cfg.BasePath = strings.TrimRight(cfg.BasePath, "/")
	if port, ok := l.final["port"]; ok && port.name == "PORT" && !l.isSet("host") {
		cfg.Host = "0.0.0.0"
		l.assume("host", "because PORT is set")
	}
	if (cfg.Dev || cfg.Sandbox) && !l.isSet("tools.report_level") {
		cfg.Tools.ReportLevel = "full"
		l.assume("tools.report_level", "because of --dev or --sandbox")
	}
}

func (l *loader) isSet(key string) bool { _, ok := l.final[key]; return ok }

// assume records why a key has a value that nobody wrote.
func (l *loader) assume(key, why string) {
	l.final[key] = setting{key: l.s.byPath[key], value: why, name: key, origin: why}
}

// checkRules holds what no single value can tell.
func (l *loader) checkRules(cfg *Config) {
	production := cfg.Environment == "production"
	if production && len(cfg.Auth.APIKeys) == 0 {
		l.fault("environment", "VOICECTL_API_KEYS is not set, and production does not start without authentication",
			"set it to one or more random keys, such as the output of `openssl rand -hex 24`")
	}
	if production && cfg.Dev {
		l.fault("dev", "--dev opens the server and does not go with ENVIRONMENT=production", "leave one of them out")
	}
	if production && cfg.Sandbox {
		l.fault("sandbox", "--sandbox answers callers from emulators and does not go with ENVIRONMENT=production", "leave one of them out")
	}
	if production && cfg.PublicURL == "" && !Loopback(cfg.Host) {
		l.fault("environment", "PUBLIC_URL is not set, and in production the server does not guess what the outside world calls it",
			"set it to the https URL under which callers reach this server")
	}
	for _, p := range cfg.Limits.TrustedProxies {
		if _, err := Network(p); err != nil {
			l.fault("limits.trusted_proxies", "limits.trusted_proxies holds "+envcat.Quote(p)+", which is neither an address nor a network",
				"write them like 10.0.0.7 or 10.0.0.0/8")
		}
	}
	l.checkAddresses(cfg)
	l.checkURLs(cfg)
	for _, d := range cfg.Tools.MailDomains {
		if len(d) > 253 || !regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$`).MatchString(d) {
			l.fault("tools.mail_domains", "tools.mail_domains holds a name that is not a domain", "write them like example.com")
		}
	}
	if cfg.Limits.IdleTimeout > cfg.Limits.SessionTimeout {
		l.fault("limits.idle_timeout", "limits.idle_timeout is longer than limits.session_timeout", "lower the first or raise the second")
	}
	if cfg.Limits.FirstMessageBytes > cfg.Limits.MessageBytes {
		l.fault("limits.first_message_bytes", "limits.first_message_bytes is larger than limits.message_bytes", "lower the first or raise the second")
	}
}

// fault reports a rule, at the place where the key was written if it was.
func (l *loader) fault(key, what, fix string) {
	f := Fault{What: what, Fix: fix}
	if set, ok := l.final[key]; ok && set.origin != "flag" {
		f.At = set.origin
	}
	l.faults = append(l.faults, f)
}

func (l *loader) checkAddresses(cfg *Config) {
	if strings.ContainsAny(cfg.Host, "/ :") && net.ParseIP(cfg.Host) == nil || cfg.Host == "" {
		l.fault("host", "host is not an address or a name", "write it without scheme and port, such as 0.0.0.0")
	}
	if cfg.AdminAddr == "" || cfg.AdminAddr == "off" {
		cfg.AdminAddr = ""
		return
	}
	host, port, err := net.SplitHostPort(cfg.AdminAddr)
	switch {
	case err != nil || port == "":
		l.fault("admin_addr", "admin_addr is not of the form HOST:PORT", "write 127.0.0.1:9090, or off for none")
	case !Loopback(host) && len(cfg.Auth.APIKeys) == 0:
		l.fault("admin_addr", "admin_addr can be reached from outside, and VOICECTL_API_KEYS is not set",
			"bind it to 127.0.0.1, or set keys")
	}
}

func (l *loader) checkURLs(cfg *Config) {
	if p := cfg.BasePath; p != "" && (!strings.HasPrefix(p, "/") || path.Clean(p) != p || strings.ContainsAny(p, "?#% \\{}")) {
		l.fault("base_path", "base_path is not a plain path", "write it like /v4/project/app")
	}
	u, err := url.Parse(cfg.PublicURL)
	public := err == nil && u.Host != ""
	if public && u.Scheme == "http" && !Loopback(u.Hostname()) {
		l.fault("public_url", "public_url is http, which callers must not use over a network", "use https; http is for loopback")
	}
	if !public && cfg.Providers.Twilio.AuthToken.Set() && !Loopback(cfg.Host) && !cfg.Dev && !cfg.Sandbox {
		l.fault("public_url", "PUBLIC_URL is not set, and webhooks of Twilio are signed with it",
			"set it to the https URL under which Twilio reaches this server")
	}
	for _, o := range cfg.Auth.AllowedOrigins {
		if !origin(o) {
			l.fault("auth.allowed_origins", "ALLOWED_ORIGINS holds something that is not an origin",
				"write scheme and host only, such as https://app.example.com; * is not allowed")
		}
	}
}

func origin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && slices.Contains([]string{"http", "https"}, u.Scheme) && u.Hostname() != "" &&
		u.User == nil && u.Path == "" && u.RawQuery == "" && u.Fragment == "" && !strings.Contains(text, "*")
}

// Network reads an address or a network; an address is a network of one.
func Network(text string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(text); err == nil {
		ip = ip.Unmap().WithZone("")
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err
}

// Loopback tells whether only this machine reaches a host.
func Loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
