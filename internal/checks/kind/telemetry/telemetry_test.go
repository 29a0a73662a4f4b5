package telemetry_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/kind/telemetry"
	"github.com/voicectl/voicectl/internal/checks/probe"
	"github.com/voicectl/voicectl/internal/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func look(t *testing.T, scope *checks.Scope, uses string, with map[string]any) checks.Finding {
	t.Helper()
	kinds := checks.Kinds{}
	for _, k := range telemetry.Kinds() {
		kinds[k.Name] = k
	}
	scope.Clock, scope.Mask = clock.Real{}, checks.NewMask("salt", nil)
	if scope.HTTP == nil {
		scope.HTTP = probe.NewClient(probe.ClientOptions{})
		defer scope.HTTP.CloseIdleConnections()
	}
	p, err := checks.Compile([]checks.Checklist{{ID: "t", Checks: []checks.Check{{ID: "t", Steps: []checks.Step{{Uses: uses, With: with}}}}}}, kinds, checks.Selection{}, scope)
	if err != nil {
		t.Fatal(err)
	}
	return checks.Run(t.Context(), p, checks.RunOptions{})[0]
}

// log makes a log file of lines.
func log(t *testing.T, lines ...string) *checks.Scope {
	t.Helper()
	path := filepath.Join(t.TempDir(), "backend.log")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return &checks.Scope{Logs: []checks.LogSource{{Kind: "file", At: path}}}
}

func want(t *testing.T, f checks.Finding, state checks.State, says string) {
	t.Helper()
	if text := fmt.Sprintf("%+v", f); f.State != state || !strings.Contains(text, says) {
		t.Errorf("want %s saying %q, got %s", state, says, text)
	}
}

const (
	jsonLine  = `{"ts":"2026-03-04T05:06:07Z","level":"INFO","msg":"turn","session":"s1","request_id":"r1"}`
	jsonLine2 = `{"ts":"2026-03-04T05:06:08Z","level":"INFO","msg":"turn","session":"s1","request_id":"r1"}`
	textLine  = `2026-03-04 05:06:07,123 - INFO - app.main - session started session_id=s1`
	errLine   = `2026-03-04 05:06:09,001 | ERROR | tool failed`
)

func TestLogFormat_JSONTextAndForeignNames(t *testing.T) {
	all := map[string]any{"fields": []any{"ts", "level", "msg"}}
	session := map[string]any{"fields": []any{"ts", "level", "msg", "session"}}
	for name, c := range map[string]struct {
		lines []string
		with  map[string]any
		want  checks.State
		says  string
	}{
		"JSON":                      {[]string{jsonLine, jsonLine2}, session, checks.Pass, ""},
		"text":                      {[]string{textLine, errLine, "Traceback (most recent call last):", "  File \"x\", line 1", "ValueError: no"}, all, checks.Pass, ""},
		"names of other libraries":  {[]string{`{"asctime":"2026-03-04 05:06:07,1","levelname":"WARNING","message":"x"}`, `{"severity":"info","timestamp":"2026-03-04T05:06:07.5Z","event":"x"}`, `{"time":1772600767,"level":30,"msg":"pino"}`}, all, checks.Pass, ""},
		"loguru's nesting":          {[]string{`{"record":{"time":{"repr":"x","timestamp":1772600767.1},"level":{"name":"INFO"},"message":"x"}}`}, map[string]any{"fields": []any{"msg"}}, checks.Pass, ""},
		"a line without a level":    {[]string{jsonLine, `{"ts":"2026-03-04T05:06:07Z","msg":"x"}`}, all, checks.Warn, "line 2 has no level"},
		"a print among them":        {[]string{textLine, "hello"}, all, checks.Warn, "line 2 has no ts"},
		"an unknown level":          {[]string{`{"ts":"2026-03-04T05:06:07Z","level":"loud","msg":"x"}`}, all, checks.Warn, "known level"},
		"no session links lines":    {[]string{textLine, errLine}, session, checks.Warn, "no session is on 2 lines"},
		"JSON is asked and missing": {[]string{textLine}, map[string]any{"json": true}, checks.Warn, "no JSON object"},
		"an empty log":              {nil, all, checks.Inconclusive, "no log line"},
		"access lines":              {[]string{`INFO: 127.0.0.1:5 - "GET /health HTTP/1.1" 200 OK`}, map[string]any{"kind": "access"}, checks.Pass, ""},
		"access lines in JSON":      {[]string{`{"ts":"2026-03-04T05:06:07Z","level":"info","msg":"request","route":"/health","status":200}`}, map[string]any{"kind": "access"}, checks.Pass, ""},
		"no access lines":           {[]string{jsonLine}, map[string]any{"kind": "access"}, checks.Warn, "tells of a request"},
	} {
		t.Run(name, func(t *testing.T) { want(t, look(t, log(t, c.lines...), "log.format", c.with), c.want, c.says) })
	}
	mapped := log(t, `{"wann":"2026-03-04T05:06:07Z","stufe":"info","was":"x"}`)
	mapped.Names = map[string]string{"log.ts": "wann", "log.level": "stufe", "log.msg": "was"}
	want(t, look(t, mapped, "log.format", all), checks.Pass, "")
	want(t, look(t, &checks.Scope{Logs: []checks.LogSource{{Kind: "file", At: "/nonexistent"}}}, "log.format", all), checks.Error, "no such file")
	want(t, look(t, &checks.Scope{}, "log.format", all), checks.Elsewhere, "log lines")
}

