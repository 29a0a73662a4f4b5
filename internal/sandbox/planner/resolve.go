package planner

import (
	"regexp"
	"slices"
	"strings"
)

// resolve fills a wish from the phrase, then from the rest of the message, then from the conversation.
func (m *memory) resolve(p phrase, text string, all entities) want {
	w := want{intent: p.intent, said: find(p.ts, written(p.ts, text))}
	if p.intent == lookUp {
		m.lookup(&w, p.ts, text)
		return w
	}
	w.clients = firstOf(w.said.clients, all.clients)
	w.follow = len(w.clients) == 0
	if w.follow && !w.said.badID && m.client != "" {
		w.clients = []string{m.client}
	}
	if w.intent == sendMail {
		w.said.subject = first(w.said.subject, all.subject)
		w.to = firstOf(w.said.addresses, all.addresses)
		if len(w.to) == 0 && w.said.again && m.address != "" && !w.said.badMail {
			w.to = []string{m.address}
		}
	}
	w.clients = w.clients[:min(len(w.clients), maxClients)]
	w.settle()
	return w
}

// settle notes what is still missing.
func (w *want) settle() {
	w.missing = noSlot
	for _, s := range needs[w.intent] {
		if s == clientSlot && len(w.clients) == 0 || s == addressSlot && len(w.to) == 0 {
			w.missing = s
			return
		}
	}
}

func firstOf(lists ...[]string) []string {
	for _, l := range lists {
		if len(l) > 0 {
			return slices.Clone(l)
		}
	}
	return nil
}

// filled tells whether the message answers a question that was asked before.
func (m *memory) filled(ts []token, all entities) (want, bool) {
	if m.pending == nil {
		return want{}, false
	}
	w := *m.pending
	s := scores(ts)
	fresh := s[drawChart] >= 2.5 || s[lookUp] >= 3 || s[showRecords] > 2 || s[decline] > 2.5 || s[sendMail] >= 2.5 && w.intent != sendMail
	if fresh {
		return want{}, false
	}
	clients := all.clients
	if len(clients) == 0 && w.missing == clientSlot && len(ts) <= 4 {
		for _, t := range ts { // asked for a number, even "seven" is one
			if t.kind == number && len(t.text) <= maxID {
				clients = append(clients, t.text)
			}
		}
	}
	switch {
	case w.missing == clientSlot && (len(clients) > 0 || all.badID):
		w.clients = clients
		w.said.badID = all.badID && len(clients) == 0
	case w.missing == addressSlot && (len(all.addresses) > 0 || all.badMail):
		w.to = all.addresses
		w.said.badMail = len(all.addresses) == 0
		if len(clients) > 0 {
			w.clients = clients
		}
	default:
		return want{}, false
	}
	if len(all.addresses) > 0 && w.intent == sendMail {
		w.to = all.addresses
	}
	w.follow = false
	w.clients = w.clients[:min(len(w.clients), maxClients)]
	w.settle()
	return w, true
}

// ellipsis completes what leaves out what was clear: "and 5002?", "only the pending ones".
func (m *memory) ellipsis(ts []token, text string, all entities) (want, bool) {
	p := phrase{ts: ts}
	said := plain(ts)
	if i, score := topSmallTalk(scores(ts)); score > 2.9 && i != agree && i != refuse && i != sorry {
		return want{}, false
	}
	switch {
	case len(all.clients) > 0 || all.badID && len(ts) <= 8:
		if p.intent = showRecords; m.action == drawChart {
			p.intent = drawChart
		}
	case len(all.statuses)+len(all.types) > 0 && m.action != none && m.action != lookUp && !chatty(said),
		all.focus != "" && m.client != "" && m.action != lookUp && len(ts) <= 8:
		p.intent = showRecords
	case len(all.addresses) > 0 && (m.action == showRecords || m.action == drawChart || m.action == sendMail) && (beforeAddress(ts, "to") || beforeAddress(ts, "and")):
		p.intent = sendMail
	case m.action == lookUp && len(ts) <= 12 && has(said, "what about", "how about", "and for", "and in", "same for"):
		p.intent = lookUp
	default:
		return want{}, false
	}
	return m.resolve(p, text, all), true
}

