package calls_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/provider/cartesia"
	"github.com/voicectl/voicectl/internal/provider/openai"
	"github.com/voicectl/voicectl/internal/provider/rtvi"
	"github.com/voicectl/voicectl/internal/provider/speechmatics"
	"github.com/voicectl/voicectl/internal/provider/supabase"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

// metrics are the lines of the admin listener's figures.
func (h *house) metrics() string {
	h.t.Helper()
	_, body := h.ask(http.MethodGet, h.admin()+"/metrics", "")
	return body
}

// asked counts the requests that a vendor saw on a route.
func (h *house) asked(vendor, route string) int {
	n := 0
	calls, _ := h.stage.Calls(vendor, 0)
	for _, c := range calls {
		if strings.HasPrefix(c.Route, route) {
			n++
		}
	}
	return n
}

// COM-06: a vendor that does not answer is given up in its time, the caller is told, and the metric names
// vendor and class.
func TestCOM06_EveryVendorHasATimeout(t *testing.T) {
	t.Parallel()
	const short = 150 * time.Millisecond
	cases := map[string]struct {
		plan  plan
		fault stage.Fault
	}{
		"openai does not answer": {
			plan{openai: func(o *openai.Options) { o.Timeout = short }}, stage.Fault{Vendor: stage.OpenAI, Mode: stage.ModeLatency, MS: 3000},
		},
		"openai stalls": {plan{openai: func(o *openai.Options) { o.Stall = short }}, stage.Fault{Vendor: stage.OpenAI, Mode: stage.ModeStall}},
		"speechmatics does not answer": {
			plan{ears: func(o *speechmatics.Options) { o.StartTimeout = short }}, stage.Fault{Vendor: stage.Speechmatics, Mode: stage.ModeLatency, MS: 3000},
		},
		"cartesia does not answer": {
			plan{voice: func(o *cartesia.Options) { o.DialTimeout = short }}, stage.Fault{Vendor: stage.Cartesia, Mode: stage.ModeLatency, MS: 3000},
		},
		"cartesia stalls": {plan{voice: func(o *cartesia.Options) { o.Stall = short }}, stage.Fault{Vendor: stage.Cartesia, Mode: stage.ModeStall}},
		"supabase does not answer": {
			plan{supabase: func(o *supabase.Options) { o.Timeout = short }}, stage.Fault{Vendor: stage.Supabase, Mode: stage.ModeLatency, MS: 3000},
		},
		"supabase stalls": {plan{supabase: func(o *supabase.Options) { o.Timeout = short }}, stage.Fault{Vendor: stage.Supabase, Mode: stage.ModeStall}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, c.plan)
			h.fault(c.fault)
			p := h.page(visit{})
			begun := time.Now()
			p.typed(question)
			want := regexp.MustCompile(`voicectl_vendor_errors_total\{class="timeout",vendor="` + c.fault.Vendor + `"\} [1-9]`)
			until(t, want.String(), func() bool { return want.MatchString(h.metrics()) })
			if took := time.Since(begun); took > 3*time.Second {
				t.Errorf("given up after %v", took)
			}
			if c.fault.Vendor == stage.Supabase || c.fault.Vendor == stage.OpenAI {
				p.await(rtvi.BotTTSStopped) // the apology
			} else {
				p.await(rtvi.Error) // nothing can be said or heard; it is shown
			}
		})
	}
}

// COM-06: a read that failed is tried once more; what may have had an effect is not.
func TestCOM06_OneRetryForSafeReads(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	p := h.page(visit{})
	for i, mode := range []stage.Fault{{Mode: stage.ModeStatus, Status: 503}, {Mode: stage.ModeReset}, {Mode: stage.ModeStatus, Status: 429}} {
		mode.Vendor, mode.Count = stage.Supabase, 1
		h.fault(mode)
		if a := p.ask(question); !strings.Contains(a.text, "3 transactions") || h.asked(stage.Supabase, "/functions/v1/transaction-query") != 2*(i+1) {
			t.Errorf("%s: %q after %d requests in all", mode.Mode, a.text, h.asked(stage.Supabase, "/functions/v1/transaction-query"))
		}
	}
	h.fault(stage.Fault{Vendor: stage.Supabase, Route: "/functions/v1/transaction-query", Mode: stage.ModeStatus, Status: 401, Count: 2})
	before := h.asked(stage.Supabase, "/functions/v1/transaction-query")
	if p.ask(question); h.asked(stage.Supabase, "/functions/v1/transaction-query") != before+1 {
		t.Error("a refused key was tried again")
	}
	h.stage.ClearFaults("")
	h.fault(stage.Fault{Vendor: stage.Supabase, Route: "/functions/v1/transaction-email", Mode: stage.ModeStatus, Status: 503, Count: 1})
	if p.ask("Send that to john@example.com"); h.asked(stage.Supabase, "/functions/v1/transaction-email") != 1 {
		t.Errorf("a mail was tried %d times", h.asked(stage.Supabase, "/functions/v1/transaction-email"))
	}
}

