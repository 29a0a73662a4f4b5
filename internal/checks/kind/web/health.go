package web

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
)

// dialect is one way of saying that a backend is well. More keys are allowed, fewer are not.
type dialect struct {
	name   string
	status string // "" = any of well
	fields []string
}

// dialects, the most telling first.
var dialects = []dialect{ //nolint:gochecknoglobals // a table
	{"all", "ok", []string{"status:text", "active_sessions:int>=0", "active_connections:int>=0", "service:text", "message:text", "version:text"}},
	{"julia", "ok", []string{"status:text", "active_sessions:int>=0"}},
	{"phone", "healthy", []string{"status:text", "active_connections:int>=0", "service:text"}},
	{"audio", "ok", []string{"status:text", "message:text", "version:text"}},
}

// well are the words of backends that speak no dialect.
var well = []string{"ok", "healthy", "up", "pass", "alive", "running"} //nolint:gochecknoglobals // a table

func health() *checks.Kind {
	return &checks.Kind{ //nolint:gosec // Passes is no password
		Name: "health.probe", Title: "The health route says that the backend is well",
		Passes: "2xx in time, with the fields of the dialect and of the right types",
		Why:    "Platforms restart what does not answer here, and monitors page by it: a health route that lies or is slow takes a good backend down.",
		Fix:    "answer GET /health with 200 and the fields of the dialect, without asking vendors",
		Source: "Kubernetes: Configure Liveness, Readiness and Startup Probes", Saves: "dialect, status, fields, milliseconds, TLS on or off",
		Severity: checks.Block, Needs: []checks.Need{checks.NeedTarget}, Timeout: 30 * time.Second,
		Params: []checks.Param{
			{Name: "dialect", Type: checks.Text, Default: "auto", OneOf: []string{"auto", "pipecat", "julia", "phone", "audio", "all", "bare"}, Doc: "pipecat is julia; auto takes any and says which it saw; bare wants 2xx and no more"},
			{Name: "path", Type: checks.Text, Default: "/health", Doc: "the route"},
			{Name: "base_path", Type: checks.Text, Doc: "a path before it, as platforms add one"},
			{Name: "fields", Type: checks.List, Doc: `what the answer must hold beside: "name", "name:int", "name:int>=0"`},
			{Name: "port", Type: checks.Whole, Doc: "the port when the URL names none"},
			{Name: "max_ms", Type: checks.Number, Default: 2000, Doc: "milliseconds, the better of two tries"},
			{Name: "within", Type: checks.Duration, Doc: "ask again until it is well or the time is over"},
		},
		Look: lookHealth,
	}
}

func lookHealth(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	end := scope.Clock.Now().Add(with.Duration("within"))
	for {
		obs, err := healthOnce(ctx, scope, with)
		if err == nil && obs.State == checks.Pass || !scope.Clock.Now().Before(end) || !pause(ctx, scope.Clock, time.Second) {
			return obs, err
		}
	}
}

func healthOnce(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	var fields []field
	for _, text := range with.List("fields") {
		f, err := parseField(text)
		if err != nil {
			return checks.Observation{}, err
		}
		fields = append(fields, f)
	}
	name := with.Text("dialect")
	if name == "pipecat" {
		name = "julia"
	}
	paths := []string{own(scope, with.Text("path"))}
	if slices.Contains([]string{"julia", "phone", "audio"}, name) {
		paths = append(paths, "/"+name+"/health") // where a backend of several profiles speaks this dialect
	}
	var first checks.Observation
	for i, path := range paths {
		obs, err := healthAt(ctx, scope, with, name, path, fields)
		if err == nil && obs.State == checks.Pass {
			return obs, nil
		}
		if i == 0 {
			if err != nil {
				return obs, err
			}
			first = obs
		}
	}
	return first, nil
}

func healthAt(ctx context.Context, scope *checks.Scope, with checks.Values, name, path string, fields []field) (checks.Observation, error) {
	u := base(scope.Target)
	if port := with.Whole("port"); port > 0 && u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), strconv.Itoa(port))
	}
	r := probe.Request{URL: u.String() + strings.TrimRight(with.Text("base_path"), "/") + path, Header: bearer(scope.Token), Follow: 3, Most: 64 << 10}
	resp, err := ask(ctx, scope, r)
	if err != nil {
		return checks.Observation{}, err
	}
	limit := with.Number("max_ms")
	if limit > 0 && millis(resp.Total) > limit {
		if again, err := ask(ctx, scope, r); err == nil && again.Total < resp.Total {
			resp = again // the first look pays for names, TCP and TLS
		}
	}
	saw := map[string]any{"path": path, "status": resp.Status, "ms": millis(resp.Total), "tls": resp.TLS != nil}
	wanted := fmt.Sprintf("200 with the fields of the dialect %s", name)
	fail := func(problems ...checks.Problem) (checks.Observation, error) {
		return checks.Failed(saw, wanted, checks.Fix{Commands: []string{"curl -i " + r.URL}}, problems...), nil
	}
	if resp.Status/100 != 2 {
		return fail(problemf("%s answers %d", path, resp.Status))
	}
	var problems []checks.Problem
	if limit > 0 && millis(resp.Total) > limit {
		problems = append(problems, problemf("%s took %.0f ms, more than %v", path, millis(resp.Total), limit))
	}
	var got map[string]any
	unreadable := resp.JSON(&got)
	if unreadable != nil && name == "auto" || name == "bare" {
		saw["dialect"] = "bare"
		if resp.Cut {
			problems = append(problems, problemf("%s answers more than %d bytes", path, len(resp.Body)))
		}
	} else if unreadable != nil || got == nil {
		problems = append(problems, problemf("%s: the answer is no JSON object", path))
	} else {
		spoken, why := speaks(got, name)
		saw["dialect"], saw["says"] = spoken, short(got["status"])
		for _, text := range why {
			problems = append(problems, problemf("%s: %s", path, text))
		}
	}
	for _, f := range fields {
		if why := f.judge(got); why != "" {
			problems = append(problems, problemf("%s: %s", path, why))
		} else {
			saw[f.name] = short(got[f.name])
		}
	}
	if len(problems) > 0 {
		return fail(problems...)
	}
	return checks.Passed(saw), nil
}

// speaks tells which dialect an answer is in, and what is wrong with it as name.
func speaks(got map[string]any, name string) (spoken string, why []string) {
	for _, d := range dialects {
		if wrong := d.judge(got); len(wrong) == 0 {
			if name == "auto" || name == d.name || d.name == "all" {
				return d.name, nil
			}
			if spoken == "" {
				spoken = d.name
			}
		} else if d.name == name {
			why = wrong
		}
	}
	if spoken == "" {
		spoken = "bare"
	}
	if name != "auto" {
		return spoken, why
	}
	if status, has := got["status"]; has && !slices.Contains(well, strings.ToLower(fmt.Sprint(status))) {
		why = append(why, fmt.Sprintf("status is %.40q", fmt.Sprint(status)))
	}
	return spoken, why
}

func (d dialect) judge(got map[string]any) []string {
	var out []string
	for _, text := range d.fields {
		f, err := parseField(text)
		if err != nil {
			return []string{err.Error()}
		}
		if why := f.judge(got); why != "" {
			out = append(out, why)
		}
	}
	if s, is := got["status"].(string); is && s != d.status {
		out = append(out, fmt.Sprintf("status is %.40q and not %q", s, d.status))
	}
	return out
}

func short(v any) any {
	if s, is := v.(string); is && len(s) > 80 {
		return s[:80] + "…"
	}
	return v
}