func TestLogFormat_Rotation(t *testing.T) {
	with := map[string]any{"rotation": []any{"size", "age", "stdout"}, "max_mb": 100, "files": 10}
	plain := log(t, textLine)
	want(t, look(t, plain, "log.format", with), checks.Warn, "nothing bounds the log")
	if err := os.WriteFile(plain.Logs[0].At+".1", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, look(t, plain, "log.format", with), checks.Pass, "")
	want(t, look(t, &checks.Scope{Logs: []checks.LogSource{{Kind: "stdout"}}}, "log.format", with), checks.Pass, "stdout")
	for text, state := range map[string]checks.State{
		"RotatingFileHandler('a.log', maxBytes=10*1024*1024, backupCount=5)": checks.Pass,
		"RotatingFileHandler('a.log', maxBytes=900*1024*1024)":               checks.Warn,
	} {
		s := log(t, textLine)
		s.Repo = t.TempDir()
		if err := os.WriteFile(filepath.Join(s.Repo, "logs.py"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		want(t, look(t, s, "log.format", with), state, "logs.py")
	}
}

func TestLogPattern_LevelsBoundsAndWindows(t *testing.T) {
	now := time.Now().UTC()
	at := func(ago time.Duration, level, msg string) string {
		return fmt.Sprintf(`{"ts":%q,"level":%q,"msg":%q}`, now.Add(-ago).Format(time.RFC3339Nano), level, msg)
	}
	lines := []string{at(time.Hour, "error", "old"), at(50*time.Second, "info", "Application startup complete"), at(10*time.Second, "info", "x"), at(time.Second, "debug", "mail to john@example.com")}
	for name, c := range map[string]struct {
		with map[string]any
		want checks.State
		says string
	}{
		"no error in the last minute": {map[string]any{"level": ">=error", "max": 0, "window": "60s"}, checks.Pass, "the last 60s"},
		"an error in all":             {map[string]any{"level": ">=error", "max": 0}, checks.Warn, "1 of 4 lines at level error or above"},
		"an error before ready":       {map[string]any{"level": ">=error", "max": 0, "window": "start..ready"}, checks.Warn, "1 of 2"},
		"debug lines":                 {map[string]any{"level": "debug", "max": 0}, checks.Warn, "[mail address]"},
		"a pattern is there":          {map[string]any{"re": "startup complete", "min": 1}, checks.Pass, ""},
		"a pattern is not there":      {map[string]any{"re": "warm", "min": 1}, checks.Warn, "0 of 4"},
		"a share":                     {map[string]any{"level": "error", "max_ratio": 0.1}, checks.Warn, "0.25"},
		"no bound":                    {map[string]any{"level": "error"}, checks.Inconclusive, "neither min nor max"},
		"a broken pattern":            {map[string]any{"re": "(", "max": 0}, checks.Error, "the pattern"},
		"an unknown window":           {map[string]any{"level": "error", "max": 0, "window": "lately"}, checks.Error, "lately"},
		"nothing in the window":       {map[string]any{"level": "error", "max": 0, "window": "1ns"}, checks.Inconclusive, "no log line"},
	} {
		t.Run(name, func(t *testing.T) { want(t, look(t, log(t, lines...), "log.pattern", c.with), c.want, c.says) })
	}
	want(t, look(t, log(t), "log.pattern", map[string]any{"level": "error", "max": 0}), checks.Inconclusive, "")
	want(t, look(t, &checks.Scope{Logs: []checks.LogSource{{Kind: "render"}}}, "log.pattern", map[string]any{"level": "error", "max": 0}), checks.Error, "write the lines to a file")
}

func TestLogPattern_ARequestLeavesItsLine(t *testing.T) {
	for name, c := range map[string]struct {
		lines int
		want  checks.State
	}{"one line": {1, checks.Pass}, "two lines": {2, checks.Warn}, "no line": {0, checks.Warn}} {
		t.Run(name, func(t *testing.T) {
			scope := log(t, jsonLine)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				f, err := os.OpenFile(scope.Logs[0].At, os.O_APPEND|os.O_WRONLY, 0)
				if err == nil {
					for range c.lines {
						_, _ = fmt.Fprintf(f, "{\"path\":%q}\n", r.URL.Path)
					}
					_ = f.Close()
				}
				w.WriteHeader(http.StatusNotFound)
			}))
			defer server.Close()
			scope.Target, _ = url.Parse(server.URL)
			want(t, look(t, scope, "log.pattern", map[string]any{"probe": "unique-path", "min": 1, "max": 1}), c.want, "")
		})
	}
}

