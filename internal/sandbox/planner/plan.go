package planner

import (
	"reflect"
	"strings"
)

// plan works off the wishes of one turn: a call for each that lacks a result, words when all are there.
type plan struct {
	in     Input
	memory *memory
	box    *toolbox
	calls  []Call
	said   []string
}

func (p *plan) run() Output {
	t := p.memory.turn
	open := false // a wish waits for a result: what depends on it waits too
	for i, w := range t.wants {
		before := len(p.calls)
		switch w.intent {
		case showRecords, drawChart:
			p.perClient(w)
		case sendMail:
			if !open {
				p.mail(w, t.wants[:i])
			}
		case lookUp:
			p.lookup(w)
		default:
			p.say(p.memory.smallTalk(w))
		}
		open = open || len(p.calls) > before
		if open && p.in.OneCall {
			break
		}
	}
	if len(p.calls) > 0 {
		if p.in.OneCall {
			p.calls = p.calls[:1]
		}
		return Output{Calls: p.calls}
	}
	if len(p.said) == 0 {
		p.say(p.memory.smallTalk(want{intent: chat}))
	}
	return Output{Text: fit(strings.Join(p.said, " "), maxWords)}
}

func (p *plan) say(s string) {
	if s != "" {
		p.said = append(p.said, s)
	}
}

// ask returns the result of a call, and makes the call when it has not been made in this turn.
func (p *plan) ask(t *Tool, v values) (*finding, bool) {
	args := arguments(t, v)
	text := encode(args)
	want := object(text)
	for _, d := range p.memory.turn.calls {
		if d.call.Name == t.Name && (reflect.DeepEqual(d.args, want) || encode(d.args) == text) {
			if !d.answered {
				return &finding{failed: true, count: -1}, true
			}
			return readFinding(d.result), true
		}
	}
	if len(p.memory.turn.calls)+len(p.calls) >= maxTurnCall {
		return &finding{failed: true, count: -1}, true
	}
	for _, c := range p.calls {
		if c.Name == t.Name && c.Arguments == text {
			return nil, false
		}
	}
	p.calls = append(p.calls, Call{Name: t.Name, Arguments: text})
	return nil, false
}

func takes(t *Tool, r role) bool { return slotOf(parameters(t.Parameters), r) != nil }

func slotOf(ps []param, r role) *param {
	for i := range ps {
		if ps[i].role == r {
			return &ps[i]
		}
		if inner := slotOf(ps[i].inner, r); inner != nil {
			return inner
		}
	}
	return nil
}

// perClient asks the record or the chart tool once for each client.
func (p *plan) perClient(w want) {
	a := canRecords
	if w.intent == drawChart {
		a = canChart
	}
	tool := p.box.can[a]
	if w.intent == showRecords && w.follow && w.said.focus != "" && len(w.said.types)+len(w.said.statuses) == 0 && len(w.clients) == 1 {
		if f := p.memory.results[w.clients[0]]; f != nil && !p.calledFor(tool) {
			p.say(wordRecords(w, w.clients[0], f))
			return
		}
	}
	if tool == nil {
		p.say(cannot[w.intent])
		return
	}
	if w.missing == clientSlot && (takes(tool, roleClient) || w.said.badID) {
		p.say(askClient(w))
		return
	}
	clients := w.clients
	if len(clients) == 0 {
		clients = []string{""}
	}
	for _, c := range clients {
		v := values{client: c, limit: w.said.limit, query: "transactions of client " + c}
		if a == canRecords {
			v.types, v.status = w.said.types, w.said.statuses
		} else {
			v.chart = w.said.chart
		}
		f, ok := p.ask(tool, v)
		switch {
		case !ok:
		case a == canRecords:
			p.say(wordRecords(w, c, f))
		default:
			p.say(wordChart(c, f))
		}
	}
}

func (p *plan) calledFor(t *Tool) bool {
	for _, d := range p.memory.turn.calls {
		if t != nil && d.call.Name == t.Name {
			return true
		}
	}
	return false
}

