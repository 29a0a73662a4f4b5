package web

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
	"github.com/voicectl/voicectl/internal/ws"
)

const (
	mostBurst   = 200              // requests of one look
	hands       = 4                // requests at once
	mostSockets = 20               // upgrades of one look: each may cost a session
	burstFor    = 60 * time.Second // and no longer
	sane        = time.Hour        // the longest Retry-After that a client can live with
)

func rate() *checks.Kind {
	return &checks.Kind{
		Name: "rate.limit", Title: "Who asks too much is told to wait",
		Passes: "429 comes before the burst is over, with a Retry-After that a client can follow, and it passes",
		Why:    "Without a limit one script uses up the places of all callers, or runs up the bill of the vendors over night.",
		Fix:    "limit requests by token and by address in the front or in a middleware, and answer 429 with Retry-After",
		Source: "RFC 6585, 4; OWASP API Security Top 10, API4", Saves: "at which request the limit tripped, headers, seconds to recovery",
		Severity: checks.Block, Cost: checks.Intrusive, Exclusive: true,
		Needs: []checks.Need{checks.NeedTarget}, Timeout: 150 * time.Second,
		Params: []checks.Param{
			{Name: "path", Type: checks.List, Default: []string{"api"}, Doc: "groups of routes or paths; one route of each is asked; /api is the group when there is no such path"},
			{Name: "limit", Type: checks.Whole, Default: 60, Doc: "requests in a window that the backend declares"},
			{Name: "ceiling", Type: checks.Number, Default: 2, Doc: "times the limit by when 429 must have come"},
			{Name: "burst", Type: checks.Whole, Doc: "requests to send at most (default: ceiling times limit, and never more than 200)"},
			{Name: "window", Type: checks.Duration, Default: "60s", Doc: "time for the burst at most, and for the recovery"},
			{Name: "expect", Type: checks.List, Default: []string{"429", "Retry-After"}, OneOf: []string{"429", "Retry-After"}, Doc: "what must come"},
			{Name: "mode", Type: checks.Text, Default: "enforce", OneOf: []string{"enforce", "observe"}, Doc: "observe: say what is seen and never fail"},
		},
		Look: lookRate,
	}
}

// burst is what became of the requests to one route.
type burst struct {
	route      route
	sent       int
	statuses   map[int]int
	tripped    int // at which request; 0 = never
	retryAfter string
	wait       time.Duration
	sane       bool
	elapsed    time.Duration
	recovered  time.Duration
}

func lookRate(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	words := with.List("path")
	n := with.Whole("burst")
	if n == 0 {
		n = int(with.Number("ceiling") * float64(with.Whole("limit")))
	}
	n = max(1, min(n, mostBurst/max(1, len(words))))
	saw := map[string]any{"at most": n}
	var problems []checks.Problem
	var unclear []string
	limited := 0
	for _, word := range words {
		r, err := routeFor(ctx, scope, word)
		if err != nil {
			return checks.Observation{}, err
		}
		if r == nil {
			saw[word] = "the target has no such route"
			continue
		}
		b, err := fire(ctx, scope, with, *r, n)
		if err != nil {
			return checks.Observation{}, err
		}
		saw[word] = b.facts()
		if b.tripped > 0 {
			limited++
		}
		switch text, known := b.judge(with); {
		case text == "":
		case known:
			problems = append(problems, checks.Problem{Text: text})
		default:
			unclear = append(unclear, text)
		}
	}
	wanted := strings.Join(with.List("expect"), " with ")
	obs := checks.Passed(saw)
	switch {
	case len(problems) > 0:
		obs = checks.Failed(saw, wanted, checks.Fix{}, problems...)
	case len(unclear) > 0:
		obs = checks.Unclear(saw, strings.Join(unclear, "; "), checks.Fix{Text: "set VOICECTL_TOKEN to a test token of the target, or name a path that reads"})
	case limited == 0:
		obs = checks.Unclear(saw, "the target has none of these routes", checks.Fix{Text: "map the routes of the backend by names, or serve /openapi.json"})
	}
	if with.Text("mode") == "observe" && obs.State == checks.Fail {
		obs.State = checks.Warn
	}
	return obs, nil
}

// routeFor is one route for a word: reading ones first, and only such as are there. nil = none.
func routeFor(ctx context.Context, scope *checks.Scope, word string) (*route, error) {
	routes, _, err := routesOf(ctx, scope, []string{word}, []string{"docs", "health", "webhooks"})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(routes, func(a, b route) int { return weight(a) - weight(b) })
	for _, r := range routes {
		if r.takes == takesSocket {
			return &r, nil
		}
		status, err := spoiled(ctx, scope, r)
		if err != nil {
			return nil, err
		}
		if !missing(status) || status == http.StatusNotFound && r.templated {
			return &r, nil
		}
	}
	if word == "/api" {
		return routeFor(ctx, scope, "api")
	}
	return nil, nil
}

func weight(r route) int {
	switch {
	case r.method == http.MethodGet && !r.templated:
		return 0
	case r.method == http.MethodGet:
		return 1
	}
	return 2
}

