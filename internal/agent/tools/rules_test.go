package tools_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voicectl/voicectl/internal/agent/tools"
	"github.com/voicectl/voicectl/internal/provider/guard"
	"github.com/voicectl/voicectl/internal/provider/supabase"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

func TestJUL07_DocumentsAreSearchedBeforeTheWeb(t *testing.T) {
	s, b := box(t)
	b.BeginTurn("what's the weather in Oslo")
	out := b.Run(t.Context(), "web_search", `{"query":"weather in Oslo"}`)
	if got := functions(s); got != "rag-retrieval web-search-tool" {
		t.Errorf("the project saw %q; want documents, then web", got)
	}
	if !out.OK || !strings.Contains(out.Content, "The weather in Oslo today is") || len(out.Before) != 1 ||
		out.Before[0].Name != "search_documents" || out.Before[0].Arguments != `{"query":"weather in Oslo"}` || !out.Before[0].Outcome.OK {
		t.Errorf("got %+v", out)
	}
}

func TestJUL07_WebAfterAnEmptyDocumentSearchOfTheModelAddsNone(t *testing.T) {
	s, b := box(t)
	b.BeginTurn("weather")
	b.Run(t.Context(), "search_documents", `{"query":"weather"}`)
	out := b.Run(t.Context(), "web_search", `{"query":"weather in Oslo"}`)
	if got := functions(s); got != "rag-retrieval web-search-tool" || !out.OK || len(out.Before) != 0 {
		t.Errorf("the project saw %q; got %+v", got, out)
	}
}

func TestJUL07_WebIsRefusedWhileTheDocumentsAnswer(t *testing.T) {
	for name, first := range map[string]string{"model asks the web at once": "", "model asked the documents": "search_documents"} {
		t.Run(name, func(t *testing.T) {
			s, b := box(t)
			b.BeginTurn("what is your refund policy")
			if first != "" {
				b.Run(t.Context(), first, `{"query":"refund policy"}`)
			}
			out := b.Run(t.Context(), "web_search", `{"query":"refund policy"}`)
			if v := content(t, out); v["error"] != nil || v["refused"] == nil || len(v["documents"].([]any)) == 0 {
				t.Errorf("the model got %v; want the refusal and the passages", v)
			}
			if out.OK || out.Class != tools.ClassDocuments || !strings.Contains(out.Content, "within 30 days of delivery") || functions(s) != "rag-retrieval" {
				t.Errorf("the project saw %q; got %+v", functions(s), out)
			}
			// The model has read them and finds no answer.
			if out = b.Run(t.Context(), "web_search", `{"query":"refund policy"}`); !out.OK || functions(s) != "rag-retrieval web-search-tool" {
				t.Errorf("insisting: the project saw %q; got %+v", functions(s), out)
			}
			b.BeginTurn("and once more")
			if out = b.Run(t.Context(), "web_search", `{"query":"refund policy"}`); out.Class != tools.ClassDocuments {
				t.Errorf("next turn: got %+v; want it held again", out)
			}
		})
	}
}

func TestJUL07_OrderHoldsForParallelCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var events []string
		note := func(s string) { mu.Lock(); events = append(events, s); mu.Unlock() }
		b := tools.New(tools.Options{Backend: Scripted(func(_ context.Context, fn string, _, out any) error {
			note(fn)
			pause(100 * time.Millisecond)
			note("end of " + fn)
			if fn == supabase.FnDocuments {
				return answer(out, `{"documents":[{"title":"T","content":"C","similarity":0.65}]}`)
			}
			return answer(out, `{"results":[{"title":"W"}]}`)
		})})
		b.BeginTurn("x")
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if out := b.Run(t.Context(), "web_search", `{"query":"x"}`); !out.OK {
					t.Errorf("got %+v", out)
				}
			})
		}
		wg.Wait()
		if got := strings.Join(events, ", "); got != "rag-retrieval, end of rag-retrieval, web-search-tool, end of web-search-tool" {
			t.Errorf("got %s", got)
		}
	})
}

func TestJUL07_ParallelWebSearchesDoNotPassForInsisting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := tools.New(tools.Options{Backend: Scripted(func(_ context.Context, fn string, _, out any) error {
			pause(time.Millisecond)
			if fn == supabase.FnWeb {
				t.Error("the web was asked")
			}
			return answer(out, `{"documents":[{"title":"T","content":"C","similarity":0.9}]}`)
		})})
		b.BeginTurn("x")
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() { b.Run(t.Context(), "web_search", fmt.Sprintf(`{"query":"x%d"}`, i)) })
		}
		wg.Wait()
	})
}

