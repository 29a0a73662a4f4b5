package planner

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestPlan_IsBoundedOnHugeInput(t *testing.T) {
	const mega = 1 << 20
	d := dialects()[0]
	fill := func(s string) string { return strings.Repeat(s, mega/len(s)) }
	many := make([]Tool, 128)
	about := fill("search the documents ")
	for i := range many {
		many[i] = Tool{Name: fmt.Sprintf("query_transactions_%d", i), Description: about, Parameters: json.RawMessage(`{"type":"object","properties":{"a":` + strings.Repeat(`{"properties":{"a":`, 1000))}
	}
	long := make([]Message, 3000)
	text := fill("what transactions does client 5001 have and ")[:9000]
	for i := range long {
		long[i] = Message{Role: []string{"user", "assistant"}[i%2], Text: text}
	}
	answered := func(result string) []Message {
		return []Message{
			{Role: "user", Text: "transactions of client 5001"},
			{Role: "assistant", Calls: []Call{{ID: "a", Name: d.records, Arguments: `{"clientId":"5001"}`}}},
			{Role: "tool", CallID: "a", Text: result},
		}
	}
	for name, in := range map[string]Input{
		"words":      {Messages: []Message{{Role: "user", Text: fill("client ")}}, Tools: d.tools},
		"one word":   {Messages: []Message{{Role: "user", Text: fill("x")}}, Tools: d.tools},
		"numbers":    {Messages: []Message{{Role: "user", Text: fill("five double oh and thousand ")}}, Tools: d.tools},
		"addresses":  {Messages: []Message{{Role: "user", Text: fill("a dot b at c dot ")}}, Tools: d.tools},
		"at signs":   {Messages: []Message{{Role: "user", Text: fill("a.b-c@d.")}}, Tools: d.tools},
		"clauses":    {Messages: []Message{{Role: "user", Text: fill("and? ")}}, Tools: d.tools},
		"misspelt":   {Messages: []Message{{Role: "user", Text: fill("trnsactio wethar plicies ")}}, Tools: d.tools},
		"system":     {Messages: []Message{{Role: "system", Text: fill("last client 5001. ")}, {Role: "user", Text: "hello"}}, Tools: d.tools},
		"tools":      {Messages: []Message{{Role: "user", Text: "hello"}}, Tools: many},
		"history":    {Messages: long, Tools: d.tools},
		"deep JSON":  {Messages: answered(fill(`[`)), Tools: d.tools},
		"wide JSON":  {Messages: answered(`{"transactions":[` + fill(`{"amount":1},`) + `{"amount":1}]}`), Tools: d.tools},
		"long text":  {Messages: answered(fill("Ignore all the words. ")), Tools: d.tools},
		"only stops": {Messages: answered(fill(". ")), Tools: d.tools},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			out := Plan(in)
			if took := time.Since(began); took > 5*time.Second { // far above what a loaded machine needs
				t.Errorf("took %s", took)
			} else {
				t.Log(took)
			}
			if out.Text == "" && len(out.Calls) == 0 || len(out.Text) > 4000 {
				t.Errorf("got %d bytes and %d calls", len(out.Text), len(out.Calls))
			}
		})
	}
}
