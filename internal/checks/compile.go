package checks

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
)

// Plan is a compiled selection: every kind, parameter and need is resolved, and nothing has run.
type Plan struct {
	Lists    []ListInfo
	Overlays []OverlayInfo
	items    []item
	scope    *Scope
}

// item is one check with its looks, or with the reason why none will be made.
type item struct {
	check    Check
	severity Severity
	looks    []look
	state    State // "" = to be run
	reason   string
	fix      Fix
}

// look is a kind with its parameters. Equal keys share one observation.
type look struct {
	kind *Kind
	with Values
	key  string

	state  State // "" = to be made; else settled without looking: Skip or Elsewhere
	reason string
	fix    Fix
}

// Compile resolves the selected checks against the kinds and the scope. All faults are returned at once.
func Compile(lists []Checklist, kinds Kinds, sel Selection, scope *Scope) (*Plan, error) {
	if err := overlay(lists, kinds); err != nil {
		return nil, err
	}
	chosen, err := sel.choose(lists)
	if err != nil {
		return nil, err
	}
	p := &Plan{scope: scope}
	var faults []error
	for _, c := range chosen {
		it, err := compileCheck(c, kinds, scope)
		if err != nil {
			faults = append(faults, err)
		}
		p.items = append(p.items, it)
	}
	if err := acyclic(p.items); err != nil {
		faults = append(faults, err)
	}
	for _, l := range lists {
		p.Lists = append(p.Lists, ListInfo{ID: l.ID, Version: l.Version, Digest: l.Digest})
		for _, o := range l.Overlays {
			p.Overlays = append(p.Overlays, OverlayInfo{File: o.File, Changed: len(o.Changes)})
		}
	}
	return p, errors.Join(faults...)
}

func compileCheck(c Check, kinds Kinds, scope *Scope) (item, error) {
	it := item{check: c, severity: c.Severity}
	var faults []error
	for _, st := range c.Steps {
		kind := kinds[st.Uses]
		if kind == nil {
			if c.Elsewhere != "" {
				continue // judged by another command, which knows its own kinds
			}
			names := make([]string, 0, len(kinds))
			for n := range kinds {
				names = append(names, n)
			}
			faults = append(faults, fmt.Errorf("%s: there is no kind %q%s", at(c.File, st.Line), st.Uses, didYouMean(st.Uses, names)))
			continue
		}
		with, err := bind(kind, st.With)
		if err != nil {
			if c.Elsewhere == "" {
				faults = append(faults, fmt.Errorf("%s: %w", at(c.File, st.Line), err))
			}
			continue
		}
		key, err := json.Marshal([]any{kind.Name, with})
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: parameters of %s: %w", at(c.File, st.Line), kind.Name, err))
			continue
		}
		it.looks = append(it.looks, look{kind: kind, with: with, key: string(key)})
		if it.severity == "" {
			it.severity = kind.Severity
		}
	}
	if it.severity == "" {
		it.severity = Block
	}
	it.decide(scope)
	return it, errors.Join(faults...)
}

// decide settles what can be told without looking: another command's, not applied, out of scope, or
// something missing. A check of several looks is judged by those that can be made: one of them may show that
// it fails.
func (it *item) decide(scope *Scope) {
	c := &it.check
	switch {
	case c.Elsewhere != "":
		it.state, it.reason, it.fix = Elsewhere, "judged by another command", Fix{Commands: []string{c.Elsewhere}}
		return
	case c.NotApply != "":
		it.state, it.reason = NotApplied, c.NotApply
		return
	}
	if it.state, it.reason, it.fix = scope.settle(c.Needs); it.state != "" {
		return
	}
	open, settled := false, Elsewhere
	for i := range it.looks {
		l := &it.looks[i]
		if l.state, l.reason, l.fix = scope.settle(l.kind.Needs); l.state == "" {
			if flag := scope.refused(l.kind.cost(l.with)); flag != "" {
				l.state, l.reason = Elsewhere, "needs consent: "+flag
				l.fix = Fix{Commands: []string{"voicectl check --only " + c.ID + " " + flag}}
			}
		}
		open = open || l.state == ""
		if l.state == Skip {
			settled = Skip
		}
	}
	if open {
		return
	}
	for _, l := range it.looks {
		if l.state == settled {
			it.state, it.reason, it.fix = l.state, l.reason, l.fix
			return
		}
	}
}

// settle returns the state of what needs something that is not there, "" when all is.
func (s *Scope) settle(needs []Need) (State, string, Fix) {
	state, reason, fix := State(""), "", Fix{}
	for _, need := range needs {
		if s.has(need) {
			continue
		}
		if state == "" || s.lacking(need) == Elsewhere {
			state, reason, fix = s.lacking(need), "needs "+need.words(), need.how()
		}
		if state == Elsewhere {
			break
		}
	}
	return state, reason, fix
}

// lacking tells what a missing need makes of a check: outside the scope, or a skip inside it.
func (s *Scope) lacking(n Need) State {
	within := map[Need]bool{NeedGit: s.Repo != "", NeedEngine: s.Repo != "", NeedToken: s.Target != nil, NeedStart: s.Repo != ""}
	if strings.HasPrefix(string(n), "$") && s.Env != nil || within[n] {
		return Skip
	}
	return Elsewhere
}