// spoiled asks a route with a body that cannot be acted upon. A connection that is cut on it is status 0.
func spoiled(ctx context.Context, scope *checks.Scope, r route) (int, error) {
	resp, err := ask(ctx, scope, spoiledRequest(scope, r))
	if broke(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return resp.Status, nil
}

func spoiledRequest(scope *checks.Scope, r route) probe.Request {
	req := probe.Request{Method: r.method, URL: at(scope, r.path), Header: bearer(scope.Token), Most: 64 << 10}
	if r.takes != "" {
		req.Header.Set("Content-Type", "text/plain")
		req.Body = []byte("voicectl counts")
	}
	return req
}

func fire(ctx context.Context, scope *checks.Scope, with checks.Values, r route, n int) (*burst, error) {
	b := &burst{route: r, statuses: map[int]int{}}
	if r.takes == takesSocket {
		n = min(n, mostSockets)
	}
	start := scope.Clock.Now()
	window := min(with.Duration("window"), burstFor)
	if err := b.send(ctx, scope, n, start.Add(window)); err != nil {
		return nil, err
	}
	b.elapsed = scope.Clock.Now().Sub(start)
	if b.tripped > 0 {
		return b, b.recover(ctx, scope, window)
	}
	return b, nil
}

// send asks with a few hands at once until the limit trips, all is sent or the time is over.
func (b *burst) send(ctx context.Context, scope *checks.Scope, n int, end time.Time) error {
	var (
		mu    sync.Mutex // guards b and first
		first error
		wg    sync.WaitGroup
	)
	next := func() bool {
		mu.Lock()
		defer mu.Unlock()
		if b.sent >= n || b.tripped > 0 || first != nil || !scope.Clock.Now().Before(end) {
			return false
		}
		b.sent++
		return true
	}
	for range hands {
		wg.Go(func() {
			for next() {
				status, header, err := one(ctx, scope, b.route)
				mu.Lock()
				switch {
				case err != nil:
					first = errors.Join(first, err)
				case status == http.StatusTooManyRequests && b.tripped == 0:
					b.tripped, b.retryAfter = b.sent, header.Get("Retry-After")
					b.wait, b.sane = retryAfter(header, scope.Clock.Now())
					b.sane = b.sane && b.wait > 0 && b.wait <= sane
				}
				b.statuses[status]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return first
}

func one(ctx context.Context, scope *checks.Scope, r route) (int, http.Header, error) {
	if r.takes == takesSocket {
		c, status, err := dialSocket(ctx, scope, r.path, bearer(scope.Token), 5*time.Second)
		if c != nil {
			_ = c.Close(ws.CloseNormal, "counted")
		}
		return status, http.Header{}, err
	}
	resp, err := probe.Do(ctx, scope.HTTP, scope.Clock, spoiledRequest(scope, r))
	if err != nil {
		return 0, nil, err
	}
	return resp.Status, resp.Header, nil
}

// recover waits until the limit has passed, so that nobody after this look stands before a shut door.
func (b *burst) recover(ctx context.Context, scope *checks.Scope, window time.Duration) error {
	start := scope.Clock.Now()
	wait := time.Second
	if b.sane {
		wait = b.wait
	}
	for scope.Clock.Now().Sub(start) < window {
		if !pause(ctx, scope.Clock, min(wait, window)) {
			return ctx.Err()
		}
		status, _, err := one(ctx, scope, b.route)
		if err != nil {
			return err
		}
		if status != http.StatusTooManyRequests {
			b.recovered = scope.Clock.Now().Sub(start)
			return nil
		}
		wait = time.Second
	}
	return nil
}

func (b *burst) facts() map[string]any {
	statuses := map[string]any{}
	for s, n := range b.statuses {
		statuses[http.StatusText(s)] = n
	}
	f := map[string]any{"route": b.route.String(), "sent": b.sent, "statuses": statuses, "seconds": millis(b.elapsed) / 1000}
	if b.tripped > 0 {
		f["tripped at"], f["retry_after"], f["recovered after s"] = b.tripped, b.retryAfter, nil
		if b.recovered > 0 {
			f["recovered after s"] = millis(b.recovered) / 1000
		}
	}
	return f
}

// judge says what is wrong; known tells whether that is so, or only cannot be told.
func (b *burst) judge(with checks.Values) (text string, known bool) {
	turned := 0
	for s, n := range b.statuses {
		if s/100 == 4 && s != http.StatusTooManyRequests && s != http.StatusNotFound {
			turned += n
		}
	}
	switch {
	case b.tripped == 0 && b.statuses[http.StatusServiceUnavailable] > 0:
		return b.route.String() + " answers 503 and never 429: clients cannot tell a limit from a failure", true
	case b.tripped == 0 && turned == b.sent:
		// A limit may stand behind the door, or behind what reads the body.
		return b.route.String() + " refused every request before a limit could count it", false
	case b.tripped == 0:
		return problemf("%s took %d requests in %.1f s and none was refused", b.route, b.sent, b.elapsed.Seconds()).Text, true
	case b.route.takes != takesSocket && slices.Contains(with.List("expect"), "Retry-After") && !b.sane:
		return problemf("%s answers 429 at request %d with Retry-After %q", b.route, b.tripped, b.retryAfter).Text, true
	}
	return "", false
}
