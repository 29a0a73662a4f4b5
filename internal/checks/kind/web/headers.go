package web

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
)

func headers() *checks.Kind {
	return &checks.Kind{
		Name: "headers.security", Title: "Answers carry the headers that keep browsers safe",
		Passes: "each answer has the headers, with safe values",
		Why:    "Without them a browser guesses types, lets itself be framed, keeps private answers, or goes back to plain HTTP.",
		Fix:    "set the headers once, in the middleware or in the front, for errors too",
		Source: "OWASP REST Security Cheat Sheet; RFC 6797", Saves: "path and header to value", Severity: checks.Warns,
		Needs: []checks.Need{checks.NeedTarget}, Timeout: 15 * time.Second,
		Params: []checks.Param{
			{Name: "profile", Type: checks.Text, OneOf: []string{"api", "page"}, Doc: "api: HSTS, nosniff, CSP, X-Frame-Options, Referrer-Policy and Cache-Control; page: the same without Cache-Control"},
			{Name: "hsts", Type: checks.Duration, Doc: "how long browsers must stay with TLS (default 180d)"},
		},
		Look: lookHeaders,
	}
}

// guard is one header and what is wrong with a value of it, "" when nothing is.
type guard struct {
	name  string
	judge func(value string) string
}

// guards are the headers beside HSTS. The policies are those of OWASP for an API; a page may allow more.
func guards(profile string) []guard {
	if profile == "" {
		return nil
	}
	out := []guard{
		{"X-Content-Type-Options", func(v string) string { return unless(strings.EqualFold(v, "nosniff"), "is not nosniff") }},
		{"Content-Security-Policy", func(v string) string {
			switch {
			case !strings.Contains(v, "default-src") && !strings.Contains(v, "frame-ancestors"):
				return "has neither default-src nor frame-ancestors"
			case unsafeScript.MatchString(v):
				return "allows inline scripts or any source"
			}
			return ""
		}},
		{"X-Frame-Options", func(v string) string {
			return unless(strings.EqualFold(v, "DENY") || strings.EqualFold(v, "SAMEORIGIN"), "is neither DENY nor SAMEORIGIN")
		}},
		{"Referrer-Policy", func(v string) string {
			last := strings.ToLower(v[strings.LastIndexAny(v, ", ")+1:])
			return unless(last != "unsafe-url" && last != "no-referrer-when-downgrade", "tells the whole URL to others")
		}},
	}
	if profile == "api" {
		out = append(out, guard{"Cache-Control", func(v string) string {
			return unless(strings.Contains(v, "no-store") || strings.Contains(v, "private") || strings.Contains(v, "no-cache"), "lets shared caches keep the answer")
		}})
	}
	return out
}

var (
	unsafeScript = regexp.MustCompile(`(?:default|script)-src[^;]*(?:'unsafe-inline'|\*(?:\s|;|$))`)
	maxAge       = regexp.MustCompile(`(?i)(?:^|;)\s*max-age\s*=\s*"?(\d{1,12})"?`)
)

func unless(good bool, text string) string {
	if good {
		return ""
	}
	return text
}

func lookHeaders(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	profile := with.Text("profile")
	hsts := with.Duration("hsts")
	if hsts == 0 {
		hsts = 180 * 24 * time.Hour
	}
	if profile == "" && !encrypted(scope) {
		return noTLS(scope), nil
	}
	list := guards(profile)
	if encrypted(scope) {
		list = append(list, guard{"Strict-Transport-Security", func(v string) string {
			m := maxAge.FindStringSubmatch(v)
			if m == nil {
				return "has no max-age"
			}
			seconds, err := strconv.ParseInt(m[1], 10, 64)
			return unless(err == nil && seconds >= int64(hsts/time.Second), fmt.Sprintf("holds for %s s, less than %d days", m[1], hsts/(24*time.Hour)))
		}})
	}
	paths := []string{"/health", "/voicectl-no-such-route", "/api/calls"}
	if profile == "page" {
		paths = []string{"/"}
	}
	saw := map[string]any{}
	var problems []checks.Problem
	for _, path := range paths {
		resp, err := ask(ctx, scope, probe.Request{URL: at(scope, path), Follow: 3, Most: 64 << 10})
		if err != nil {
			return checks.Observation{}, err
		}
		values := map[string]any{"status": resp.Status}
		for _, g := range list {
			v := strings.Join(resp.Header.Values(g.name), ", ")
			if v == "" {
				problems = append(problems, problemf("%s (%d) has no %s", path, resp.Status, g.name))
				continue
			}
			values[g.name] = short(v)
			if why := g.judge(v); why != "" {
				problems = append(problems, problemf("%s (%d): %s %s", path, resp.Status, g.name, why))
			}
		}
		saw[path] = values
	}
	if !encrypted(scope) {
		saw["hsts"] = "not judged: browsers take it by TLS only"
	}
	if len(problems) > 0 {
		names := make([]string, 0, len(list))
		for _, g := range list {
			names = append(names, g.name)
		}
		return checks.Failed(saw, strings.Join(names, ", ")+" with every answer", checks.Fix{Commands: []string{"curl -sI " + at(scope, "/health")}}, problems...), nil
	}
	return checks.Passed(saw), nil
}