const politeness = `(?:please|ok(?:ay)?|so|well|and|also|then|now|hi|hey|hello|um|uh|alright|great|thanks|thank you|actually|just|plus|or)\b[\s,.!]*`

//nolint:gochecknoglobals // compiled once
var (
	leads = []*regexp.Regexp{
		regexp.MustCompile(`(?i)^` + politeness),
		regexp.MustCompile(`(?i)^(?:can|could|would|will) (?:you|i|we) (?:please )?(?:tell me|explain(?: to me)?|look up|look for|look into|find(?: out)?|search(?: for)?|check|give me|show me|help me(?: with| find)?|ask you)\b\s*(?:about |for |on |whether |if )?`),
		regexp.MustCompile(`(?i)^(?:i(?:'d| would) (?:like|love) to (?:know|learn|find out|ask|hear)|i (?:want|need) to (?:know|find out|ask)|i(?:'m| am) (?:looking for|wondering)|i wonder|do you know|any idea|let me know)\b\s*(?:about |on |whether |if )?`),
		regexp.MustCompile(`(?i)^(?:tell me(?: more)?|what do you know|what can you tell me|give me (?:some )?(?:info(?:rmation)?|details)|read(?: me)?)\b\s*(?:about |on |of )?`),
		regexp.MustCompile(`(?i)^(?:do an? )?(?:web |internet |online |google )?search(?:ing)?\b\s*(?:(?:the |on |in |our )*(?:web|internet|online|google|documents?|docs|knowledge base|files)\b\s*)?(?:for |about |on )?`),
		regexp.MustCompile(`(?i)^(?:look up|google|find(?: out)?|look for|explain|check)\b\s*(?:about |for |on )?`),
		regexp.MustCompile(`(?i)^(?:what about|how about|same for|what(?:'s|’s| is| are| was| were))\b\s*`),
		regexp.MustCompile(`(?i)^(?:the|an?|our|your|my|its|their|any|some)\s+`),
	}
	trails = lazily(`(?i)[\s,]*(?:\b(?:please|for me|online|on the (?:web|internet)|in the (?:documents?|docs|knowledge base)|right now|can you|could you|thanks|thank you))?[\s.?!,;:]*$`)
)

// lookup words the query of a search: the question without its wrapping.
func (m *memory) lookup(w *want, ts []token, text string) {
	said := plain(ts)
	w.web = has(said, "web", "online", "internet", "google")
	q := written(ts, text)
	if m.persona != "" {
		q = regexp.MustCompile(`(?i)\b`+regexp.QuoteMeta(m.persona)+`\b[\s,]*`).ReplaceAllString(q, "")
	}
	q = unwrap(q)
	elliptic := has(said, "what about", "how about", "and for", "and in", "same for")
	switch {
	case q == "" || in(strings.ToLower(q), "it that this them those these one so"):
		q = m.query
	case elliptic && m.query != "" && scores(ts)[lookUp] < 2, pointsBack(ts) && m.action == lookUp:
		q += " " + topic(m.query)
	}
	w.query = strings.TrimSpace(shorten(q, 200))
}

func unwrap(q string) string {
	for range 8 {
		before := q
		for _, re := range leads {
			if rest := re.ReplaceAllString(q, ""); rest != q && (rest != "" || re != leads[len(leads)-1]) {
				q = rest
			}
		}
		if q == before {
			break
		}
	}
	for range 3 {
		q = trails().ReplaceAllString(q, "")
	}
	return q
}

// topic keeps the words of a query that say what it is about.
func topic(q string) string {
	var out []string
	for _, t := range read(q) {
		for _, h := range words().find(t.text) {
			if h.intent == lookUp && h.weight >= 2 {
				out = append(out, t.text)
				break
			}
		}
	}
	return strings.Join(out, " ")
}

// shorten cuts at a word.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	s = s[:n]
	if i := strings.LastIndexByte(s, ' '); i > 0 {
		s = s[:i]
	}
	return strings.ToValidUTF8(s, "")
}
