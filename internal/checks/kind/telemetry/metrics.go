package telemetry

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
)

// core are the subjects that any voice backend must measure, each with patterns of the names that usual
// instrumentation gives to it. One of a subject is enough.
var core = []struct { //nolint:gochecknoglobals // a table
	subject string
	names   []string
}{
	{"requests", []string{"voicectl_requests_total", "http_requests_total", "http_request_duration_seconds*", "http_server_request*", "*requests_total", "starlette_requests*", "flask_http_request*"}},
	{"sessions or calls", []string{"voicectl_sessions_active", "voicectl_calls_active", "*active_sessions*", "*sessions_active*", "*active_connections*", "*active_calls*", "*calls_active*"}},
	{"turns", []string{"voicectl_turns_total", "voicectl_turn_*", "*turns_total", "*turn_latency*", "*response_seconds*", "*first_audio*", "*ttfb*"}},
	{"tool calls", []string{"voicectl_tool_calls_total", "*tool_calls*", "*function_calls*"}},
	{"vendor errors", []string{"voicectl_vendor_errors_total", "*vendor_errors*", "*provider_errors*", "*upstream_errors*", "*errors_total"}},
	{"memory", []string{"process_resident_memory_bytes"}},
	{"processor", []string{"process_cpu_seconds_total"}},
}

// scrape reads the metrics of a URL in Prometheus' format.
func scrape(ctx context.Context, scope *checks.Scope) (map[string]*dto.MetricFamily, error) {
	header := http.Header{"Accept": {"text/plain;version=0.0.4"}}
	if scope.Token != "" {
		header.Set("Authorization", "Bearer "+scope.Token)
	}
	resp, err := probe.Do(ctx, scope.HTTP, scope.Clock, probe.Request{URL: scope.Metrics.String(), Header: header, Most: 16 << 20})
	if err != nil {
		return nil, err
	}
	if resp.Status != http.StatusOK {
		return nil, fmt.Errorf("%s answered %d", scope.Metrics.Redacted(), resp.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(resp.Body))
	if err != nil {
		return nil, fmt.Errorf("%s: not in Prometheus' format: %w", scope.Metrics.Redacted(), err)
	}
	return families, nil
}

func metricPresent() *checks.Kind {
	return &checks.Kind{
		Name: "metric.present", Title: "Metrics exist", Passes: "each metric is among those that the backend tells",
		Why: "What is not measured cannot raise an alert, and its history cannot be looked up afterwards.",
		Fix: "count it, and expose it in Prometheus' format", Source: "Prometheus, exposition formats",
		Saves: "names, types and a sample of each", Severity: checks.Warns, Needs: []checks.Need{checks.NeedMetrics}, Timeout: 15 * time.Second,
		Params: []checks.Param{
			{Name: "names", Type: checks.List, Doc: "names, with * for any run of characters"},
			{Name: "set", Type: checks.Text, OneOf: []string{"core"}, Doc: "core: requests, sessions, turns, tool calls, vendor errors, memory, processor"},
		},
		Look: lookMetrics,
	}
}

func lookMetrics(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	families, err := scrape(ctx, scope)
	if err != nil {
		return checks.Observation{}, err
	}
	saw := map[string]any{"metrics": len(families)}
	var problems []checks.Problem
	look := func(subject string, patterns []string) {
		var mapped []string
		for _, p := range patterns {
			if own := scope.Names["metric."+p]; own != "" {
				mapped = append(mapped, own)
			}
		}
		name := find(families, append(mapped, patterns...))
		if name == "" {
			saw[subject] = "none"
			problems = append(problems, checks.Problem{Text: fmt.Sprintf("nothing tells about %s (looked for %s)", subject, strings.Join(patterns, ", "))})
			return
		}
		saw[subject] = map[string]any{"name": name, "type": strings.ToLower(families[name].GetType().String())}
	}
	asked := 0
	for _, n := range with.List("names") {
		look(n, []string{n})
		asked++
	}
	if with.Text("set") == "core" {
		for _, c := range core {
			look(c.subject, c.names)
			asked++
		}
	}
	switch {
	case asked == 0:
		return checks.Unclear(saw, "there is no metric to look for", checks.Fix{}), nil
	case len(problems) > 0:
		return checks.Failed(saw, "a metric for each", checks.Fix{Text: "expose it, or map its name in an overlay under names: {metric.OURS: YOURS}"}, problems...), nil
	}
	return checks.Passed(saw), nil
}

// find returns the first metric that fits one of the patterns, in the order of the patterns.
func find(families map[string]*dto.MetricFamily, patterns []string) string {
	for _, p := range patterns {
		var fits []string
		for name := range families {
			if ok, err := path.Match(p, name); err == nil && ok {
				fits = append(fits, name)
			}
		}
		if len(fits) > 0 {
			return slices.Min(fits)
		}
	}
	return ""
}
