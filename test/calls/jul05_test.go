package calls_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/agent/server"
	"github.com/voicectl/voicectl/internal/agent/tools"
	"github.com/voicectl/voicectl/internal/provider/rtvi"
	"github.com/voicectl/voicectl/internal/provider/supabase"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
	"github.com/voicectl/voicectl/internal/trace"
)

var numberWords = map[string]float64{
	"no": 0, "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
}

var numeral = regexp.MustCompile(`-?[0-9][0-9,]*(\.[0-9]+)?|[a-z]+`)

// numbers are the figures of an answer, words included.
func numbers(text string) map[float64]bool {
	out := map[float64]bool{}
	for _, w := range numeral.FindAllString(strings.ToLower(text), -1) {
		if n, ok := numberWords[w]; ok {
			out[n] = true
		} else if n, err := strconv.ParseFloat(strings.ReplaceAll(w, ",", ""), 64); err == nil {
			out[n] = true
		}
	}
	return out
}

// JUL-05: a question that names a client triggers the transaction tool in that same turn, once, and the
// answer's count and total are the tool's.
func TestJUL05_CountAndTotalAreTheTools(t *testing.T) {
	t.Parallel()
	h := open(t, plan{config: server.Config{ReportLevel: "full"}})
	p := h.page(visit{})
	for i, say := range []string{
		"What transactions does client 5001 have?", "Show me the transactions of client 5002 please", "And what about client 5003?",
		"Which transactions does client five thousand one have?",
	} {
		a := p.ask(say)
		names, args := h.functions()
		if a.tools() != "query_transactions" || len(names) != i+1 {
			t.Fatalf("%q ran %q, %d functions in %d turns", say, a.tools(), len(names), i+1)
		}
		var got struct {
			Count int     `json:"count"`
			Total float64 `json:"total"`
			ID    string  `json:"clientId"`
		}
		must(t, json.Unmarshal(a.ends[0].Result, &got))
		if fmt.Sprint(args[i]["clientId"]) != got.ID {
			t.Errorf("%q asked for %v and told of %v", say, args[i], got.ID)
		}
		if n := numbers(a.text); !n[float64(got.Count)] || !n[got.Total] {
			t.Errorf("%q: answer %q does not hold count %d and total %v", say, a.text, got.Count, got.Total)
		}
	}
}

// JUL-06: a mail needs a recipient that was said and a client, which is taken from the context; one
// message a turn, recipient and client; a fresh query; the confirmation names the recipient.
func TestJUL06_MailFromContextOnceWithFreshContent(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	p := h.page(visit{})
	if a := p.ask("Send the report to john@example.com"); !strings.Contains(strings.ToLower(a.text), "client") || len(h.stage.Outbox()) != 0 {
		t.Errorf("without a client: %q and %d mails; want a question for the client", a.text, len(h.stage.Outbox()))
	}
	p.ask(question)
	if a := p.ask("Email me the report"); !strings.Contains(strings.ToLower(a.text), "address") || len(h.stage.Outbox()) != 0 {
		t.Errorf("without a recipient: %q and %d mails; want a question for the address", a.text, len(h.stage.Outbox()))
	}
	_, before := h.stage.Calls(stage.Supabase, 0)
	a := p.ask("Send that to john@example.com")
	box := h.stage.Outbox()
	if len(box) != 1 || box[0].To != "john@example.com" || box[0].ClientID != "5001" || !strings.Contains(box[0].Body, "1250.75") {
		t.Fatalf("outbox %+v, want one mail for 5001 with its total", box)
	}
	if !strings.Contains(a.text, "john@example.com") {
		t.Errorf("the confirmation %q does not name the recipient", a.text)
	}
	calls, _ := h.stage.Calls(stage.Supabase, before)
	if len(calls) != 2 || calls[0].Detail["function"] != "transaction-query" || calls[1].Detail["function"] != "transaction-email" {
		t.Errorf("for the mail came %+v; want a fresh query, then the mail", calls)
	}
}

// JUL-06: however often the model asks, one message a turn, recipient and client leaves; an address that
// the caller did not say gets none; a failure is said as a failure.
func TestJUL06_OneMessageAndFailureIsSaid(t *testing.T) {
	t.Parallel()
	mail := forced{"send_email_report", `{"to":"john@example.com","clientId":"5001"}`}
	m := newForgetful(mail, mail, mail)
	h := open(t, plan{openai: m.openai(t)})
	p := h.page(visit{})
	if p.ask("Mail it to mary@example.com"); len(h.stage.Outbox()) != 0 {
		t.Errorf("mailed to an address nobody said: %+v", h.stage.Outbox())
	}
	for turn := 1; turn <= 2; turn++ {
		if p.ask("Mail it to john@example.com"); len(h.stage.Outbox()) != turn {
			t.Errorf("after %d turns there are %d mails", turn, len(h.stage.Outbox()))
		}
	}

	h = open(t, plan{})
	p = h.page(visit{})
	p.ask(question)
	h.fault(stage.Fault{Vendor: stage.Supabase, Route: "/functions/v1/transaction-email", Mode: stage.ModeStatus, Status: 500})
	a := p.ask("Send that to john@example.com")
	if !strings.Contains(a.text, "not") || len(h.stage.Outbox()) != 0 {
		t.Errorf("a failed mail is told as %q", a.text)
	}
}