func metrics(t *testing.T, text string, status int) *checks.Scope {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &checks.Scope{Metrics: u}
}

const exposition = `# TYPE http_requests_total counter
http_requests_total{code="200"} 7
# TYPE active_sessions gauge
active_sessions 1
# TYPE turn_latency_seconds histogram
turn_latency_seconds_bucket{le="+Inf"} 1
turn_latency_seconds_sum 1
turn_latency_seconds_count 1
# TYPE tool_calls_total counter
tool_calls_total 2
# TYPE vendor_errors_total counter
vendor_errors_total 0
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 1
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 1
`

func TestMetricPresent_SubjectsUnderUsualNames(t *testing.T) {
	core := map[string]any{"set": "core"}
	want(t, look(t, metrics(t, exposition, 200), "metric.present", core), checks.Pass, "turn_latency_seconds")
	want(t, look(t, metrics(t, strings.ReplaceAll(exposition, "tool_calls_total", "odd"), 200), "metric.present", core), checks.Warn, "nothing tells about tool calls")
	mapped := metrics(t, strings.ReplaceAll(exposition, "tool_calls_total", "odd"), 200)
	mapped.Names = map[string]string{"metric.voicectl_tool_calls_total": "odd"}
	want(t, look(t, mapped, "metric.present", core), checks.Pass, "odd")
	want(t, look(t, metrics(t, exposition, 503), "metric.present", core), checks.Error, "answered 503")
	want(t, look(t, metrics(t, "<html>", 200), "metric.present", core), checks.Error, "Prometheus")
	want(t, look(t, metrics(t, exposition, 200), "metric.present", nil), checks.Inconclusive, "")
	want(t, look(t, &checks.Scope{}, "metric.present", core), checks.Elsewhere, "metrics")
}

