package checks

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Counted are the findings that enter the verdict, worst first, in the order of the checklist among equals.
func (r *Report) Counted() []Finding {
	var out []Finding
	for _, f := range r.Findings {
		if f.State != Elsewhere {
			out = append(out, f)
		}
	}
	order := States()
	slices.SortStableFunc(out, func(a, b Finding) int {
		return slices.Index(order, a.State) - slices.Index(order, b.State)
	})
	return out
}

// Good tells whether a finding needs nobody's eye.
func (f *Finding) Good() bool {
	return f.State == Pass || f.State == NotApplied
}

// Summary is the counts in words, worst first: "1 fail, 2 warn, 37 pass".
func (r *Report) Summary() string {
	var parts []string
	for _, s := range States() {
		if n := r.Counts[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	if len(parts) == 0 {
		return "nothing was selected"
	}
	return strings.Join(parts, ", ")
}

// Glance is what was seen, in one line: the first problem, or the facts.
func (f *Finding) Glance() string {
	if len(f.Problems) > 0 {
		text := f.Problems[0].Text
		if at := f.Problems[0].At(); at != "" {
			text = at + ": " + text
		}
		if more := len(f.Problems) - 1; more > 0 {
			text += fmt.Sprintf(" (and %d more)", more)
		}
		return text
	}
	if msg, ok := f.Saw["error"].(string); ok {
		return msg
	}
	if len(f.Saw) == 0 {
		return f.Reason
	}
	return facts(f.Saw)
}

// facts renders facts in one line of bounded length, in the order of their names.
func facts(saw map[string]any) string {
	keys := make([]string, 0, len(saw))
	for k := range saw {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var parts []string
	for _, k := range keys {
		b, err := json.Marshal(saw[k])
		if err != nil {
			continue
		}
		text := strings.Trim(string(b), `"`)
		if len(text) > 80 {
			text = text[:77] + "…"
		}
		parts = append(parts, k+" "+text)
	}
	line := strings.Join(parts, ", ")
	if len(line) > 240 {
		line = strings.ToValidUTF8(line[:239], "") + "…"
	}
	return line
}

// At is where a problem is, "file:line", "" when it has no place.
func (p Problem) At() string { return at(p.File, p.Line) }