// JUL-06: outside production only the domains on the list get mail.
func TestJUL06_OnlyAllowedDomains(t *testing.T) {
	t.Parallel()
	h := open(t, plan{policy: tools.Policy{MailDomains: []string{"example.org"}}})
	p := h.page(visit{})
	p.ask(question)
	if a := p.ask("Send that to john@example.com"); len(h.stage.Outbox()) != 0 || strings.Contains(a.text, "on its way") {
		t.Errorf("a domain off the list got %d mails: %q", len(h.stage.Outbox()), a.text)
	}
	if p.ask("Send that to john@example.org"); len(h.stage.Outbox()) != 1 {
		t.Error("a domain on the list got no mail")
	}
}

// JUL-07: documents come before the web, by code: a web search of the model waits for the document search
// of the same turn, and is refused when the documents answer. Both are in the trace in that order.
func TestJUL07_DocumentsBeforeTheWeb(t *testing.T) {
	t.Parallel()
	m := newForgetful()
	h := open(t, plan{openai: m.openai(t)})
	p := h.page(visit{})
	m.wants(forced{"web_search", `{"query":"weather in Berlin"}`})
	a := p.ask("What is the weather in Berlin?")
	if names, _ := h.functions(); strings.Join(names, " ") != "rag-retrieval web-search-tool" {
		t.Errorf("a first web search led to %v", names)
	}
	var ran []string
	for _, f := range a.ends {
		ran = append(ran, f.Name)
	}
	if strings.Join(ran, " ") != "search_documents web_search" {
		t.Errorf("the page was shown %v", ran)
	}
	until(t, "the trace shows both tools in order", func() bool { // it is written some milliseconds behind the talk
		ran = nil
		for _, e := range h.events(p) {
			if e.Event == trace.ToolDone {
				ran = append(ran, e.Tool)
			}
		}
		return strings.Join(ran, " ") == "search_documents web_search"
	})
	_, before := h.stage.Calls(stage.Supabase, 0)
	m.wants(forced{"web_search", `{"query":"refund policy"}`})
	p.ask("What is your refund policy?")
	calls, _ := h.stage.Calls(stage.Supabase, before)
	if len(calls) != 1 || calls[0].Detail["function"] != "rag-retrieval" {
		t.Errorf("documents answer it, and still %+v was called", calls)
	}

	planned := open(t, plan{}) // and the planner's own way is the same
	if a := planned.page(visit{}).ask("What is the weather in Berlin today?"); a.tools() != "search_documents web_search" {
		t.Errorf("the planner ran %q", a.tools())
	}
}

// JUL-08: document answers use the passages; nothing found anywhere is said plainly.
func TestJUL08_PassagesOrPlainlyNothing(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	p := h.page(visit{})
	if a := p.ask("What is your refund policy?"); a.tools() != "search_documents" || !strings.Contains(a.text, "30 days") {
		t.Errorf("ran %q and said %q; want the passage's 30 days", a.tools(), a.text)
	}
	empty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"documents":[],"results":[]}`) // both shapes in one
	}))
	t.Cleanup(empty.Close)
	h = open(t, plan{supabase: func(o *supabase.Options) { o.URL = empty.URL }})
	if a := h.page(visit{}).ask("What is the flight speed of a swallow?"); a.tools() != "search_documents web_search" || !plainlyNothing.MatchString(a.text) {
		t.Errorf("with nothing found: ran %q and said %q", a.tools(), a.text)
	}
}

var plainlyNothing = regexp.MustCompile(`(?i)(could not|couldn.t|did not|didn.t) find|found nothing|nothing (was )?found`)

// events is the session's journal as the server gives it out.
func (h *house) events(p *page) []trace.Event {
	h.t.Helper()
	var m struct {
		ID string `json:"session_id"`
	}
	must(h.t, p.await(rtvi.ServerMessage).Unpack(&m))
	resp, body := h.ask(http.MethodGet, "/api/calls/"+m.ID+"/events.jsonl", "")
	if resp.StatusCode != http.StatusOK {
		h.t.Fatalf("events: %d %s", resp.StatusCode, body)
	}
	events, err := trace.Read(strings.NewReader(body))
	must(h.t, err)
	return events
}

// JUL-09: the chart tool is called for the client, its data reach the page as a message, and the spoken
// answer confirms it.
func TestJUL09_ChartReachesThePage(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	a := h.page(visit{}).ask("Show me a chart for client 5001")
	names, args := h.functions()
	if a.tools() != "generate_transaction_chart" || len(names) != 1 || fmt.Sprint(args[0]["clientId"]) != "5001" {
		t.Fatalf("ran %q, called %v %v", a.tools(), names, args)
	}
	var chart struct {
		Type   string   `json:"type"`
		Client string   `json:"client_id"`
		Labels []string `json:"labels"`
		Series []struct {
			Name string    `json:"name"`
			Data []float64 `json:"data"`
		} `json:"series"`
	}
	for _, m := range a.msgs {
		if m.Type == rtvi.ServerMessage && strings.Contains(string(m.Data), `"chart"`) {
			must(t, json.Unmarshal(m.Data, &chart))
		}
	}
	sum := 0.0
	for _, s := range chart.Series {
		for _, v := range s.Data {
			sum += v
		}
	}
	if chart.Type != "chart" || chart.Client != "5001" || len(chart.Labels) != 3 || sum != 1250.75 {
		t.Errorf("the page got %+v, which adds up to %v", chart, sum)
	}
	if !strings.Contains(strings.ToLower(a.text), "chart") {
		t.Errorf("the answer %q does not confirm it", a.text)
	}
}
