package supabase

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"

	wire "github.com/voicectl/voicectl/internal/provider/supabase"
)

//go:embed data/*.json
var files embed.FS

// client is a seeded client. Amounts are kept as written, and added up in hundredths.
type client struct {
	ID           string             `json:"id"`
	Name         string             `json:"name"`
	Currency     string             `json:"currency"`
	Transactions []wire.Transaction `json:"transactions"`
}

type document struct {
	ID      string   `json:"id"`
	Title   string   `json:"title"`
	Content string   `json:"content"`
	Topics  []string `json:"topics"` // each: words that together say that a question is about this
}

// seeds is the database of the emulated project. It is read-only once loaded.
type seeds struct {
	clients map[string]client
	corpus  *corpus
}

// load panics on bad seeds: they are compiled in, and a test loads them.
func load() *seeds {
	var c struct {
		Clients []client `json:"clients"`
	}
	var d struct {
		Documents []document `json:"documents"`
	}
	read("data/clients.json", &c)
	read("data/documents.json", &d)
	s := &seeds{clients: map[string]client{}, corpus: newCorpus(d.Documents)}
	for _, cl := range c.Clients {
		for i := range cl.Transactions {
			cl.Transactions[i].Currency = cl.Currency
			cl.Transactions[i].Amount = money(cents(cl.Transactions[i].Amount))
		}
		s.clients[cl.ID] = cl
	}
	return s
}

func read(name string, into any) {
	b, err := files.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		panic(fmt.Sprintf("seeds %s: %v", name, err))
	}
}

// cents turns a seeded decimal into hundredths.
func cents(a wire.Amount) int64 {
	text, negative := strings.CutPrefix(string(a), "-")
	whole, frac, _ := strings.Cut(text, ".")
	var n int64
	for _, r := range whole + (frac + "00")[:2] {
		n = n*10 + int64(r-'0')
	}
	if negative {
		return -n
	}
	return n
}

// money writes hundredths as a JSON number with two places.
func money(n int64) wire.Amount {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	return wire.Amount(fmt.Sprintf("%s%d.%02d", sign, n/100, n%100))
}

func sum(rows []wire.Transaction) int64 {
	var n int64
	for _, t := range rows {
		n += cents(t.Amount)
	}
	return n
}

// filter narrows rows. A plural and another case mean the same; "all" and "" mean everything.
func filter(rows []wire.Transaction, kind, status string) []wire.Transaction {
	kind, status = singular(kind), singular(status)
	out := []wire.Transaction{}
	for _, t := range rows {
		if (kind == "" || kind == singular(t.Type)) && (status == "" || status == singular(t.Status)) {
			out = append(out, t)
		}
	}
	return out
}

func singular(s string) string {
	s = strings.TrimSuffix(strings.ToLower(strings.TrimSpace(s)), "s")
	if s == "all" || s == "any" {
		return ""
	}
	return s
}
