package tools_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/voicectl/voicectl/internal/agent/tools"
	"github.com/voicectl/voicectl/internal/provider/guard"
	"github.com/voicectl/voicectl/internal/provider/supabase"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
	emulated "github.com/voicectl/voicectl/internal/sandbox/supabase"
	"github.com/voicectl/voicectl/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// key would be a leak wherever it turned up.
const key = "sb_publishable_verysecret"

// project is an emulated project and a client of it.
func project(t *testing.T) (*stage.Stage, *supabase.Client) {
	t.Helper()
	s := stage.New(stage.Options{})
	srv := httptest.NewServer(s.Wrap(stage.Supabase, emulated.New(s), emulated.Refuse))
	t.Cleanup(srv.Close)
	c, err := supabase.New(supabase.Options{URL: srv.URL, Key: secret.New(key), HTTP: srv.Client()})
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

func box(t *testing.T) (*stage.Stage, *tools.Box) {
	t.Helper()
	s, c := project(t)
	return s, tools.New(tools.Options{Backend: c})
}

// functions lists what the project saw, in order.
func functions(s *stage.Stage) string {
	calls, _ := s.Calls(stage.Supabase, 0)
	var names []string
	for _, c := range calls {
		names = append(names, fmt.Sprint(c.Detail["function"]))
	}
	return strings.Join(names, " ")
}

func content(t *testing.T, o tools.Outcome) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(o.Content), &v); err != nil {
		t.Fatalf("content is not JSON: %v: %s", err, o.Content)
	}
	return v
}

// Scripted answers in the test's own way.
type Scripted func(ctx context.Context, fn string, in, out any) error

func (s Scripted) Call(ctx context.Context, fn string, in, out any) error { return s(ctx, fn, in, out) }

// pause is a while of a bubble's own clock: a vendor that takes time.
func pause(d time.Duration) { <-time.NewTimer(d).C }

func answer(out any, body string) error { return json.Unmarshal([]byte(body), out) }

func TestJUL03_ValidCallsAreRunAndInvalidOnesAreNeverSentOn(t *testing.T) {
	s, b := box(t)
	b.BeginTurn("What transactions does client 5001 have?")
	out := b.Run(t.Context(), "query_transactions", `{"clientId":"5001"`)
	v := content(t, out)
	if !out.OK || v["count"] != 3.0 || v["total"] != 1250.75 || v["currency"] != "USD" || len(v["transactions"].([]any)) != 3 || out.Arguments != `{"clientId":"5001"}` {
		t.Errorf("got %+v", out)
	}
	for _, tc := range []struct{ name, args, class string }{
		{"query_transactions", `not json at all`, tools.ClassArguments},
		{"query_transactions", `{"clientId":"50a1"}`, tools.ClassArguments},
		{"query_transactions", `{"clientId":"5001","tenant":"acme"}`, tools.ClassArguments},
		{"drop_tables", `{}`, tools.ClassUnknown},
		{"generate_transaction_chart", `{}`, tools.ClassArguments},
		{"send_email_report", `{"to":"a@b.example\r\nBcc: x@y.example","clientId":"5001"}`, tools.ClassArguments},
	} {
		out := b.Run(t.Context(), tc.name, tc.args)
		e, _ := content(t, out)["error"].(map[string]any)
		if out.OK || out.Class != tc.class || e["class"] != tc.class || e["message"] == "" {
			t.Errorf("%s %s: got %+v; want class %s", tc.name, tc.args, out, tc.class)
		}
		if tc.class == tools.ClassUnknown && e["message"] != "unknown function: drop_tables" {
			t.Errorf("got %v", e)
		}
	}
	if got := functions(s); got != "transaction-query" {
		t.Errorf("the project saw %q; want the one valid call", got)
	}
}

func TestJUL04_TheProjectSeesTheKeyInBothHeaders(t *testing.T) {
	s, b := box(t)
	for name, args := range map[string]string{
		"query_transactions": `{"clientId":"5001"}`, "search_documents": `{"query":"refunds"}`, "generate_transaction_chart": `{"clientId":"5001"}`,
		"web_search": `{"query":"weather in Oslo"}`, "send_email_report": `{"to":"a@b.example","clientId":"5001"}`,
	} {
		b.BeginTurn("a@b.example")
		if out := b.Run(t.Context(), name, args); !out.OK {
			t.Fatalf("%s: %+v", name, out)
		}
	}
	seen := map[string]bool{}
	calls, _ := s.Calls(stage.Supabase, 0)
	for _, c := range calls {
		seen[c.Route] = true
		if c.Detail["apikey"] != "publishable" || c.Detail["bearer"] != "publishable" || c.Detail["same_key"] != true || c.Detail["request_id"] == nil {
			t.Errorf("%s: %v", c.Route, c.Detail)
		}
	}
	for _, fn := range supabase.Functions() {
		if !seen["/functions/v1/"+fn] {
			t.Errorf("%s was not called", fn)
		}
	}
}

