package checks

import (
	"errors"
	"fmt"
	"strings"
)

func newFinding(it *item) Finding {
	c := &it.check
	return Finding{
		ID: c.ID, Title: c.Title, Kind: strings.Join(it.kinds(), " + "), Area: first(c.Areas), Severity: it.severity,
		Role: c.Role, Source: c.At(), Demand: c.Source, Evidence: []Evidence{},
	}
}

// fold makes one finding of the looks of a check: the worst state, the facts of all.
func fold(f *Finding, it *item, sights []*sighting) {
	f.State = NotApplied
	var ms float64
	f.Saw = map[string]any{}
	var wanted []string
	var unseen *sighting
	for i, s := range sights {
		obs, state := s.obs, s.obs.State
		if state == Elsewhere {
			unseen = s
			continue
		}
		if s.err != nil {
			state = Error
			obs = Observation{Saw: map[string]any{"error": s.err.Error()}, Wanted: "a look at it", Fix: Fix{Text: hint(s.err)}}
		}
		if len(sights) == 1 {
			f.Saw = obs.Saw
		} else {
			f.Saw[unused(f.Saw, it.looks[i].kind.Name)] = obs.Saw
		}
		if worse(f.State, state) == state && state != f.State || f.Limit == nil {
			f.Limit = obs.Limit
		}
		if state != Pass && state != NotApplied || len(sights) == 1 {
			if obs.Wanted != "" {
				wanted = append(wanted, obs.Wanted)
			}
			f.Fix = joined(f.Fix, obs.Fix)
		}
		f.State = worse(f.State, state)
		f.Problems = append(f.Problems, obs.Problems...)
		f.Evidence = append(f.Evidence, obs.Evidence...)
		ms, f.Attempts = max(ms, s.ms), max(f.Attempts, s.attempts)
	}
	f.Wanted = strings.Join(wanted, "; ")
	if f.Limit == nil && it.check.Expect != "" {
		f.Limit = it.check.Expect
	}
	if f.Wanted == "" && len(it.looks) > 0 {
		f.Wanted = it.looks[0].kind.Passes
	}
	if f.State == Skip || f.State == NotApplied {
		f.Reason = f.Wanted
	}
	if unseen != nil && (f.State == Pass || f.State == NotApplied) {
		// What was seen is good, and a part was not looked at: that is neither a pass nor a skip.
		f.State, f.Reason, f.Fix = Elsewhere, "a part of it "+unseen.obs.Wanted, unseen.obs.Fix
	}
	if f.State == Fail && it.severity != Block {
		f.State = Warn
	}
	if f.State != Pass && f.Fix.Text == "" && len(f.Fix.Commands) == 0 {
		f.Fix.Text = generalFix(it)
	}
	f.Ms = &ms
}

func generalFix(it *item) string {
	if it.check.Fix != "" {
		return it.check.Fix
	}
	for _, l := range it.looks {
		if l.kind.Fix != "" {
			return l.kind.Fix
		}
	}
	return ""
}

func joined(a, b Fix) Fix {
	switch {
	case a.Text == "":
		a.Text = b.Text
	case b.Text != "" && b.Text != a.Text:
		a.Text += "; " + b.Text
	}
	a.Commands = append(a.Commands, b.Commands...)
	return a
}

// unused returns name, or name#2, name#3 … when it stands there already.
func unused(m map[string]any, name string) string {
	key := name
	for n := 2; ; n++ {
		if _, taken := m[key]; !taken {
			return key
		}
		key = fmt.Sprintf("%s#%d", name, n)
	}
}

// hint is what an error itself says about the next step.
func hint(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// masked takes everything that came from the world through the mask.
func (f *Finding) masked(m *Mask) {
	f.Saw = m.Map(f.Saw)
	f.Wanted, f.Reason = m.String(f.Wanted), m.String(f.Reason)
	f.Limit = m.Value(f.Limit)
	f.Fix.Text = m.String(f.Fix.Text)
	commands := make([]string, 0, len(f.Fix.Commands))
	for _, c := range f.Fix.Commands {
		commands = append(commands, m.String(c))
	}
	f.Fix.Commands = commands
	problems := make([]Problem, 0, len(f.Problems))
	for _, p := range f.Problems {
		p.Text = m.String(p.Text)
		problems = append(problems, p)
	}
	f.Problems = problems
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
