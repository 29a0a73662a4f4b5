package tools

import (
	"context"
	"fmt"
	"strings"
	"unicode"
)

// run is one Run: its turn, its number, and the tool.
type run struct {
	*Box
	round *round
	seq   int
	tool  tool
	args  arguments
}

// Run runs a tool by name with arguments as the model wrote them. It never panics, ends within
// Policy.Timeout, and says every failure in Outcome.Content.
func (b *Box) Run(ctx context.Context, name, args string) (out Outcome) {
	begun := b.o.Now()
	ctx, cancel := context.WithTimeout(ctx, b.o.Policy.Timeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			out = internal()
		}
		out.Took = b.o.Now().Sub(begun)
	}()
	r, ok := b.enter()
	if !ok {
		return refuse(ClassLimit, "That is as much as I can look up at once.",
			fmt.Sprintf("%d tools ran in this turn, which is the limit. Answer from what you have.", b.o.Policy.Runs))
	}
	if r.tool, ok = find(name); !ok {
		return refuse(ClassUnknown, "unknown function: "+printable(name, 64), "Only the functions that were offered exist.")
	}
	var err error
	if r.args, err = r.tool.parse(args); err != nil {
		return refuse(ClassArguments, r.tool.ask(err), err.Error()+". Nothing was called. Correct the arguments, or ask the caller.")
	}
	switch name {
	case QueryTransactions:
		out = r.transactions(ctx)
	case SearchDocuments:
		out = r.documents(ctx)
	case WebSearch:
		out = r.web(ctx)
	case SendEmailReport:
		out = r.email(ctx)
	case GenerateChart:
		out = r.chart(ctx)
	}
	if out.Arguments == "" {
		out.Arguments = r.args.canonical()
	}
	return out
}

// enter counts a run against its turn.
func (b *Box) enter() (*run, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seq++
	b.round.runs++
	return &run{Box: b, round: b.round, seq: b.seq}, b.round.runs <= b.o.Policy.Runs
}

func internal() Outcome {
	return refuse(ClassInternal, "Something went wrong on our side. Please try again.", "")
}

// ask words a refused argument for the caller.
func (t tool) ask(err error) string {
	name := ""
	if bad, ok := err.(*badArgument); ok { //nolint:errorlint // made by parse, never wrapped
		name = bad.name
	}
	switch name {
	case "clientId":
		return "I need the client number, 1 to 12 digits. Which client is it?"
	case "to":
		return "I need one complete e-mail address. Where should the report go?"
	case "query":
		return "What should I look for?"
	}
	return "I did not get that right. Could you say it again?"
}

// printable bounds foreign text that goes back to the model.
func printable(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > limit {
		return strings.TrimSpace(string(r[:limit])) + "…"
	}
	return s
}