func TestJUL09_ChartGoesToTheClientAndAWordToTheModel(t *testing.T) {
	_, b := box(t)
	b.BeginTurn("draw a chart for 5002")
	out := b.Run(t.Context(), "generate_transaction_chart", `{"clientId":"5002"}`)
	if !out.OK || out.Chart == nil || out.Chart.ClientID != "5002" || len(out.Chart.Labels) != 3 || len(out.Chart.Series) != 5 {
		t.Fatalf("got %+v, chart %+v", out, out.Chart)
	}
	frame, err := json.Marshal(out.Chart)
	if err != nil || !strings.Contains(string(frame), `{"type":"chart","client_id":"5002","labels":["2026-01","2026-02","2026-03"],"series":[{"name":"deposit","data":[2400.00,0.00,0.00]}`) {
		t.Errorf("frame %s, %v", frame, err)
	}
	if v := content(t, out); v["series"] != 5.0 || v["from"] != "2026-01" || !strings.Contains(fmt.Sprint(v["note"]), "screen") {
		t.Errorf("the model got %v", v)
	}
	if out := b.Run(t.Context(), "generate_transaction_chart", `{"clientId":"9999"}`); !out.OK || out.Chart != nil || !strings.Contains(out.Content, "no chart was made") {
		t.Errorf("unknown client: got %+v", out)
	}
}

func TestJUL14_UnknownClientHasNoRowsAndAMalformedOneIsAskedForAgain(t *testing.T) {
	s, b := box(t)
	b.BeginTurn("transactions of 9999")
	out := b.Run(t.Context(), "query_transactions", `{"clientId":"9999"}`)
	if v := content(t, out); !out.OK || v["count"] != 0.0 || len(v["transactions"].([]any)) != 0 {
		t.Errorf("got %+v", out)
	}
	out = b.Run(t.Context(), "query_transactions", `{"clientId":"banana"}`)
	if out.OK || !strings.Contains(out.Content, "Which client is it?") || functions(s) != "transaction-query" {
		t.Errorf("got %+v after %s", out, functions(s))
	}
}

func TestJUL10_FactsFollowTheClientNamedLast(t *testing.T) {
	_, b := box(t)
	step := func(text, name, args string) {
		t.Helper()
		b.BeginTurn(text)
		if out := b.Run(t.Context(), name, args); !out.OK {
			t.Fatalf("%s: %+v", name, out)
		}
	}
	step("client 5001", "query_transactions", `{"clientId":"5001"}`)
	if f := b.Facts(); f.ClientID != "5001" || f.Result != "3 transactions with a total of 1250.75 USD" {
		t.Errorf("got %+v", f)
	}
	b.Run(t.Context(), "query_transactions", `{"clientId":"5003"}`)
	b.Run(t.Context(), "query_transactions", `{"clientId":"5001"}`) // from the turn's cache
	if f := b.Facts(); f.ClientID != "5001" || f.Result != "3 transactions with a total of 1250.75 USD" {
		t.Errorf("after a cached answer: got %+v", f)
	}
	step("refund policy", "search_documents", `{"query":"refund policy"}`)
	step("and client 5002, refunds", "query_transactions", `{"clientId":"5002","type":"refund"}`)
	f := b.Facts()
	if f.ClientID != "5002" || f.Result != "type refund: 1 transaction with a total of -89.90 EUR" || len(f.Documents) == 0 || f.Documents[0].Title != "Refund policy" {
		t.Errorf("got %+v", f)
	}
	if p := f.Prompt(); !strings.Contains(p, "Client discussed last: 5002.") || !strings.Contains(p, "30 days") {
		t.Errorf("prompt %q", p)
	}
	b.Forget()
	if f := b.Facts(); f.Prompt() != "" {
		t.Errorf("after Forget: %+v", f)
	}
}

func TestJUL11_BoxesDoNotSeeEachOther(t *testing.T) {
	s, c := project(t)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			b := tools.New(tools.Options{Backend: c})
			id := []string{"5001", "5002", "5003", "5004", "5005"}[i%5]
			to := fmt.Sprintf("user%d@example.com", i)
			b.BeginTurn("client " + id)
			b.Run(t.Context(), "query_transactions", `{"clientId":"`+id+`"}`)
			b.BeginTurn("send that to " + to)
			out := b.Run(t.Context(), "send_email_report", `{"to":"`+to+`"}`)
			if out.Mail == nil || out.Mail.ClientID != id || b.Facts().ClientID != id {
				t.Errorf("session %d: got %+v, facts %+v; want client %s", i, out, b.Facts(), id)
			}
			if other := b.Run(t.Context(), "send_email_report", fmt.Sprintf(`{"to":"user%d@example.com"}`, (i+1)%50)); other.OK {
				t.Errorf("session %d mailed to an address of another session", i)
			}
		})
	}
	wg.Wait()
	if n := len(s.Outbox()); n != 50 {
		t.Errorf("outbox has %d mails; want 50", n)
	}
}

