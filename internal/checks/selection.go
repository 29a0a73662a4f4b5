package checks

import (
	"fmt"
	"slices"
	"strings"
)

// Selection is which checks of the loaded lists run. Empty fields select all.
type Selection struct {
	Areas []string
	Tags  []string // "!tag" excludes
	Only  []string // ids
}

// choose returns the selected checks in order. What a selected check needs is selected with it.
func (s Selection) choose(lists []Checklist) ([]Check, error) {
	var all []Check
	index := map[string]int{}
	for _, l := range lists {
		for _, c := range l.Checks {
			if other, twice := index[c.ID]; twice {
				return nil, fmt.Errorf("%s: the id %s is used at %s already", c.At(), c.ID, all[other].At())
			}
			index[c.ID] = len(all)
			all = append(all, c)
		}
	}
	if err := s.known(all, index); err != nil {
		return nil, err
	}
	chosen := map[string]bool{}
	var with func(id string)
	with = func(id string) {
		if i, has := index[id]; has && !chosen[id] {
			chosen[id] = true
			for _, n := range all[i].After {
				with(n)
			}
		}
	}
	for i := range all {
		if s.takes(&all[i]) {
			with(all[i].ID)
		}
	}
	return slices.DeleteFunc(all, func(c Check) bool { return !chosen[c.ID] }), nil
}

func (s Selection) takes(c *Check) bool {
	if len(s.Only) > 0 {
		return slices.Contains(s.Only, c.ID)
	}
	if len(s.Areas) > 0 && !slices.ContainsFunc(c.Areas, func(a string) bool { return slices.Contains(s.Areas, a) }) {
		return false
	}
	wanted, any := false, false
	for _, t := range s.Tags {
		if no, excluded := strings.CutPrefix(t, "!"); excluded {
			if slices.Contains(c.Tags, no) {
				return false
			}
			continue
		}
		any = true
		wanted = wanted || slices.Contains(c.Tags, t)
	}
	return wanted || !any
}

// known refuses ids, areas and tags that no check has: a typo must not select nothing in silence.
func (s Selection) known(all []Check, index map[string]int) error {
	var ids, areas, tags []string
	for _, c := range all {
		ids = append(ids, c.ID)
		areas = append(areas, c.Areas...)
		tags = append(tags, c.Tags...)
	}
	for _, id := range s.Only {
		if _, has := index[id]; !has {
			return fmt.Errorf("no check has the id %q%s", id, didYouMean(id, ids))
		}
	}
	for _, a := range s.Areas {
		if !slices.Contains(areas, a) {
			return fmt.Errorf("no check is in the area %q%s", a, didYouMean(a, areas))
		}
	}
	for _, t := range s.Tags {
		if t = strings.TrimPrefix(t, "!"); !slices.Contains(tags, t) {
			return fmt.Errorf("no check has the tag %q%s", t, didYouMean(t, tags))
		}
	}
	return nil
}
