package calls_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/voicectl/voicectl/internal/provider/openai"
	"github.com/voicectl/voicectl/internal/provider/supabase"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

// JUL-03: the model is offered exactly five tools by their exact names, with the parameters of the
// requirement.
func TestJUL03_ExactlyFiveTools(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	h.page(visit{}).ask("Hello")
	calls, _ := h.stage.Calls(stage.OpenAI, 0)
	if len(calls) == 0 {
		t.Fatal("the model was not asked")
	}
	want := []string{"query_transactions", "search_documents", "web_search", "send_email_report", "generate_transaction_chart"}
	if got, ok := calls[0].Detail["tools"].([]string); !ok || !slices.Equal(got, want) {
		t.Errorf("offered %v, want %v", calls[0].Detail["tools"], want)
	}
	box, err := h.engines(plan{}, unobserved).Tools(h.agent.Tools, quiet())
	must(t, err)
	params := map[string]string{
		"query_transactions": "clientId! status type", "search_documents": "query!", "web_search": "query!",
		"send_email_report": "clientId subject to!", "generate_transaction_chart": "clientId!",
	}
	for _, s := range box.Specs() {
		var schema struct {
			Properties           map[string]struct{ Type string } `json:"properties"`
			Required             []string                         `json:"required"`
			AdditionalProperties bool                             `json:"additionalProperties"`
		}
		must(t, json.Unmarshal(s.Parameters, &schema))
		var got []string
		for name, p := range schema.Properties {
			if p.Type != "string" {
				t.Errorf("%s.%s is a %q", s.Name, name, p.Type)
			}
			if slices.Contains(schema.Required, name) {
				name += "!"
			}
			got = append(got, name)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != params[s.Name] || schema.AdditionalProperties {
			t.Errorf("%s takes %v, want %q and nothing else", s.Name, got, params[s.Name])
		}
	}
}

// forgetful is a model that asks for a tool with whatever arguments a test gives it, then answers with
// what came back.
type forgetful struct {
	calls atomic.Pointer[[]forced]
	got   chan string // results of tools
}

type forced struct{ name, args string }

func newForgetful(calls ...forced) *forgetful {
	f := &forgetful{got: make(chan string, 64)}
	f.wants(calls...)
	return f
}

func (f *forgetful) wants(calls ...forced) { f.calls.Store(&calls) }

// openai points the client at the model.
func (f *forgetful) openai(t *testing.T) func(*openai.Options) {
	t.Helper()
	url := scriptedModel(t, func(req modelRequest) modelAnswer {
		if last := req.Messages[len(req.Messages)-1]; last.Role == "tool" {
			for _, m := range req.Messages {
				if m.Role == "tool" {
					f.got <- m.text()
				}
			}
			return modelAnswer{text: "I see."}
		}
		return modelAnswer{calls: *f.calls.Load()}
	})
	return func(o *openai.Options) { o.BaseURL = url }
}

// JUL-03: arguments are validated before the call; an invalid one goes back to the model, never on.
func TestJUL03_InvalidArgumentsGoBackToTheModel(t *testing.T) {
	t.Parallel()
	bad := map[string]forced{
		"letters in a client":       {"query_transactions", `{"clientId":"50x1"}`},
		"client missing":            {"query_transactions", `{}`},
		"client too long":           {"query_transactions", `{"clientId":"1234567890123"}`},
		"client by a path":          {"generate_transaction_chart", `{"clientId":"../5001"}`},
		"an argument too many":      {"query_transactions", `{"clientId":"5001","limit":"9"}`},
		"a number for a string":     {"query_transactions", `{"clientId":5001}`},
		"not json":                  {"search_documents", `query=refund`},
		"half a string":             {"query_transactions", `{"clientId":"50`},
		"an empty query":            {"web_search", `{"query":""}`},
		"a query of two lines":      {"search_documents", "{\"query\":\"a\\nb\"}"},
		"no recipient":              {"send_email_report", `{"clientId":"5001"}`},
		"a recipient that is none":  {"send_email_report", `{"to":"john","clientId":"5001"}`},
		"H83 a header in an adress": {"send_email_report", `{"to":"a@x.com\r\nBcc: b@y.com","clientId":"5001"}`},
		"H84 two recipients":        {"send_email_report", `{"to":"a@x.com, b@y.com","clientId":"5001"}`},
		"a tool that nobody has":    {"drop_table", `{}`},
		"a name that breaks JSON":   {"\x01\"quote\" \u2028", `{}`},
	}
	for name, call := range bad {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newForgetful(call)
			h := open(t, plan{openai: m.openai(t)})
			h.page(visit{}).ask("Client 5001, a@x.com")
			var said struct {
				Error struct{ Class, Message string } `json:"error"`
			}
			if got := <-m.got; json.Unmarshal([]byte(got), &said) != nil || said.Error.Class == "" || said.Error.Message == "" {
				t.Errorf("the model was told %q, want JSON with an error's class and message", got)
			}
			if names, _ := h.functions(); len(names) != 0 {
				t.Errorf("called %v", names)
			}
		})
	}
}

// JUL-04: the five functions below /functions/v1/, with the anon key in both headers, under configurable
// names.
func TestJUL04_FunctionsByNameWithTheAnonKey(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	p := h.page(visit{})
	for _, say := range []string{
		question, "What is your refund policy?", "What is the weather in Berlin today?", "Send that to john@example.com", "Show me a chart for client 5001",
	} {
		p.ask(say)
	}
	seen := map[string]bool{}
	calls, _ := h.stage.Calls(stage.Supabase, 0)
	for _, c := range calls {
		name, ok := strings.CutPrefix(c.Route, "/functions/v1/")
		seen[name] = true
		if !ok || c.Method != http.MethodPost || c.Status != http.StatusOK || c.Detail["same_key"] != true || c.Detail["apikey"] != c.Detail["bearer"] {
			t.Errorf("%s %s: %d, keys %v", c.Method, c.Route, c.Status, c.Detail)
		}
	}
	for _, want := range []string{"transaction-query", "rag-retrieval", "web-search-tool", "transaction-email", "transaction-chart"} {
		if !seen[want] {
			t.Errorf("%s was not called; only %v", want, seen)
		}
	}
	renamed := open(t, plan{supabase: func(o *supabase.Options) {
		o.Functions = map[string]string{supabase.FnTransactions: "my-transactions"}
	}})
	renamed.page(visit{}).ask(question)
	calls, _ = renamed.stage.Calls(stage.Supabase, 0)
	if len(calls) == 0 || calls[0].Route != "/functions/v1/my-transactions" {
		t.Errorf("renamed: %+v", calls)
	}
}