func TestJUL07_FailedDocumentSearchLetsTheWebRun(t *testing.T) {
	s, b := box(t)
	if _, err := s.AddFault(stage.Fault{Vendor: stage.Supabase, Route: "/functions/v1/rag-retrieval", Mode: "status", Status: 500}); err != nil {
		t.Fatal(err)
	}
	b.BeginTurn("refund policy")
	out := b.Run(t.Context(), "web_search", `{"query":"refund policy"}`)
	if !out.OK || len(out.Before) != 1 || out.Before[0].Outcome.OK || out.Before[0].Outcome.Class != string(guard.VendorFault) {
		t.Errorf("got %+v", out)
	}
}

func TestJUL07_HangingDocumentSearchLeavesTimeForTheWeb(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := tools.New(tools.Options{Backend: Scripted(func(ctx context.Context, fn string, _, out any) error {
			if fn == supabase.FnDocuments {
				<-ctx.Done()
				return ctx.Err()
			}
			return answer(out, `{"results":[{"title":"W"}]}`)
		})})
		b.BeginTurn("x")
		out := b.Run(t.Context(), "web_search", `{"query":"x"}`)
		if !out.OK || out.Took != 4*time.Second || out.Before[0].Outcome.Class != string(guard.Timeout) || out.Before[0].Outcome.Took != 4*time.Second {
			t.Errorf("got %+v", out)
		}
	})
}

func TestJUL06_MailNeedsARecipientTheCallerSaidAndAClient(t *testing.T) {
	s, b := box(t)
	mail := func(args string) tools.Outcome { return b.Run(t.Context(), "send_email_report", args) }
	b.BeginTurn("Send the report to john at example dot com")
	if out := mail(`{"to":"john@example.com"}`); out.Class != tools.ClassNoClient || !strings.Contains(out.Content, "Which client") {
		t.Errorf("without a client: got %+v", out)
	}
	b.BeginTurn("Of client 5001")
	b.Run(t.Context(), "query_transactions", `{"clientId":"5001"}`)
	if out := mail(`{"to":"jane@example.com"}`); out.Class != tools.ClassNotSaid {
		t.Errorf("to somebody else: got %+v", out)
	}
	if len(s.Outbox()) != 0 {
		t.Fatalf("something was sent: %+v", s.Outbox())
	}
	out := mail(`{"to":"John@Example.com"}`) // said in an earlier turn
	if !out.OK || out.Mail == nil || *out.Mail != (tools.Mailed{To: "john@example.com", ClientID: "5001", MessageID: "msg_000001"}) ||
		out.Arguments != `{"clientId":"5001","to":"john@example.com"}` || !strings.Contains(out.Content, "john@example.com") {
		t.Errorf("got %+v", out)
	}
	if m := s.Outbox(); len(m) != 1 || !strings.Contains(m[0].Body, "Client 5001 has 3 transactions with a total of 1250.75 USD.") {
		t.Errorf("outbox %+v", m)
	}
	if got := functions(s); got != "transaction-query transaction-query transaction-email" {
		t.Errorf("the project saw %q; want a fresh query before the mail", got)
	}
}

func TestJUL06_OneMailATurnRecipientAndClient(t *testing.T) {
	s, b := box(t)
	text := "send 5001 and 5002 to john@example.com and jane@example.com"
	b.BeginTurn(text)
	var wg sync.WaitGroup
	for _, args := range []string{
		`{"to":"john@example.com","clientId":"5001"}`, `{"to":"JOHN@example.com","clientId":"5001"}`, `{"to":"john@example.com","clientId":"5001","subject":"again"}`,
		`{"to":"jane@example.com","clientId":"5001"}`, `{"to":"john@example.com","clientId":"5002"}`,
	} {
		wg.Go(func() {
			if out := b.Run(t.Context(), "send_email_report", args); !out.OK || out.Mail == nil {
				t.Errorf("%s: got %+v", args, out)
			}
		})
	}
	wg.Wait()
	if n := len(s.Outbox()); n != 3 {
		t.Errorf("%d mails were sent; want 3", n)
	}
	if out := b.Run(t.Context(), "send_email_report", `{"to":"john@example.com","clientId":"5001"}`); !out.Cached || out.Mail.MessageID == "" {
		t.Errorf("the second call got %+v; want the first result", out)
	}
	b.BeginTurn("send it again")
	if out := b.Run(t.Context(), "send_email_report", `{"to":"john@example.com","clientId":"5001"}`); !out.OK || out.Cached || len(s.Outbox()) != 4 {
		t.Errorf("next turn: got %+v with %d mails", out, len(s.Outbox()))
	}
}