func TestBox_RunsAtMostEightToolsATurn(t *testing.T) {
	calls := 0
	b := tools.New(tools.Options{Backend: Scripted(func(_ context.Context, _ string, _, out any) error {
		calls++
		return answer(out, `{"documents":[]}`)
	})})
	b.BeginTurn("x")
	for i := range 100 {
		out := b.Run(t.Context(), "search_documents", fmt.Sprintf(`{"query":"q%d"}`, i))
		if out.OK != (i < 8) || (i >= 8 && out.Class != tools.ClassLimit) {
			t.Fatalf("run %d: %+v", i+1, out)
		}
	}
	b.BeginTurn("y")
	if out := b.Run(t.Context(), "search_documents", `{"query":"again"}`); !out.OK || calls != 9 {
		t.Errorf("next turn: %+v after %d calls", out, calls)
	}
}

func TestBox_SharesTheSameReadWithinATurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		calls := 0
		b := tools.New(tools.Options{Backend: Scripted(func(_ context.Context, _ string, _, out any) error {
			mu.Lock()
			calls++
			mu.Unlock()
			pause(100 * time.Millisecond)
			return answer(out, `{"count":1,"transactions":[{"id":1}]}`)
		})})
		b.BeginTurn("x")
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if out := b.Run(t.Context(), "query_transactions", `{"clientId":"1"}`); !out.OK {
					t.Errorf("got %+v", out)
				}
			})
		}
		wg.Wait()
		if out := b.Run(t.Context(), "query_transactions", `{ "clientId" : "1" }`); !out.Cached || calls != 1 {
			t.Errorf("got %+v after %d calls; want the first answer", out, calls)
		}
		b.BeginTurn("y")
		if out := b.Run(t.Context(), "query_transactions", `{"clientId":"1"}`); out.Cached || calls != 2 {
			t.Errorf("next turn: got %+v after %d calls; want a fresh one", out, calls)
		}
	})
}

func TestBox_WaiterIsNotCancelledWithTheOneItWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := tools.New(tools.Options{Backend: Scripted(func(ctx context.Context, _ string, _, out any) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Second):
				return answer(out, `{"count":0}`)
			}
		})})
		b.BeginTurn("x")
		ctx, cancel := context.WithCancel(t.Context())
		var first, second tools.Outcome
		var wg sync.WaitGroup
		wg.Go(func() { first = b.Run(ctx, "query_transactions", `{"clientId":"1"}`) })
		synctest.Wait()
		wg.Go(func() { second = b.Run(t.Context(), "query_transactions", `{"clientId":"1"}`) })
		synctest.Wait()
		cancel()
		wg.Wait()
		if first.Class != string(guard.Cancelled) || !second.OK {
			t.Errorf("got %+v and %+v; want the first cancelled and the second answered", first, second)
		}
	})
}

func TestBox_CutsWhatIsTooLongForTheModelAndSaysSo(t *testing.T) {
	row := `{"id":"t","description":"` + strings.Repeat("x", 5000) + `","amount":1}`
	for name, c := range map[string]struct{ args, body, list string }{
		"query_transactions": {`{"clientId":"1"}`, `{"count":300,"total":"300","transactions":[` + strings.Repeat(row+",", 299) + row + `]}`, "transactions"},
		"search_documents":   {`{"query":"q"}`, `{"documents":[` + strings.Repeat(`{"content":"`+strings.Repeat("é", 90000)+`","similarity":0.1},`, 30) + `{}]}`, "documents"},
	} {
		b := tools.New(tools.Options{Backend: Scripted(func(_ context.Context, _ string, _, out any) error { return answer(out, c.body) })})
		out := b.Run(t.Context(), name, c.args)
		v := content(t, out)
		rows, _ := v[c.list].([]any)
		if !out.OK || len(out.Content) > 16<<10 || len(rows) == 0 || !strings.Contains(fmt.Sprint(v["cut"]), fmt.Sprintf("first %d of ", len(rows))) {
			t.Errorf("%s: %d bytes, %d rows, cut %v", name, len(out.Content), len(rows), v["cut"])
		}
		if name == "query_transactions" && v["count"] != 300.0 {
			t.Errorf("count is %v; want the whole 300", v["count"])
		}
	}
}

