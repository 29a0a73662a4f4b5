package planner

import (
	"slices"
	"strings"
)

// slot is a particular that an intent cannot do without.
type slot string

const (
	noSlot      slot = ""
	clientSlot  slot = "client"
	addressSlot slot = "address"
)

// want is one thing that the speaker asks for, with its particulars resolved.
type want struct {
	intent  intent
	said    entities
	clients []string // resolved; never more than maxClients
	to      []string // resolved recipients
	query   string   // of a look-up
	web     bool     // the web was named
	follow  bool     // no client was named: what is known already may answer it
	missing slot
}

const (
	maxTokens  = 2000
	maxClients = 4
	maxWants   = 5
)

// needs lists what must be known before a tool can be asked, in the order of asking.
//
//nolint:gochecknoglobals // table
var needs = map[intent][]slot{
	showRecords: {clientSlot}, drawChart: {clientSlot}, sendMail: {addressSlot, clientSlot},
}

func action(i intent) bool { return i == showRecords || i == sendMail || i == drawChart || i == lookUp }

// phrase is a part of what was said, with what it seems to want.
type phrase struct {
	ts     []token
	intent intent
	bare   bool // particulars only: it belongs to a neighbour
}

// understand finds what a message wants, in the light of what was said before.
func (m *memory) understand(text string) []want {
	text = clip(text, maxText)
	ts := read(text)
	if len(ts) > maxTokens {
		ts = slices.Concat(ts[:maxTokens/2], ts[len(ts)-maxTokens/2:])
	}
	all := find(ts, text)
	m.near = len(all.clients) > 0
	if w, ok := m.filled(ts, all); ok {
		return []want{w}
	}
	var out []want
	for _, g := range m.group(ts) {
		if len(out) == maxWants {
			break
		}
		out = append(out, m.resolve(g, text, all))
	}
	if len(out) > 0 {
		return out
	}
	if w, ok := m.ellipsis(ts, text, all); ok {
		return []want{w}
	}
	return []want{{intent: smallTalk(ts), said: all}}
}

// group cuts a message into phrases and puts those together that want the same.
func (m *memory) group(ts []token) []phrase {
	var out []phrase
	var held []token // particulars that came before any wish
	for _, p := range m.split(ts) {
		last := len(out) - 1
		switch {
		case action(p.intent) && last >= 0 && out[last].intent == p.intent && !(p.intent == lookUp && question(p.ts) && !pointsBack(p.ts)):
			out[last].ts = append(out[last].ts, p.ts...)
		case action(p.intent):
			p.ts = append(held, p.ts...)
			out, held = append(out, p), nil
		case p.intent != none && !p.bare: // pleasantries beside a wish
		case last >= 0:
			out[last].ts = append(out[last].ts, p.ts...)
		default:
			held = append(held, p.ts...)
		}
	}
	if len(out) == 0 {
		if i, _ := m.classify(ts); action(i) {
			return []phrase{{ts: ts, intent: i}}
		}
	}
	return out
}

func (m *memory) split(ts []token) []phrase {
	var out []phrase
	from := 0
	add := func(to int) {
		if to > from {
			p := phrase{ts: slices.Clone(ts[from:to])}
			p.intent, p.bare = m.classify(p.ts)
			out = append(out, p)
		}
	}
	for i, t := range ts {
		if t.kind == stop || t.kind == word && in(t.text, "and then also plus") {
			if t.kind == stop { // the mark stays with its phrase: it tells a question
				add(i + 1)
				from = i + 1
				continue
			}
			add(i)
			from = i + 1
		}
	}
	add(len(ts))
	return out
}