func TestJUL06_MailGoesToTheClientOfTheContext(t *testing.T) {
	s, b := box(t)
	for _, id := range []string{"5001", "5002"} {
		b.BeginTurn("what about client " + id)
		b.Run(t.Context(), "query_transactions", `{"clientId":"`+id+`"}`)
		b.BeginTurn("send that to john@example.com")
		b.Run(t.Context(), "send_email_report", `{"to":"john@example.com","clientId":null}`)
	}
	if m := s.Outbox(); len(m) != 2 || m[0].ClientID != "5001" || m[1].ClientID != "5002" {
		t.Errorf("outbox %+v; want 5001's, then 5002's", m)
	}
}

func TestJUL06_FailureIsSaidAsFailureAndNotRepeatedWhenInDoubt(t *testing.T) {
	for _, tc := range []struct {
		name  string
		fault stage.Fault
		again bool // a second call of the turn may try
	}{
		{"refused", stage.Fault{Mode: "status", Status: 401, Count: 1}, true},
		{"rate limited", stage.Fault{Mode: "status", Status: 429, Count: 1}, true},
		{"answer lost after it was sent", stage.Fault{Mode: "close", Count: 1}, false},
		{"died", stage.Fault{Mode: "status", Status: 500, Count: 1}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, b := box(t)
			tc.fault.Vendor, tc.fault.Route = stage.Supabase, "/functions/v1/transaction-email"
			if _, err := s.AddFault(tc.fault); err != nil {
				t.Fatal(err)
			}
			b.BeginTurn("mail 5001 to john@example.com")
			args := `{"to":"john@example.com","clientId":"5001"}`
			out := b.Run(t.Context(), "send_email_report", args)
			if out.OK || out.Mail != nil || !strings.Contains(out.Content, "The report was not sent") || out.Err() == nil {
				t.Errorf("got %+v", out)
			}
			sent := len(s.Outbox())
			if out = b.Run(t.Context(), "send_email_report", args); out.OK != tc.again || len(s.Outbox())-sent > 1 || (!tc.again && len(s.Outbox()) != sent) {
				t.Errorf("second call: got %+v, %d mails after %d", out, len(s.Outbox()), sent)
			}
		})
	}
}

func TestJUL06_NothingIsMailedWithoutDataOrToAForeignDomain(t *testing.T) {
	s, c := project(t)
	b := tools.New(tools.Options{Backend: c, Policy: tools.Policy{MailDomains: []string{"example.com"}}})
	b.BeginTurn("mail it to john@example.com or john@sub.example.com or john@example.com.evil.example")
	for args, class := range map[string]string{
		`{"to":"john@example.com","clientId":"9999"}`:              tools.ClassEmpty,
		`{"to":"john@example.com","clientId":"5006"}`:              tools.ClassEmpty,
		`{"to":"john@sub.example.com","clientId":"5001"}`:          tools.ClassNotAllowed,
		`{"to":"john@example.com.evil.example","clientId":"5001"}`: tools.ClassNotAllowed,
	} {
		if out := b.Run(t.Context(), "send_email_report", args); out.OK || out.Class != class {
			t.Errorf("%s: got %+v; want class %s", args, out, class)
		}
	}
	if len(s.Outbox()) != 0 {
		t.Errorf("outbox %+v", s.Outbox())
	}
	if out := b.Run(t.Context(), "send_email_report", `{"to":"john@example.com","clientId":"5001"}`); !out.OK {
		t.Errorf("allowed domain: got %+v", out)
	}
	none := tools.New(tools.Options{Backend: c, Policy: tools.Policy{MailDomains: []string{}}})
	none.BeginTurn("john@example.com")
	if out := none.Run(t.Context(), "send_email_report", `{"to":"john@example.com","clientId":"5001"}`); out.Class != tools.ClassNotAllowed {
		t.Errorf("an empty list allows nothing; got %+v", out)
	}
}
