package checks

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// LoadOverlay reads a project's own changes to checklists.
func LoadOverlay(r io.Reader, file string) (Overlay, error) {
	root, _, err := document(r, file)
	if err != nil {
		return Overlay{}, err
	}
	l := loader{file: file}
	o := Overlay{File: file, Names: map[string]string{}}
	var name string
	l.fields(root, "an overlay", map[string]func(*yaml.Node){
		"overlay": l.text(&name, "overlay"),
		"names": func(n *yaml.Node) {
			if err := n.Decode(&o.Names); err != nil {
				l.fault(n, "names must be a map from our name to yours")
			}
		},
		"changes": func(n *yaml.Node) { l.each(n, "changes", func(n *yaml.Node) { l.change(n, &o) }) },
	})
	if name == "" {
		l.fault(root, "an overlay needs the key \"overlay\" with its name")
	}
	return o, errors.Join(l.faults...)
}

func (l *loader) change(n *yaml.Node, o *Overlay) {
	ch := Change{Line: n.Line}
	var severity string
	var st Step
	l.fields(n, "a change", map[string]func(*yaml.Node){
		"check":          l.text(&ch.Check, "check"),
		"severity":       l.word(&severity, "severity", string(Block), string(Warns), string(Info)),
		"does_not_apply": l.text(&ch.NotApply, "does_not_apply"),
		"with":           l.with(&st),
	})
	ch.Severity, ch.With = Severity(severity), st.With
	switch {
	case ch.Check == "":
		l.fault(n, "a change needs the id of a check")
	case ch.Severity == "" && ch.NotApply == "" && ch.With == nil:
		l.fault(n, "the change of %s changes nothing: give severity, with or does_not_apply (the reason)", ch.Check)
	}
	o.Changes = append(o.Changes, ch)
}

// LoadWaivers reads the waivers of a project. Owner, reason and expiry are demanded, and expiry is a moment:
// a bare day would mean another moment in every time zone.
func LoadWaivers(r io.Reader, file string) ([]Waiver, error) {
	root, _, err := document(r, file)
	if err != nil {
		return nil, err
	}
	l := loader{file: file}
	var out []Waiver
	seen := map[string]bool{}
	l.fields(root, "the waivers", map[string]func(*yaml.Node){
		"waivers": func(n *yaml.Node) {
			l.each(n, "waivers", func(n *yaml.Node) {
				w := l.waiver(n)
				if seen[w.Check] {
					l.fault(n, "%s is waived twice", w.Check)
				}
				seen[w.Check] = true
				out = append(out, w)
			})
		},
	})
	return out, errors.Join(l.faults...)
}

func (l *loader) waiver(n *yaml.Node) Waiver {
	w := Waiver{Line: n.Line}
	var expires string
	l.fields(n, "a waiver", map[string]func(*yaml.Node){
		"check": l.text(&w.Check, "check"), "owner": l.text(&w.Owner, "owner"), "reason": l.text(&w.Reason, "reason"),
		"expires": l.text(&expires, "expires"), "issue": l.text(&w.Issue, "issue"),
	})
	for _, f := range [][2]string{{"check", w.Check}, {"owner", w.Owner}, {"reason", w.Reason}, {"expires", expires}} {
		if strings.TrimSpace(f[1]) == "" {
			l.fault(n, "a waiver needs %q", f[0])
		}
	}
	if expires == "" {
		return w
	}
	t, err := time.Parse(time.RFC3339, expires)
	if err != nil {
		l.fault(n, "expires must be a moment like 2027-01-31T00:00:00Z, got %q", expires)
	}
	w.Expires = t
	return w
}

// CheckWaivers refuses waivers of checks that no list has: a typo would waive nothing, in silence.
func CheckWaivers(waivers []Waiver, file string, lists []Checklist) error {
	var ids []string
	for _, l := range lists {
		for _, c := range l.Checks {
			ids = append(ids, c.ID)
		}
	}
	var faults []error
	for _, w := range waivers {
		known := false
		for _, id := range ids {
			known = known || id == w.Check
		}
		if !known {
			faults = append(faults, fmt.Errorf("%s: no check has the id %q%s", at(file, w.Line), w.Check, didYouMean(w.Check, ids)))
		}
	}
	return errors.Join(faults...)
}
