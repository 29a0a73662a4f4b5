package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
	"github.com/voicectl/voicectl/internal/ws"
)

func cors() *checks.Kind {
	return &checks.Kind{
		Name: "cors.origins", Title: "Pages of other sites get nothing",
		Passes: "allowed origins are echoed exactly, others not at all, * never, and sockets keep to the same list",
		Why:    "A backend that lets any page in lets every site that a user visits speak with his rights, and open calls at your cost.",
		Fix:    "list the origins of your pages in ALLOWED_ORIGINS, without *, and check Origin at the WebSocket too: browsers do not protect it",
		Source: "Fetch Standard, CORS protocol; OWASP WebSocket Security", Saves: "origin and path to what was allowed", Severity: checks.Block,
		Needs: []checks.Need{checks.NeedTarget}, Timeout: 30 * time.Second,
		Params: []checks.Param{
			{Name: "allow", Type: checks.List, Doc: "origins that must get in; configured and frontend: those of the scope or of ALLOWED_ORIGINS"},
			{Name: "deny", Type: checks.List, Default: []string{"evil", "null"}, Doc: "evil, null, subdomain (of an allowed one's lookalikes), * (any wildcard), or an origin"},
			{Name: "credentials", Type: checks.Switch, Default: false, Doc: "allowed origins may send credentials"},
			{Name: "paths", Type: checks.List, Doc: "paths to ask (default: health, the API's first routes and the socket)"},
		},
		Look: lookCORS,
	}
}

// visitor is a page that asks.
type visitor struct {
	origin  string
	allowed bool
}

// visitors are the pages of the parameters; told says how many origins are configured.
func visitors(scope *checks.Scope, with checks.Values) (out []visitor, told int) {
	configured := slices.Clone(scope.Origins)
	for o := range strings.SplitSeq(scope.Env.Value("ALLOWED_ORIGINS"), ",") {
		if o = strings.TrimRight(strings.TrimSpace(o), "/"); o != "" && o != "*" && !slices.Contains(configured, o) {
			configured = append(configured, o)
		}
	}
	add := func(origin string, allowed bool) {
		if v := (visitor{origin, allowed}); !slices.Contains(out, v) && len(out) < 12 {
			out = append(out, v)
		}
	}
	for _, a := range with.List("allow") {
		if a == "configured" || a == "frontend" {
			for _, o := range configured {
				add(o, true)
			}
			continue
		}
		add(a, true)
	}
	known := "https://" + scope.Target.Hostname()
	if len(configured) > 0 {
		known = configured[0]
	}
	scheme, host, _ := strings.Cut(known, "://")
	host, _, _ = strings.Cut(host, ":")
	for _, d := range with.List("deny") {
		switch d {
		case "evil", "*":
			add("https://evil.example", false)
		case "null":
			add("null", false)
		case "subdomain":
			// What a careless comparison lets in: the beginning, the end, or a part of the name.
			add(scheme+"://"+host+".evil.example", false)
			add(scheme+"://evil-"+host, false)
		default:
			add(d, false)
		}
	}
	return out, len(configured)
}

