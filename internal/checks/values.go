package checks

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Type is the type of a parameter.
type Type string

// The types, in the words of docs/kinds.md.
const (
	Text     Type = "text"
	Number   Type = "number"
	Whole    Type = "whole number"
	Switch   Type = "true or false"
	Duration Type = "duration" // "250ms", "5s", "21d"
	List     Type = "list of texts"
	Map      Type = "map"
	Any      Type = "any"
)

// Param declares one parameter of a kind.
type Param struct {
	Name     string
	Type     Type
	Default  any // nil = none
	Required bool
	OneOf    []string // of Text and List
	Doc      string
}

// Values are the parameters of one look: complete, of the declared types, with defaults filled in.
type Values map[string]any

// bind checks what was written against what is declared. problem names the parameter and the nearest name.
func bind(kind *Kind, raw map[string]any) (Values, error) {
	out := Values{}
	for _, p := range kind.Params {
		if p.Default != nil {
			v, err := convert(p, p.Default)
			if err != nil {
				return nil, fmt.Errorf("default of %s.%s: %w", kind.Name, p.Name, err)
			}
			out[p.Name] = v
		}
	}
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		i := slices.IndexFunc(kind.Params, func(p Param) bool { return p.Name == name })
		if i < 0 {
			names := make([]string, 0, len(kind.Params))
			for _, p := range kind.Params {
				names = append(names, p.Name)
			}
			return nil, fmt.Errorf("%s has no parameter %q%s", kind.Name, name, didYouMean(name, names))
		}
		v, err := convert(kind.Params[i], raw[name])
		if err != nil {
			return nil, fmt.Errorf("%s: parameter %s: %w", kind.Name, name, err)
		}
		out[name] = v
	}
	for _, p := range kind.Params {
		if _, has := out[p.Name]; p.Required && !has {
			return nil, fmt.Errorf("%s needs the parameter %q: %s", kind.Name, p.Name, p.Doc)
		}
	}
	return out, nil
}

func convert(p Param, v any) (any, error) {
	wrong := func() (any, error) { return nil, fmt.Errorf("must be a %s, got %v", p.Type, v) }
	switch p.Type {
	case Text:
		s, ok := v.(string)
		if !ok {
			return wrong()
		}
		return s, oneOf(p, s)
	case Number:
		switch n := v.(type) {
		case int:
			return float64(n), nil
		case float64:
			return n, nil
		}
		return wrong()
	case Whole:
		switch n := v.(type) {
		case int:
			return n, nil
		case float64:
			if n == float64(int(n)) {
				return int(n), nil
			}
		}
		return wrong()
	case Switch:
		if b, ok := v.(bool); ok {
			return b, nil
		}
		return wrong()
	case Duration:
		switch d := v.(type) {
		case time.Duration:
			return d, nil
		case string:
			parsed, err := parseDuration(d)
			if err != nil || parsed < 0 {
				return nil, fmt.Errorf(`must be a duration like "500ms" or "2s", got %q`, d)
			}
			return parsed, nil
		}
		return wrong()
	case List:
		return convertList(p, v)
	case Map:
		if m, ok := v.(map[string]any); ok {
			return m, nil
		}
		return wrong()
	case Any:
		return v, nil
	}
	return wrong()
}

// convertList takes a list of scalars, or one scalar as a list of one.
func convertList(p Param, v any) (any, error) {
	var items []any
	switch l := v.(type) {
	case []string:
		for _, s := range l {
			items = append(items, s)
		}
	case []any:
		items = l
	case string, int, float64:
		items = []any{l}
	default:
		return nil, fmt.Errorf("must be a list, got %v", v)
	}
	out := make([]string, 0, len(items))
	for _, item := range items {
		switch item.(type) {
		case string, int, float64, bool:
		default:
			return nil, fmt.Errorf("must be a list of texts, got %v in it", item)
		}
		s := fmt.Sprint(item)
		if err := oneOf(p, s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// parseDuration knows days beside Go's units: certificates and headers are written in them.
func parseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n > 36_500 {
			return 0, fmt.Errorf("%q is no number of days", s)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	return time.ParseDuration(s)
}

func oneOf(p Param, s string) error {
	if len(p.OneOf) == 0 || slices.Contains(p.OneOf, s) {
		return nil
	}
	return fmt.Errorf("must be one of %s, got %q%s", strings.Join(p.OneOf, ", "), s, didYouMean(s, p.OneOf))
}

// Has tells whether the parameter has a value.
func (v Values) Has(name string) bool { _, ok := v[name]; return ok }

// Text returns a text, "" when there is none.
func (v Values) Text(name string) string { s, _ := v[name].(string); return s }

// Number returns a number, 0 when there is none.
func (v Values) Number(name string) float64 { n, _ := v[name].(float64); return n }

// Whole returns a whole number, 0 when there is none.
func (v Values) Whole(name string) int { n, _ := v[name].(int); return n }

// Switch returns a switch, false when there is none.
func (v Values) Switch(name string) bool { b, _ := v[name].(bool); return b }

// Duration returns a duration, 0 when there is none.
func (v Values) Duration(name string) time.Duration { d, _ := v[name].(time.Duration); return d }

// List returns a list, nil when there is none.
func (v Values) List(name string) []string { l, _ := v[name].([]string); return l }

// Map returns a map, nil when there is none.
func (v Values) Map(name string) map[string]any { m, _ := v[name].(map[string]any); return m }