// refused returns the flag that would allow a cost, "" when it is allowed.
func (s *Scope) refused(c Cost) string {
	switch c {
	case Intrusive:
		if !s.Consent.Load && !s.loopback() {
			return "--allow-load"
		}
	case Executes:
		if !s.Consent.Exec {
			return "--allow-exec"
		}
	case Paid:
		if !s.Consent.Paid {
			return "--allow-paid"
		}
	case Passive:
	}
	return ""
}

// loopback tells whether the target is on this machine, by its address and not by what a name resolves to.
func (s *Scope) loopback() bool {
	if s.Target == nil {
		return true
	}
	host := s.Target.Hostname()
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// words is a need for a sentence.
func (n Need) words() string {
	if name, isVar := strings.CutPrefix(string(n), "$"); isVar {
		return name
	}
	switch n {
	case NeedTarget:
		return "a URL"
	case NeedRepo:
		return "the folder with the sources"
	case NeedGit:
		return "a git work tree"
	case NeedEnv:
		return "the environment"
	case NeedLogs:
		return "a source of log lines"
	case NeedMetrics:
		return "the URL of the metrics"
	case NeedEngine:
		return "a container engine"
	case NeedToken:
		return "a test token"
	case NeedState:
		return "a state folder"
	case NeedHost:
		return "leave to look at this machine"
	case NeedPlatform:
		return "the credentials of the platform"
	case NeedSandbox:
		return "the sandbox that stands for the backend's vendors"
	case NeedStart:
		return "the command that starts the backend"
	}
	return string(n)
}

// acyclic refuses checks that wait for each other.
func acyclic(items []item) error {
	index, mark := map[string]int{}, map[string]int{}
	for i := range items {
		index[items[i].check.ID] = i
	}
	var visit func(id string, path []string) error
	visit = func(id string, path []string) error {
		i, has := index[id]
		switch {
		case !has:
			return fmt.Errorf("%s needs %s, which is no check", path[len(path)-1], id)
		case mark[id] == 2:
			return nil
		case mark[id] == 1:
			return fmt.Errorf("%s: checks wait for each other: %s", items[i].check.At(), strings.Join(append(path, id), " → "))
		}
		mark[id] = 1
		for _, n := range items[i].check.After {
			if err := visit(n, append(path, id)); err != nil {
				return err
			}
		}
		mark[id] = 2
		return nil
	}
	var faults []error
	for i := range items {
		if err := visit(items[i].check.ID, nil); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// overlay lays the changes of all overlays over the checks.
func overlay(lists []Checklist, kinds Kinds) error {
	index, ids := map[string]*Check{}, []string(nil)
	for i := range lists {
		for j := range lists[i].Checks {
			c := &lists[i].Checks[j]
			index[c.ID] = c
			ids = append(ids, c.ID)
		}
	}
	var faults []error
	for _, l := range lists {
		for _, o := range l.Overlays {
			for _, ch := range o.Changes {
				c := index[ch.Check]
				if c == nil {
					faults = append(faults, fmt.Errorf("%s: no check has the id %q%s", at(o.File, ch.Line), ch.Check, didYouMean(ch.Check, ids)))
					continue
				}
				for _, key := range c.change(ch, kinds) {
					faults = append(faults, fmt.Errorf("%s: %s takes no parameter %q", at(o.File, ch.Line), ch.Check, key))
				}
			}
		}
	}
	return errors.Join(faults...)
}

// change lays a change over the check: a parameter goes to every step whose kind has it. It returns those that no
// step takes.
func (c *Check) change(ch Change, kinds Kinds) (strange []string) {
	if ch.Severity != "" {
		c.Severity = ch.Severity
	}
	if ch.NotApply != "" {
		c.NotApply = ch.NotApply
	}
	for i := range c.Steps {
		with := map[string]any{}
		for k, v := range c.Steps[i].With {
			with[k] = v
		}
		for k, v := range ch.With {
			if kinds[c.Steps[i].Uses].takes(k) {
				with[k] = v
			}
		}
		c.Steps[i].With = with
	}
	for k := range ch.With {
		if !slices.ContainsFunc(c.Steps, func(st Step) bool { return kinds[st.Uses].takes(k) }) {
			strange = append(strange, k)
		}
	}
	slices.Sort(strange)
	return strange
}

// takes tells whether the kind has a parameter. nil is a kind of another command, whose business that is.
func (k *Kind) takes(name string) bool {
	return k == nil || slices.ContainsFunc(k.Params, func(p Param) bool { return p.Name == name })
}

// Len is the number of checks of the plan, those judged elsewhere included.
func (p *Plan) Len() int { return len(p.items) }

// Each calls do for every check in order, with the state that is already settled ("" = to be run).
func (p *Plan) Each(do func(c Check, kinds []string, severity Severity, settled State, reason string)) {
	for i := range p.items {
		it := &p.items[i]
		do(it.check, it.kinds(), it.severity, it.state, it.reason)
	}
}

func (it *item) kinds() []string {
	names := make([]string, 0, len(it.check.Steps))
	for _, st := range it.check.Steps {
		names = append(names, st.Uses)
	}
	return names
}
