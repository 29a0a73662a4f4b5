package turn

import (
	"fmt"
	"strings"
)

// memory is the conversation as the model sees it: max messages at most, unless the turn in progress is
// alone larger. It never holds a call without its answer once the round has ended.
type memory struct {
	list []Message
	max  int
	base int // messages trimmed away; add returns absolute positions
	gist []string
}

const (
	gistEntries = 24
	gistChars   = 120
)

// add appends and returns the absolute position of the message.
func (m *memory) add(msg Message) int {
	if len(m.list) >= m.max {
		m.trim(msg.Role == User)
	}
	m.list = append(m.list, msg)
	return m.base + len(m.list) - 1
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
// in progress stays.
func (m *memory) trim(all bool) {
	cut := 0
	least := max(len(m.list)/2, len(m.list)+1-m.max)
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
		return
	}
	for _, msg := range m.list[:cut] {
		if msg.Role == User {
			m.gist = append(m.gist, shorten(msg.Text, gistChars))
		}
	}
	if n := len(m.gist) - gistEntries; n > 0 {
		m.gist = append([]string(nil), m.gist[n:]...)
	}
	m.base += cut
	m.list = append([]Message(nil), m.list[cut:]...)
}

func (m *memory) messages() []Message {
	if len(m.gist) == 0 {
		return append([]Message(nil), m.list...)
	}
	var b strings.Builder
	b.WriteString("Earlier in this conversation the caller said, oldest first:")
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
