package planner

import (
	"encoding/json"
	"slices"
	"strings"
)

// memory is what a conversation up to the newest user message has settled.
type memory struct {
	persona   string
	client    string // named last
	address   string // used last
	action    intent // done last
	query     string // searched last
	pending   *want  // lacks something that was asked for
	said      string // the assistant's last words
	heard     int    // user messages so far
	heardText string // the newest
	greeted   bool   // the assistant has spoken
	results   map[string]*finding
	mailed    *mailing
	near      bool  // the message being read names a client
	turn      *turn // nil: nobody has spoken
}

// turn is a user message and what was done about it.
type turn struct {
	wants []want
	calls []done
}

// done is a call that was made, with its result once it is there.
type done struct {
	call     Call
	args     map[string]any
	answered bool
	result   string
}

// mailing is the outcome of the last mail.
type mailing struct {
	to string
	ok bool
}

// remember reads the conversation.
func remember(in Input, box *toolbox) *memory {
	m := &memory{results: map[string]*finding{}}
	list := in.Messages
	systems := 0
	for i, msg := range list {
		if skip := len(list) - maxMessages; i < skip && msg.Role != "system" {
			continue
		}
		switch msg.Role {
		case "system", "developer":
			systems++
			m.brief(clip(msg.Text, maxSystem), systems == 1 && i == 0)
			if i == len(list)-1 && i > 0 && asksGreeting(msg.Text) {
				m.settle(box)
				m.turn = nil
			}
		case "user":
			m.settle(box)
			m.heard++
			m.heardText = strings.TrimSpace(shorten(msg.Text, 400))
			m.turn = &turn{wants: m.understand(clip(msg.Text, bound(len(list)-i)))}
		case "assistant":
			m.reply(msg)
		case "tool", "function":
			m.result(msg)
		}
	}
	return m
}

// bound is how much of a message is read: less of those that lie further back.
func bound(age int) int {
	if age > 40 {
		return maxText / 16
	}
	return maxText
}

//nolint:gochecknoglobals // compiled once
var (
	personaName = lazily(`(?:\b[Yy]ou(?:'re|’re| are)|\b[Yy]our name is|\bnamed|\bcalled|\b[Aa]ct as|\b[Pp]lay the role of|\b[Nn]ame:)\s+["“*]*([A-Z][a-zà-ÿ]{1,20})\b`)
	contextLine = lazily(`(?i)\b(?:summary|summar|earlier|so far|previous|current|last|active|known|facts?|context|session|remember|conversation)`)
	clientLine  = lazily(`(?i)client|customer|account|user|mail|sent|report`)
	exampleLine = lazily(`(?i)\b(?:for example|for instance|e\.g\.|such as|example|like "|sample)`)
	sentences   = lazily(`[^.!?\n;]+(?:[.!?][^\s.!?][^.!?\n;]*)*`)
)

// brief reads a system message: the persona, and facts that stand for trimmed messages. The leading
// prompt is full of examples, so only a sentence that speaks of the conversation counts there.
func (m *memory) brief(text string, leading bool) {
	if name := personaName().FindStringSubmatch(text); name != nil && m.persona == "" && !in(strings.ToLower(name[1]), "a an the now not here able going") {
		m.persona = name[1]
	}
	for _, s := range sentences().FindAllString(text, 500) {
		if exampleLine().MatchString(s) || leading && !contextLine().MatchString(s) || !strings.ContainsAny(s, "0123456789@") || !clientLine().MatchString(s) {
			continue
		}
		e := find(read(s), s)
		if n := len(e.clients); n > 0 {
			m.client = e.clients[n-1]
			if m.action == none {
				m.action = showRecords
			}
		}
		if n := len(e.addresses); n > 0 && !leading {
			m.address = e.addresses[n-1]
		}
	}
}

func asksGreeting(text string) bool {
	t := plain(read(clip(text, maxText)))
	return has(t, "greet", "introduce", "introduction", "welcome", "greeting", "say hello", "say hi", "start the conversation", "begin the conversation", "open the conversation")
}

// reply takes what the assistant said or did.
func (m *memory) reply(msg Message) {
	if msg.Text != "" {
		m.said, m.greeted = clip(msg.Text, maxText), true
	}
	if len(msg.Calls) > 0 && m.turn == nil {
		m.turn = &turn{}
	}
	for _, c := range msg.Calls {
		if len(m.turn.calls) == 4*maxTurnCall {
			return
		}
		m.turn.calls = append(m.turn.calls, done{call: c, args: object(c.Arguments)})
	}
}

func object(s string) map[string]any {
	var out map[string]any
	if len(s) > maxText || json.Unmarshal([]byte(s), &out) != nil {
		return map[string]any{}
	}
	return out
}

// result joins a tool's answer to its call: by id, else to the oldest open call of that name.
func (m *memory) result(msg Message) {
	if m.turn == nil {
		return
	}
	calls := m.turn.calls
	i := slices.IndexFunc(calls, func(d done) bool { return !d.answered && d.call.ID != "" && d.call.ID == msg.CallID })
	if i < 0 {
		i = slices.IndexFunc(calls, func(d done) bool { return !d.answered && (d.call.Name == msg.Name || msg.Name == "") })
	}
	if i >= 0 {
		calls[i].answered, calls[i].result = true, clip(msg.Text, maxResult)
	}
}

// settle closes the running turn: what it named and did becomes what the next one builds upon.
func (m *memory) settle(box *toolbox) {
	t := m.turn
	if t == nil {
		return
	}
	m.pending = nil
	for _, w := range t.wants {
		if n := len(w.clients); n > 0 {
			m.client = w.clients[n-1]
		}
		if n := len(w.to); n > 0 {
			m.address = w.to[n-1]
		}
		if w.query != "" {
			m.query = w.query
		}
		if action(w.intent) {
			m.action = w.intent
		}
		if w.missing != noSlot {
			m.pending = &w
		}
	}
	for _, d := range t.calls {
		m.learn(box, d)
	}
	m.turn = nil
}

// learn keeps the outcome of a call.
func (m *memory) learn(box *toolbox, d done) {
	client := ""
	for k, v := range d.args {
		if roleOf(k, "", "", nil) == roleClient {
			if client = scalar(v); client != "" && len(client) <= maxID {
				m.client = client
			}
		}
	}
	if !d.answered {
		return
	}
	switch box.does(d.call.Name) {
	case canRecords:
		if f := readFinding(d.result); client != "" && !f.failed {
			m.results[client] = f
		}
	case canMail:
		to := ""
		for k, v := range d.args {
			if roleOf(k, "", "", nil) == roleTo {
				to = scalar(v)
			}
		}
		m.mailed = &mailing{to: to, ok: !readFinding(d.result).failed}
	case canChart, canDocuments, canWeb, canNothing:
	}
}
