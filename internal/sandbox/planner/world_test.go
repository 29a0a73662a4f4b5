package planner

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// dialect is one client's way of offering the same tools.
type dialect struct {
	name                            string
	tools                           []Tool
	records, mail, chart, docs, web string
	client, to, query               string // parameter names
	integer                         bool   // ids are numbers
}

func tool(name, about, params string, required ...string) Tool {
	req, _ := json.Marshal(required)
	return Tool{Name: name, Description: about, Parameters: json.RawMessage(fmt.Sprintf(`{"type":"object","properties":{%s},"required":%s,"additionalProperties":false}`, params, req))}
}

func dialects() []dialect {
	return []dialect{
		{
			name: "camel case, string ids", records: "query_transactions", mail: "send_email_report", chart: "generate_transaction_chart", docs: "search_documents", web: "web_search",
			client: "clientId", to: "to", query: "query",
			tools: []Tool{
				tool("query_transactions", "Look up the transactions of one client. Returns count, total, currency and the rows. Call it whenever the caller names a client and asks about transactions; never answer such a question from memory.", `"clientId":{"type":"string","pattern":"^[0-9]{1,12}$","description":"The client's number, digits only, as the caller said it."},"type":{"type":"string","description":"Only transactions of this type, such as purchase, refund, fee or deposit."},"status":{"type":"string","description":"Only transactions with this status."}`, "clientId"),
				tool("search_documents", "Search the company's own documents (policies, fees, opening hours, delivery, privacy and the like). Call it first for every question of knowledge, before web_search.", `"query":{"type":"string"}`, "query"),
				tool("web_search", "Search the web. Only for what the documents do not answer: call search_documents before it.", `"query":{"type":"string"}`, "query"),
				tool("send_email_report", "Mail the transaction report of one client. Only to an address that the caller has said in this call; when none was said, ask for it.", `"to":{"type":"string","format":"email"},"clientId":{"type":"string"},"subject":{"type":"string"}`, "to", "clientId"),
				tool("generate_transaction_chart", "Draw a chart of one client's transactions by month and type on the caller's screen.", `"clientId":{"type":"string"}`, "clientId"),
			},
		},
		{
			name: "snake case, integer ids", records: "get_client_payments", mail: "mailReport", chart: "make_graph", docs: "knowledge_base", web: "google",
			client: "client_id", to: "recipient_email", query: "q", integer: true,
			tools: []Tool{
				tool("google", "Find things on the internet", `"q":{"type":"string"}`, "q"),
				tool("make_graph", "Plots the payments of one client", `"client_id":{"type":"integer"},"style":{"type":"string","enum":["bar","line"]}`, "client_id"),
				tool("mailReport", "Mails a summary", `"recipient_email":{"type":"string"},"client_id":{"type":"integer"},"subject_line":{"type":["string","null"]}`, "recipient_email", "client_id", "subject_line"),
				tool("knowledge_base", "Policies, manuals, answers to frequent questions", `"q":{"type":"string"},"top_k":{"type":"integer","default":5}`, "q"),
				tool("get_client_payments", "Returns all payments", `"client_id":{"type":"integer","minimum":1},"status":{"type":"string","enum":["PENDING","COMPLETED","FAILED"]}`, "client_id"),
			},
		},
		{
			name: "other words, no types", records: "lookupCustomer", mail: "forward-summary", chart: "visualizeSpending", docs: "askHandbook", web: "browse_internet",
			client: "customer", to: "recipients", query: "question",
			tools: []Tool{
				tool("lookupCustomer", "Purchases of a customer", `"customer":{"description":"the customer's number"}`, "customer"),
				tool("forward-summary", "Sends an email with what a customer bought", `"recipients":{"type":"array","items":{"type":"string"}},"customer":{"type":"string"}`, "recipients", "customer"),
				tool("visualizeSpending", "", `"customer":{"type":"string"}`, "customer"),
				tool("askHandbook", "Ask the company handbook", `"question":{"type":"string"}`, "question"),
				tool("browse_internet", "", `"question":{"type":"string"}`, "question"),
			},
		},
	}
}

