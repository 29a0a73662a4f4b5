package telemetry

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"go.yaml.in/yaml/v3"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/kind/tree"
)

// subjects are what somebody must be woken for, with the words by which a rule is recognised.
var subjects = []struct { //nolint:gochecknoglobals // a table
	name  string
	words *regexp.Regexp
}{
	{"the service is down", regexp.MustCompile(`(?i)down|probe_up|up *==? *0|absent\(|unreachable`)},
	{"too many errors", regexp.MustCompile(`(?i)error|5xx|5\.\.|fail`)},
	{"answers are slow", regexp.MustCompile(`(?i)latency|slow|seconds|duration`)},
	{"memory runs out", regexp.MustCompile(`(?i)memory|mem_|rss`)},
}

func alertRule() *checks.Kind {
	return &checks.Kind{
		Name: "alert.rule", Title: "Alert rules are there, complete, and about metrics that exist",
		Passes: "each subject has a rule with an expression, a duration and a severity, and the metrics it reads are told",
		Why:    "An alert over a metric that nobody tells is never raised, and looks exactly like a quiet night.",
		Fix:    "add the rule; `voicectl init` writes a file to begin with", Source: "Prometheus, alerting rules",
		Saves: "rules, files and lines", Severity: checks.Warns, Needs: []checks.Need{checks.NeedRepo}, Timeout: 15 * time.Second,
		Params: []checks.Param{
			{Name: "set", Type: checks.Text, OneOf: []string{"core"}, Doc: "core: service down, too many errors, slow answers, memory"},
			{Name: "name", Type: checks.Text, Doc: "one rule by its name"},
		},
		Look: lookAlerts,
	}
}

// ruleFile is the part of Prometheus' rule files that is looked at.
type ruleFile struct {
	Groups []struct {
		Name  string `yaml:"name"`
		Rules []rule `yaml:"rules"`
	} `yaml:"groups"`
}

type rule struct {
	Alert  string            `yaml:"alert"`
	Expr   string            `yaml:"expr"`
	For    string            `yaml:"for"`
	Labels map[string]string `yaml:"labels"`
	file   string
	line   int
}

func lookAlerts(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	rules, files, err := alertRules(ctx, scope.Repo)
	if err != nil {
		return checks.Observation{}, err
	}
	saw := map[string]any{"files": files, "rules": len(rules)}
	fix := checks.Fix{Text: "write the rule"}
	if len(rules) == 0 {
		return checks.Failed(saw, "a file with alert rules", fix, checks.Problem{Text: "there is no file with alert rules in the repository"}), nil
	}
	var told map[string]*dto.MetricFamily
	if scope.Metrics != nil {
		if told, err = scrape(ctx, scope); err != nil {
			return checks.Observation{}, err
		}
	}
	var problems []checks.Problem
	if name := with.Text("name"); name != "" {
		i := slices.IndexFunc(rules, func(r rule) bool { return r.Alert == name })
		if i < 0 {
			return checks.Failed(saw, "a rule "+name, fix, checks.Problem{Text: "no rule has the name " + name}), nil
		}
		problems = append(problems, faults(rules[i], told)...)
		saw[name] = rules[i].Expr
	}
	if with.Text("set") == "core" {
		for _, s := range subjects {
			i := slices.IndexFunc(rules, func(r rule) bool { return s.words.MatchString(r.Alert) })
			if i < 0 {
				i = slices.IndexFunc(rules, func(r rule) bool { return s.words.MatchString(r.Expr) })
			}
			if i < 0 {
				problems = append(problems, checks.Problem{Text: "no rule wakes anybody when " + s.name})
				continue
			}
			saw[s.name] = rules[i].Alert
			problems = append(problems, faults(rules[i], told)...)
		}
	}
	switch {
	case len(problems) > 0:
		return checks.Failed(saw, "a complete rule for each", fix, problems...), nil
	case told == nil:
		return checks.Unclear(saw, "the rules are complete; whether their metrics exist was not looked at", checks.Fix{Commands: []string{"voicectl check monitoring --metrics-url URL"}}), nil
	}
	return checks.Passed(saw), nil
}

var (
	metricName = regexp.MustCompile(`\b([a-zA-Z_:][a-zA-Z0-9_:]*)\b(?:\{|\[|\s|\)|$|[-+*/<>=!])`)
	notMetric  = regexp.MustCompile(`^(?:sum|rate|irate|increase|histogram_quantile|avg|min|max|count|by|without|on|ignoring|group_left|group_right|and|or|unless|offset|bool|clamp_min|clamp_max|absent|absent_over_time|avg_over_time|max_over_time|min_over_time|sum_over_time|count_over_time|time|vector|scalar|delta|deriv|predict_linear|topk|le|inf|nan|e)$`)
	braces     = regexp.MustCompile(`\{[^}]*\}|"[^"]*"|\b(?:by|without|on|ignoring)\s*\([^)]*\)|\[[^\]]*\]`)
)

// faults are what keeps a rule from working.
func faults(r rule, told map[string]*dto.MetricFamily) []checks.Problem {
	var out []checks.Problem
	say := func(format string, args ...any) {
		out = append(out, checks.Problem{Text: r.Alert + " " + fmt.Sprintf(format, args...), File: r.file, Line: r.line})
	}
	if strings.TrimSpace(r.Expr) == "" {
		say("has no expression")
	}
	if r.Labels["severity"] == "" {
		say("has no severity label: nobody knows whether to get up")
	}
	if r.For != "" {
		if _, err := time.ParseDuration(strings.Replace(r.For, "d", "h", 1)); err != nil {
			say("has a duration that cannot be read: %s", r.For)
		}
	}
	if told == nil {
		return out
	}
	for _, m := range metricName.FindAllStringSubmatch(braces.ReplaceAllString(r.Expr, " ")+" ", -1) {
		name := m[1]
		if notMetric.MatchString(strings.ToLower(name)) || name == "up" || name == "ALERTS" || strings.HasPrefix(name, "probe_") || strings.Contains(name, "probe_up") {
			continue
		}
		base := name
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			base = strings.TrimSuffix(base, suffix)
		}
		if told[name] == nil && told[base] == nil && !strings.ContainsAny(name[:1], "0123456789") {
			say("reads %s, which the backend does not tell", name)
		}
	}
	return out
}

// alertRules reads all rule files of a repository.
func alertRules(ctx context.Context, repo string) ([]rule, []string, error) {
	t, err := tree.Open(repo)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = t.Close() }()
	var out []rule
	var files []string
	err = t.Files(ctx, func(f tree.File) error {
		if ext := path.Ext(f.Path); ext != ".yml" && ext != ".yaml" || f.Size > 1<<20 {
			return nil
		}
		text, rerr := t.Read(f.Path)
		if rerr != nil || !strings.Contains(string(text), "alert:") {
			return rerr
		}
		var file ruleFile
		if yaml.Unmarshal(text, &file) != nil {
			return nil //nolint:nilerr // not a rule file
		}
		n := len(out)
		for _, g := range file.Groups {
			for _, r := range g.Rules {
				if r.Alert != "" {
					r.file = f.Path
					if i := strings.Index(string(text), "alert: "+r.Alert); i >= 0 {
						r.line = 1 + strings.Count(string(text[:i]), "\n")
					}
					out = append(out, r)
				}
			}
		}
		if len(out) > n {
			files = append(files, f.Path)
		}
		return nil
	})
	return out, files, err
}