// classify scores one phrase. bare tells that only particulars were found in it.
func (m *memory) classify(ts []token) (best intent, bare bool) {
	s, text := scores(ts), plain(ts)
	e := find(ts, "")
	asks := question(ts)
	named := len(e.clients) > 0 || e.badID
	if (named || len(e.addresses) > 0) && !asks && onlyParticulars(ts) {
		return none, true
	}
	mail, chart, records, lookup := s[sendMail], s[drawChart], s[showRecords], s[lookUp]
	manual := has(text, "how do i", "how can i", "how do you", "how does", "how do we", "how would i", "can i", "may i")
	if mailIsNoun(ts) {
		mail -= 3
	}
	if len(e.addresses) > 0 {
		mail += 1.5
		if beforeAddress(ts, "to") {
			mail++
		}
	} else if manual {
		mail -= 4
	}
	if named {
		records += 2.5
		lookup -= 2
	} else if manual || s[lookUp] >= 4 || has(text, "do you", "your", "our", "policy") && lookup > 0 {
		records -= 2
	}
	if !named && (m.client != "" || m.near) && s[lookUp] < 2 && has(text, "they", "their", "them", "he", "she", "his") && mail < 2.5 && chart < 2.5 {
		records += 2.5
		lookup -= 1.5
	}
	if !asks && !has(text, "i like to", "i love to") && has(text, "it is", "i am", "i feel", "i think", "i like", "i love", "its") {
		lookup-- // a remark
	}
	if asks && (lookup > 0 || !chatty(text) && strings.Count(text, " ") > 2) {
		lookup += 1.5
	}
	if small, score := topSmallTalk(s); score > 2.4 && score >= lookup && score > records && score > mail && score > chart {
		return small, false
	}
	switch {
	case mail >= 2.5:
		return sendMail, false
	case chart >= 2.5:
		return drawChart, false
	case records >= 2.5 && records >= lookup && (records >= 3 || !chatty(text)),
		records >= 1 && records >= lookup-1.5 && m.client != "" && (len(e.statuses)+len(e.types) > 0 || e.focus != "" || theirs(text)):
		return showRecords, false
	case m.client != "" && m.action != none && m.action != lookUp && e.focus != "" && aboutRecords(ts),
		m.client != "" && m.action == showRecords && len(e.types) > 0 && !manual && s[lookUp] <= 2 && len(ts) <= 5 && !has(text, "your", "our", "do you"):
		return showRecords, false
	case lookup >= 1.5:
		return lookUp, false
	}
	return none, false
}

// aboutRecords tells "how many were there" from "how many people live there".
func aboutRecords(ts []token) bool {
	for _, t := range ts {
		if t.kind != word || in(t.text, commonWords) || focusWords.of(t.text) != "" {
			continue
		}
		if !slices.ContainsFunc(words().find(t.text), func(h hit) bool { return h.intent == showRecords }) {
			return false
		}
	}
	return true
}

// pointsBack tells a question that means what was just said: "how does that work?".
func pointsBack(ts []token) bool {
	return has(plain(ts), "that", "it", "this", "they", "these", "those") && scores(ts)[lookUp] < 3
}

// onlyParticulars tells a phrase such as "for client 5001" that names somebody and wants nothing.
func onlyParticulars(ts []token) bool {
	for _, t := range ts {
		if t.kind == word && !in(t.text, clientCues) && len(words().find(t.text)) > 0 {
			return false
		}
	}
	return true
}

// theirs tells whether a phrase points back at a client.
func theirs(text string) bool {
	return has(text, "they", "their", "them", "he", "she", "his", "her", "that client", "this client", "same client", "the client", "that customer", "this customer", "ones", "it")
}

// chatty tells talk about the assistant or the speaker from a question about the world.
func chatty(text string) bool {
	for _, w := range []string{"can", "could", "would", "will"} { // a polite request is none
		text = strings.ReplaceAll(text, " "+w+" you ", " ")
	}
	return has(text, "you", "your", "youre", "im", "am i", "i feel", "i think", "i like", "i love", "my day")
}

// mailIsNoun tells "what is the email of" from "email it to".
func mailIsNoun(ts []token) bool {
	for i, t := range ts {
		if in(t.text, "send sending sent forward shoot dispatch fire mailing emailing pass share deliver") {
			return false
		}
		if in(t.text, "email mail emails mails") && !in(neighbour(ts, i, -1), "the an a his her their my your that this which what whose by via of client") {
			return false
		}
		if in(t.text, "email mail") && in(neighbour(ts, i, -1), "by via an") && i > 1 && !in(neighbour(ts, i, 1), "address policy") && !question(ts) {
			return false
		}
	}
	return true
}

func beforeAddress(ts []token, w string) bool {
	for i, t := range ts {
		if t.kind == address && neighbour(ts, i, -1) == w {
			return true
		}
	}
	return false
}

func topSmallTalk(s map[intent]float64) (intent, float64) {
	best, score := none, 0.0
	for _, r := range lexicon { // the table's order settles a tie
		if !action(r.intent) && s[r.intent] > score {
			best, score = r.intent, s[r.intent]
		}
	}
	return best, score
}

func smallTalk(ts []token) intent {
	if i, score := topSmallTalk(scores(ts)); score > 1.9 {
		return i
	}
	return chat
}

// written takes the words of a phrase as they stand in the message.
func written(ts []token, text string) string {
	if len(ts) == 0 {
		return ""
	}
	lo, hi := len(text), 0
	for _, t := range ts {
		lo, hi = min(lo, t.start), max(hi, t.end)
	}
	if lo >= hi || hi > len(text) {
		return ""
	}
	return strings.TrimSpace(text[lo:hi])
}
