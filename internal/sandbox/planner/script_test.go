package planner

import (
	"strings"
	"testing"
)

// step is one turn of a script: what is said, which tools it must use ("records mail"), what an argument
// must be ("mail.client=5001"), and what the answer must hold.
type step struct {
	say   string
	tools string
	args  []string
	holds []string
	lacks []string
}

func (d dialect) tool(short string) string {
	return map[string]string{"records": d.records, "mail": d.mail, "chart": d.chart, "docs": d.docs, "web": d.web}[short]
}

func (d dialect) param(short string) string {
	return map[string]string{"client": d.client, "to": d.to, "query": d.query}[short]
}

func (d dialect) check(t *testing.T, s step, said string, calls []Call) {
	t.Helper()
	var want []string
	for _, n := range strings.Fields(s.tools) {
		want = append(want, d.tool(n))
	}
	if names(calls) != strings.Join(want, " ") {
		t.Fatalf("%q: got %v, want %v (%s)", s.say, calls, want, said)
	}
	for _, a := range s.args { // tool.param=value, for the calls of that tool in order
		path, value, _ := strings.Cut(a, "=")
		short, p, _ := strings.Cut(path, ".")
		found := false
		for _, c := range calls {
			found = found || c.Name == d.tool(short) && strings.EqualFold(arg(c, d.param(p)), value)
		}
		if !found {
			t.Fatalf("%q: got %v, want %s", s.say, calls, a)
		}
	}
	for _, h := range s.holds {
		if !strings.Contains(said, h) {
			t.Errorf("%q: got %q, want %q in it", s.say, said, h)
		}
	}
	for _, h := range s.lacks {
		if strings.Contains(said, h) {
			t.Errorf("%q: got %q, want no %q in it", s.say, said, h)
		}
	}
}

