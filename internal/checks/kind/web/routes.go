package web

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
)

// body is the kind of body that a route takes, "" = none.
type body string

const (
	takesJSON   body = "json"
	takesSound  body = "sound"
	takesForm   body = "form"
	takesSocket body = "socket"
)

// group is what a route is for. Checklists ask for routes by group.
type group string

const (
	groupAPI    group = "api"
	groupAudio  group = "audio"
	groupHealth group = "health"
	groupDocs   group = "docs"
	groupHook   group = "webhooks" // signed by the phone network, not by a token
	groupSocket group = "sockets"
	groupPage   group = "pages"
)

// route is one route of a backend.
type route struct {
	method, path string
	takes        body
	group        group
	profiles     string // of which backends, "" = all
	described    bool   // by the backend's own description
	templated    bool   // a parameter of the path was filled in
}

func (r route) String() string { return r.method + " " + r.path }

// table holds the routes that backends of the profiles have. A backend that names them differently maps the
// paths by names; what a target does not have (404) is left out of the judgement. Sources: the clients of
// Pipecat for julia, Twilio's webhooks for phone, the audio API for audio.
var table = []route{ //nolint:gochecknoglobals // a table
	{method: "GET", path: "/health", group: groupHealth},
	{method: "GET", path: "/readyz", group: groupHealth},
	{method: "GET", path: "/livez", group: groupHealth},
	{method: "GET", path: "/openapi.json", group: groupDocs},
	{method: "GET", path: "/", group: groupPage, profiles: "julia"},
	{method: "POST", path: "/start", takes: takesJSON, group: groupAPI, profiles: "julia"},
	{method: "POST", path: "/connect", takes: takesJSON, group: groupAPI, profiles: "julia"},
	{method: "GET", path: "/ws", takes: takesSocket, group: groupSocket, profiles: "julia phone"},
	{method: "POST", path: "/", takes: takesForm, group: groupHook, profiles: "phone"},
	{method: "POST", path: "/twilio/voice", takes: takesForm, group: groupHook, profiles: "phone"},
	{method: "POST", path: "/twilio/fallback", takes: takesForm, group: groupHook, profiles: "phone"},
	{method: "POST", path: "/twilio/status", takes: takesForm, group: groupHook, profiles: "phone"},
	{method: "GET", path: "/twilio/media", takes: takesSocket, group: groupSocket, profiles: "phone"},
	{method: "POST", path: "/detect_wakeword", takes: takesSound, group: groupAudio, profiles: "audio"},
	{method: "POST", path: "/detect_command", takes: takesSound, group: groupAudio, profiles: "audio"},
	{method: "POST", path: "/verify_voice", takes: takesSound, group: groupAudio, profiles: "audio"},
	{method: "POST", path: "/enroll_voice", takes: takesSound, group: groupAudio, profiles: "audio"},
	{method: "POST", path: "/collect_sample", takes: takesSound, group: groupAudio, profiles: "audio"},
	{method: "GET", path: "/api/calls", group: groupAPI},
	{method: "GET", path: "/api/calls/voicectl-probe", group: groupAPI, templated: true},
}

// mostRoutes bounds what a description may make us ask.
const mostRoutes = 60

// of tells whether a route belongs to backends of a profile.
func (r route) of(profile string) bool {
	switch profile {
	case "", "any", "all":
		return true
	}
	return r.profiles == "" || slices.Contains(strings.Fields(r.profiles), profile)
}

// in tells whether a route is meant by a word of a checklist: a group, "all", "profile", or its path.
func (r route) in(word string) bool {
	switch word {
	case "all", "all-routes":
		return true
	case "profile":
		return r.group == groupAPI || r.group == groupAudio || r.group == groupSocket
	case "api":
		return r.group == groupAPI || r.group == groupAudio
	}
	return string(r.group) == word || r.path == word
}

// harmless tells whether a stranger may knock: reading, or a route whose body can be spoiled. A write without
// a body acts by being asked.
func (r route) harmless() bool {
	return r.method == http.MethodGet || r.method == http.MethodPost && r.takes != ""
}

