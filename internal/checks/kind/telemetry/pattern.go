package telemetry

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/kind/container"
	"github.com/voicectl/voicectl/internal/checks/kind/toolchain"
	"github.com/voicectl/voicectl/internal/checks/probe"
)

func logPattern() *checks.Kind {
	return &checks.Kind{
		Name: "log.pattern", Title: "Log lines of a kind are as many as wanted",
		Passes: "the number of lines that fit lies within the bounds",
		Why:    "One line at error level is a caller who heard an apology. Lines at debug level in production tell what callers said.",
		Fix:    "read the lines that are named here, and mend what they tell", Source: "The checklists",
		Saves: "count, first and last time, three masked samples", Severity: checks.Warns, Timeout: 5 * time.Minute,
		Params: []checks.Param{
			{Name: "source", Type: checks.List, OneOf: []string{"file", "stdout", "docker", "k8s", "cerebrium", "render", "railway"}, Doc: "where lines come from; what was given when absent"},
			{Name: "re", Type: checks.Text, Doc: "regular expression (RE2) of the lines"},
			{Name: "level", Type: checks.Text, OneOf: []string{"debug", "info", "warn", "error", ">=warn", ">=error"}, Doc: "level of the lines, or the lowest of them"},
			{Name: "probe", Type: checks.Text, OneOf: []string{"unique-path"}, Doc: "make one request that can be recognised, and look for its line"},
			{Name: "min", Type: checks.Whole, Doc: "fewest lines"},
			{Name: "max", Type: checks.Whole, Doc: "most lines"},
			{Name: "max_ratio", Type: checks.Number, Doc: "largest share of all lines"},
			{Name: "window", Type: checks.Text, Doc: "which lines: the last 60s (or 24h …), since-start, start..ready"},
		},
		Look: lookLogPattern,
	}
}

func lookLogPattern(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	fits, words, err := matcher(with)
	if err != nil {
		return checks.Observation{}, err
	}
	if with.Text("probe") == "unique-path" {
		if len(scope.Logs) == 0 {
			return checks.Observation{State: checks.Elsewhere, Wanted: "needs a source of log lines"}, nil
		}
		return probeLine(ctx, scope, with)
	}
	if fits == nil {
		return checks.Unclear(nil, "there is no pattern and no level to look for", checks.Fix{}), nil
	}
	lines, settled, err := linesFor(ctx, scope, with)
	if err != nil {
		return checks.Observation{}, err
	}
	if settled != nil {
		return *settled, nil
	}
	name := with.Text("window")
	if slices.Contains(with.List("source"), "docker") && len(scope.Logs) == 0 {
		name = "since-start" // the container was started for this look
	}
	lines, span, err := window(lines, name, scope.Clock.Now())
	if err != nil {
		return checks.Observation{}, err
	}
	hits := pick(lines, fits)
	return judgeCount(hits, len(lines), span, words, with), nil
}

// linesFor returns the lines that are meant: of the sources that were given, of a start of the backend, or of
// its container. settled is what is told instead when there are none.
func linesFor(ctx context.Context, scope *checks.Scope, with checks.Values) (lines []line, settled *checks.Observation, err error) {
	sources := scope.Logs
	if wanted := with.List("source"); len(wanted) > 0 {
		sources = slices.DeleteFunc(slices.Clone(sources), func(s checks.LogSource) bool { return !slices.Contains(wanted, s.Kind) })
	}
	elsewhere := func(reason string, commands ...string) *checks.Observation {
		return &checks.Observation{State: checks.Elsewhere, Wanted: reason, Fix: checks.Fix{Commands: commands}}
	}
	var raw []string
	switch {
	case len(sources) > 0:
		lines, err = read(scope, sources)
		return lines, nil, err
	case slices.Contains(with.List("source"), "docker"):
		if scope.Engine == "" {
			return nil, elsewhere("needs a container engine"), nil
		}
		if !scope.Consent.Exec {
			return nil, elsewhere("needs consent: --allow-exec", "voicectl check docker --allow-exec"), nil
		}
		span, perr := time.ParseDuration(with.Text("window"))
		if perr != nil {
			span = 10 * time.Second
		}
		var fault *checks.Observation
		raw, _, fault, err = container.Startup(ctx, scope, min(span, 15*time.Second))
		if err != nil || fault != nil {
			return nil, fault, err
		}
	case with.Text("window") == "start..ready" && len(scope.Start) > 0:
		if !scope.Consent.Exec {
			return nil, elsewhere("needs consent: --allow-exec", "voicectl check repo --start-cmd CMD --allow-exec"), nil
		}
		var ready bool
		raw, ready, err = toolchain.Startup(ctx, scope, 30*time.Second)
		if err != nil {
			return nil, nil, err
		}
		if !ready {
			o := checks.Failed(map[string]any{"lines": len(raw)}, "a start without errors", checks.Fix{}, checks.Problem{Text: "the backend did not become ready"})
			return nil, &o, nil
		}
	default:
		return nil, elsewhere("needs a source of log lines", "voicectl check --logs FILE"), nil
	}
	return parse([]byte(strings.Join(raw, "\n")), scope.Names), nil, nil
}

