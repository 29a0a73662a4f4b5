package checks

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

// written are the keys that a check may leave to the defaults of its group and its file.
type written struct {
	class, role, severity, profile, scope string
	areas, needs, tags, after             []string
}

// under returns these values with those of a wider place where they say nothing; lists add up.
func (w written) under(wider written) written {
	for _, p := range []struct{ to, from *string }{
		{&w.class, &wider.class},
		{&w.role, &wider.role},
		{&w.severity, &wider.severity},
		{&w.profile, &wider.profile},
		{&w.scope, &wider.scope},
	} {
		if *p.to == "" {
			*p.to = *p.from
		}
	}
	for _, p := range []struct {
		to   *[]string
		from []string
	}{{&w.areas, wider.areas}, {&w.needs, wider.needs}, {&w.tags, wider.tags}, {&w.after, wider.after}} {
		for _, v := range p.from {
			if !slices.Contains(*p.to, v) {
				*p.to = append(*p.to, v)
			}
		}
	}
	return w
}

func (l *loader) defaults(w *written) map[string]func(*yaml.Node) {
	return map[string]func(*yaml.Node){
		"class":    l.word(&w.class, "class", string(Auto), string(Measure), string(Act), string(Attest), string(BuiltIn)),
		"role":     l.word(&w.role, "role", "TL", "DO", "PO"),
		"severity": l.word(&w.severity, "severity", string(Block), string(Warns), string(Info)),
		"profile":  l.word(&w.profile, "profile", "julia", "phone", "audio", "any"),
		"scope":    l.word(&w.scope, "scope", "url", "observed", "repo", "vendor", "platform", "host", "bundled", "people"),
		"area":     l.words(&w.areas, "area"),
		"needs":    l.words(&w.needs, "needs"),
		"tags":     l.words(&w.tags, "tags"),
		"after":    l.words(&w.after, "after"),
	}
}

func (l *loader) checklist(root *yaml.Node) {
	var file written
	var groups, flat *yaml.Node
	l.fields(root, "a checklist", map[string]func(*yaml.Node){
		"checklist": l.text(&l.list.ID, "checklist"),
		"version":   l.text(&l.list.Version, "version"),
		"title":     l.text(&l.list.Title, "title"),
		"document": func(n *yaml.Node) {
			l.fields(n, "document", map[string]func(*yaml.Node){"name": func(*yaml.Node) {}, "lines": func(*yaml.Node) {}})
		},
		"defaults": func(n *yaml.Node) { l.fields(n, "defaults", l.defaults(&file)) },
		"groups":   func(n *yaml.Node) { groups = n },
		"checks":   func(n *yaml.Node) { flat = n },
	})
	if l.list.ID == "" {
		l.fault(root, "a checklist needs the key \"checklist\" with its name")
	}
	if flat != nil {
		l.each(flat, "checks", func(n *yaml.Node) { l.check(n, "", file) })
	}
	if groups != nil {
		l.each(groups, "groups", func(n *yaml.Node) { l.group(n, file) })
	}
	switch {
	case len(l.list.Checks) == 0 && len(l.faults) == 0:
		l.fault(root, "there is no check in it: a list that asks for nothing would always be green")
	case len(l.list.Checks) > mostChecks:
		l.fault(root, "more than %d checks", mostChecks)
	}
}

func (l *loader) group(n *yaml.Node, file written) {
	var title string
	var own written
	var list *yaml.Node
	l.fields(n, "a group", map[string]func(*yaml.Node){
		"title":    l.text(&title, "title"),
		"defaults": func(n *yaml.Node) { l.fields(n, "defaults", l.defaults(&own)) },
		"checks":   func(n *yaml.Node) { list = n },
	})
	if list == nil {
		l.fault(n, "a group needs the key \"checks\"")
		return
	}
	own = own.under(file)
	l.each(list, "checks", func(n *yaml.Node) { l.check(n, title, own) })
}

func (l *loader) check(n *yaml.Node, group string, wider written) {
	c := Check{Group: group, File: l.file, Line: n.Line}
	var own written
	table := l.defaults(&own)
	single := Step{Line: n.Line}
	table["id"] = l.text(&c.ID, "id")
	table["title"] = l.text(&c.Title, "title")
	table["expect"] = l.text(&c.Expect, "expect")
	table["elsewhere"] = l.text(&c.Elsewhere, "elsewhere")
	table["why"] = l.text(&c.Why, "why")
	table["fix"] = l.text(&c.Fix, "fix")
	table["src"] = l.text(&c.Source, "src")
	table["uses"] = l.text(&single.Uses, "uses")
	table["with"] = l.with(&single)
	table["steps"] = func(n *yaml.Node) { l.each(n, "steps", func(n *yaml.Node) { l.step(n, &c) }) }
	l.fields(n, "a check", table)
	if single.Uses != "" || single.With != nil {
		if len(c.Steps) > 0 {
			l.fault(n, "a check has either \"uses\" or \"steps\"")
		}
		c.Steps = append(c.Steps, single)
	}
	own = own.under(wider)
	c.Class, c.Role, c.Severity, c.Profile, c.Scope = Class(own.class), own.role, Severity(own.severity), own.profile, own.scope
	c.Areas, c.Tags, c.After = own.areas, own.tags, own.after
	for _, need := range own.needs {
		c.Needs = append(c.Needs, Need(need))
	}
	if c.Class == "" {
		c.Class = Auto
	}
	if c.Profile == "" {
		c.Profile = "any"
	}
	switch {
	case c.ID == "":
		l.fault(n, "a check needs an id")
	case !plainID(c.ID):
		l.fault(n, "the id %q: letters, digits, dots and dashes only", c.ID)
	case c.Title == "":
		l.fault(n, "%s needs a title: what holds when it is green", c.ID)
	case len(c.Steps) == 0:
		l.fault(n, "%s looks at nothing: give \"uses\" or \"steps\"", c.ID)
	}
	if slices.ContainsFunc(l.list.Checks, func(o Check) bool { return o.ID == c.ID }) {
		l.fault(n, "the id %q stands twice", c.ID)
	}
	l.list.Checks = append(l.list.Checks, c)
}

func (l *loader) step(n *yaml.Node, c *Check) {
	s := Step{Line: n.Line}
	l.fields(n, "a step", map[string]func(*yaml.Node){"uses": l.text(&s.Uses, "uses"), "with": l.with(&s)})
	if s.Uses == "" {
		l.fault(n, "a step needs \"uses\" with the name of a kind")
	}
	c.Steps = append(c.Steps, s)
}

// with decodes parameters into JSON's types. Their names and types are the kind's matter, at compile time.
func (l *loader) with(s *Step) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.MappingNode {
			l.fault(n, "with must be a map")
			return
		}
		s.Line = n.Line
		m := map[string]any{}
		if err := n.Decode(&m); err != nil {
			l.fault(n, "with: %v", err)
			return
		}
		s.With, _ = plainValue(m).(map[string]any)
	}
}

// plainValue turns what YAML decodes into JSON's types: keys are texts.
func plainValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = plainValue(e)
		}
		return v
	case map[any]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[fmt.Sprint(k)] = plainValue(e)
		}
		return out
	case []any:
		for i, e := range v {
			v[i] = plainValue(e)
		}
		return v
	case nil, bool, int, float64, string:
		return v
	}
	return fmt.Sprint(v) // a time, a big number: as it is written
}

func plainID(id string) bool {
	for _, r := range id {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_' {
			return false
		}
	}
	return len(id) <= 128
}
