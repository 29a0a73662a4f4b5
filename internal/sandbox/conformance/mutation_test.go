package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// spoilers are values that a rule may refuse. A rule that takes them all could never fail.
func spoilers() []any {
	return []any{gone{}, map[string]any{"mutant": true}, "\u0001mutant: !", "", -7.5, float64(1e18), nil, []any{}, true}
}

// against is a value that a rule refuses at a path.
func against(t *testing.T, path string, r Rule, v vars) any {
	t.Helper()
	filled, err := fill(v, r)
	if err != nil {
		filled = r // made of what an earlier step saves
	}
	for _, x := range spoilers() {
		_, away := x.(gone)
		if away && strings.HasSuffix(path, "?") {
			continue
		}
		if ok, _ := filled.fits(x, !away); !ok {
			return x
		}
	}
	t.Fatalf("nothing is against the rule %q", r)
	return nil
}

// mutations are the faults that a step must notice: one for everything that it expects.
func mutations(t *testing.T, s Step, d *Document) []mutation {
	v := vars(d.Vars)
	out := []mutation{{name: "reset", reset: true}}
	if s.Socket != nil {
		return append(out, socketMutations(t, *s.Socket, d, v)...)
	}
	e := *s.Expect
	add := func(name string, change func(*recorded)) {
		m := mutation{name: name, answer: change}
		if what, path, _ := strings.Cut(name, " "); what == "json" || what == "save" {
			m.place = path
		} else if what == "header" || what == "status" || what == "type" {
			m.place = name
		}
		out = append(out, m)
	}
	add("status", func(r *recorded) { r.status = 418 })
	if e.Type != nil {
		add("type", func(r *recorded) { r.header.Set("Content-Type", "application/x-mutant") })
	}
	for name, rule := range e.Headers {
		add("header "+name, func(r *recorded) {
			if r.header.Del(name); slices.Contains(rule, "absent") {
				r.header.Set(name, "mutant!")
			}
		})
	}
	for path, rule := range e.JSON {
		value := against(t, path, rule, v)
		add("json "+path, func(r *recorded) { r.body, _ = put(r.body, path, value) })
	}
	if len(e.JSON) > 0 {
		add("half a body", func(r *recorded) { r.body = r.body[:len(r.body)/2] })
	}
	for _, path := range e.Save {
		add("save "+path, func(r *recorded) { r.body, _ = put(r.body, path, gone{}) })
	}
	if e.Text != nil || e.Starts != "" || e.Bytes > 0 {
		add("another body", func(r *recorded) { r.body = []byte("{}") })
	}
	if len(e.Events) > 0 {
		for name, change := range eventMutations(t, e.Events, e.Whole, d.Kind, v) {
			add(name, onFrames(change()))
		}
		add("cut short", func(r *recorded) { r.body = r.body[:len(r.body)/2] })
		add("no event", func(r *recorded) { r.body = nil })
		if e.Lines != "" {
			add("names", func(r *recorded) {
				names, data := frames(r.body)
				for i := range names {
					names[i] = "mutant"
				}
				r.body = unframe(names, data)
			})
		}
	}
	return out
}

// eventMutations are faults of messages, each made anew for its use.
func eventMutations(t *testing.T, events []Event, w Whole, member string, v vars) map[string]func() func([]byte) [][]byte {
	out := map[string]func() func([]byte) [][]byte{
		"a stranger first": func() func([]byte) [][]byte {
			first := true
			return func(b []byte) [][]byte {
				if first {
					first = false
					return [][]byte{[]byte(`{"mutant":1}`), b}
				}
				return [][]byte{b}
			}
		},
	}
	change := func(e Event, do func([]byte) [][]byte) func() func([]byte) [][]byte {
		e, err := fill(v, e)
		if err != nil {
			t.Fatal(err)
		}
		return func() func([]byte) [][]byte {
			return func(b []byte) [][]byte {
				if e.fits(messageOf(b), member) {
					return do(b)
				}
				return [][]byte{b}
			}
		}
	}
	for _, e := range events {
		if !e.Optional {
			out["without "+e.name()] = change(e, func([]byte) [][]byte { return nil })
		}
		if !e.Many {
			out["twice "+e.name()] = change(e, func(b []byte) [][]byte { return [][]byte{b, b} })
		}
		for path, rule := range e.JSON {
			value := against(t, path, rule, v)
			out[e.name()+" "+path] = change(e, func(b []byte) [][]byte { b, _ = put(b, path, value); return [][]byte{b} })
		}
	}
	everywhere := func(path string, make func(n int) any) func() func([]byte) [][]byte {
		return func() func([]byte) [][]byte {
			n := 0
			return func(b []byte) [][]byte {
				if found := find(messageOf(b).value, path); len(found) > 0 && found[0].present {
					n++
					b, _ = put(b, path, make(n))
				}
				return [][]byte{b}
			}
		}
	}
	for _, path := range w.Same {
		out["same "+path] = everywhere(path, func(n int) any { return fmt.Sprint("mutant ", n) })
	}
	for kind, path := range w.Counts {
		out["counts "+kind] = everywhere(path, func(n int) any { return n + 1 })
	}
	for _, j := range w.Joined {
		out["joined "+j.Path] = everywhere(j.Path, func(int) any { return "" })
	}
	return out
}

