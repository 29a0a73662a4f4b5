package planner

import (
	"slices"
	"strconv"
	"strings"
)

// entities are the particulars named in a phrase.
type entities struct {
	clients   []string // digits
	badID     bool     // an id was said that cannot be one
	addresses []string
	badMail   bool // an address was begun
	types     []string
	statuses  []string
	subject   string
	limit     int
	focus     string // total count largest smallest latest earliest average
	chart     string // bar line pie
	again     bool   // "the same address", "again"
}

const (
	maxID    = 12
	units    = "$ € £ % dollar dollars euro euros pound pounds cent cents bucks percent day days hour hours minute minutes second seconds week weeks month months year years time times am pm kilometers kilometres km miles people items degrees"
	notID    = "$ € £ order orders invoice ticket reference ref phone call room zip over above under below than top last past first next within every page pin code around approximately route channel chapter version"
	maxMails = 5
)

func find(ts []token, raw string) entities {
	var e entities
	for i, t := range ts {
		switch t.kind {
		case number:
			e.number(ts, i)
		case mixed:
			if cued(ts, i) || len(t.text) >= 3 && len(t.text) <= maxID && t.text[0] <= '9' && !measure(t.text) {
				e.badID = true
			}
		case address:
			if len(e.addresses) < maxMails && !slices.Contains(e.addresses, t.text) {
				e.addresses = append(e.addresses, t.text)
			}
		case word:
			if t.text == "@" {
				e.badMail = true
			}
		case stop:
		}
	}
	e.filters(ts)
	e.particulars(ts, raw)
	return e
}

func (e *entities) number(ts []token, i int) {
	t, cue := ts[i], ts[i].cue || cued(ts, i)
	prev, next := neighbour(ts, i, -1), neighbour(ts, i, 1)
	if in(prev, "last past first top latest recent next") || in(next, "last most latest recent") {
		if n, err := strconv.Atoi(t.text); err == nil && n > 0 && n <= 100 && !cue {
			e.limit = n
			return
		}
	}
	switch {
	case cue && len(t.text) > maxID:
		e.badID = true
	case cue && in(prev, "$ € £"):
	case !cue && len(t.text) == 4 && (t.text[:2] == "19" || t.text[:2] == "20") && in(prev, "in since during until by before after year from"):
	case corrected(ts, i) && len(e.clients) > 0 && len(t.text) >= 3: // "5001, I mean 5002"
		e.clients[len(e.clients)-1] = t.text
	case cue, len(t.text) >= 3 && len(t.text) <= maxID && !in(prev, notID) && !in(next, units):
		if !slices.Contains(e.clients, t.text) {
			e.clients = append(e.clients, t.text)
		}
	}
}

// corrected tells whether the number takes back the one before it.
func corrected(ts []token, i int) bool {
	for n := 1; n <= 5 && i-n >= 0 && ts[i-n].kind != number; n++ {
		if in(ts[i-n].text, "mean meant sorry correction rather actually") {
			return true
		}
	}
	return false
}

// cued tells whether a word shortly before says that an id follows: "client", "account number", "id is".
func cued(ts []token, i int) bool {
	for n := 1; n <= 4 && i-n >= 0; n++ {
		t := ts[i-n]
		if t.kind == word && in(t.text, clientCues) {
			return true
		}
		if t.kind != word && t.kind != stop || t.kind == word && !in(t.text, "is was of the with called named as") || t.kind == stop && !in(t.text, ": ,") {
			return false
		}
	}
	return false
}

func neighbour(ts []token, i, step int) string {
	if i+step < 0 || i+step >= len(ts) {
		return ""
	}
	return ts[i+step].text
}

// measure tells "30days", "4pm", "2.5" from an id gone wrong.
func measure(s string) bool {
	tail := strings.TrimLeft(s, "0123456789.,")
	return tail == "" || in(tail, units+" d h m s k g kg gb mb th")
}