func lookCORS(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	pages, told := visitors(scope, with)
	paths := with.List("paths")
	if len(paths) == 0 {
		paths = []string{"/health"}
		routes, _, err := routesOf(ctx, scope, []string{"api"}, nil)
		if err != nil {
			return checks.Observation{}, err
		}
		for _, r := range routes {
			if len(paths) < 4 && !r.templated && !slices.Contains(paths, r.path) {
				paths = append(paths, r.path)
			}
		}
	}
	saw := map[string]any{}
	var problems []checks.Problem
	var busy []string
	for _, page := range pages {
		row := map[string]any{}
		granted := 0
		for _, path := range paths {
			for _, preflight := range []bool{false, true} {
				got, err := askAs(ctx, scope, path, page.origin, preflight)
				if err != nil {
					return checks.Observation{}, err
				}
				what := path
				if preflight {
					what = "OPTIONS " + path
				}
				row[what] = got.words()
				if got.grants(page.origin) {
					granted++
				}
				if why := got.judge(page); why != "" {
					problems = append(problems, problemf("%s for %s: %s", what, page.origin, why))
				}
			}
		}
		if page.allowed && granted == 0 {
			problems = append(problems, problemf("%s is to be allowed, and no route allows it", page.origin))
		}
		opened, err := opens(ctx, scope, page, row)
		if err != nil {
			return checks.Observation{}, err
		}
		if status, _ := row["/ws"].(int); status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
			busy = append(busy, page.origin)
		}
		if opened && !page.allowed {
			problems = append(problems, problemf("the socket /ws opens for a page of %s", page.origin))
		}
		saw[page.origin] = row
	}
	if told == 0 {
		saw["allowed"] = "no origin is configured: only that strangers are refused was judged"
	}
	if len(problems) > 0 {
		return checks.Failed(saw, "listed origins echoed, all others refused, no *", checks.Fix{Commands: []string{"curl -si -H 'Origin: https://evil.example' " + at(scope, paths[0])}}, problems...), nil
	}
	if len(busy) > 0 {
		return checks.Unclear(saw, "the socket was busy when pages of "+strings.Join(busy, ", ")+" asked", checks.Fix{Text: "ask again when the backend is idle"}), nil
	}
	return checks.Passed(saw), nil
}

// grant is what an answer lets a page do.
type grant struct {
	origin      string
	credentials bool
	vary        bool
}

func askAs(ctx context.Context, scope *checks.Scope, path, origin string, preflight bool) (grant, error) {
	r := probe.Request{URL: at(scope, path), Header: http.Header{"Origin": {origin}}, Most: 64 << 10}
	if preflight {
		r.Method = http.MethodOptions
		r.Header.Set("Access-Control-Request-Method", "POST")
		r.Header.Set("Access-Control-Request-Headers", "authorization, content-type")
	}
	resp, err := ask(ctx, scope, r)
	if err != nil {
		return grant{}, err
	}
	return grant{
		origin:      strings.Join(resp.Header.Values("Access-Control-Allow-Origin"), ", "),
		credentials: strings.EqualFold(resp.Header.Get("Access-Control-Allow-Credentials"), "true"),
		vary:        strings.Contains(strings.ToLower(strings.Join(resp.Header.Values("Vary"), ",")), "origin"),
	}, nil
}

func (g grant) words() string {
	switch {
	case g.origin == "":
		return "nothing"
	case g.credentials:
		return g.origin + " with credentials"
	}
	return g.origin
}

func (g grant) grants(origin string) bool { return g.origin == origin || g.origin == "*" }

func (g grant) judge(page visitor) string {
	switch {
	case g.origin == "*" && g.credentials:
		return "* with credentials"
	case g.origin == "*":
		return "* lets every page read the answer"
	case !page.allowed && g.origin == page.origin:
		return "the foreign origin is echoed" + map[bool]string{true: " with credentials"}[g.credentials]
	case page.allowed && g.origin != "" && g.origin != page.origin:
		return fmt.Sprintf("%.80q is allowed in its place", g.origin)
	case page.allowed && g.origin != "" && !g.vary:
		return "the answer depends on Origin and does not say so by Vary"
	}
	return ""
}

// opens tells whether the socket opens for a page, and notes it. A token goes along: the question is whether
// the origin alone keeps a page out.
func opens(ctx context.Context, scope *checks.Scope, page visitor, row map[string]any) (bool, error) {
	header := bearer(scope.Token)
	header.Set("Origin", page.origin)
	c, status, err := dialPatient(ctx, scope, "/ws", header)
	var e *probe.Error
	switch {
	case errors.As(err, &e) && (broke(err) || e.Class == probe.ClassTime):
		row["/ws"] = "no upgrade: " + string(e.Class)
		return false, nil
	case err != nil:
		return false, err
	case c == nil:
		row["/ws"] = status
		return false, nil
	}
	_ = c.Close(ws.CloseNormal, "looked")
	row["/ws"] = status
	return true, nil
}
