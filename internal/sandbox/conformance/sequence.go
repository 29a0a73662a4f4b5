package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// message is one message of a stream or a socket.
type message struct {
	value any    // decoded JSON; without it, text
	text  string // as it came
	json  bool
}

func messageOf(data []byte) message {
	m := message{text: string(data)}
	m.json = json.Unmarshal(data, &m.value) == nil
	return m
}

// kind is the member that names a message, "" when there is none.
func (m message) kind(member string) string {
	object, _ := m.value.(map[string]any)
	name, _ := object[member].(string)
	return name
}

// fits tells whether this event is meant by a message.
func (e Event) fits(m message, member string) bool {
	switch {
	case e.Text != nil:
		ok, _ := e.Text.fits(m.text, true) // its rules were read when the case was loaded
		return ok
	case !m.json:
		return false
	case e.Kind != "" && m.kind(member) != e.Kind:
		return false
	}
	return e.When.holds(m.value)
}

func (e Event) name() string {
	if e.Is != "" {
		return e.Is
	}
	return e.Kind
}

// sequence compares messages with events, one after another. After the first that is out of order it only
// listens: what follows would be measured at the wrong place.
type sequence struct {
	member string // that names a message
	events []Event
	beside []string

	at, seen int // whose turn it is, and how many messages it has had
	count    int // of messages
	all      []message
	lost     bool
	diffs    []Difference
}

// take gives the sequence its next message.
func (s *sequence) take(m message) {
	s.count++
	s.all = append(s.all, m)
	if s.lost {
		return
	}
	for s.at < len(s.events) {
		e := s.events[s.at]
		passable := e.Optional || e.Many && s.seen > 0
		next := s.at+1 < len(s.events) && s.events[s.at+1].fits(m, s.member)
		if e.fits(m, s.member) && !(passable && next) {
			s.seen++
			s.diffs = append(s.diffs, e.JSON.compare(m.value, fmt.Sprintf("message %d (%s): ", s.count, e.name()))...)
			if !e.Many {
				s.at, s.seen = s.at+1, 0
			}
			return
		}
		if !passable {
			break
		}
		s.at, s.seen = s.at+1, 0
	}
	if m.json && slices.Contains(s.beside, m.kind(s.member)) {
		return
	}
	s.lost = true
	s.diffs = append(s.diffs, Difference{fmt.Sprintf("message %d", s.count), s.wanted(), m.text})
}

// wanted is what may come now, in words.
func (s *sequence) wanted() string {
	var names []string
	for i := s.at; i < len(s.events); i++ {
		e := s.events[i]
		names = append(names, e.name())
		if !e.Optional && (!e.Many || i > s.at || s.seen == 0) {
			return strings.Join(names, " or ")
		}
	}
	return strings.Join(append(names, "the end"), " or ")
}

// done tells whether every event that must come has.
func (s *sequence) done() bool {
	for i := s.at; i < len(s.events); i++ {
		if e := s.events[i]; !e.Optional && (!e.Many || i > s.at || s.seen == 0) {
			return false
		}
	}
	return true
}

// end is the end of the stream.
func (s *sequence) end(saw string) {
	if !s.lost && !s.done() {
		s.diffs = append(s.diffs, Difference{fmt.Sprintf("message %d", s.count+1), s.wanted(), saw})
	}
}

// judge holds all messages together against what must be true of the whole, and saves what later steps need.
func (w Whole) judge(all []message, member string, v vars) (out []Difference) {
	for _, path := range w.Same {
		var first *found
		for i, m := range all {
			for _, f := range find(m.value, path) {
				switch {
				case !f.present:
				case first == nil:
					first = &f
				case !equal(first.value, f.value):
					out = append(out, Difference{fmt.Sprintf("message %d: %s", i+1, path), "the same in all messages, " + v.mask(show(first.value)), show(f.value)})
				}
			}
		}
		if first == nil {
			out = append(out, Difference{path, "in at least one message", "nothing"})
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(w.Counts)) {
		out = append(out, count(all, member, kind, w.Counts[kind])...)
	}
	for _, j := range w.Joined {
		out = append(out, j.judge(all, member)...)
	}
	for name, path := range w.Save {
		text := ""
		for _, m := range slices.Backward(all) {
			for _, f := range find(m.value, path) {
				if s, ok := f.value.(string); ok {
					text = s
				}
			}
		}
		if text == "" {
			out = append(out, Difference{path, "a string", "nothing"})
		}
		v[name] = text
	}
	return out
}

// count wants the numbers 1, 2, 3 … of the messages of a kind.
func count(all []message, member, kind, path string) []Difference {
	want := 1
	for i, m := range all {
		if !m.json || m.kind(member) != kind {
			continue
		}
		for _, f := range find(m.value, path) {
			if f.value != float64(want) {
				return []Difference{{fmt.Sprintf("message %d (%s): %s", i+1, kind, f.path), fmt.Sprint(want), show(f.value)}}
			}
			want++
		}
	}
	if want == 1 {
		return []Difference{{kind + ": " + path, "1, 2, 3 …", "nothing"}}
	}
	return nil
}

func (j Joined) judge(all []message, member string) (out []Difference) {
	var texts []string
	for _, m := range all {
		if !m.json || j.Kind != "" && m.kind(member) != j.Kind {
			continue
		}
		for _, f := range find(m.value, j.Path) {
			if s, ok := f.value.(string); ok {
				texts = append(texts, s)
			}
		}
	}
	whole, at := strings.TrimSpace(strings.Join(texts, j.With)), j.Path+", joined"
	for _, r := range j.Text {
		if ok, _ := r.fits(whole, true); !ok {
			out = append(out, Difference{at, r.String(), show(whole)})
		}
	}
	if len(j.JSON) == 0 {
		return out
	}
	m := messageOf([]byte(whole))
	if !m.json {
		return append(out, Difference{at, "JSON", show(whole)})
	}
	return append(out, j.JSON.compare(m.value, at+": ")...)
}
