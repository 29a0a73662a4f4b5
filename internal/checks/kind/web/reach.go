package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
)

// vendors are the hosts of outside services, by the variable that moves them. Source: the vendors' documents.
var vendors = []struct{ variable, host string }{ //nolint:gochecknoglobals // a table
	{"OPENAI_BASE_URL", "api.openai.com"},
	{"SPEECHMATICS_RT_URL", "eu.rt.speechmatics.com"},
	{"CARTESIA_BASE_URL", "api.cartesia.ai"},
	{"SUPABASE_URL", ""},
	{"ULTRAVOX_BASE_URL", ""},
	{"HF_ENDPOINT", "huggingface.co"},
	{"TWILIO_API_BASE_URL", "api.twilio.com"},
}

// mostPorts bounds the connections of one look.
const mostPorts = 64

func reach() *checks.Kind {
	return &checks.Kind{
		Name: "net.reach", Title: "Ports are open and shut as they should be",
		Passes: "every port is as wanted, seen from where voicectl runs",
		Why:    "A database or a container engine that the world can reach is found by scanners within hours.",
		Fix:    "close the ports in the firewall or the security group, or bind the services to 127.0.0.1",
		Source: "CIS Controls v8, 4.4 and 4.5", Saves: "host, port, state, milliseconds", Severity: checks.Warns, Timeout: 20 * time.Second,
		Params: []checks.Param{
			{Name: "hosts", Type: checks.List, Doc: "names; vendors: the outside services of the environment (default: the host of the target)"},
			{Name: "open", Type: checks.List, Doc: "ports that must be open; 443 stands for the port that the URL of the target names"},
			{Name: "closed", Type: checks.List, Doc: "ports that must not be, that of the target excepted"},
			{Name: "from", Type: checks.List, Default: []string{"inside"}, OneOf: []string{"inside", "outside"}, Doc: "outside: voicectl must run on another machine"},
		},
		Look: lookReach,
	}
}

// door is one port of one host.
type door struct {
	host, port string
	open       bool // wanted

	state string // open, refused, filtered, or the reason why it is not known
	ms    float64
}

func lookReach(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	doors, err := doorsOf(scope, with)
	switch {
	case err != nil:
		return checks.Observation{}, err
	case doors == nil:
		return checks.Skipped("needs a URL, or hosts", checks.Fix{Text: "give the URL of the backend"}), nil
	case len(doors) > mostPorts:
		return checks.Observation{}, fmt.Errorf("%d ports are more than the %d of one look", len(doors), mostPorts)
	}
	if slices.Contains(with.List("from"), "outside") {
		if addr, err := netip.ParseAddr(scope.Target.Hostname()); scope.Target.Hostname() == "localhost" || err == nil && probe.Barred(addr) != "" {
			return checks.Unclear(map[string]any{"host": scope.Target.Hostname()}, "from here the host is not seen as the world sees it",
				checks.Fix{Text: "run it on a machine outside, with the public URL", Commands: []string{"voicectl check security https://agent.example.com"}}), nil
		}
	}
	var wg sync.WaitGroup
	for i := range doors {
		wg.Go(func() { doors[i].knock(ctx, scope) })
	}
	wg.Wait()
	saw := map[string]any{}
	var wrong, unknown []checks.Problem
	for _, d := range doors {
		at := net.JoinHostPort(d.host, d.port)
		saw[at] = map[string]any{"state": d.state, "ms": d.ms}
		switch known := slices.Contains([]string{"open", "refused", "filtered"}, d.state); {
		case !known:
			unknown = append(unknown, problemf("%s: %s", at, d.state))
		case d.open && d.state != "open":
			wrong = append(wrong, problemf("%s is %s and should be open", at, d.state))
		case !d.open && d.state == "open":
			wrong = append(wrong, problemf("%s is open and should not be", at))
		}
	}
	switch {
	case ctx.Err() != nil:
		return checks.Observation{}, ctx.Err()
	case len(wrong) > 0:
		return checks.Failed(saw, "each port as wanted", checks.Fix{}, append(wrong, unknown...)...), nil
	case len(unknown) > 0:
		obs := checks.Unclear(saw, "not all could be looked at", checks.Fix{Text: "check the spelling of the host and the name server"})
		obs.Problems = unknown
		return obs, nil
	}
	return checks.Passed(saw), nil
}

// doorsOf lists what is to be tried; nil = there is no host.
func doorsOf(scope *checks.Scope, with checks.Values) ([]door, error) {
	var out []door
	add := func(host, port string, open bool) {
		if d := (door{host: host, port: port, open: open}); host != "" && !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	hosts := with.List("hosts")
	targetPort := ""
	if scope.Target != nil {
		targetPort = portOf(base(scope.Target))
		if len(hosts) == 0 {
			hosts = []string{scope.Target.Hostname()}
		}
	}
	for _, text := range append(slices.Clone(with.List("open")), with.List("closed")...) {
		if n, err := strconv.Atoi(text); err != nil || n < 1 || n > 65535 {
			return nil, fmt.Errorf("%q is no port", text)
		}
	}
	for _, host := range hosts {
		if host == "vendors" {
			for _, v := range vendors {
				if u, err := url.Parse(scope.Env.Value(v.variable)); err == nil && u.Host != "" {
					add(u.Hostname(), portOf(u), true)
				} else {
					add(v.host, "443", true)
				}
			}
			continue
		}
		own := scope.Target != nil && host == scope.Target.Hostname()
		for _, port := range with.List("open") {
			if own && port == "443" {
				port = targetPort
			}
			add(host, port, true)
		}
		for _, port := range with.List("closed") {
			if !own || port != targetPort {
				add(host, port, false)
			}
		}
	}
	return out, nil
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "http", u.Scheme == "ws":
		return "80"
	}
	return "443"
}

func (d *door) knock(ctx context.Context, scope *checks.Scope) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	start := scope.Clock.Now()
	c, err := probe.Dial(ctx, scope.HTTP, net.JoinHostPort(d.host, d.port))
	d.ms = millis(scope.Clock.Now().Sub(start))
	var e *probe.Error
	switch {
	case err == nil:
		_ = c.Close()
		d.state = "open"
	case errors.As(err, &e) && (e.Class == probe.ClassRefused || e.Class == probe.ClassReset):
		d.state = "refused"
	case errors.As(err, &e) && e.Class == probe.ClassTime:
		d.state = "filtered"
	default:
		d.state = err.Error()
	}
}
