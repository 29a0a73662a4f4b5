package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
)

// versions are those of TLS that can be asked for as a minimum.
var versions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13} //nolint:gochecknoglobals // a table

func cert() *checks.Kind {
	return &checks.Kind{
		Name: "tls.cert", Title: "The certificate is good, and so is the TLS",
		Passes: "the chain verifies, the name fits, days are left, and old versions of TLS are refused",
		Why:    "The phone network and every browser hang up on a certificate that ran out over night.",
		Fix:    "renew the certificate by ACME, send the whole chain, and switch TLS 1.0 and 1.1 off",
		Source: "RFC 5280, RFC 8996", Saves: "issuer, names, last day, version, cipher", Severity: checks.Block,
		Needs: []checks.Need{checks.NeedTarget}, Timeout: 20 * time.Second,
		Params: []checks.Param{
			{Name: "host", Type: checks.Text, Doc: "host, or host:port (default: that of the target)"},
			{Name: "min_days", Type: checks.Whole, Default: 21, Doc: "days that should be left; fewer is a warning"},
			{Name: "block_days", Type: checks.Whole, Default: 7, Doc: "days that must be left"},
			{Name: "min_version", Type: checks.Text, Default: "1.2", OneOf: []string{"1.2", "1.3"}, Doc: "the oldest TLS that may be spoken"},
			{Name: "chain", Type: checks.Switch, Default: true, Doc: "the chain must verify"},
		},
		Look: lookCert,
	}
}

func lookCert(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	u := base(scope.Target)
	name, address := u.Hostname(), net.JoinHostPort(u.Hostname(), portOf(u))
	if h := with.Text("host"); h != "" {
		host, port, err := net.SplitHostPort(h)
		if err != nil {
			host, port = h, "443"
		}
		name, address = host, net.JoinHostPort(host, port)
	} else if !encrypted(scope) {
		return noTLS(scope), nil
	}
	state, err := probe.Handshake(ctx, scope.HTTP, address, name, tls.VersionTLS10, 0)
	var e *probe.Error
	switch {
	case errors.As(err, &e) && e.Class == probe.ClassTLS:
		return checks.Failed(map[string]any{"error": err.Error()}, "TLS "+with.Text("min_version")+" or newer", checks.Fix{}, problemf("%v", err)), nil
	case err != nil:
		return checks.Observation{}, err
	case len(state.PeerCertificates) == 0:
		return checks.Failed(nil, "a certificate", checks.Fix{}, problemf("%s shows none", address)), nil
	}
	leaf, now := state.PeerCertificates[0], scope.Clock.Now()
	days := int(leaf.NotAfter.Sub(now) / (24 * time.Hour))
	saw := map[string]any{
		"version": tls.VersionName(state.Version), "cipher": tls.CipherSuiteName(state.CipherSuite), "issuer": leaf.Issuer.CommonName,
		"names": shortList(leaf.DNSNames), "not_after": leaf.NotAfter.UTC().Format(time.RFC3339), "days": days, "chain": len(state.PeerCertificates),
	}
	wanted := fmt.Sprintf("a chain that verifies, %d days left, TLS %s or newer", with.Whole("min_days"), with.Text("min_version"))
	var problems []checks.Problem
	if err := probe.Verify(scope.HTTP, state, name, now); with.Switch("chain") && err != nil {
		problems = append(problems, problemf("%v", err))
	}
	if days < with.Whole("block_days") && now.Before(leaf.NotAfter) {
		problems = append(problems, problemf("the certificate has %d days left, fewer than %d", days, with.Whole("block_days")))
	}
	oldest := versions[with.Text("min_version")]
	old, err := probe.Handshake(ctx, scope.HTTP, address, name, tls.VersionTLS10, oldest-1)
	switch {
	case err == nil:
		problems = append(problems, problemf("%s is spoken as well", tls.VersionName(old.Version)))
		saw["oldest"] = tls.VersionName(old.Version)
	case errors.As(err, &e) && (e.Class == probe.ClassTLS || e.Class == probe.ClassReset):
		saw["older"] = "refused"
	case len(problems) == 0:
		return checks.Unclear(saw, "whether older versions are refused could not be seen: "+err.Error(), checks.Fix{}), nil
	}
	if len(problems) > 0 {
		return checks.Failed(saw, wanted, checks.Fix{}, problems...), nil
	}
	obs := checks.Passed(saw)
	if days < with.Whole("min_days") {
		obs.State, obs.Wanted, obs.Fix = checks.Warn, wanted, checks.Fix{Text: "renew the certificate, and see why that did not happen by itself"}
		obs.Problems = []checks.Problem{problemf("the certificate has %d days left, fewer than %d", days, with.Whole("min_days"))}
	}
	obs.Limit = with.Whole("min_days")
	return obs, nil
}

func shortList(list []string) []string {
	if len(list) > 10 {
		return append(list[:10:10], fmt.Sprintf("and %d more", len(list)-10))
	}
	return list
}