// world answers tool calls like the demo's data functions.
type world struct {
	d     dialect
	fail  map[string]bool // tools that are down
	calls []Call
	msgs  []Message
}

func newWorld(d dialect, system string) *world {
	w := &world{d: d, fail: map[string]bool{}}
	if system != "" {
		w.msgs = append(w.msgs, Message{Role: "system", Text: system})
	}
	return w
}

// say runs one turn to its words, and returns them with the calls that were made.
func (w *world) say(t *testing.T, text string) (string, []Call) {
	t.Helper()
	w.msgs = append(w.msgs, Message{Role: "user", Text: text})
	var made []Call
	for range 8 {
		out := Plan(Input{Messages: w.msgs, Tools: w.d.tools})
		if len(out.Calls) == 0 {
			if n := len(strings.Fields(out.Text)); out.Text == "" || n > maxWords {
				t.Fatalf("%q: got an answer of %d words: %q", text, n, out.Text)
			}
			w.msgs = append(w.msgs, Message{Role: "assistant", Text: out.Text})
			return out.Text, made
		}
		for i := range out.Calls {
			out.Calls[i].ID = fmt.Sprintf("call_%d", len(w.calls)+i)
		}
		w.msgs = append(w.msgs, Message{Role: "assistant", Calls: out.Calls})
		for _, c := range out.Calls {
			for _, before := range made {
				if before.Name == c.Name && before.Arguments == c.Arguments {
					t.Fatalf("%q: called %s%s twice", text, c.Name, c.Arguments)
				}
			}
			made = append(made, c)
			w.calls = append(w.calls, c)
			w.msgs = append(w.msgs, Message{Role: "tool", CallID: c.ID, Text: w.answer(c)})
		}
	}
	t.Fatalf("%q: no end of calls: %v", text, made)
	return "", nil
}

func (w *world) answer(c Call) string {
	args := object(c.Arguments)
	client := scalar(args[w.d.client])
	if w.fail[c.Name] {
		return `{"success":false,"error":"upstream_unavailable"}`
	}
	switch c.Name {
	case w.d.records:
		switch client {
		case "5001":
			return `{"success":true,"clientId":"5001","summary":{"count":3,"totalAmount":1250.5,"currency":"USD"},"transactions":[
				{"id":"t1","type":"deposit","amount":1000,"status":"completed","date":"2025-03-01","description":"Salary"},
				{"id":"t2","type":"purchase","amount":200.5,"status":"pending","date":"2025-03-04","description":"Office chair"},
				{"id":"t3","type":"refund","amount":50,"status":"completed","date":"2025-03-09","description":"Lamp"}],"voiceSummary":"x"}`
		case "5002":
			return `[{"kind":"transfer","amount":"75.00","state":"ok"},{"kind":"fee","amount":"5.00","state":"ok"}]`
		}
		return `{"success":true,"transactions":[],"summary":{"count":0,"totalAmount":0}}`
	case w.d.mail:
		return `{"success":true,"messageId":"m-1"}`
	case w.d.chart:
		return `{"success":true,"chartData":{"labels":["a"],"datasets":[{"data":[1,2]}]}}`
	case w.d.docs:
		if q := strings.ToLower(scalar(args[w.d.query])); strings.Contains(q, "refund") || strings.Contains(q, "return") || strings.Contains(q, "money") || strings.Contains(q, "send") {
			return `{"documents":[{"title":"Refunds","content":"Our refund policy: items may be returned within 30 days of purchase. Refunds are paid to the original card within 5 business days. See https://x.test/refunds.","similarity":0.91},{"content":"Parking is free.","similarity":0.3}]}`
		}
		return `{"documents":[{"content":"Parking is free.","similarity":0.31}]}`
	case w.d.web:
		return `{"results":[{"title":"Result","url":"https://w.test","snippet":"**It is sunny** and 18 degrees in San Francisco today [1](https://w.test)."}]}`
	}
	return `{"error":"no such tool"}`
}

func names(calls []Call) string {
	var out []string
	for _, c := range calls {
		out = append(out, c.Name)
	}
	return strings.Join(out, " ")
}

// arg reads one argument of a call as text.
func arg(c Call, name string) string { return scalar(object(c.Arguments)[name]) }