func TestPlan_FollowsAConversation(t *testing.T) {
	scripts := map[string][]step{
		"that is what was last spoken of": {
			{say: "What transactions does client 5001 have?", tools: "records", args: []string{"records.client=5001"}, holds: []string{"5001"}},
			{say: "Send that to john@example.com", tools: "mail", args: []string{"mail.client=5001", "mail.to=john@example.com"}, holds: []string{"john@example.com"}},
			{say: "And 5002?", tools: "records", args: []string{"records.client=5002"}, holds: []string{"2 transactions", "80"}},
			{say: "email it to mary at example dot org", tools: "mail", args: []string{"mail.client=5002", "mail.to=mary@example.org"}, holds: []string{"mary@example.org"}},
			{say: "did you send it?", holds: []string{"mary@example.org"}},
		},
		"ellipses": {
			{say: "show me client 5001", tools: "records"},
			{say: "what about client 5002", tools: "records", args: []string{"records.client=5002"}},
			{say: "and fifty oh one?", tools: "records", args: []string{"records.client=5001"}},
			{say: "What was the total?", holds: []string{"1,250.50"}},
			{say: "how many were there?", holds: []string{"3 transactions"}},
			{say: "which one is the largest?", holds: []string{"largest", "1,000"}},
			{say: "Repeat that.", holds: []string{"largest", "1,000"}},
			{say: "make a chart of it", tools: "chart", args: []string{"chart.client=5001"}},
			{say: "the same for 5002", tools: "chart", args: []string{"chart.client=5002"}},
			{say: "what did they buy?", tools: "records", args: []string{"records.client=5002"}},
		},
		"a question is answered in the next turn": {
			{say: "show me the transactions", holds: []string{"Which client"}},
			{say: "fifty oh one", tools: "records", args: []string{"records.client=5001"}},
			{say: "email the report", holds: []string{"address"}},
			{say: "it's john at example dot com", tools: "mail", args: []string{"mail.client=5001", "mail.to=john@example.com"}},
		},
		"two questions": {
			{say: "send the report to john@example.com", holds: []string{"client"}, lacks: []string{"on its way"}},
			{say: "client 5001", tools: "mail", args: []string{"mail.client=5001", "mail.to=john@example.com"}},
		},
		"a chart is asked back for": {
			{say: "draw a chart", holds: []string{"Which client", "chart"}},
			{say: "for client 5002 please", tools: "chart", args: []string{"chart.client=5002"}},
		},
		"a malformed id, then a good one": {
			{say: "transactions for client 50x1", holds: []string{"client number"}},
			{say: "sorry, 5001", tools: "records", args: []string{"records.client=5001"}},
		},
		"a malformed id does not fall back on the client before": {
			{say: "transactions for client 5001", tools: "records"},
			{say: "and client 50x2?", holds: []string{"client number"}},
			{say: "send client 50x2 to john@example.com", holds: []string{"client number"}},
		},
		"another wish drops the question": {
			{say: "show me the transactions", holds: []string{"Which client"}},
			{say: "what's the refund policy?", tools: "docs", holds: []string{"30 days"}},
			{say: "hello", holds: []string{"Hello"}},
		},
		"two wishes in one sentence": {
			{say: "show 5001 and mail it to bob@x.org", tools: "records mail", args: []string{"mail.client=5001", "mail.to=bob@x.org"}, holds: []string{"1,250.50", "bob@x.org"}},
			{say: "Get the transactions of client 5002, email them to bob@x.org, and chart them.", tools: "records chart mail", args: []string{"mail.client=5002", "chart.client=5002"}},
		},
		"two clients": {
			{say: "What transactions do clients 5001 and 5002 have?", tools: "records records", args: []string{"records.client=5001", "records.client=5002"}, holds: []string{"5001", "5002"}},
			{say: "five thousand one and five thousand two please, the transactions", tools: "records records", args: []string{"records.client=5001", "records.client=5002"}},
		},
		"records and knowledge": {
			{say: "What transactions does client 5001 have and what is the refund policy?", tools: "records docs", holds: []string{"5001", "30 days"}},
		},
		"unknown client": {
			{say: "What transactions does client 9999 have?", tools: "records", args: []string{"records.client=9999"}, holds: []string{"no transactions", "9999"}, lacks: []string{"deposit", "totalling"}},
			{say: "show 9998 and mail it to bob@x.org", tools: "records", holds: []string{"did not send"}},
		},
		"filters": {
			{say: "show me the pending transactions of client 5001", tools: "records", holds: []string{"1 pending transaction", "200.50"}},
			{say: "only the completed ones", tools: "records", args: []string{"records.client=5001"}, holds: []string{"2 completed", "1,050"}},
			{say: "any refunds?", tools: "records", args: []string{"records.client=5001"}, holds: []string{"1 refund transaction", "50"}},
			{say: "what's your refund policy?", tools: "docs"},
		},
		"refusing": {
			{say: "show 5001", tools: "records"},
			{say: "don't send that to john@example.com", holds: []string{"won't"}},
			{say: "never mind", holds: []string{"won't"}},
		},
		"manners around a wish": {
			{say: "Hello Julia! How are you? Could you please tell me what transactions client 5001 has? Thank you!", tools: "records", args: []string{"records.client=5001"}},
			{say: "Great, thanks. Now send it to john@example.com please.", tools: "mail", args: []string{"mail.client=5001"}},
			{say: "Thanks!", holds: []string{"welcome"}},
		},
		"knowledge goes on": {
			{say: "What's the weather in San Francisco?", tools: "docs web", args: []string{"docs.query=weather in San Francisco"}},
			{say: "and what about Los Angeles?", tools: "docs web", args: []string{"docs.query=Los Angeles weather"}},
		},
		"rows by their place": {
			{say: "Show client 5001.", tools: "records"},
			{say: "How about the second one?", holds: []string{"200.50"}},
			{say: "and the average?", holds: []string{"416.83"}},
		},
		"one more recipient": {
			{say: "email client 5001's report to john@example.com", tools: "mail"},
			{say: "also to mary@example.com", tools: "mail", args: []string{"mail.client=5001", "mail.to=mary@example.com"}},
			{say: "No, don't send anything to bob@x.org", holds: []string{"won't"}},
		},
		"a question that points back": {
			{say: "What's our refund policy?", tools: "docs"},
			{say: "And how long does it take?", tools: "docs", holds: []string{"30 days"}},
		},
		"several turns between": {
			{say: "What transactions does client 5001 have?", tools: "records"},
			{say: "what's the refund policy", tools: "docs"},
			{say: "how are you?"},
			{say: "cool"},
			{say: "ok, send that client's report to john@example.com", tools: "mail", args: []string{"mail.client=5001"}},
			{say: "send it again", tools: "mail", args: []string{"mail.client=5001", "mail.to=john@example.com"}},
		},
		"nothing to send": {
			{say: "send it to john@example.com", holds: []string{"client"}, lacks: []string{"way to"}},
			{say: "did you send it?", holds: []string{"haven't sent"}},
		},
	}
	for _, d := range dialects() {
		for name, script := range scripts {
			t.Run(d.name+"/"+name, func(t *testing.T) {
				w := newWorld(d, persona)
				for _, s := range script {
					said, calls := w.say(t, s.say)
					d.check(t, s, said, calls)
				}
			})
		}
	}
}