// routesOf are the routes of the target that the words mean, without those that except means: those of the
// table for the profile, and those that the backend describes. mute are the ones that are not asked.
func routesOf(ctx context.Context, scope *checks.Scope, words, except []string) (routes []route, mute []string, err error) {
	all := slices.Clone(table)
	described, err := describedRoutes(ctx, scope)
	if err != nil {
		return nil, nil, err
	}
	for _, d := range described {
		i := slices.IndexFunc(all, func(r route) bool { return r.method == d.method && own(scope, r.path) == d.path })
		if i < 0 {
			all = append(all, d)
			continue
		}
		all[i].described = true
	}
	for _, r := range all {
		means := func(word string) bool { return r.in(word) }
		switch {
		case !r.described && !r.of(scope.Profile), !slices.ContainsFunc(words, means), slices.ContainsFunc(except, means):
		case !r.harmless():
			mute = append(mute, r.String())
		case len(routes) < mostRoutes:
			routes = append(routes, r)
		default:
			mute = append(mute, r.String())
		}
	}
	for _, word := range words {
		literal := strings.HasPrefix(word, "/") && !slices.ContainsFunc(all, func(r route) bool { return r.path == word })
		if literal {
			routes = append(routes, route{method: http.MethodGet, path: word, group: groupAPI})
		}
	}
	return routes, mute, nil
}

// parameter is a variable part of a described path.
var parameter = regexp.MustCompile(`\{[^/{}]{1,64}\}`)

// describedRoutes reads /openapi.json, when there is one. A description that cannot be read is none.
func describedRoutes(ctx context.Context, scope *checks.Scope) ([]route, error) {
	resp, err := ask(ctx, scope, probe.Request{URL: at(scope, "/openapi.json"), Header: bearer(scope.Token), Follow: 2})
	if err != nil {
		return nil, err
	}
	if resp.Status != http.StatusOK || resp.Cut {
		return nil, nil
	}
	return readDescription(resp.Body), nil
}

// readDescription takes the routes out of an OpenAPI document, in the order of their paths.
func readDescription(doc []byte) []route {
	var d struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if json.Unmarshal(doc, &d) != nil {
		return nil
	}
	paths := make([]string, 0, len(d.Paths))
	for p := range d.Paths {
		if strings.HasPrefix(p, "/") && len(p) < 300 && !strings.ContainsAny(p, "?#% \\") {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	var out []route
	for _, p := range paths {
		for _, method := range []string{"get", "post", "put", "patch", "delete"} {
			raw, has := d.Paths[p][method]
			if !has || len(out) >= 4*mostRoutes {
				continue
			}
			var op struct {
				RequestBody struct {
					Content map[string]json.RawMessage `json:"content"`
				} `json:"requestBody"`
			}
			if json.Unmarshal(raw, &op) != nil {
				continue
			}
			filled := parameter.ReplaceAllString(p, "voicectl-probe")
			out = append(out, route{
				method: strings.ToUpper(method), path: filled, takes: bodyOf(op.RequestBody.Content),
				group: groupOf(p), described: true, templated: filled != p,
			})
		}
	}
	return out
}

func bodyOf(content map[string]json.RawMessage) body {
	out := body("")
	for kind := range content {
		switch {
		case strings.HasPrefix(kind, "audio/"), strings.HasPrefix(kind, "multipart/"), kind == "application/octet-stream":
			return takesSound
		case kind == "application/json":
			out = takesJSON
		case out == "":
			out = takesForm
		}
	}
	return out
}

// groupOf tells from a path what a route is for, where the table does not know it.
func groupOf(path string) group {
	last := path[strings.LastIndex(path, "/")+1:]
	switch last {
	case "health", "healthz", "livez", "readyz", "ready", "live", "ping":
		return groupHealth
	case "openapi.json", "docs", "redoc", "favicon.ico", "robots.txt":
		return groupDocs
	case "":
		return groupPage
	}
	if strings.Contains(path, "twilio") || strings.Contains(path, "webhook") {
		return groupHook
	}
	return groupAPI
}