func TestJUL16_FailuresAreInPlainWordsWithoutInternals(t *testing.T) {
	for _, tc := range []struct {
		fault stage.Fault
		class guard.Class
	}{
		{stage.Fault{Mode: "status", Status: 401}, guard.Unauthorized},
		{stage.Fault{Mode: "status", Status: 404}, guard.NotFound},
		{stage.Fault{Mode: "status", Status: 500}, guard.VendorFault},
		{stage.Fault{Mode: "status", Status: 429}, guard.RateLimited},
		{stage.Fault{Mode: "reset"}, guard.Unreachable},
		{stage.Fault{Mode: "close"}, guard.Unreachable},
		{stage.Fault{Mode: "malformed"}, guard.Protocol},
	} {
		t.Run(fmt.Sprint(tc.fault.Mode, tc.fault.Status), func(t *testing.T) {
			s, b := box(t)
			tc.fault.Vendor = stage.Supabase
			if _, err := s.AddFault(tc.fault); err != nil {
				t.Fatal(err)
			}
			b.BeginTurn("client 5001")
			out := b.Run(t.Context(), "query_transactions", `{"clientId":"5001"}`)
			e, _ := content(t, out)["error"].(map[string]any)
			if out.OK || out.Class != string(tc.class) || e["class"] != string(tc.class) || out.Err() == nil {
				t.Errorf("got %+v; want class %s", out, tc.class)
			}
			message := fmt.Sprint(e["message"])
			if !strings.HasPrefix(message, "The transaction records are ") || !strings.Contains(message, "try again") {
				t.Errorf("%q does not name what failed and what to do", message)
			}
			for _, leak := range []string{"http", "127.0.0.1", "verysecret", "functions/v1", "WORKER", "JWT", "tcp", "EOF", "goroutine", "SELECT"} {
				if strings.Contains(out.Content, leak) {
					t.Errorf("content holds %q: %s", leak, out.Content)
				}
			}
			s.ClearFaults("")
			b.BeginTurn("again")
			if out := b.Run(t.Context(), "query_transactions", `{"clientId":"5001"}`); !out.OK {
				t.Errorf("the next turn does not work: %+v", out)
			}
		})
	}
}

func TestJUL15_HangingToolEndsAfterEightSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := tools.New(tools.Options{Backend: Scripted(func(ctx context.Context, _ string, _, _ any) error { <-ctx.Done(); return ctx.Err() })})
		out := b.Run(t.Context(), "query_transactions", `{"clientId":"1"}`)
		if out.OK || out.Class != string(guard.Timeout) || out.Took != 8*time.Second {
			t.Errorf("got %+v; want a timeout after 8 s", out)
		}
	})
}

func TestBox_PanicBecomesGenericWords(t *testing.T) {
	b := tools.New(tools.Options{Backend: Scripted(func(context.Context, string, any, any) error { panic("secret host db.internal") })})
	b.BeginTurn("a@b.example")
	for name, args := range map[string]string{
		"query_transactions": `{"clientId":"1"}`, "search_documents": `{"query":"q"}`, "web_search": `{"query":"q2"}`,
		"generate_transaction_chart": `{"clientId":"1"}`, "send_email_report": `{"to":"a@b.example","clientId":"1"}`,
	} {
		out := b.Run(t.Context(), name, args)
		if out.OK || out.Class != tools.ClassInternal || strings.Contains(out.Content, "db.internal") {
			t.Errorf("%s: got %+v", name, out)
		}
	}
}

func TestBox_IsSafeForConcurrentUse(t *testing.T) {
	_, c := project(t)
	b := tools.New(tools.Options{Backend: c, Policy: tools.Policy{Runs: 1000}})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 5 {
				b.BeginTurn("a@b.example")
				b.Run(t.Context(), "query_transactions", fmt.Sprintf(`{"clientId":"%d"}`, 5001+i%5))
				b.Run(t.Context(), "web_search", `{"query":"refund policy"}`)
				b.Run(t.Context(), "send_email_report", `{"to":"a@b.example"}`)
				b.Hear("more")
				b.Facts()
				b.Specs()
			}
		})
	}
	wg.Wait()
}

func FuzzRun_NeverPanicsAndAlwaysAnswersJSON(f *testing.F) {
	b := tools.New(tools.Options{Policy: tools.Policy{Runs: 1 << 30}, Backend: Scripted(func(_ context.Context, _ string, _, out any) error {
		return answer(out, `{"success":true}`)
	})})
	f.Add("query_transactions", `{"clientId":"5001"}`)
	f.Add("send_email_report", `{"to":"a@b.example"}`)
	f.Add("web_search\xff", `{"query":"\ud800"`)
	f.Fuzz(func(t *testing.T, name, args string) {
		b.BeginTurn(args)
		out := b.Run(t.Context(), name, args)
		if !json.Valid([]byte(out.Content)) || out.Class == tools.ClassInternal || (out.OK == (out.Class != "")) {
			t.Errorf("got %+v", out)
		}
	})
}