// judgeCount compares the number of lines with the bounds.
func judgeCount(hits []line, all int, span, words string, with checks.Values) checks.Observation {
	saw := map[string]any{"lines": all, "hits": len(hits), "window": span, "samples": samples(hits)}
	if len(hits) > 0 && !hits[0].at.IsZero() {
		saw["first"], saw["last"] = hits[0].at.UTC().Format(time.RFC3339), hits[len(hits)-1].at.UTC().Format(time.RFC3339)
	}
	if all == 0 {
		return checks.Unclear(saw, "there is no log line in "+span, checks.Fix{Text: "let the backend run, and talk to it"})
	}
	ratio := float64(len(hits)) / float64(all)
	var wanted []string
	bad := false
	if with.Has("min") {
		wanted = append(wanted, fmt.Sprintf("at least %d", with.Whole("min")))
		bad = bad || len(hits) < with.Whole("min")
	}
	if with.Has("max") {
		wanted = append(wanted, fmt.Sprintf("at most %d", with.Whole("max")))
		bad = bad || len(hits) > with.Whole("max")
	}
	if with.Has("max_ratio") {
		saw["ratio"] = ratio
		wanted = append(wanted, fmt.Sprintf("at most %g of all", with.Number("max_ratio")))
		bad = bad || ratio > with.Number("max_ratio")
	}
	if len(wanted) == 0 {
		return checks.Unclear(saw, "neither min nor max is given", checks.Fix{})
	}
	text := strings.Join(wanted, " and ") + " lines " + words + " in " + span
	if bad {
		p := []checks.Problem{{Text: fmt.Sprintf("%d of %d lines %s", len(hits), all, words)}}
		for _, h := range samples(hits) {
			p = append(p, checks.Problem{Text: h})
		}
		return checks.Failed(saw, text, checks.Fix{}, p...)
	}
	o := checks.Passed(saw)
	o.Wanted = text
	return o
}

func samples(hits []line) []string {
	var out []string
	for _, h := range hits[:min(3, len(hits))] {
		text, _, _ := strings.Cut(h.text, "\n")
		if len(text) > 200 {
			text = strings.ToValidUTF8(text[:200], "") + "…"
		}
		out = append(out, text)
	}
	return out
}

func pick(lines []line, fits func(*line) bool) []line {
	var out []line
	for i := range lines {
		if fits(&lines[i]) {
			out = append(out, lines[i])
		}
	}
	return out
}

// matcher makes the test of a line out of the parameters, nil when they name none.
func matcher(with checks.Values) (func(*line) bool, string, error) {
	level, text := with.Text("level"), with.Text("re")
	var re *regexp.Regexp
	if text != "" {
		var err error
		if re, err = regexp.Compile(text); err != nil {
			return nil, "", fmt.Errorf("the pattern %q: %w", text, err)
		}
	}
	switch {
	case level == "" && re == nil:
		return nil, "", nil
	case level == "":
		return func(l *line) bool { return re.MatchString(l.text) }, "that fit " + text, nil
	}
	name, least := strings.CutPrefix(level, ">=")
	want := severity(name)
	words := "at level " + name
	if least {
		words += " or above"
	}
	return func(l *line) bool {
		s := severity(l.fields["level"])
		return (s == want || least && s > want) && (re == nil || re.MatchString(l.text))
	}, words, nil
}

var started = regexp.MustCompile(`(?i)\b(application startup complete|started server|listening on|running on|ready|startup finished|server started)\b`)

// window keeps the lines of a span of time.
func window(lines []line, name string, now time.Time) ([]line, string, error) {
	switch name {
	case "":
		return lines, "the log that was given", nil
	case "since-start", "start..ready":
		ready := len(lines)
		for i := len(lines) - 1; i >= 0 && name == "start..ready"; i-- {
			if started.MatchString(lines[i].text) {
				ready = i + 1
				break
			}
		}
		return lines[:ready], "the time from " + strings.Replace(name, "..", " to ", 1), nil
	}
	d, err := time.ParseDuration(name)
	if err != nil {
		return nil, "", fmt.Errorf("the window %q is neither a duration nor since-start nor start..ready", name)
	}
	for i := range lines {
		if !lines[i].at.IsZero() && lines[i].at.After(now.Add(-d)) {
			return lines[i:], "the last " + name, nil
		}
	}
	return nil, "the last " + name, nil
}

// probeLine makes one request with a path that nobody else asks for, and looks for the lines that it leaves.
func probeLine(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	if scope.Target == nil {
		return checks.Skipped("needs a URL to ask", checks.Fix{Text: "give the URL of the backend"}), nil
	}
	mark := make([]byte, 8)
	_, _ = rand.Read(mark) // never fails (crypto/rand)
	path := "voicectl-" + hex.EncodeToString(mark)
	resp, err := probe.Do(ctx, scope.HTTP, scope.Clock, probe.Request{URL: scope.Target.JoinPath(path).String()})
	if err != nil {
		return checks.Observation{}, err
	}
	id := resp.Header.Get("X-Request-Id") // a log that keeps paths to itself has the line under the id of the answer
	deadline := scope.Clock.Now().Add(3 * time.Second)
	for {
		lines, err := read(scope, scope.Logs)
		if err != nil {
			return checks.Observation{}, err
		}
		hits := pick(lines, func(l *line) bool {
			return strings.Contains(l.text, path) || id != "" && l.fields["request_id"] == id && l.fields["path"] != "" && l.fields["status"] != ""
		})
		if enough := max(1, with.Whole("min")); len(hits) >= enough || scope.Clock.Now().After(deadline) {
			return judgeCount(hits, len(lines), "the log that was given", "about one request", with), nil
		}
		t := scope.Clock.NewTimer(100 * time.Millisecond)
		select {
		case <-ctx.Done():
			t.Stop()
			return checks.Observation{}, ctx.Err()
		case <-t.C():
		}
	}
}
