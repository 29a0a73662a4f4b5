package checks

import "time"

// Waiver is a named person's acceptance of a finding until a moment. A waived check still runs.
type Waiver struct {
	Check   string    `json:"check" yaml:"check"`
	Owner   string    `json:"owner" yaml:"owner"`
	Reason  string    `json:"reason" yaml:"reason"`
	Expires time.Time `json:"expires" yaml:"expires"`
	Issue   string    `json:"issue,omitempty" yaml:"issue"`
	// Was is the state that the check had, Expired that the waiver no longer counts.
	Was     State `json:"was,omitempty" yaml:"-"`
	Expired bool  `json:"expired,omitempty" yaml:"-"`
	Line    int   `json:"-" yaml:"-"`
}

// waive applies a waiver to a finding that is not green. An expired one is shown and changes nothing.
func waive(f *Finding, waivers map[string]Waiver, now time.Time) {
	w, has := waivers[f.ID]
	if !has {
		return
	}
	switch f.State {
	case Pass, NotApplied, Waived, Elsewhere:
		return
	case Fail, Warn, Error, Inconclusive, Skip, Blocked, Stale:
	}
	w.Was = f.State
	if w.Expired = !now.Before(w.Expires); !w.Expired {
		f.State = Waived
	}
	f.Waiver = &w
}
