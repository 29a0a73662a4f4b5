package conformance

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

var nameForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// check finds what could never hold, or would never fail.
func (d *Document) check() error {
	var errs []error
	seen := map[string]bool{}
	if d.Vendor == "" || len(d.Cases) == 0 {
		errs = append(errs, errors.New("vendor and cases are required"))
	}
	for i := range d.Cases {
		c := &d.Cases[i]
		if c.Key == "" {
			c.Key = GoodKey
		}
		if err := errors.Join(c.check()...); err != nil {
			errs = append(errs, fmt.Errorf("case %q: %w", c.Name, err))
		}
		if seen[c.Name] {
			errs = append(errs, fmt.Errorf("case %q: there are two", c.Name))
		}
		seen[c.Name] = true
	}
	return errors.Join(errs...)
}

func (c *Case) check() (errs []error) {
	need := func(ok bool, text string) {
		if !ok {
			errs = append(errs, errors.New(text))
		}
	}
	need(nameForm.MatchString(c.Name), "the name must be words with hyphens")
	need(c.Why != "", "why is required")
	need(c.Cost == Free || c.Cost == Paid, "cost must be free or paid")
	need(slices.Contains([]Key{GoodKey, BadKey, NoKey}, c.Key), "key must be good, bad or none")
	need(len(c.Steps) > 0, "a case needs steps")
	for _, s := range c.Steps {
		switch {
		case s.Socket != nil:
			need(s.Request == nil && s.Expect == nil, "a step is a socket or a request")
			errs = append(errs, s.Socket.check()...)
		case s.Request == nil || s.Expect == nil:
			need(false, "a step needs a request and what is expected of its answer")
		default:
			need(s.Request.Method != "" && strings.HasPrefix(s.Request.Path, "/"), "a request needs a method and a path")
			errs = append(errs, s.Expect.check()...)
		}
	}
	return errs
}

func (e *Expect) check() (errs []error) {
	if len(e.Status) == 0 && len(e.Class.statuses()) == 0 {
		errs = append(errs, errors.New("an answer needs a status or a class that is known"))
	}
	for name, rule := range e.Headers {
		errs = append(errs, rule.check("header "+name))
	}
	errs = append(errs, e.JSON.check()...)
	errs = append(errs, checkEvents(e.Events)...)
	errs = append(errs, e.Whole.check()...)
	if e.Lines != "" && e.Lines != "kind" && e.Lines != "none" {
		errs = append(errs, errors.New("lines must be kind or none"))
	}
	if e.Type != nil {
		errs = append(errs, e.Type.check("type"))
	}
	if e.Text != nil {
		errs = append(errs, e.Text.check("text"))
	}
	return errs
}

func (s *Socket) check() (errs []error) {
	errs = append(errs, s.Refusal.check()...)
	errs = append(errs, s.Whole.check()...)
	refusedOnly := len(s.Status) > 0 && !slices.Contains(s.Status, 101)
	if !refusedOnly && len(s.Script) == 0 {
		errs = append(errs, errors.New("a socket that opens needs a script"))
	}
	for _, m := range s.Script {
		parts := 0
		for _, has := range []bool{m.Send != nil, m.Say != "", m.Sound != nil, m.Receive != nil, len(m.Close) > 0} {
			if has {
				parts++
			}
		}
		if parts != 1 {
			errs = append(errs, fmt.Errorf("a move has %d parts, want one", parts))
		}
		if m.Receive != nil {
			errs = append(errs, checkEvents([]Event{*m.Receive})...)
		}
		if x := m.Sound; x != nil && (x.MS <= 0 || x.MS > maxSilence || x.FrameMS <= 0 || x.Rate <= 0 || x.Encoding != "mulaw" && x.Encoding != "pcm_s16le") {
			errs = append(errs, errors.New("sound needs ms, frame_ms, rate, and pcm_s16le or mulaw as encoding"))
		}
	}
	return errs
}

func checkEvents(events []Event) (errs []error) {
	for _, e := range events {
		if e.Is == "" && e.Kind == "" {
			errs = append(errs, errors.New("an event needs a kind, or is in words"))
		}
		errs = append(errs, e.When.check()...)
		errs = append(errs, e.JSON.check()...)
		if e.Text != nil {
			errs = append(errs, e.Text.check("text"))
		}
	}
	return errs
}

func (w Whole) check() (errs []error) {
	for _, path := range slices.Concat(w.Same, slices.Collect(maps.Values(w.Counts)), slices.Collect(maps.Values(w.Save))) {
		_, err := split(path)
		errs = append(errs, err)
	}
	for _, j := range w.Joined {
		_, err := split(j.Path)
		errs = append(errs, err)
		errs = append(errs, j.JSON.check()...)
		for _, r := range j.Text {
			errs = append(errs, r.check("joined text"))
		}
		if len(j.Text)+len(j.JSON) == 0 {
			errs = append(errs, errors.New("what is joined is not compared with anything"))
		}
	}
	return errs
}

func (s Shape) check() (errs []error) {
	for path, rule := range s {
		_, err := split(path)
		errs = append(errs, err, rule.check(path))
	}
	return errs
}

func (r Rule) check(at string) error {
	if len(r) == 0 {
		return fmt.Errorf("%s: a rule needs an alternative", at)
	}
	for _, text := range r {
		if _, err := read(varForm.ReplaceAllString(text, "x")); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
	}
	return nil
}
