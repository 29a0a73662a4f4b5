package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
)

const (
	mostAttempts = 200 // requests of one look
	attemptsFor  = 60 * time.Second
)

func reject() *checks.Kind {
	return &checks.Kind{ //nolint:gosec // Passes is no password
		Name: "input.reject", Title: "Bad input is refused, and nothing breaks",
		Passes: "each bad input gets a status that refuses it, as JSON where a route of the API answers, never 5xx, never late, and never comes back as it was sent",
		Why:    "What breaks a handler is found by the first scanner: an error of the server, a page that runs a stranger's script, a query that somebody else completes.",
		Fix:    "validate before anything else, bind parameters of queries, escape what goes into pages, bound the size before reading, and answer {error, details, status_code}",
		Source: "OWASP ASVS 5.0, V1 and V2; RFC 9110, 15.5", Saves: "case to status, milliseconds and sha256 of the answer",
		Severity: checks.Block, Cost: checks.Intrusive, Exclusive: true, Needs: []checks.Need{checks.NeedTarget}, Timeout: 120 * time.Second,
		Params: []checks.Param{
			{Name: "route", Type: checks.List, Default: []string{"all"}, Doc: "groups of routes or paths"},
			{Name: "corpus", Type: checks.List, Default: []string{"malformed", "empty"}, OneOf: corpora(), Doc: "classes of bad input"},
			{Name: "status", Type: checks.List, Doc: "statuses that refuse (default: any 4xx); 422 is taken for 400 unless --strict"},
			{Name: "max_delta", Type: checks.Duration, Default: "2s", Doc: "how much later than a harmless request an answer may come"},
			{Name: "limit", Type: checks.Whole, Default: 10 << 20, Doc: "bytes of the largest body that the backend declares to take"},
		},
		Look: lookReject,
	}
}

// inquest gathers what became of the attempts.
type inquest struct {
	scope    *checks.Scope
	with     checks.Values
	problems []checks.Problem
	rows     []map[string]any
	statuses map[string]any
	looked   int // attempts that reached what reads the input
	atDoor   int // attempts that ended at the door
	catchAll bool
	ill      []string                 // routes that fail without bad input
	usual    map[string]time.Duration // of a harmless request, by path
}

func lookReject(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	routes, mute, err := routesOf(ctx, scope, with.List("route"), []string{"sockets", "docs"})
	if err != nil {
		return checks.Observation{}, err
	}
	q := &inquest{scope: scope, with: with, statuses: map[string]any{}, usual: map[string]time.Duration{}}
	nothing, err := ask(ctx, scope, probe.Request{URL: at(scope, "/voicectl-no-such-route"), Most: 64 << 10})
	if err != nil {
		return checks.Observation{}, err
	}
	q.catchAll = nothing.Status/100 == 2
	plan, err := q.plan(ctx, routes)
	if err != nil {
		return checks.Observation{}, err
	}
	start := scope.Clock.Now()
	cut := false
	for _, a := range plan {
		if q.looked+q.atDoor >= mostAttempts || scope.Clock.Now().Sub(start) > attemptsFor {
			cut = true
			break
		}
		if err := q.try(ctx, a); err != nil {
			return checks.Observation{}, err
		}
	}
	return q.verdict(mute, cut)
}

// plan lists the attempts: class by class, so that a bound cuts routes and not classes.
func (q *inquest) plan(ctx context.Context, routes []route) ([]attempt, error) {
	var there []route
	for _, r := range routes {
		// What is not there refuses nothing; a described route is there.
		status, err := spoiled(ctx, q.scope, r)
		switch {
		case err != nil:
			return nil, err
		case missing(status) && !r.described && !r.templated:
		case r.method == http.MethodGet && status >= 500:
			q.ill = append(q.ill, fmt.Sprintf("%s answers %d to a harmless request", r, status))
		default:
			there = append(there, r)
		}
	}
	var out []attempt
	for _, class := range q.with.List("corpus") {
		if class == "traversal" {
			out = append(out, climbs(q.scope)...)
		}
		of := 0
		for _, r := range there {
			for _, a := range attempts(q.scope, class, r, int64(q.with.Whole("limit"))) {
				if of++; class == "oversize" && of > 4 || of > mostAttempts {
					break // ten megabytes each
				}
				a.name = r.String() + ": " + a.name
				out = append(out, a)
			}
		}
	}
	return out, nil
}

