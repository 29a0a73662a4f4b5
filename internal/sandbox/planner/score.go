package planner

import (
	"slices"
	"strings"
)

// scores adds up what the words of a phrase say for each intent. A word counts once for an intent.
func scores(ts []token) map[intent]float64 {
	d, out := words(), map[intent]float64{}
	seen := map[string]bool{}
	for _, t := range ts {
		if t.kind != word || seen[t.text] {
			continue
		}
		seen[t.text] = true
		for _, h := range d.find(t.text) {
			out[h.intent] += h.weight
		}
	}
	text := plain(ts)
	for _, p := range d.phrases {
		if strings.Contains(text, p.text) {
			out[p.intent] += p.weight
		}
	}
	return out
}

func (d *dictionary) find(w string) []hit {
	hits := slices.Clone(d.exact[w])
	best := map[intent]bool{}
	for _, h := range hits {
		best[h.intent] = true
	}
	for n := len(w); n >= 3; n-- { // the longest stem of an intent wins
		for _, h := range d.stems[w[:n]] {
			if !best[h.intent] {
				best[h.intent] = true
				hits = append(hits, h)
			}
		}
	}
	if len(hits) == 0 && len(w) >= 6 && len(w) <= 16 {
		return d.misspelt(w)
	}
	return hits
}

// misspelt finds a stem that is one slip of the finger away.
func (d *dictionary) misspelt(w string) []hit {
	var found string
	for stem, hits := range d.stems {
		if len(stem) < 5 || hits[0].weight < 2 {
			continue
		}
		for _, n := range []int{len(stem), len(stem) - 1, len(stem) + 1} {
			if n <= len(w) && oneSlip(w[:n], stem) && (found == "" || len(stem) > len(found) || len(stem) == len(found) && stem < found) {
				found = stem
			}
		}
	}
	return d.stems[found]
}

// oneSlip tells whether one insertion, deletion, change or swap of neighbours makes a from b.
func oneSlip(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if i == 0 { // a slip on the first letter makes another word more often than not
		return false
	}
	switch len(b) - len(a) {
	case 0:
		return i < len(a) && (a[i+1:] == b[i+1:] || i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:])
	case 1:
		return a[i:] == b[i+1:]
	}
	return false
}

const (
	askingWords = "what which who whom whose when where why how is are was were do does did can could will would should may am has have isnt arent dont"
	fillerWords = "and also then so ok okay well please now but or um uh hey hi hello julia just alright great thanks right plus next finally hmm actually first yes yeah sure"
)

// question tells whether a phrase asks, by its mark or its first word.
func question(ts []token) bool {
	for i, t := range ts {
		if t.text == "?" {
			return true
		}
		if t.kind == word && !in(t.text, fillerWords) && i < 6 {
			if in(t.text, askingWords) {
				return true
			}
			break
		}
	}
	return slices.ContainsFunc(ts, func(t token) bool { return t.text == "?" })
}