func TestAlertRule_RulesOverMetricsThatExist(t *testing.T) {
	rules := `groups:
  - name: voice
    rules:
      - alert: ServiceDown
        expr: up == 0
        for: 1m
        labels: {severity: page}
      - alert: HighErrorRate
        expr: sum(rate(http_requests_total{code=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > 0.01
        for: 5m
        labels: {severity: page}
      - alert: SlowTurns
        expr: histogram_quantile(0.95, sum by (le) (rate(turn_latency_seconds_bucket[10m]))) > 2
        for: 10m
        labels: {severity: warn}
      - alert: HighMemory
        expr: process_resident_memory_bytes > 1e9
        for: 10m
        labels: {severity: warn}
`
	core := map[string]any{"set": "core"}
	scope := func(text, told string) *checks.Scope {
		s := &checks.Scope{}
		if told != "" {
			s = metrics(t, told, 200)
		}
		s.Repo = t.TempDir()
		if text != "" {
			if err := os.WriteFile(filepath.Join(s.Repo, "alerts.rules.yml"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	want(t, look(t, scope(rules, exposition), "alert.rule", core), checks.Pass, "")
	want(t, look(t, scope(rules, ""), "alert.rule", core), checks.Inconclusive, "whether their metrics exist")
	want(t, look(t, scope(strings.ReplaceAll(rules, "turn_latency", "tern_latency"), exposition), "alert.rule", core), checks.Warn, "tern_latency_seconds_bucket, which the backend does not tell")
	want(t, look(t, scope(strings.ReplaceAll(rules, "ServiceDown", "Other"), exposition), "alert.rule", core), checks.Pass, "")
	want(t, look(t, scope(strings.Replace(rules, "labels: {severity: page}", "labels: {}", 1), exposition), "alert.rule", core), checks.Warn, "no severity")
	want(t, look(t, scope(rules[:strings.Index(rules, "      - alert: HighMemory")], exposition), "alert.rule", core), checks.Warn, "memory runs out")
	want(t, look(t, scope("", exposition), "alert.rule", core), checks.Warn, "no file with alert rules")
}

func TestHost_SharesAndWhatIsNotThere(t *testing.T) {
	scope := func() *checks.Scope { return &checks.Scope{Host: true} }
	want(t, look(t, scope(), "host.resource", map[string]any{"of": []any{"disk", "mem"}, "max": 1}), checks.Pass, "statfs")
	want(t, look(t, scope(), "host.resource", map[string]any{"of": "mem", "max": 0.0001}), checks.Warn, "in use")
	want(t, look(t, scope(), "host.resource", map[string]any{"of": "cpu", "max": 1.01}), checks.Pass, "/proc/stat")
	t.Setenv("PATH", t.TempDir())
	want(t, look(t, scope(), "host.resource", map[string]any{"of": "gpu"}), checks.Skip, "no gpu")
	want(t, look(t, &checks.Scope{}, "host.resource", map[string]any{"of": "mem"}), checks.Elsewhere, "")
	tool := filepath.Join(t.TempDir(), "nvidia-smi")
	if err := os.WriteFile(tool, []byte("#!/bin/sh\necho 9000, 10000\necho 100, 10000\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Dir(tool)+":/bin:/usr/bin")
	want(t, look(t, scope(), "host.resource", map[string]any{"of": "gpu", "max": 0.89}), checks.Warn, "90 %")
}

func FuzzLines(f *testing.F) {
	f.Add(jsonLine + "\n" + textLine + "\n" + errLine)
	f.Add(`{"a":{"b":{"c":{"d":{"e":{"f":1}}}}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		scope := log(t, text)
		if s := look(t, scope, "log.format", map[string]any{"fields": []any{"ts"}}).State; s == checks.Error {
			t.Errorf("%q cannot be read", text)
		}
	})
}
