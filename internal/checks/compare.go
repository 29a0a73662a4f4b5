package checks

import "fmt"

// Diff is what changed between two runs.
type Diff struct {
	Before  string   `json:"before"`
	After   string   `json:"after"`
	Worse   int      `json:"worse"`
	Better  int      `json:"better"`
	Same    int      `json:"same"`
	Unlike  []string `json:"unlike,omitempty"` // why the two cannot be compared outright
	Changes []Delta  `json:"changes"`
}

// Delta is a check whose state changed; "" is a check that a run does not have.
type Delta struct {
	ID     string `json:"id"`
	Before State  `json:"before"`
	After  State  `json:"after"`
	Saw    string `json:"saw"`
}

// Compare tells what changed from one run to another. A check that vanished is worse: what is no longer looked
// at is not good.
func Compare(a, b *Report) Diff {
	d := Diff{Before: a.Run.ID, After: b.Run.ID, Changes: []Delta{}}
	if a.Run.Target != b.Run.Target {
		d.Unlike = append(d.Unlike, fmt.Sprintf("the targets differ: %q and %q", a.Run.Target, b.Run.Target))
	}
	digests := map[string]string{}
	for _, l := range a.Checklists {
		digests[l.ID] = l.Digest
	}
	for _, l := range b.Checklists {
		if old, has := digests[l.ID]; has && old != l.Digest {
			d.Unlike = append(d.Unlike, fmt.Sprintf("the checklist %s changed", l.ID))
		}
	}
	before := map[string]*Finding{}
	for i := range a.Findings {
		if f := &a.Findings[i]; f.State != Elsewhere {
			before[f.ID] = f
		}
	}
	add := func(delta Delta) {
		switch {
		case delta.Before == delta.After:
			d.Same++
			return
		case badness(delta.After) > badness(delta.Before):
			d.Worse++
		default:
			d.Better++
		}
		d.Changes = append(d.Changes, delta)
	}
	for i := range b.Findings {
		f := &b.Findings[i]
		if f.State == Elsewhere {
			continue
		}
		delta := Delta{ID: f.ID, After: f.State, Saw: f.Glance()}
		if old := before[f.ID]; old != nil {
			delta.Before = old.State
			delete(before, f.ID)
		}
		add(delta)
	}
	for i := range a.Findings {
		if f := before[a.Findings[i].ID]; f != nil {
			add(Delta{ID: f.ID, Before: f.State})
		}
	}
	return d
}

// badness orders states for comparison; a check that is not there is worse than a good one only.
func badness(s State) int {
	switch s {
	case Pass, NotApplied:
		return 0
	case Waived:
		return 1
	case Warn:
		return 2
	case "", Elsewhere, Skip, Inconclusive, Stale, Blocked:
		return 3
	case Error:
		return 4
	case Fail:
		return 5
	}
	return 3
}
