package conformance

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Rule says what a value may be: it fits when one of its alternatives does. An alternative is
//
//	string, number, integer, array      with N.. or N..M: the length, or the number itself
//	boolean, null, object, any, absent
//	uuid, base64                        a string of that form (base64: not empty)
//	= X, != X                           X read as JSON where it is JSON, else as text
//	~ RE                                a string in which the expression is found
type Rule []string

// UnmarshalYAML takes one alternative or a list.
func (r *Rule) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*r = Rule{n.Value}
		return nil
	}
	return n.Decode((*[]string)(r))
}

func (r Rule) String() string { return strings.Join(r, " or ") }

// alternative is one that was read.
type alternative struct {
	word     string
	fits     func(v any, present bool) bool
	low, top float64
}

const uuidForm = `^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`

// read compiles an alternative.
func read(text string) (*alternative, error) {
	op, rest, _ := strings.Cut(text, " ")
	rest = strings.TrimSpace(rest)
	a := &alternative{word: op, low: math.Inf(-1), top: math.Inf(1)}
	is := func(fits func(any) bool) { a.fits = func(v any, present bool) bool { return present && fits(v) } }
	switch op {
	case "=", "!=":
		want := literal(rest)
		is(func(v any) bool { return equal(v, want) == (op == "=") })
		return a, nil
	case "~":
		re, err := regexp.Compile(rest)
		if err != nil || rest == "" || strings.Contains(rest, "(?") { // what other languages do not know
			return nil, fmt.Errorf("rule %q: not an expression", text)
		}
		is(func(v any) bool { s, ok := v.(string); return ok && re.MatchString(s) })
		return a, nil
	case "absent":
		a.fits = func(_ any, present bool) bool { return !present }
	case "any":
		is(func(any) bool { return true })
	case "null":
		is(func(v any) bool { return v == nil })
	case "boolean":
		is(func(v any) bool { _, ok := v.(bool); return ok })
	case "object":
		is(func(v any) bool { _, ok := v.(map[string]any); return ok })
	case "uuid":
		re := regexp.MustCompile(uuidForm)
		is(func(v any) bool { s, ok := v.(string); return ok && re.MatchString(s) })
	case "base64":
		is(func(v any) bool {
			s, ok := v.(string)
			b, err := base64.StdEncoding.DecodeString(s)
			return ok && err == nil && len(b) > 0
		})
	case "string", "number", "integer", "array":
		is(a.measured)
		return a, a.span(rest)
	default:
		return nil, fmt.Errorf("rule %q is not known", text)
	}
	if rest != "" {
		return nil, fmt.Errorf("rule %q: nothing may follow %s", text, op)
	}
	return a, nil
}

func (a *alternative) span(text string) (err error) {
	if text == "" {
		return nil
	}
	low, top, ok := strings.Cut(text, "..")
	if a.low, err = strconv.ParseFloat(low, 64); err == nil && top != "" {
		a.top, err = strconv.ParseFloat(top, 64)
	}
	if err != nil || !ok || a.low > a.top {
		return fmt.Errorf("rule %q: want N.. or N..M", a.word+" "+text)
	}
	return nil
}

func (a *alternative) measured(v any) bool {
	size, ok := 0.0, false
	switch v := v.(type) {
	case string:
		size, ok = float64(utf8.RuneCountInString(v)), a.word == "string"
	case float64:
		size, ok = v, a.word == "number" || a.word == "integer" && v == math.Trunc(v)
	case []any:
		size, ok = float64(len(v)), a.word == "array"
	}
	return ok && size >= a.low && size <= a.top
}

func literal(text string) any {
	var v any
	if json.Unmarshal([]byte(text), &v) == nil {
		return v
	}
	return text
}

func equal(a, b any) bool { return reflect.DeepEqual(a, b) }

// fits judges a value that was decoded from JSON.
func (r Rule) fits(v any, present bool) (bool, error) {
	var errs []error
	for _, text := range r {
		a, err := read(text)
		if err == nil && a.fits(v, present) {
			return true, nil
		}
		errs = append(errs, err)
	}
	return false, errors.Join(errs...)
}
