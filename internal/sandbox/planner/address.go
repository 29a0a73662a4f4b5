package planner

import "strings"

const (
	notLocal  = "it that this them those these the to at report email mail send address is look me him her and or then here there"
	notDomain = "the a an this that it once least all home work night noon and or to for with then please now"
)

//nolint:gochecknoglobals // table
var joiners = map[string]string{"dot": ".", "point": ".", "period": ".", "underscore": "_", "dash": "-", "hyphen": "-", "minus": "-", "plus": "+"}

// spokenAddresses puts spelled e-mail addresses together: "john dot smith at example dot co dot uk".
func spokenAddresses(ts []token) []token {
	out := make([]token, 0, len(ts))
	for i := 0; i < len(ts); i++ {
		if !in(ts[i].text, "at @") || len(out) == 0 {
			out = append(out, ts[i])
			continue
		}
		domain, after := spokenDomain(ts, i+1)
		local, keep := spokenLocal(out)
		if domain == "" || local == "" {
			out = append(out, ts[i])
			continue
		}
		start := out[keep].start
		out = append(out[:keep], token{text: local + "@" + domain, kind: address, start: start, end: ts[after-1].end})
		i = after - 1
	}
	return out
}

// spokenDomain reads "example dot com" from i on, and says where it ends.
func spokenDomain(ts []token, i int) (string, int) {
	var b strings.Builder
	for n := 0; n < 3 && i < len(ts); n++ {
		t := ts[i]
		if t.kind == stop || t.kind == address || in(t.text, notDomain) {
			return "", 0
		}
		if strings.Contains(t.text, ".") && t.kind == word {
			return b.String() + t.text, i + 1
		}
		if t.text == "dotcom" && n > 0 {
			return b.String() + ".com", i + 1
		}
		if in(t.text, "dot point period") {
			break
		}
		b.WriteString(t.text)
		i++
		if i < len(ts) && in(ts[i].text, "dash hyphen") && i+1 < len(ts) {
			b.WriteByte('-')
			i++
		}
	}
	if b.Len() == 0 {
		return "", 0
	}
	dots := 0
	for i+1 < len(ts) && in(ts[i].text, "dot point period") && ts[i+1].kind != stop && dots < 4 {
		b.WriteByte('.')
		b.WriteString(ts[i+1].text)
		i += 2
		dots++
	}
	if dots == 0 {
		return "", 0
	}
	return b.String(), i
}

// spokenLocal reads the part before "at" backwards, and says how many tokens stay.
func spokenLocal(ts []token) (string, int) {
	i := len(ts) - 1
	if ts[i].kind == stop || ts[i].kind == address || ts[i].kind == word && in(ts[i].text, notLocal) {
		return "", 0
	}
	local := ts[i].text
	for i > 0 {
		prev := ts[i-1]
		sign, joined := joiners[prev.text]
		switch {
		case joined && i > 1 && ts[i-2].kind != stop:
			local = ts[i-2].text + sign + local
			i -= 2
			continue
		case prev.kind == word && len(prev.text) == 1 && !in(prev.text, "a i @ $ € £ %"): // spelled, or an initial
		case ts[i].kind == number && prev.kind == word && !in(prev.text, notLocal+" "+clientCues+" for of"):
		default:
			return local, i
		}
		local = prev.text + local
		i--
	}
	return local, i
}
