package checklists_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	yaml "go.yaml.in/yaml/v3"

	"github.com/voicectl/voicectl/checklists"
)

// list is a checklist as it is written.
type list struct {
	Checklist string   `yaml:"checklist"`
	Version   string   `yaml:"version"`
	Title     string   `yaml:"title"`
	Document  document `yaml:"document"`
	Defaults  defaults `yaml:"defaults"`
	Groups    []group  `yaml:"groups"`
	Checks    []check  `yaml:"checks"`
}

type document struct {
	Name  string `yaml:"name"`
	Lines int    `yaml:"lines"`
}

type group struct {
	Title    string   `yaml:"title"`
	Defaults defaults `yaml:"defaults"`
	Checks   []check  `yaml:"checks"`
}

// defaults is what a file or a group may say for its checks: a check's own word goes first, lists add up.
type defaults struct {
	Class    string   `yaml:"class"`
	Role     string   `yaml:"role"`
	Severity string   `yaml:"severity"`
	Profile  string   `yaml:"profile"`
	Scope    string   `yaml:"scope"`
	Area     []string `yaml:"area"`
	Needs    []string `yaml:"needs"`
	Tags     []string `yaml:"tags"`
	After    []string `yaml:"after"`
}

// check has one look of its own, or several under steps.
type check struct {
	ID        string `yaml:"id"`
	Title     string `yaml:"title"`
	Step      step   `yaml:",inline"`
	Steps     []step `yaml:"steps"`
	Expect    string `yaml:"expect"`
	Elsewhere string `yaml:"elsewhere"`
	defaults  `yaml:",inline"`
	Src       string `yaml:"src"`
}

type step struct {
	Uses string         `yaml:"uses"`
	With map[string]any `yaml:"with"`
}

// over lays the values of d over the weaker ones of under.
func (d defaults) over(under defaults) defaults {
	first := func(a, b string) string {
		if a != "" {
			return a
		}
		return b
	}
	return defaults{
		Class: first(d.Class, under.Class), Role: first(d.Role, under.Role), Severity: first(d.Severity, under.Severity),
		Profile: first(d.Profile, under.Profile), Scope: first(d.Scope, under.Scope),
		Area: slices.Concat(under.Area, d.Area), Needs: slices.Concat(under.Needs, d.Needs),
		Tags: slices.Concat(under.Tags, d.Tags), After: slices.Concat(under.After, d.After),
	}
}

// all returns the checks in order, each with what its group and its file say for it.
func (l *list) all() []check {
	var out []check
	for _, g := range append([]group{{Checks: l.Checks}}, l.Groups...) {
		for _, c := range g.Checks {
			c.defaults = c.over(g.Defaults.over(l.Defaults))
			if c.Step.Uses != "" {
				c.Steps = append([]step{c.Step}, c.Steps...)
			}
			out = append(out, c)
		}
	}
	return out
}

// builtin is a built-in list with the number of lines of its document and of its checks by class.
type builtin struct {
	id    string
	lines int
	count map[string]int
}

var names = []builtin{
	{"pipecat", 423, map[string]int{"auto": 131, "measure": 13, "act": 20, "attest": 20}},
	{"backend", 355, map[string]int{"auto": 70, "measure": 22, "act": 34, "attest": 3}},
	{"phone", 197, map[string]int{"auto": 38, "measure": 18, "act": 10, "attest": 4, "built-in": 17}},
}

// load reads the built-in lists strictly: a key that list does not know is a fault, and so is a second document.
func load(t *testing.T) map[string]*list {
	t.Helper()
	out := map[string]*list{}
	for _, n := range names {
		data, err := checklists.FS.ReadFile(n.id + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		dec := yaml.NewDecoder(bytes.NewReader(data))
		dec.KnownFields(true)
		l := &list{}
		if err := dec.Decode(l); err != nil {
			t.Fatalf("%s: %v", n.id, err)
		}
		if err := dec.Decode(&list{}); !errors.Is(err, io.EOF) {
			t.Errorf("%s: something follows the list: %v", n.id, err)
		}
		out[n.id] = l
	}
	return out
}