// mail sends a report, unless an earlier wish of the same sentence found nothing to send.
func (p *plan) mail(w want, earlier []want) {
	tool := p.box.can[canMail]
	if tool == nil {
		p.say(cannot[sendMail])
		return
	}
	if w.said.badID {
		p.say(askClient(w))
		return
	}
	if w.missing == addressSlot {
		p.say(askAddress(w))
		return
	}
	body := slotOf(parameters(tool.Parameters), roleBody)
	if w.missing == clientSlot && (takes(tool, roleClient) || body != nil) {
		p.say(askClient(w))
		return
	}
	clients := w.clients
	if len(clients) == 0 {
		clients = []string{""}
	}
	for _, c := range clients {
		f := p.known(c)
		if f == nil && body != nil && body.required {
			if records := p.box.can[canRecords]; records != nil {
				var ok bool
				if f, ok = p.ask(records, values{client: c}); !ok {
					continue
				}
			}
		}
		if f != nil && (f.failed || f.unknown) && (asked(earlier, c) || body != nil) {
			p.say(nothingToMail(c, f))
			continue
		}
		v := values{client: c, subject: w.said.subject, mail: true, query: "client " + c}
		if f != nil {
			v.body = wordRecords(want{}, c, f)
		}
		p.mailTo(tool, w.to, v)
	}
}

func asked(earlier []want, client string) bool {
	for _, w := range earlier {
		for _, c := range w.clients {
			if c == client && w.intent == showRecords {
				return true
			}
		}
	}
	return false
}

func (p *plan) mailTo(tool *Tool, to []string, v values) {
	if s := slotOf(parameters(tool.Parameters), roleTo); s != nil && s.types[0] == "array" {
		v.to = to
		if f, ok := p.ask(tool, v); ok {
			p.say(wordMail(v.client, to, f))
		}
		return
	}
	for _, a := range to {
		v.to = []string{a}
		if f, ok := p.ask(tool, v); ok {
			p.say(wordMail(v.client, v.to, f))
		}
	}
}

// known is what was found about a client in this turn, else before.
func (p *plan) known(client string) *finding {
	records := p.box.can[canRecords]
	for _, d := range p.memory.turn.calls {
		if records == nil || d.call.Name != records.Name || !d.answered {
			continue
		}
		for k, v := range d.args {
			if roleOf(k, "", "", nil) == roleClient && scalar(v) == client {
				return readFinding(d.result)
			}
		}
	}
	return p.memory.results[client]
}

// lookup goes to the documents first, and to the web when they do not answer.
func (p *plan) lookup(w want) {
	docs, web := p.box.can[canDocuments], p.box.can[canWeb]
	if docs == nil && web == nil {
		p.say(cannot[lookUp])
		return
	}
	q := w.query
	if q == "" {
		q = "help"
	}
	v := values{query: q, limit: w.said.limit}
	answer, asked, down := "", 0, 0
	if docs != nil {
		asked++
		f, ok := p.ask(docs, v)
		if !ok {
			return
		}
		answer = wordPassages(q, f, true)
		if f.failed {
			down++
		}
	}
	if web != nil && (answer == "" || w.web) {
		asked++
		f, ok := p.ask(web, v)
		if !ok {
			return
		}
		if s := wordPassages(q, f, false); s != "" {
			answer = s
		}
		if f.failed {
			down++
		}
	}
	switch {
	case answer != "":
		p.say(answer)
	case down == asked:
		p.say(searchDown)
	default:
		p.say(nothingFound)
	}
}

// forced makes the call that the client insists on, with what is known.
func (p *plan) forced() (Call, bool) {
	m, w := p.memory, want{}
	if len(m.turn.wants) > 0 {
		w = m.turn.wants[0]
	}
	tool := p.suitable(w)
	if tool == nil {
		return Call{}, false
	}
	v := values{
		client: m.client, to: w.to, subject: w.said.subject, query: first(w.query, m.heardText), types: w.said.types, status: w.said.statuses,
		limit: w.said.limit, chart: w.said.chart, mail: true,
	}
	for _, known := range [][]string{w.said.clients, w.clients} {
		if n := len(known); n > 0 {
			v.client = known[n-1]
		}
	}
	if len(v.to) == 0 {
		v.to = w.said.addresses
	}
	text := encode(arguments(tool, v))
	for _, d := range m.turn.calls {
		if d.call.Name == tool.Name && encode(d.args) == text {
			return Call{}, false
		}
	}
	return Call{Name: tool.Name, Arguments: text}, true
}

// suitable picks the tool to call when one must be called: the named one, else the one that serves the
// wish, else a search, else the first.
func (p *plan) suitable(w want) *Tool {
	if p.in.Choice.Mode == "named" {
		return p.box.named(p.in.Choice.Name)
	}
	serves := map[intent]ability{showRecords: canRecords, sendMail: canMail, drawChart: canChart}
	for _, a := range []ability{serves[w.intent], canDocuments, canWeb} {
		if t := p.box.can[a]; t != nil {
			return t
		}
	}
	if len(p.box.tools) == 0 {
		return nil
	}
	return &p.box.tools[0]
}
