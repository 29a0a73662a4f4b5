package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strings"
)

// vars are the values of ${names}.
type vars map[string]string

var varForm = regexp.MustCompile(`\$\{([a-z_]+)\}`)

// text fills a text in.
func (v vars) text(s string) (string, error) {
	var err error
	out := varForm.ReplaceAllStringFunc(s, func(m string) string {
		name := m[2 : len(m)-1]
		value, ok := v[name]
		if !ok {
			err = fmt.Errorf("the variable %s is not set", name)
		}
		return value
	})
	return out, err
}

// fill returns a copy of a case's part with every text in it filled in.
func fill[T any](v vars, in T) (T, error) {
	var out T
	b, err := json.Marshal(in)
	if err != nil {
		return out, err
	}
	var tree any
	if err = json.Unmarshal(b, &tree); err == nil {
		if tree, err = v.tree(tree); err == nil {
			if b, err = json.Marshal(tree); err == nil {
				err = json.Unmarshal(b, &out)
			}
		}
	}
	return out, err
}

// tree fills in the texts of a tree, not its names.
func (v vars) tree(node any) (any, error) {
	var err error
	switch n := node.(type) {
	case string:
		return v.text(n)
	case []any:
		for i := range n {
			if n[i], err = v.tree(n[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range maps.Keys(n) {
			if n[k], err = v.tree(n[k]); err != nil {
				return nil, err
			}
		}
	}
	return node, nil
}

// headers are those of the document and of one request. Without a key, those that carry one are left out.
func (v vars) headers(key Key, sets ...map[string]string) (map[string]string, error) {
	out := map[string]string{}
	for i, set := range sets {
		for name, value := range set {
			if i == 0 && key == NoKey && strings.Contains(value, "${key}") {
				continue
			}
			filled, err := v.text(value)
			if err != nil {
				return nil, err
			}
			if out[name] = filled; value == "" { // taken away
				delete(out, name)
			}
		}
	}
	return out, nil
}

// show is a value as JSON, whole; mask cuts it.
func show(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%T", v)
	}
	return string(b)
}

const maxSaw = 80 // characters

// mask takes keys out of what was seen and cuts it. A vendor may repeat a key in part, its head and a tail behind
// stars; that goes as well.
func (v vars) mask(s string) string {
	for name, value := range v {
		if len(value) < 4 || !strings.Contains(name, "key") && !strings.Contains(name, "token") {
			continue
		}
		quoted := show(value)
		s = strings.NewReplacer(value, "•••", quoted[1:len(quoted)-1], "•••").Replace(s)
		if len(value) >= 12 {
			s = regexp.MustCompile(regexp.QuoteMeta(value[:6])+`[^\s"]*`).ReplaceAllLiteralString(s, "•••")
		}
	}
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if runes := []rune(s); len(runes) > maxSaw {
		return string(runes[:maxSaw-1]) + "…"
	}
	return s
}
