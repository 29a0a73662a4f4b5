package supabase

import (
	"fmt"
	"net/mail"
	"slices"
	"strings"

	wire "github.com/voicectl/voicectl/internal/provider/supabase"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

// input is the union of what the functions take. Numbers pass for strings, as JavaScript is lenient.
type input struct {
	ClientID wire.Text `json:"clientId"`
	Type     string    `json:"type"`
	Status   string    `json:"status"`
	Query    string    `json:"query"`
	Limit    int       `json:"limit"`
	To       string    `json:"to"`
	Subject  string    `json:"subject"`
	Summary  string    `json:"summary"`
}

// functionError is what a function itself answers when it cannot serve.
type functionError struct {
	status int
	text   string
}

func (e *functionError) Error() string { return e.text }

func refusal(status int, format string, args ...any) error {
	return &functionError{status, fmt.Sprintf(format, args...)}
}

// run executes one function; the result is encoded as its answer.
func (e *emulator) run(name string, in input) (any, error) {
	switch name {
	case wire.FnTransactions:
		return e.transactions(in)
	case wire.FnDocuments:
		if strings.TrimSpace(in.Query) == "" {
			return nil, refusal(400, "query is required")
		}
		return wire.Documents{Documents: e.seeds.corpus.search(in.Query, limit(in.Limit, 3))}, nil
	case wire.FnWeb:
		if clean(in.Query) == "" {
			return nil, refusal(400, "query is required")
		}
		return wire.WebResults{Results: webSearch(in.Query, limit(in.Limit, 3))}, nil
	case wire.FnEmail:
		return e.email(in)
	case wire.FnChart:
		return e.chart(in)
	}
	return nil, refusal(404, "no such function")
}

func limit(asked, usual int) int {
	if asked <= 0 {
		return usual
	}
	return min(asked, 10)
}

func (e *emulator) transactions(in input) (any, error) {
	if in.ClientID == "" {
		return nil, refusal(400, "clientId is required")
	}
	c := e.seeds.clients[string(in.ClientID)] // none: no rows, as a query would find
	rows := filter(c.Transactions, in.Type, in.Status)
	count, yes := len(rows), true
	currency := c.Currency
	if currency == "" {
		currency = "USD"
	}
	return wire.Transactions{
		Success: &yes, ClientID: in.ClientID, Count: &count, Total: money(sum(rows)), Currency: currency, Transactions: rows,
	}, nil
}

func (e *emulator) email(in input) (any, error) {
	a, err := mail.ParseAddress(in.To)
	switch {
	case in.To == "":
		return nil, refusal(400, "to is required")
	case err != nil || a.Address != in.To || !strings.Contains(in.To[strings.LastIndexByte(in.To, '@'):], "."):
		return nil, refusal(400, "to is not a valid email address")
	case in.ClientID == "":
		return nil, refusal(400, "clientId is required")
	case strings.ContainsAny(in.Subject, "\r\n"):
		return nil, refusal(400, "subject must be one line")
	}
	c, ok := e.seeds.clients[string(in.ClientID)]
	if !ok {
		return nil, refusal(404, "client %s not found", in.ClientID)
	}
	if in.Subject == "" {
		in.Subject = "Transaction report for client " + c.ID
	}
	m := e.stage.Send(stage.Mail{To: in.To, ClientID: c.ID, Subject: in.Subject, Body: letter(c, in.Summary)})
	yes := true
	return wire.MailResult{Success: &yes, MessageID: wire.Text(m.ID), To: m.To}, nil
}

func letter(c client, summary string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Transaction report for %s (client %s)\n\n", c.Name, c.ID)
	if summary != "" {
		b.WriteString(summary + "\n\n")
	}
	for _, t := range c.Transactions {
		fmt.Fprintf(&b, "%s  %-12s  %-9s  %10s %s  %s\n", t.Date, t.Type, t.Status, t.Amount, t.Currency, t.Description)
	}
	fmt.Fprintf(&b, "\n%d transactions, total %s %s\n", len(c.Transactions), money(sum(c.Transactions)), c.Currency)
	return b.String()
}

// chart has one label a month and one series a type.
func (e *emulator) chart(in input) (any, error) {
	if in.ClientID == "" {
		return nil, refusal(400, "clientId is required")
	}
	rows := e.seeds.clients[string(in.ClientID)].Transactions
	months, kinds := []string{}, []string{}
	sums := map[[2]string]int64{}
	for _, t := range rows {
		month := t.Date[:7]
		if !slices.Contains(months, month) {
			months = append(months, month)
		}
		if !slices.Contains(kinds, t.Type) {
			kinds = append(kinds, t.Type)
		}
		sums[[2]string{t.Type, month}] += cents(t.Amount)
	}
	slices.Sort(months)
	slices.Sort(kinds)
	yes := true
	out := wire.ChartResult{Success: &yes, ClientID: in.ClientID, ChartData: wire.ChartData{Labels: months, Series: []wire.Series{}}}
	for _, kind := range kinds {
		s := wire.Series{Name: kind}
		for _, month := range months {
			s.Data = append(s.Data, money(sums[[2]string{kind, month}]))
		}
		out.ChartData.Series = append(out.ChartData.Series, s)
	}
	return out, nil
}