// COM-06: after five failures in 30 s a vendor is not asked any more; the detailed health says so, and the
// callers hear that it is down.
func TestCOM06_BreakerOpensAfterFiveFailures(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		route string
		fail  func(h *house) // makes one failure, or two for a read
		each  int
	}{
		stage.OpenAI:       {"/v1/chat/completions", func(h *house) { h.page(visit{}).ask("Hello") }, 1},
		stage.Supabase:     {"/functions/v1/transaction-query", func(h *house) { h.page(visit{}).ask(question) }, 2},
		stage.Speechmatics: {"/v2", func(h *house) { p := h.page(visit{}); p.await(rtvi.Error); p.close() }, 1},
		stage.Cartesia:     {"/tts/websocket", func(h *house) { p := h.page(visit{}); p.say("Hello"); p.close() }, 1},
	}
	for vendor, c := range cases {
		t.Run(vendor, func(t *testing.T) {
			t.Parallel()
			h := open(t, plan{})
			h.fault(stage.Fault{Vendor: vendor, Mode: stage.ModeStatus, Status: 503})
			down := func() bool {
				list, _ := h.health("/health?detail=1")["vendors_down"].([]any)
				return slices.Contains(list, any(vendor))
			}
			for n := 0; n < 5; n += c.each {
				if down() {
					t.Fatalf("down after %d failures", n)
				}
				c.fail(h)
			}
			until(t, "the circuit to open", down)
			asked := h.asked(vendor, c.route)
			c.fail(h)
			if n := h.asked(vendor, c.route); n != asked {
				t.Errorf("asked %d times more with an open circuit", n-asked)
			}
			if !regexp.MustCompile(`voicectl_vendor_errors_total\{class="circuit_open",vendor="` + vendor + `"\} [1-9]`).MatchString(h.metrics()) {
				t.Error("no metric tells of the open circuit")
			}
			if m := h.health("/health?detail=1"); m["status"] != "degraded" || m["ready"] != true {
				t.Errorf("detail with one vendor down: %v", m)
			}
		})
	}
}

// COM-06 and part 7.1: the figures have their names, and no label holds an id, a number or a text.
func TestCOM06_MetricNames(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	p := h.page(visit{})
	p.say(question)
	p.ask("Send that to john@example.com")
	h.ask(http.MethodGet, "/no/such/zanzibar", "")
	h.ask("ZANZIBAR", "/health", "")
	p.close()
	until(t, "the end of the session", func() bool { return strings.Contains(h.metrics(), "voicectl_sessions_active 0") })
	got := h.metrics()
	for _, line := range []string{
		`voicectl_build_info{commit="abc",profile="julia",version="1.2.3"} 1`, `voicectl_sessions_total{end_reason="`, `voicectl_calls_capacity 100`,
		`voicectl_requests_total{code="404",method="GET",route="none"}`, `method="other"`, `voicectl_http_route_seconds_bucket{route="`,
		`voicectl_turns_total{outcome="answered",tool="true"} 2`, `voicectl_turn_first_audio_seconds_count{tool="true"} 1`,
		`voicectl_tool_calls_total{result="ok",tool="query_transactions"} 1`, `voicectl_tool_calls_total{result="ok",tool="send_email_report"} 1`,
		`voicectl_tool_seconds_count{tool="query_transactions"} 1`, `voicectl_call_seconds_count 1`,
		`voicectl_vendor_seconds_count{vendor="openai"}`, `voicectl_vendor_seconds_count{vendor="speechmatics"}`,
		`voicectl_vendor_seconds_count{vendor="cartesia"}`, `voicectl_vendor_seconds_count{vendor="supabase"}`, "process_resident_memory_bytes",
	} {
		if !strings.Contains(got, line) {
			t.Errorf("%s is missing", line)
		}
	}
	if bad := regexp.MustCompile(`(?i).*(zanzibar|john|5001|127\.0\.0\.1|[0-9a-f]{8}-[0-9a-f]{4}).*`).FindString(got); bad != "" {
		t.Errorf("a label tells too much: %s", bad)
	}
}
