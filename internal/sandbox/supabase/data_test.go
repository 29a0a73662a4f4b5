package supabase

import (
	"fmt"
	"testing"

	wire "github.com/voicectl/voicectl/internal/provider/supabase"
)

func brief(docs []wire.Document) string {
	s := "["
	for _, d := range docs {
		s += fmt.Sprintf(" %s:%.2f", d.ID, d.Similarity)
	}
	return s + " ]"
}

func TestSeeds_AreWhatTheDocumentationSays(t *testing.T) {
	s := load()
	for id, want := range map[string]struct {
		rows  int
		total wire.Amount
	}{"5001": {3, "1250.75"}, "5002": {5, "3162.50"}, "5003": {12, "11005.00"}, "5004": {4, "1032.99"}, "5005": {6, "16184.00"}, "5006": {0, "0.00"}} {
		c, ok := s.clients[id]
		if !ok || len(c.Transactions) != want.rows || money(sum(c.Transactions)) != want.total {
			t.Errorf("client %s: got %d rows, total %s; want %d, %s", id, len(c.Transactions), money(sum(c.Transactions)), want.rows, want.total)
		}
	}
}

func TestMoney_RoundTrips(t *testing.T) {
	for in, want := range map[wire.Amount]wire.Amount{"0": "0.00", "-0.05": "-0.05", "12.5": "12.50", "650": "650.00", "-120.40": "-120.40"} {
		if got := money(cents(in)); got != want {
			t.Errorf("money(cents(%s)) = %s; want %s", in, got, want)
		}
	}
}

func TestFilter_TakesPluralsAndCase(t *testing.T) {
	rows := load().clients["5003"].Transactions
	for _, tc := range []struct {
		kind, status string
		want         int
	}{{"", "", 12}, {"all", "", 12}, {"Refunds", "", 1}, {"subscription", "failed", 1}, {"", "PENDING", 1}, {"loan", "", 0}} {
		if got := len(filter(rows, tc.kind, tc.status)); got != tc.want {
			t.Errorf("filter(%q, %q) = %d rows; want %d", tc.kind, tc.status, got, tc.want)
		}
	}
}