func socketMutations(t *testing.T, s Socket, d *Document, v vars) (out []mutation) {
	if len(s.Status) > 0 && !slices.Contains(s.Status, 101) {
		return []mutation{{name: "opens", upgrade: 101}, {name: "another status", upgrade: 418}}
	}
	out = append(out, mutation{name: "another status", upgrade: 418})
	if slices.Contains(s.Status, 401) {
		return append(out, mutation{name: "opens", upgrade: 101}) // what follows is for those that refuse behind the upgrade
	}
	var events []Event
	for _, m := range s.Script {
		if m.Receive != nil {
			events = append(events, *m.Receive)
		}
		if len(m.Close) > 0 {
			out = append(out, mutation{name: "close code", close: 4999})
		}
	}
	for name, change := range eventMutations(t, events, s.Whole, d.Kind, v) {
		if name == "twice "+events[len(events)-1].name() && len(s.Script[len(s.Script)-1].Close) == 0 {
			continue // nobody listens behind the last
		}
		if strings.HasPrefix(name, "twice RecognitionStarted") && slices.Contains(s.Beside, "RecognitionStarted") {
			continue
		}
		out = append(out, mutation{name: name, message: change()})
	}
	return out
}

// found tells whether a difference names the place of the fault.
func (m mutation) found(diffs []Difference) bool {
	if m.place == "" {
		return true
	}
	plain := func(path string) string {
		_, path, ok := strings.Cut("step: "+strings.TrimPrefix(path, "step "), ": ")
		if i := strings.LastIndex(path, ": "); ok && i >= 0 {
			path = path[i+2:]
		}
		return strings.ReplaceAll(regexp.MustCompile(`\[-?[0-9]*\]`).ReplaceAllString(path, "[]"), "?", "")
	}
	return slices.ContainsFunc(diffs, func(d Difference) bool { return plain(d.Path) == plain(m.place) })
}

// Every status, header, rule, event and code that a case expects is made wrong, one at a time, between the case and
// the emulator: each must show as a difference.
//
// Tier: ci.
func TestCases_EveryExpectationCanFail(t *testing.T) {
	_, base := box(t)
	for _, vendor := range Vendors() {
		doc, err := Load(vendor)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(vendor, func(t *testing.T) {
			p, url := newProxy(t, base)
			target := at(url, vendor)
			target.Patience = 400 * time.Millisecond
			total := 0
			for _, c := range doc.Cases {
				for i, s := range c.Steps {
					p.arm(i, mutation{})
					if r := doc.Run(t.Context(), c, at(url, vendor)); r.State != Pass {
						t.Errorf("%s differs without a fault: %v", c.Name, r.Differences)
					}
					for _, m := range mutations(t, s, doc) {
						p.arm(i, m)
						r := doc.Run(t.Context(), c, target)
						total++
						switch {
						case p.hit.Load() == 0 && m.message == nil:
							t.Errorf("%s, step %d, %s: the fault was not made", c.Name, i+1, m.name)
						case p.hit.Load() == 0:
							if r.State != Pass {
								t.Errorf("%s, step %d, %s: no fault, and yet %s %v", c.Name, i+1, m.name, r.State, r.Differences)
							}
							t.Logf("%s, step %d, %s: never sent by the emulator", c.Name, i+1, m.name)
						case r.State != Fail || len(r.Differences) == 0:
							t.Errorf("%s, step %d: the fault %q passes: %s %s", c.Name, i+1, m.name, r.State, r.Reason)
						case !m.found(r.Differences):
							t.Errorf("%s, step %d: the fault %q is taken for another: %v", c.Name, i+1, m.name, r.Differences)
						}
					}
				}
			}
			t.Logf("%d faults in %d cases", total, len(doc.Cases))
		})
	}
}

// Tier: ci.
func TestDocument_IsJSONForTheLibraries(t *testing.T) {
	for _, vendor := range Vendors() {
		doc, err := Load(vendor)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		var back Document
		if err := json.Unmarshal(b, &back); err != nil || len(back.Cases) != len(doc.Cases) || !bytes.Contains(b, []byte(`"library":true`)) {
			t.Errorf("%s: %v, %d cases", vendor, err, len(back.Cases))
		}
	}
}
