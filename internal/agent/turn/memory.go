package turn

import (
	"fmt"
	"strings"
)

// memory is the conversation as the model sees it: max messages and budget tokens at most, unless the turn
// in progress is alone larger. It never holds a call without its answer once the round has ended.
type memory struct {
	list   []Message
	max    int
	budget int // tokens; 0 = no limit
	base   int // messages trimmed away; add returns absolute positions
	gist   []string
}

const (
	gistEntries = 24
	gistChars   = 120
	gistHead    = "Earlier in this conversation the caller said, oldest first:"
)

// add appends and returns the absolute position of the message.
func (m *memory) add(msg Message) int {
	if len(m.list) >= m.max {
		m.trim(msg.Role == User)
	}
	for m.over(msg) && m.trim(msg.Role == User) {
	}
	for m.over(msg) && len(m.gist) > 0 { // what stands for older turns goes last, the oldest of it first
		m.gist = m.gist[1:]
	}
	m.list = append(m.list, msg)
	return m.base + len(m.list) - 1
}

// over tells whether the memory with one more message is larger than the budget.
func (m *memory) over(msg Message) bool {
	if m.budget <= 0 {
		return false
	}
	n := msg.tokens() + m.gistTokens()
	for _, old := range m.list {
		n += old.tokens()
	}
	return n > m.budget
}

func (m *memory) gistTokens() int {
	if len(m.gist) == 0 {
		return 0
	}
	n := perMessage + Tokens(gistHead)
	for _, g := range m.gist {
		n += Tokens(g) + 1
	}
	return n
}

// trimTo shortens the text of a message to what was heard of it.
func (m *memory) trimTo(at int, heard string) {
	if i := at - m.base; i >= 0 && i < len(m.list) && m.list[i].Text != heard {
		m.list[i].Text, m.list[i].Cut = heard, true
	}
}

// trim condenses the oldest half, or as much as makes room for one more. It cuts only in front of the
// caller's words, so that a call is never parted from its answer; it keeps the caller's own words,
// shortened, since they hold what later turns refer to. When a new turn begins all may go, else the turn
// in progress stays. It tells whether anything went.
func (m *memory) trim(all bool) bool {
	cut := 0
	least := max(len(m.list)/2, len(m.list)+1-m.max, 1)
	for i, msg := range m.list {
		if msg.Role != User {
			continue
		}
		cut = i
		if i >= least {
			break
		}
	}
	if all && cut < least {
		cut = len(m.list)
	}
	if cut == 0 {
		return false
	}
	for _, msg := range m.list[:cut] {
		if msg.Role == User {
			m.gist = append(m.gist, shorten(msg.Text, gistChars))
		}
	}
	if n := len(m.gist) - gistEntries; n > 0 {
		m.gist = append([]string(nil), m.gist[n:]...)
	}
	for m.budget > 0 && len(m.gist) > 1 && m.gistTokens() > m.budget/4 { // the newest turns are worth more
		m.gist = m.gist[1:]
	}
	m.base += cut
	m.list = append([]Message(nil), m.list[cut:]...)
	return true
}

func (m *memory) messages() []Message {
	if len(m.gist) == 0 {
		return append([]Message(nil), m.list...)
	}
	var b strings.Builder
	b.WriteString(gistHead)
	for _, g := range m.gist {
		fmt.Fprintf(&b, "\n- %s", g)
	}
	return append([]Message{{Role: System, Text: b.String(), Facts: true}}, m.list...)
}

func shorten(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return strings.TrimSpace(string(r[:n])) + "…"
}
