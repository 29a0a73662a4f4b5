package conformance

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Shape is what must hold of a JSON value: a rule a path. A path is names and positions, a.b[0].c: [0] is the
// first of a list, [-1] the last, [] every one; "." is the value itself. A ? behind a part means that it may be
// absent, and what follows with it.
type Shape map[string]Rule

// part is one step of a path.
type part struct {
	name     string // "" = a position
	at       int
	every    bool
	optional bool
}

func split(path string) ([]part, error) {
	bad := fmt.Errorf("path %q: want names and [positions], such as data[].id", path)
	if path == "." {
		return nil, nil
	}
	var out []part
	for rest := path; rest != ""; {
		var p part
		if rest[0] == '[' {
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				return nil, bad
			}
			inside := rest[1:end]
			p.every, rest = inside == "", rest[end+1:]
			n, err := strconv.Atoi(inside)
			if !p.every && err != nil {
				return nil, bad
			}
			p.at = n
		} else {
			end := strings.IndexAny(rest, ".[]?")
			if end < 0 {
				end = len(rest)
			}
			p.name, rest = rest[:end], rest[end:]
			if p.name == "" {
				return nil, bad
			}
		}
		if strings.HasPrefix(rest, "?") {
			p.optional, rest = true, rest[1:]
		}
		out = append(out, p)
		switch {
		case strings.HasPrefix(rest, "."):
			if rest = rest[1:]; rest == "" || rest[0] == '[' {
				return nil, bad
			}
		case rest != "" && rest[0] != '[':
			return nil, bad
		}
	}
	if len(out) == 0 {
		return nil, bad
	}
	return out, nil
}

// found is a place that a path leads to.
type found struct {
	path    string
	value   any
	present bool
	wrong   string // what stands on the way where the path wants something else
}

// find follows a path. Where an optional part is absent there is nothing to judge.
func find(v any, path string) []found {
	parts, err := split(path)
	if err != nil {
		return []found{{path: path, wrong: err.Error()}}
	}
	return follow(v, parts, "")
}

func follow(v any, parts []part, at string) []found {
	if len(parts) == 0 {
		if at == "" {
			at = "."
		}
		return []found{{path: at, value: v, present: true}}
	}
	p, rest := parts[0], parts[1:]
	if p.name == "" {
		return p.position(v, rest, at)
	}
	here := strings.TrimPrefix(at+"."+p.name, ".")
	m, ok := v.(map[string]any)
	next, present := m[p.name]
	switch {
	case !ok:
		return []found{{path: at, value: v, wrong: "an object"}}
	case present:
		return follow(next, rest, here)
	case p.optional:
		return nil
	}
	return []found{{path: here}}
}

func (p part) position(v any, rest []part, at string) []found {
	list, ok := v.([]any)
	if !ok {
		return []found{{path: at, value: v, wrong: "an array"}}
	}
	if p.every {
		var out []found
		for i, x := range list {
			out = append(out, follow(x, rest, fmt.Sprintf("%s[%d]", at, i))...)
		}
		return out
	}
	i := p.at
	if i < 0 {
		i += len(list)
	}
	here := fmt.Sprintf("%s[%d]", at, p.at)
	switch {
	case i >= 0 && i < len(list):
		return follow(list[i], rest, here)
	case p.optional:
		return nil
	}
	return []found{{path: here}}
}

// Difference is one thing that is not as a case expects it.
type Difference struct {
	Path   string `json:"path"`   // in the answer: status, type, a header, a path of its JSON, an event
	Wanted string `json:"wanted"` // as the rule says it
	Saw    string `json:"saw"`    // at most 80 characters, without keys
}

// compare holds a value against a shape; prefix stands before each path.
func (s Shape) compare(v any, prefix string) []Difference {
	var out []Difference
	for _, path := range slices.Sorted(maps.Keys(s)) {
		rule := s[path]
		for _, f := range find(v, path) {
			if f.wrong != "" {
				out = append(out, Difference{prefix + f.path, f.wrong, show(f.value)})
				continue
			}
			fits, err := rule.fits(f.value, f.present)
			switch {
			case err != nil:
				out = append(out, Difference{prefix + f.path, "a rule that can be read", err.Error()})
			case !fits && !f.present:
				out = append(out, Difference{prefix + f.path, rule.String(), "nothing"})
			case !fits:
				out = append(out, Difference{prefix + f.path, rule.String(), show(f.value)})
			}
		}
	}
	return out
}

// holds tells whether a value has a shape.
func (s Shape) holds(v any) bool { return len(s.compare(v, "")) == 0 }
