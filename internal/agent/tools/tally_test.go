package tools_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/agent/tools"
	"github.com/voicectl/voicectl/internal/provider/supabase"
)

// H80: guessing ends, whichever tool it is done with, and what was spoken of stays open.
func TestHostile_H80_GuessingIsBounded(t *testing.T) {
	asked := 0
	b := tools.New(tools.Options{Policy: tools.Policy{Misses: 3, Clients: 5}, Backend: Scripted(func(_ context.Context, fn string, in, out any) error {
		asked++
		id := ""
		switch q := in.(type) {
		case supabase.TransactionQuery:
			id = string(q.ClientID)
		case supabase.ChartRequest:
			id = string(q.ClientID)
		}
		switch {
		case strings.HasPrefix(id, "9"):
			return answer(out, `{"count":0,"transactions":[],"chartData":{"labels":[],"series":[]}}`)
		case fn == supabase.FnChart:
			return answer(out, `{"chartData":{"labels":["a"],"series":[{"name":"x","data":[1]}]}}`)
		}
		return answer(out, `{"count":1,"transactions":[{"id":1}]}`)
	})})
	run := func(tool, id string) tools.Outcome {
		b.BeginTurn("to a@b.example")
		return b.Run(t.Context(), tool, fmt.Sprintf(`{"clientId":%q%s}`, id, map[bool]string{true: `,"to":"a@b.example"`}[tool == "send_email_report"]))
	}
	run("query_transactions", "1")
	run("query_transactions", "900")
	run("query_transactions", "900") // the same again is no guess
	run("generate_transaction_chart", "901")
	run("send_email_report", "902")
	before := asked
	for _, tool := range []string{"query_transactions", "generate_transaction_chart", "send_email_report"} {
		there, not := run(tool, "2"), run(tool, "903")
		if there.Class != tools.ClassClients || there.Content != not.Content || asked != before {
			t.Errorf("%s: %+v and %+v after %d more questions", tool, there, not, asked-before)
		}
		if out := run(tool, "1"); !out.OK {
			t.Errorf("%s: the client of before: %+v", tool, out)
		}
		before = asked
	}
	b.Forget()
	for i := range 7 {
		if out := run("query_transactions", fmt.Sprint(10+i)); out.OK != (i < 5) {
			t.Errorf("client %d of a new session: %+v", i+1, out)
		}
	}
}

// H86: a session sends so many mails and no more; what was refused was not sent.
func TestHostile_H86_MailsAreBounded(t *testing.T) {
	mails := 0
	b := tools.New(tools.Options{Policy: tools.Policy{Mails: 2}, Backend: Scripted(func(_ context.Context, fn string, _, out any) error {
		if fn == supabase.FnEmail {
			mails++
			return answer(out, `{"success":true,"messageId":"m"}`)
		}
		return answer(out, `{"count":1,"transactions":[{"id":1}]}`)
	})})
	for i := range 5 {
		to := fmt.Sprintf("%c@b.example", 'a'+i)
		b.BeginTurn("to " + to)
		out := b.Run(t.Context(), "send_email_report", `{"to":"`+to+`","clientId":"1"}`)
		if out.OK != (i < 2) || i >= 2 && (out.Class != tools.ClassMails || !strings.Contains(out.Content, "not sent")) {
			t.Errorf("mail %d: %+v", i+1, out)
		}
	}
	if mails != 2 {
		t.Errorf("%d mails were sent", mails)
	}
}
