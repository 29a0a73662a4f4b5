package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
)

func fault() *checks.Kind {
	return &checks.Kind{
		Name: "fault.inject", Title: "The backend lives while a vendor fails",
		Passes: "with each vendor failing in each way the backend answers in time, as JSON, without a stack, and is well after",
		Why:    "Vendors fail every week. A backend that goes down with one takes all calls with it.",
		Fix:    "bound every call to a vendor in time, catch what it throws, and answer 502 or 503 with {error, details, status_code}",
		Source: "Release It!, stability patterns", Saves: "vendor, fault, status, milliseconds, and whether the backend met the fault",
		Severity: checks.Block, Cost: checks.Intrusive, Exclusive: true,
		Needs: []checks.Need{checks.NeedTarget, checks.NeedSandbox}, Timeout: 5 * time.Minute,
		Params: []checks.Param{
			{Name: "system", Type: checks.List, Default: []string{"each"}, Doc: "vendors of the sandbox; each: all of them"},
			{Name: "fault", Type: checks.List, Default: []string{"500", "timeout", "reset"}, Doc: "a status (400 to 599), timeout, reset, malformed, or slowNs"},
			{Name: "expect", Type: checks.List, Default: []string{"alive"}, OneOf: []string{"alive"}, Doc: "alive: it answers, as JSON and without a stack"},
			{Name: "within", Type: checks.Duration, Default: "15s", Doc: "how long an answer may take while a vendor fails"},
			{Name: "path", Type: checks.List, Doc: "routes that are asked (default: all that read)"},
		},
		Look: lookFault,
	}
}

// sandboxFault is the body of POST /_sandbox/faults.
type sandboxFault struct {
	Vendor string `json:"vendor"`
	Mode   string `json:"mode"`
	Status int    `json:"status,omitempty"`
	MS     int    `json:"ms,omitempty"`
}

// readFault turns a word of a checklist into a fault. A timeout holds for longer than the answer may take.
func readFault(word string, within time.Duration) (sandboxFault, error) {
	if n, err := strconv.Atoi(word); err == nil && n >= 400 && n <= 599 {
		return sandboxFault{Mode: "status", Status: n}, nil
	}
	if text, slow := strings.CutPrefix(word, "slow"); slow {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 || d > 2*time.Minute {
			return sandboxFault{}, fmt.Errorf("fault.inject: %q is no time that a vendor may take", word)
		}
		return sandboxFault{Mode: "latency", MS: int(d / time.Millisecond)}, nil
	}
	switch word {
	case "timeout":
		return sandboxFault{Mode: "hang", MS: int((within + 5*time.Second) / time.Millisecond)}, nil
	case "reset", "malformed":
		return sandboxFault{Mode: word}, nil
	}
	return sandboxFault{}, fmt.Errorf("fault.inject: %q is no fault; there are 400 to 599, timeout, reset, malformed and slowNs", word)
}

func lookFault(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	t := &trial{scope: scope, with: with, saw: map[string]any{}, within: with.Duration("within")}
	for _, word := range with.List("fault") {
		if _, err := readFault(word, t.within); err != nil {
			return checks.Observation{}, err
		}
	}
	var err error
	if t.vendors, err = t.systems(ctx); err != nil {
		return checks.Observation{}, err
	}
	if t.routes, err = t.harmless(ctx); err != nil {
		return checks.Observation{}, err
	}
	called, err := t.calm(ctx)
	if err != nil {
		return checks.Observation{}, err
	}
	defer func() {
		// Whatever happens, the sandbox is left as it was found.
		done, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_, _ = t.control(done, http.MethodDelete, "/_sandbox/faults", nil)
	}()
	for _, vendor := range t.vendors {
		if !called[vendor] {
			t.saw[vendor] = "no route that may be asked calls it"
			continue
		}
		for _, word := range with.List("fault") {
			if err := t.strike(ctx, vendor, word); err != nil {
				return checks.Observation{}, err
			}
		}
	}
	return t.verdict(ctx)
}

// trial is one look: what is asked while vendors fail.
type trial struct {
	scope    *checks.Scope
	with     checks.Values
	within   time.Duration
	vendors  []string
	routes   []route
	saw      map[string]any
	problems []checks.Problem
	met      int
}

func (t *trial) control(ctx context.Context, method, path string, v any) ([]byte, error) {
	var body []byte
	if v != nil {
		var err error
		if body, err = json.Marshal(v); err != nil {
			return nil, err
		}
	}
	r := probe.Request{Method: method, URL: strings.TrimRight(t.scope.Sandbox.String(), "/") + path, Header: http.Header{}, Body: body}
	r.Header.Set("Content-Type", "application/json")
	resp, err := probe.Do(ctx, t.scope.HTTP, t.scope.Clock, r)
	if err != nil {
		return nil, fmt.Errorf("the sandbox: %w", err)
	}
	if resp.Status/100 != 2 {
		return nil, fmt.Errorf("the sandbox answers %d to %s %s: %.200s", resp.Status, method, path, resp.Body)
	}
	return resp.Body, nil
}

// sighted is the answer of GET /_sandbox/calls.
type sighted struct {
	Calls []struct {
		Vendor string `json:"vendor"`
	} `json:"calls"`
	Last int `json:"last"`
}