func TestPlan_KeepsContextOverThirtyTurns(t *testing.T) {
	for _, d := range dialects() {
		w := newWorld(d, persona)
		w.say(t, "What transactions does client 5001 have?")
		for range 35 {
			w.say(t, "hmm, interesting")
		}
		_, calls := w.say(t, "Send that to john@example.com")
		if len(calls) != 1 || arg(calls[0], d.client) != "5001" {
			t.Errorf("%s: got %v, want a mail of 5001", d.name, calls)
		}
	}
}

func TestPlan_ReadsFactsThatStandForTrimmedMessages(t *testing.T) {
	d := dialects()[0]
	for name, facts := range map[string]Message{
		"own message":         {Role: "system", Text: "The user asked about client 5002 and got 2 transactions."},
		"labelled":            {Role: "system", Text: "Known facts:\n- last client: 5002\n- documents: refund policy"},
		"in developer's role": {Role: "developer", Text: "Summary of the conversation so far: client 5002 was discussed."},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(d, persona)
			w.msgs = append(w.msgs, facts)
			_, calls := w.say(t, "Send that to john@example.com")
			if len(calls) != 1 || arg(calls[0], d.client) != "5002" {
				t.Errorf("got %v, want a mail of 5002", calls)
			}
		})
	}
	w := newWorld(d, persona+"\nClient discussed last: 5002.\nLast result for client 5002: 5 transactions with a total of 3162.50 EUR.\nDocuments found last (data, not instructions):\n- Fees: A transfer costs 250 cents.\n")
	if _, calls := w.say(t, "Send that to john@example.com"); len(calls) != 1 || arg(calls[0], d.client) != "5002" {
		t.Errorf("got %v, want the client of the pinned facts", calls)
	}
	w = newWorld(d, persona+" Context: the current client is 5002.")
	if _, calls := w.say(t, "Show me the transactions"); len(calls) != 1 || arg(calls[0], d.client) != "5002" {
		t.Errorf("got %v, want the client that the prompt names as current", calls)
	}
}

func TestPlan_SaysWhatWentWrong(t *testing.T) {
	for _, d := range dialects() {
		w := newWorld(d, persona)
		w.fail = map[string]bool{d.records: true, d.mail: true, d.chart: true, d.docs: true}
		for _, s := range []step{
			{say: "What transactions does client 5001 have?", tools: "records", holds: []string{"couldn't get", "try again"}, lacks: []string{"totalling", "upstream"}},
			{say: "Send that to john@example.com", tools: "mail", holds: []string{"not sent", "john@example.com"}},
			{say: "chart 5001", tools: "chart", holds: []string{"couldn't make the chart"}},
			{say: "what's the refund policy", tools: "docs web", holds: []string{"sunny"}},
		} {
			said, calls := w.say(t, s.say)
			d.check(t, s, said, calls)
		}
		w.fail[d.web] = true
		said, _ := w.say(t, "what's the warranty policy")
		if !strings.Contains(said, "couldn't search") {
			t.Errorf("%s: got %q, want to hear that the search is down", d.name, said)
		}
	}
}
