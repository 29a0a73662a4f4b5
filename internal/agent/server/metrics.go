package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/provider/guard"
)

// metrics are the server's figures. Labels never hold ids, numbers or text.
type metrics struct {
	requests   *prometheus.CounterVec
	routeTime  *prometheus.HistogramVec
	sessions   *prometheus.CounterVec
	failures   *prometheus.CounterVec
	limits     *prometheus.CounterVec
	turns      *prometheus.CounterVec
	firstAudio *prometheus.HistogramVec
	toolCalls  *prometheus.CounterVec
	toolTime   *prometheus.HistogramVec
	callTime   prometheus.Histogram
	commit     prometheus.Histogram
	vendorTime *prometheus.HistogramVec
	vendorErrs *prometheus.CounterVec
	barge      prometheus.Counter
	started    prometheus.Counter
	tools      map[string]bool // names that may be labels
}

//nolint:gochecknoglobals // constant table, seconds
var buckets = []float64{.005, .01, .025, .05, .1, .2, .3, .5, .75, 1, 1.5, 2, 3, 5, 10}

// fine buckets are for what takes a few milliseconds at most.
//
//nolint:gochecknoglobals // constant table, seconds
var fine = []float64{.0002, .0005, .001, .0015, .002, .003, .005, .0075, .01, .015, .02, .05, .1}

func newMetrics(reg *prometheus.Registry, c Config, s *Server) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "voicectl_" + name, Help: help}, labels)
		reg.MustRegister(v)
		return v
	}
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "voicectl_" + name, Help: help, Buckets: buckets}, labels)
		reg.MustRegister(v)
		return v
	}
	gauge := func(name, help string, fn func() float64) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "voicectl_" + name, Help: help}, fn))
	}
	m := &metrics{
		requests:   counter("requests_total", "HTTP requests by route, method and status.", "route", "method", "code"),
		routeTime:  histogram("http_route_seconds", "Time of HTTP requests by route.", "route"),
		sessions:   counter("sessions_total", "Ended sessions by reason.", "end_reason"),
		failures:   counter("ws_failures_total", "Sockets and webhooks that were refused.", "stage", "reason"),
		limits:     counter("limits_total", "Limits that were reached.", "kind"),
		turns:      counter("turns_total", "Finished turns by outcome.", "outcome", "tool"),
		firstAudio: histogram("turn_first_audio_seconds", "From the accepted words to the first sound on the wire.", "tool"),
		toolCalls:  counter("tool_calls_total", "Tool runs by tool and result.", "tool", "result"),
		toolTime:   histogram("tool_seconds", "Time of tool runs.", "tool"),
		vendorTime: histogram("vendor_seconds", "Time of vendor calls.", "vendor"),
		vendorErrs: counter("vendor_errors_total", "Failed vendor calls by class.", "vendor", "class"),
		callTime:   prometheus.NewHistogram(prometheus.HistogramOpts{Name: "voicectl_call_seconds", Help: "Length of sessions.", Buckets: []float64{1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600}}),
		commit:     prometheus.NewHistogram(prometheus.HistogramOpts{Name: "voicectl_turn_commit_seconds", Help: "Time until a finished turn was durable, or spooled.", Buckets: fine}),
		barge:      prometheus.NewCounter(prometheus.CounterOpts{Name: "voicectl_interruptions_total", Help: "Answers that the caller spoke over."}),
		started:    prometheus.NewCounter(prometheus.CounterOpts{Name: "voicectl_sessions_started_total", Help: "Sessions that began."}),
	}
	m.tools = map[string]bool{}
	for _, def := range s.o.Agents {
		for _, name := range def.Tools {
			m.tools[name] = true
		}
	}
	reg.MustRegister(m.callTime, m.commit, m.barge, m.started,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	gauge("sessions_active", "Live sessions.", func() float64 { return float64(s.book.count()) })
	gauge("calls_capacity", "Sessions that are let in at once.", func() float64 { return float64(c.MaxSessions) })
	if p, ok := s.o.Scheduler.(interface{ Stats() media.SchedulerStats }); ok {
		gauge("send_late_p99_seconds", "How late the sending of sound began, 99 of 100 times.", func() float64 { return p.Stats().P99.Seconds() })
		gauge("send_skipped", "Times that the sending of sound was so late that one was left out.", func() float64 { return float64(p.Stats().Skipped) })
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "voicectl_build_info", Help: "Always 1.", ConstLabels: prometheus.Labels{"version": c.Version, "commit": c.Commit, "profile": c.Profile}})
	info.Set(1)
	reg.MustRegister(info)
	return m
}

func (m *metrics) request(route, method string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, knownMethod(method), strconv.Itoa(status)).Inc()
	if status != http.StatusSwitchingProtocols {
		m.routeTime.WithLabelValues(route).Observe(took.Seconds())
	}
}

// knownMethod keeps strangers from making labels.
func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

func (m *metrics) sessionStarted() { m.started.Inc() }

func (m *metrics) sessionEnded(reason string, took time.Duration) {
	m.sessions.WithLabelValues(reason).Inc()
	m.callTime.Observe(took.Seconds())
}

func (m *metrics) wsFailure(stage, reason string) { m.failures.WithLabelValues(stage, reason).Inc() }
func (m *metrics) limit(kind string)              { m.limits.WithLabelValues(kind).Inc() }

// tool is the name of a tool as a label: a model may ask for names that it made up.
func (m *metrics) tool(name string) string {
	if m.tools[name] {
		return name
	}
	return "other"
}

// observe takes a session's figures.
func (m *metrics) observe(x session.Measure) {
	tool := strconv.FormatBool(x.Tool)
	switch x.Kind {
	case "turn":
		m.turns.WithLabelValues(x.Name, tool).Inc()
	case "first_audio":
		m.firstAudio.WithLabelValues(tool).Observe(x.Took.Seconds())
	case "tool":
		name := m.tool(x.Name)
		result := "ok"
		if !x.OK {
			result = "failed"
		}
		m.toolCalls.WithLabelValues(name, result).Inc()
		m.toolTime.WithLabelValues(name).Observe(x.Took.Seconds())
	case "commit":
		m.commit.Observe(x.Took.Seconds())
	case "interrupted":
		m.barge.Inc()
	}
}

// Vendor takes a vendor client's observation; hand it to the clients as their Observe.
func (s *Server) Vendor(o guard.Observation) {
	s.metrics.vendorTime.WithLabelValues(o.Vendor).Observe(o.Took.Seconds())
	if o.Class != "" && o.Class != guard.Cancelled {
		s.metrics.vendorErrs.WithLabelValues(o.Vendor, string(o.Class)).Inc()
	}
}
