package planner

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

//nolint:gochecknoglobals // table
var cannot = map[intent]string{
	showRecords: "I can't look up transactions here.",
	sendMail:    "I can't send e-mail from here.",
	drawChart:   "I can't draw charts here.",
	lookUp:      "I can't look that up here.",
}

const (
	nothingFound = "I looked, but I couldn't find anything about that."
	searchDown   = "I couldn't search just now. Please try again in a moment."
)

func askClient(w want) string {
	switch {
	case w.said.badID:
		return "I didn't get a valid client number. Could you say it again, digits only?"
	case w.intent == sendMail:
		return "Which client's report should I send? Please tell me the client number."
	case w.intent == drawChart:
		return "Which client should the chart be for? Please tell me the client number."
	}
	return "Which client do you mean? Please tell me the client number."
}

func askAddress(w want) string {
	if w.said.badMail {
		return "I didn't get a valid e-mail address. Could you say it again?"
	}
	return "Which e-mail address should I send it to?"
}

func who(client string) string {
	if client == "" {
		return "this account"
	}
	return "client " + client
}

func nothingToMail(client string, f *finding) string {
	if f.failed && !f.unknown {
		return "I couldn't get the transactions of " + who(client) + ", so I did not send a report."
	}
	return "There is nothing on record for " + who(client) + ", so I did not send a report."
}

func wordMail(client string, to []string, f *finding) string {
	about := "The report"
	if client != "" {
		about += " for client " + client
	}
	switch {
	case !f.failed:
		return about + " is on its way to " + list(to) + "."
	case f.unknown:
		return nothingToMail(client, f)
	}
	return about + " was not sent to " + list(to) + ". " + first(f.reason, "Something went wrong; please try again in a moment.")
}

func wordChart(client string, f *finding) string {
	switch {
	case f.unknown && !f.points:
		return "There are no transactions to chart for " + who(client) + "."
	case f.failed:
		return "I couldn't make the chart for " + who(client) + ". " + first(f.reason, "Please try again in a moment.")
	}
	return "The chart for " + who(client) + " is ready."
}

// wordRecords says how many records there are, what they add up to, and names a few.
func wordRecords(w want, client string, f *finding) string {
	kind := strings.Join(append(slices.Clone(w.said.statuses), narrowing(w.said.types)...), " ")
	noun := strings.TrimSpace(kind + " transaction")
	rows, count, total, hasTotal := f.rows, f.count, f.total, f.hasTotal
	if kept := matching(rows, w.said); len(kept) < len(rows) { // the tool could not filter: we do
		rows, count = kept, len(kept)
		total, hasTotal = sumOf(kept)
	}
	switch {
	case f.failed && !f.unknown:
		return "I couldn't get the transactions of " + who(client) + " just now. " + first(f.reason, "Please try again in a moment.")
	case f.unknown || f.listed && count == 0:
		return "I found no " + noun + "s for " + who(client) + "."
	case !f.listed && count < 0:
		if s := sentencesOf(f.text); len(s) > 0 {
			return fit(strings.Join(s, " "), maxWords-10)
		}
		return "I got an answer for " + who(client) + ", but there was nothing in it that I could read."
	}
	s := fmt.Sprintf("%s has %s", capital(who(client)), plural(count, noun))
	if hasTotal {
		s += ", totalling " + money(total, f.currency)
	}
	s += "."
	if hasTotal && w.said.focus == "average" && count > 0 {
		return s + " That is " + money(total/float64(count), f.currency) + " on average."
	}
	if r := pick(rows, w.said.focus); r != nil {
		return s + " The " + w.said.focus + " is " + wordRow(r, f.currency) + "."
	}
	var some []string
	for _, r := range rows[:min(len(rows), 2)] {
		if d := wordRow(r, f.currency); d != "" {
			some = append(some, d)
		}
	}
	switch {
	case len(some) == 0:
	case len(some) >= count && count == 1:
		s += " It is " + some[0] + "."
	case len(some) >= count:
		s += " They are " + list(some) + "."
	default:
		s += " Among them are " + list(some) + "."
		if len(some) == 1 {
			s = strings.Replace(s, "Among them are", "One of them is", 1)
		}
	}
	return s
}

func narrowing(types []string) []string {
	var out []string
	for _, t := range types {
		if filterWord(t) {
			out = append(out, t)
		}
	}
	return out
}

// matching keeps the rows that carry the wanted type and status. A row that has neither member passes.
func matching(rows []entry, e entities) []entry {
	types := narrowing(e.types)
	if len(types)+len(e.statuses) == 0 {
		return rows
	}
	known := slices.ContainsFunc(rows, func(r entry) bool { return typeWords.of(kindOf(r)) != "" })
	var out []entry
	for _, r := range rows {
		kind, status := typeWords.of(kindOf(r)), statusWords.of(strings.ToLower(r["status"]))
		if len(types) > 0 && known && !slices.Contains(types, kind) || len(e.statuses) > 0 && r["status"] != "" && !slices.Contains(e.statuses, status) {
			continue
		}
		out = append(out, r)
	}
	return out
}

func kindOf(r entry) string {
	return strings.ToLower(r.get("type", "transactiontype", "kind", "category"))
}

func sumOf(rows []entry) (float64, bool) {
	sum, all := 0.0, len(rows) > 0
	for _, r := range rows {
		a, ok := r.amount()
		sum, all = sum+a, all && ok
	}
	return sum, all
}

// pick finds the row that a superlative means.
func pick(rows []entry, focus string) entry {
	if i := map[string]int{"second": 1, "third": 2}[focus]; i > 0 && i < len(rows) {
		return rows[i]
	}
	if !in(focus, "largest smallest latest earliest") || len(rows) == 0 {
		return nil
	}
	best := rows[0]
	for _, r := range rows[1:] {
		a, _ := r.amount()
		b, _ := best.amount()
		da, db := dateOf(r), dateOf(best)
		if focus == "largest" && a > b || focus == "smallest" && a < b || focus == "latest" && da > db || focus == "earliest" && da < db {
			best = r
		}
	}
	return best
}

func dateOf(r entry) string {
	return r.get("date", "createdat", "timestamp", "transactiondate", "time", "datetime", "bookedat", "postedat")
}

// wordRow describes one record: "a refund of 120 dollars from Acme on March 4".
func wordRow(r entry, currency string) string {
	noun := strings.ToLower(strings.ReplaceAll(r.get("type", "transactiontype", "kind", "category"), "_", " "))
	if noun == "" || len(noun) > 30 {
		noun = "transaction"
	}
	s := "a " + noun
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		s = "an " + noun
	}
	if st := strings.ToLower(r["status"]); st != "" && statusWords.of(st) != "completed" && len(st) < 20 {
		s = "a " + st + " " + noun
	}
	if a, ok := r.amount(); ok {
		if c := r["currency"]; c != "" {
			currency = c
		}
		s += " of " + money(math.Abs(a), currency) // the noun says which way it went
	}
	if d := strings.Join(strings.Fields(strings.Join(sentencesOf(r.get("description", "merchant", "memo", "title", "name", "item", "product")), " ")), " "); d != "" && len(d) <= 40 {
		s += " for " + strings.TrimRight(d, ".!? ")
	}
	if d := day(dateOf(r)); d != "" {
		s += " on " + d
	}
	return clean(s)
}
