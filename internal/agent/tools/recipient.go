package tools

import "strings"

// said tells whether the caller's words hold the address, typed or spoken: "john at example dot com",
// "j o h n at …", "j-o-h-n", "underscore", "twenty three", "double t", "j as in juliet". The address must be
// all of what was said: "smith@example.com" is not in "mary dot smith at example dot com".
func said(text, addr string) bool {
	t := tokens(text)
	m := matcher{t: t, addr: strings.ToLower(addr)}
	for i := range t {
		if !m.begins(i) {
			continue
		}
		m.start, m.seen = i, map[[2]int]bool{}
		if m.from(i, 0) {
			return true
		}
	}
	return false
}

// maxSpan bounds how many tokens one dictated address may take.
const maxSpan = 600

type matcher struct {
	t     []token
	addr  string
	start int
	seen  map[[2]int]bool
}

// from tells whether t[i:] can be read as addr[pos:] and ends there.
func (m *matcher) from(i, pos int) bool {
	if pos == len(m.addr) {
		return m.ends(i)
	}
	if i >= len(m.t) || i-m.start > maxSpan || m.seen[[2]int{i, pos}] {
		return false
	}
	m.seen[[2]int{i, pos}] = true
	for _, r := range readings(m.t, i) {
		if r.text == "" && pos == 0 {
			continue // begins with something
		}
		if strings.HasPrefix(m.addr[pos:], r.text) && m.from(i+r.span, pos+len(r.text)) {
			return true
		}
	}
	return false
}

// begins: nothing before t[i] belongs to the same address.
func (m *matcher) begins(i int) bool {
	if i == 0 {
		return true
	}
	prev := m.t[i-1]
	if !prev.word {
		if !m.t[i].space && !strings.Contains("\"(<[:,;", prev.text) && !(prev.text == "'" && prev.space) {
			return false // smith in mary.smith@…
		}
		if prev.space && strings.Contains(".@_+", prev.text) {
			return false // smith in "mary . smith @ …"
		}
		return !m.spelledBefore(i)
	}
	switch word(m.t, i-1) {
	case "dot", "point", "underscore", "dash", "hyphen", "plus":
		return false
	case "a", "i":
		_, one := single(word(m.t, i))
		return !one
	}
	_, one := single(word(m.t, i-1))
	return !one // n in j o h n at …, smith in j smith at …
}

// spelledBefore: a single letter stands before t[i] with nothing but the signs of spelling between them.
func (m *matcher) spelledBefore(i int) bool {
	if _, one := single(word(m.t, i)); !one {
		return false
	}
	for k := i - 1; k >= 0; k-- {
		if m.t[k].word {
			_, one := single(word(m.t, k))
			return one
		}
		if !strings.Contains(",.-", m.t[k].text) {
			return false
		}
	}
	return false
}

// ends: nothing from t[i] on belongs to the same address.
func (m *matcher) ends(i int) bool {
	if i >= len(m.t) {
		return true
	}
	next := m.t[i]
	if !next.word {
		if next.space && strings.Contains(".@", next.text) {
			return i+1 >= len(m.t) || !m.t[i+1].word // "example . com . au"
		}
		more := i+1 < len(m.t) && !m.t[i+1].space
		return next.space || !more || !strings.Contains(".-_@+%", next.text)
	}
	switch word(m.t, i) {
	case "dot", "underscore", "dash", "hyphen":
		return false
	}
	_, last := single(word(m.t, i-1))
	_, one := single(word(m.t, i))
	return !(last && one) // c o of c o m
}
