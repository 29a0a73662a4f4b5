package tools

import (
	"context"
	"fmt"
	"strconv"

	"github.com/voicectl/voicectl/internal/provider/supabase"
)

// read shares a lookup with the same arguments in the same turn.
func (r *run) read(ctx context.Context, fn func() Outcome) Outcome {
	return r.share(ctx, r.round.reads, r.tool.name+"\x00"+r.args.canonical(), succeeded, fn, nil)
}

func (r *run) transactions(ctx context.Context) Outcome {
	id := r.args["clientId"]
	if out, ok := r.admit(id); !ok {
		return out
	}
	r.mention(id)
	out := r.read(ctx, func() Outcome {
		found, err := r.fetch(ctx, id, r.args["type"], r.args["status"])
		if err != nil {
			return failed(r.tool.noun, err)
		}
		return Outcome{OK: true, Content: r.rows(found), summary: narrowed(r.args) + sentence(found)}
	})
	if out.OK {
		r.found(id, out.summary)
	}
	return out
}

// narrowed says by what a query was narrowed.
func narrowed(a arguments) string {
	s := ""
	for _, name := range []string{"type", "status"} {
		if a[name] != "" {
			s += name + " " + a[name] + ": "
		}
	}
	return s
}

// fetch asks for transactions; type and status may be "".
func (r *run) fetch(ctx context.Context, id, kind, status string) (supabase.Transactions, error) {
	var found supabase.Transactions
	err := r.o.Backend.Call(ctx, supabase.FnTransactions, supabase.TransactionQuery{ClientID: supabase.Text(id), Type: kind, Status: status}, &found)
	if err != nil {
		return found, err
	}
	if found.Count == nil {
		n := len(found.Transactions)
		found.Count = &n
	}
	if *found.Count == 0 && kind == "" && status == "" {
		r.missed(id)
	}
	return found, nil
}

// rows words what was found for the model: the head always whole, rows as far as they fit.
func (r *run) rows(found supabase.Transactions) string {
	head := map[string]any{"success": true, "clientId": r.args["clientId"], "count": *found.Count}
	if found.Total != "" {
		head["total"] = found.Total
	}
	if found.Currency != "" {
		head["currency"] = printable(found.Currency, 16)
	}
	items := make([]any, 0, len(found.Transactions))
	for _, t := range found.Transactions {
		items = append(items, supabase.Transaction{
			ID: supabase.Text(printable(string(t.ID), 64)), Date: printable(t.Date, 40), Type: printable(t.Type, 40), Status: printable(t.Status, 40),
			Amount: t.Amount, Currency: printable(t.Currency, 16), Description: printable(t.Description, 200),
		})
	}
	return fit(r.o.Policy.Content, head, "transactions", items)
}

// Bounds of a chart.
const (
	maxPoints = 400
	maxSeries = 24
)

func (r *run) chart(ctx context.Context) Outcome {
	id := r.args["clientId"]
	if out, ok := r.admit(id); !ok {
		return out
	}
	r.mention(id)
	return r.read(ctx, func() Outcome {
		var got supabase.ChartResult
		if err := r.o.Backend.Call(ctx, supabase.FnChart, supabase.ChartRequest{ClientID: supabase.Text(id)}, &got); err != nil {
			return failed(r.tool.noun, err)
		}
		c := draw(id, got.ChartData)
		head := map[string]any{"success": true, "clientId": id, "series": len(c.Series), "points": len(c.Labels)}
		if len(c.Series) == 0 || len(c.Labels) == 0 {
			r.missed(id)
			head["note"] = "There are no transactions to draw, so no chart was made."
			return Outcome{OK: true, Content: encode(head)}
		}
		head["note"] = "The chart is on the caller's screen. Say so; do not read it out."
		head["from"], head["to"] = c.Labels[0], c.Labels[len(c.Labels)-1]
		names := make([]any, 0, len(c.Series))
		for _, s := range c.Series {
			names = append(names, s.Name)
		}
		return Outcome{OK: true, Chart: c, Content: fit(r.o.Policy.Content, head, "names", names)}
	})
}

// draw bounds and cleans what goes to a browser: one value a label in every series.
func draw(id string, d supabase.ChartData) *Chart {
	c := &Chart{Type: "chart", ClientID: id, Labels: []string{}, Series: []supabase.Series{}}
	for _, l := range d.Labels[:min(len(d.Labels), maxPoints)] {
		c.Labels = append(c.Labels, printable(l, 40))
	}
	for i, s := range d.Series[:min(len(d.Series), maxSeries)] {
		name := printable(s.Name, 40)
		if name == "" {
			name = "series " + strconv.Itoa(i+1)
		}
		data := make([]supabase.Amount, len(c.Labels))
		for k := range data {
			data[k] = "0"
			if k < len(s.Data) && s.Data[k] != "" {
				data[k] = s.Data[k]
			}
		}
		c.Series = append(c.Series, supabase.Series{Name: name, Data: data})
	}
	return c
}

func sentence(found supabase.Transactions) string {
	n := *found.Count
	noun := "transactions"
	if n == 1 {
		noun = "transaction"
	}
	if found.Total == "" {
		return fmt.Sprintf("%d %s", n, noun)
	}
	return fmt.Sprintf("%d %s with a total of %s %s", n, noun, found.Total, printable(found.Currency, 16))
}
