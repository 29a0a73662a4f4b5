package calls_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
)

// JUL-10: the last client, result and documents are kept over 30 turns and more, and across the trimming
// of the history: "that" is what was last spoken of.
func TestJUL10_ContextOverMoreThanThirtyTurns(t *testing.T) {
	t.Parallel()
	var longest atomic.Int64
	h := open(t, plan{openai: watched(t, func(req modelRequest) {
		if n := int64(len(req.Messages)); n > longest.Load() {
			longest.Store(n)
		}
	})})
	p := h.page(visit{})
	mails := func() string {
		var out []string
		for _, m := range h.stage.Outbox() {
			out = append(out, m.ClientID)
		}
		return strings.Join(out, " ")
	}
	p.ask("What transactions does client 5001 have?")
	if p.ask("Send that to john@example.com"); mails() != "5001" {
		t.Fatalf("after 5001 mailed %q", mails())
	}
	small := []string{"Hello", "How are you?", "Thanks", "What can you do?", "Good", "What is your refund policy?", "When are you open?"}
	for i := range 32 { // each turn is two messages and more; 30 messages are kept
		p.ask(small[i%len(small)])
	}
	if p.turn < 34 {
		t.Fatalf("only %d turns", p.turn)
	}
	if p.ask("Send that client's report to john@example.com"); mails() != "5001 5001" {
		t.Errorf("after %d turns mailed %q, want 5001 again", p.turn, mails())
	}
	p.ask("What transactions does client 5002 have?")
	for i := range 16 {
		p.ask(small[i%len(small)])
	}
	if p.ask("Send that report to mary@example.com"); mails() != "5001 5001 5002" {
		t.Errorf("after a later 5002 mailed %q", mails())
	}
	if a := p.ask("How many transactions were there?"); !strings.Contains(a.text, "5") {
		t.Errorf("the last result is lost: %q", a.text)
	}
	if n := longest.Load(); n < 20 || n > 31 { // 30 and the prompt
		t.Errorf("the longest history sent to the model has %d messages, want it trimmed at 30", n)
	}
}

// JUL-14: for an unknown client it says that there is nothing and invents no rows; for a malformed id it
// asks again.
func TestJUL14_UnknownAndMalformedClients(t *testing.T) {
	t.Parallel()
	h := open(t, plan{})
	p := h.page(visit{})
	a := p.ask("What transactions does client 9999 have?")
	if names, args := h.functions(); len(names) != 1 || fmt.Sprint(args[0]["clientId"]) != "9999" {
		t.Errorf("called %v %v", names, args)
	}
	if !strings.Contains(a.text, "no transactions") || !strings.Contains(a.text, "9999") || strings.ContainsAny(strings.ReplaceAll(a.text, "9999", ""), "0123456789") {
		t.Errorf("for an unknown client it said %q", a.text)
	}
	a = p.ask("What transactions does client 50x1 have?")
	if names, _ := h.functions(); len(names) != 1 {
		t.Errorf("a malformed id was looked up: %v", names)
	}
	if !strings.Contains(a.text, "client") || !strings.Contains(a.text, "?") {
		t.Errorf("for a malformed id it said %q, want a question for the client", a.text)
	}
}