func (t *trial) calls(ctx context.Context, vendor string, since int) (sighted, error) {
	var s sighted
	body, err := t.control(ctx, http.MethodGet, "/_sandbox/calls?since="+strconv.Itoa(since)+"&vendor="+url.QueryEscape(vendor), nil)
	if err == nil {
		err = json.Unmarshal(body, &s)
	}
	return s, err
}

// systems are the vendors that are to fail.
func (t *trial) systems(ctx context.Context) ([]string, error) {
	names := t.with.List("system")
	if !slices.Contains(names, "each") {
		return names, nil
	}
	body, err := t.control(ctx, http.MethodGet, "/_sandbox/health", nil)
	if err != nil {
		return nil, err
	}
	var h struct {
		Vendors []string `json:"vendors"`
	}
	if err := json.Unmarshal(body, &h); err != nil || len(h.Vendors) == 0 {
		return nil, errors.New("the sandbox does not name its vendors")
	}
	return h.Vendors, nil
}

// harmless are the routes that are asked: those that read.
func (t *trial) harmless(ctx context.Context) ([]route, error) {
	words := t.with.List("path")
	if len(words) == 0 {
		words = []string{"health", "api"}
	}
	routes, _, err := routesOf(ctx, t.scope, words, []string{"docs", "sockets"})
	if err != nil {
		return nil, err
	}
	var out []route
	for _, r := range routes {
		status, err := spoiled(ctx, t.scope, r)
		if err != nil {
			return nil, err
		}
		if r.method == http.MethodGet && !missing(status) && len(out) < 8 {
			out = append(out, r)
		}
	}
	return out, nil
}

// calm asks all routes while nothing fails, and tells which vendors they lead to.
func (t *trial) calm(ctx context.Context) (map[string]bool, error) {
	before, err := t.calls(ctx, "", 0)
	if err != nil {
		return nil, err
	}
	for _, r := range t.routes {
		if _, err := ask(ctx, t.scope, probe.Request{URL: at(t.scope, r.path), Header: bearer(t.scope.Token)}); err != nil && !broke(err) {
			return nil, err
		}
	}
	after, err := t.calls(ctx, "", before.Last)
	if err != nil {
		return nil, err
	}
	called := map[string]bool{}
	for _, c := range after.Calls {
		called[c.Vendor] = true
	}
	return called, nil
}

// strike lets a vendor fail in one way and asks all routes.
func (t *trial) strike(ctx context.Context, vendor, word string) error {
	f, err := readFault(word, t.within)
	if err != nil {
		return err
	}
	f.Vendor = vendor
	if _, err := t.control(ctx, http.MethodPost, "/_sandbox/faults", f); err != nil {
		return err
	}
	before, err := t.calls(ctx, vendor, 0)
	if err != nil {
		return err
	}
	row := map[string]any{}
	for _, r := range t.routes {
		if row[r.String()], err = t.during(ctx, r, vendor+" ("+word+")"); err != nil {
			return err
		}
	}
	after, err := t.calls(ctx, vendor, before.Last)
	if err != nil {
		return err
	}
	row["met"] = len(after.Calls)
	t.met += len(after.Calls)
	t.saw[vendor+" "+word] = row
	_, err = t.control(ctx, http.MethodDelete, "/_sandbox/faults?vendor="+url.QueryEscape(vendor), nil)
	return err
}

// during asks a route while a vendor fails, and judges the answer.
func (t *trial) during(ctx context.Context, r route, failing string) (any, error) {
	limited, cancel := context.WithTimeout(ctx, t.within)
	defer cancel()
	resp, err := ask(limited, t.scope, probe.Request{URL: at(t.scope, r.path), Header: bearer(t.scope.Token)})
	var e *probe.Error
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.As(err, &e):
		t.problems = append(t.problems, problemf("%s with %s: %v", r, failing, e))
		return string(e.Class), nil
	case err != nil:
		return nil, err
	}
	for _, what := range hits(string(resp.Body), []string{"stack", "key", "sql"}, known(t.scope)) {
		t.problems = append(t.problems, problemf("%s with %s answers %d with %s", r, failing, resp.Status, what))
	}
	if resp.Status >= 400 && !isJSON(resp) {
		t.problems = append(t.problems, problemf("%s with %s answers %d, and the error is no JSON", r, failing, resp.Status))
	}
	return map[string]any{"status": resp.Status, "ms": millis(resp.Total)}, nil
}

func (t *trial) verdict(ctx context.Context) (checks.Observation, error) {
	wanted := fmt.Sprintf("an answer within %v, JSON where it is an error, and no stack", t.within)
	resp, err := ask(ctx, t.scope, probe.Request{URL: at(t.scope, "/health"), Header: bearer(t.scope.Token)})
	switch {
	case err != nil:
		t.problems = append(t.problems, problemf("after the faults: %v", err))
	case resp.Status/100 != 2:
		t.problems = append(t.problems, problemf("after the faults /health answers %d", resp.Status))
	}
	switch {
	case len(t.problems) > 0:
		return checks.Failed(t.saw, wanted, checks.Fix{}, t.problems...), nil
	case t.met == 0:
		return checks.Unclear(t.saw, "the backend met none of the faults: no route that may be asked leads to a vendor",
			checks.Fix{Text: "talk to it while vendors fail", Commands: []string{"voicectl smoke errors " + t.scope.Target.Redacted()}}), nil
	}
	return checks.Passed(t.saw), nil
}
