package envcat

import "github.com/agnivade/levenshtein"

// Nearest returns the candidate that a mistyped name most likely meant, "" when none is near.
func Nearest(name string, candidates []string) string {
	best, bestDistance := "", max(2, len(name)/4)+1
	for _, c := range candidates {
		if d := levenshtein.ComputeDistance(name, c); d < bestDistance && d < len(c) {
			best, bestDistance = c, d
		}
	}
	return best
}

// Names lists the names of all variables.
func (c *Catalogue) Names() []string {
	var out []string
	for _, v := range c.All() {
		out = append(out, v.Name)
	}
	return out
}