// try makes one attempt and judges the answer.
func (q *inquest) try(ctx context.Context, a attempt) error {
	usual, err := q.usually(ctx, a)
	if err != nil {
		return err
	}
	resp, err := ask(ctx, q.scope, a.r)
	if err == nil && a.sleeps && resp.Total-usual > q.with.Duration("max_delta") {
		resp, err = ask(ctx, q.scope, a.r) // once may be chance
	}
	if err != nil {
		if !broke(err) {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		q.looked++
		q.note(a, "cut", 0, "")
		text := "the connection is cut in place of an answer"
		if a.r.Stream != nil {
			text = "the connection is cut without a 413, and the client cannot tell why"
		}
		q.blame(a, text)
		return nil
	}
	facts := resp.Facts()
	q.note(a, strconv.Itoa(resp.Status), millis(resp.Total), fmt.Sprint(facts["sha256"]))
	if shut(resp.Status) || resp.Status == http.StatusTooManyRequests {
		q.atDoor++
		return nil
	}
	q.looked++
	for _, text := range q.judge(a, resp, usual) {
		q.blame(a, text)
	}
	return nil
}

// usually is how long a harmless request to the same route takes; 0 where time does not matter.
func (q *inquest) usually(ctx context.Context, a attempt) (time.Duration, error) {
	if !a.sleeps {
		return 0, nil
	}
	path, _, _ := strings.Cut(a.r.URL, "?")
	if d, has := q.usual[path]; has {
		return d, nil
	}
	resp, err := ask(ctx, q.scope, probe.Request{URL: path + "?q=voicectl", Header: a.r.Header, Most: 64 << 10})
	if err != nil {
		return 0, err
	}
	q.usual[path] = resp.Total
	return resp.Total, nil
}

func (q *inquest) judge(a attempt, resp *probe.Response, usual time.Duration) []string {
	var out []string
	s := resp.Status
	if s >= 500 {
		out = append(out, fmt.Sprintf("answers %d: bad input is the client's fault", s))
	}
	if s/100 == 2 && !a.free && !q.catchAll {
		out = append(out, fmt.Sprintf("is taken (%d)", s))
	}
	if s/100 == 4 && a.r.Body != nil || a.r.Stream != nil && s/100 == 4 {
		if why := q.refusal(a, resp); why != "" {
			out = append(out, why)
		}
	}
	if late := resp.Total - usual; a.sleeps && late > q.with.Duration("max_delta") {
		out = append(out, fmt.Sprintf("answers %.1f s later than usual: the database may have run it", late.Seconds()))
	}
	for text, what := range a.shows {
		// JSON is no page: what it holds is not run.
		if bytes.Contains(resp.Body, []byte(text)) && !(strings.HasPrefix(text, "<") && isJSON(resp)) {
			out = append(out, what)
		}
	}
	if a.injects != "" && resp.Header.Get(a.injects) != "" {
		out = append(out, "a line break in the query makes a header of the answer")
	}
	if a.class == "sqli" {
		for _, what := range hits(string(resp.Body), []string{"sql"}, nil) {
			out = append(out, "the answer holds "+what)
		}
	}
	return out
}

// refusal judges how a body was refused: with a status that was asked for, and as JSON.
func (q *inquest) refusal(a attempt, resp *probe.Response) string {
	wanted := q.with.List("status")
	status := strconv.Itoa(resp.Status)
	lenient := resp.Status == http.StatusUnprocessableEntity && !q.scope.Strict && slices.Contains(wanted, "400")
	if len(wanted) > 0 && !slices.Contains(wanted, status) && !lenient {
		if z, is := a.r.Stream.(*zeros); is && z.left == 0 {
			return fmt.Sprintf("all %d bytes were read, and the answer is %s", z.taken, status)
		}
		return fmt.Sprintf("answers %s in place of %s", status, strings.Join(wanted, " or "))
	}
	if resp.Status == http.StatusUnprocessableEntity && q.scope.Strict && len(wanted) == 0 {
		return "answers 422 in place of 400"
	}
	if a.class == "malformed" && !isJSON(resp) {
		return "the error is no JSON"
	}
	return ""
}

func isJSON(resp *probe.Response) bool {
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json")) && json.Valid(resp.Body)
}

func (q *inquest) blame(a attempt, text string) {
	if len(q.problems) < mostHits {
		q.problems = append(q.problems, problemf("%s %s", a.name, text))
	}
}

func (q *inquest) note(a attempt, status string, ms float64, sum string) {
	n, _ := q.statuses[status].(int)
	q.statuses[status] = n + 1
	q.rows = append(q.rows, map[string]any{"class": a.class, "case": a.name, "status": status, "ms": ms, "sha256": sum})
}

func (q *inquest) verdict(mute []string, cut bool) (checks.Observation, error) {
	saw := map[string]any{"attempts": len(q.rows), "statuses": q.statuses}
	if len(mute) > 0 {
		saw["not asked"] = shortList(mute)
	}
	if len(q.ill) > 0 {
		saw["not judged"] = shortList(q.ill)
	}
	if cut {
		saw["cut"] = fmt.Sprintf("after %d attempts or %v", mostAttempts, attemptsFor)
	}
	lines, err := json.MarshalIndent(q.rows, "", " ")
	if err != nil {
		return checks.Observation{}, err
	}
	evidence, err := q.scope.Keep("input-reject.json", lines)
	if err != nil {
		return checks.Observation{}, err
	}
	obs := checks.Passed(saw)
	switch {
	case len(q.problems) > 0:
		wanted := "a status that refuses each"
		if s := q.with.List("status"); len(s) > 0 {
			wanted = strings.Join(s, " or ") + " for each"
		}
		obs = checks.Failed(saw, wanted, checks.Fix{}, q.problems...)
	case len(q.rows) == 0:
		obs = checks.Unclear(saw, "the target has no route that takes such input", checks.Fix{Text: "map the routes of the backend by names, or serve /openapi.json"})
	case q.looked == 0:
		obs = checks.Unclear(saw, "every attempt ended at the door, before anybody read the input", checks.Fix{Text: "set VOICECTL_TOKEN to a test token of the target"})
	}
	obs.Evidence = evidence
	return obs, nil
}