// synonyms maps what is said to the word that data use.
type synonyms []struct{ canonical, said string }

//nolint:gochecknoglobals // tables
var (
	statusWords = synonyms{
		{"pending", "pending outstanding unsettled open awaiting waiting"},
		{"completed", "completed complete settled cleared successful succeeded finished done processed"},
		{"failed", "failed failing declined rejected unsuccessful bounced"},
		{"cancelled", "cancelled canceled voided"},
		{"processing", "processing"},
		{"disputed", "disputed"},
	}
	typeWords = synonyms{
		{"deposit", "deposit deposits deposited"},
		{"withdrawal", "withdrawal withdrawals withdrew withdrawn withdraw"},
		{"refund", "refund refunds refunded"},
		{"transfer", "transfer transfers transferred"},
		{"purchase", "purchase purchases purchased bought"},
		{"payment", "payment payments"},
		{"fee", "fee fees"},
		{"credit", "credit credits"},
		{"debit", "debit debits"},
		{"subscription", "subscription subscriptions"},
		{"invoice", "invoice invoices"},
	}
	chartWords = synonyms{{"bar", "bar bars column"}, {"line", "line"}, {"pie", "pie"}}
	focusWords = synonyms{
		{"largest", "largest biggest highest greatest"},
		{"smallest", "smallest lowest least"},
		{"latest", "latest newest recent"},
		{"earliest", "earliest oldest"},
		{"average", "average"},
		{"second", "second"},
		{"third", "third"},
		{"total", "total sum altogether overall"},
	}
)

func (s synonyms) of(w string) string {
	for _, r := range s {
		if in(w, r.said) {
			return r.canonical
		}
	}
	return ""
}

func (e *entities) filters(ts []token) {
	for i, t := range ts {
		if t.kind != word || in(neighbour(ts, i, -1), "not excluding except without non isnt arent") {
			continue
		}
		if s := statusWords.of(t.text); s != "" && !in(t.text, "open done complete waiting") || s != "" && in(neighbour(ts, i, 1), "transactions ones payments purchases orders") {
			e.statuses = appendNew(e.statuses, s)
		}
		if s := typeWords.of(t.text); s != "" {
			e.types = appendNew(e.types, s)
		}
		if s := focusWords.of(t.text); s != "" && e.focus == "" {
			e.focus = s
		}
		if s := chartWords.of(t.text); s != "" && in(neighbour(ts, i, 1), "chart graph plot diagram charts graphs") {
			e.chart = s
		}
	}
	if text := plain(ts); e.focus == "" && has(text, "how many", "the number of", "count of") {
		e.focus = "count"
	} else if e.focus == "" && has(text, "how much", "in all", "add up to", "all together") {
		e.focus = "total"
	}
}

func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

//nolint:gochecknoglobals // compiled once
var (
	quotedSubject = lazily(`(?i)\b(?:subject|title|titled|headline)\b(?: line)?(?: (?:is|of|as|saying|should be))?[:\s]*["“'‘]([^"”’]{1,120}?)["”'’](?:\W|$)`)
	plainSubject  = lazily(`(?i)\bsubject\b(?: line)?(?: (?:is|of|as|saying|should be))?[:\s]+([^\s"“][^".!?\n]{1,80})`)
)

func subjectWord(ts []token) bool {
	return slices.ContainsFunc(ts, func(t token) bool { return in(t.text, "subject title titled headline") })
}

func (e *entities) particulars(ts []token, raw string) {
	if !subjectWord(ts) {
		raw = ""
	}
	if m := quotedSubject().FindStringSubmatch(raw); m != nil {
		e.subject = strings.TrimSpace(m[1])
	} else if m = plainSubject().FindStringSubmatch(raw); m != nil {
		e.subject = strings.TrimSpace(m[1])
	}
	e.again = has(plain(ts), "again", "same", "too", "also", "as well", "there")
}
