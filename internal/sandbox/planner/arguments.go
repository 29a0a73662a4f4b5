package planner

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// values are what a call shall carry, by role.
type values struct {
	client  string
	to      []string
	subject string
	body    string
	query   string
	types   []string
	status  []string
	limit   int
	chart   string
	mail    bool // a mail needs words of its own where the schema demands them
}

// arguments fills a tool's schema.
func arguments(t *Tool, v values) map[string]any {
	out := map[string]any{}
	for _, p := range parameters(t.Parameters) {
		if x, ok := v.fill(p, 0); ok {
			out[p.name] = x
		}
	}
	return out
}

// fill gives a parameter its value; false = it is left out.
func (v values) fill(p param, depth int) (any, bool) {
	if p.types[0] == "object" && len(p.inner) > 0 && depth < maxDepth {
		obj := map[string]any{}
		for _, q := range p.inner {
			if x, ok := v.fill(q, depth+1); ok {
				obj[q.name] = x
			}
		}
		return obj, len(obj) > 0 || p.required
	}
	if said := v.words(p); len(said) > 0 {
		if x, ok := typed(p, said); ok {
			return x, true
		}
	}
	if !p.required {
		return nil, false
	}
	return standIn(p), true
}

// words are what is known for a parameter.
func (v values) words(p param) []string {
	switch p.role {
	case roleClient:
		return some(v.client)
	case roleTo:
		return v.to
	case roleSubject:
		if v.subject == "" && p.required && v.mail {
			return some("Transaction report for client " + v.client)
		}
		return some(v.subject)
	case roleBody:
		if p.required || v.body != "" && p.types[0] == "string" {
			return some(v.body)
		}
	case roleQuery:
		return some(v.query)
	case roleType:
		if v.chart != "" {
			return some(v.chart)
		}
		return v.types
	case roleStatus:
		return v.status
	case roleLimit:
		if v.limit > 0 {
			return some(strconv.Itoa(v.limit))
		}
	case roleOther:
	}
	return nil
}

func some(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// typed turns words into the type that the schema asks for.
func typed(p param, said []string) (any, bool) {
	if p.types[0] == "array" {
		var list []any
		for _, s := range said {
			item := param{types: []string{"string"}}
			if p.item != nil {
				item = *p.item
			}
			if x, ok := one(item, s); ok {
				list = append(list, x)
			}
		}
		return list, len(list) > 0
	}
	if len(said) > 1 && (p.role == roleType || p.role == roleStatus) {
		return nil, false // two filters do not fit into one word: the rows are sorted out afterwards
	}
	return one(p, said[0])
}

func one(p param, s string) (any, bool) {
	if len(p.enum) > 0 {
		return choose(p, s)
	}
	if p.role == roleType && !filterWord(s) {
		return nil, false
	}
	for _, t := range p.types {
		switch t {
		case "string":
			return s, true
		case "integer", "number":
			if n, err := strconv.ParseInt(s, 10, 64); err == nil {
				return n, true
			}
		}
	}
	return nil, false
}

// filterWord tells a narrowing type from a word that just means "transactions".
func filterWord(s string) bool { return !in(s, "purchase payment invoice") }

// choose finds the enum value that means the same.
func choose(p param, s string) (any, bool) {
	for _, e := range p.enum {
		name, ok := e.(string)
		if !ok {
			continue
		}
		low := strings.ToLower(name)
		for _, group := range []synonyms{statusWords, typeWords, chartWords} {
			if low == s || group.of(low) == s || group.of(strings.ReplaceAll(low, "_", " ")) == s {
				return e, true
			}
		}
		if len(s) >= 4 && (strings.HasPrefix(low, s) || strings.HasPrefix(s, low)) {
			return e, true
		}
	}
	return nil, false
}

// standIn is a value for a parameter that must be there and about which nothing is known.
func standIn(p param) any {
	switch {
	case p.fallback != nil:
		return p.fallback
	case p.nullable:
		return nil
	case len(p.enum) > 0:
		if i := slices.IndexFunc(p.enum, func(e any) bool { s, ok := e.(string); return ok && in(strings.ToLower(s), "all any none") }); i >= 0 {
			return p.enum[i]
		}
		return p.enum[0]
	}
	switch p.types[0] {
	case "integer", "number":
		if p.role == roleLimit {
			return 10
		}
		return 0
	case "boolean":
		return false
	case "array":
		return []any{}
	case "object":
		return map[string]any{}
	}
	if p.role == roleType || p.role == roleStatus {
		return "all"
	}
	return ""
}

func encode(args map[string]any) string {
	b, err := json.Marshal(args) // sorted keys: the same arguments are the same text
	if err != nil {
		return "{}"
	}
	return string(b)
}

// scalar takes an argument as text.
func scalar(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case json.Number:
		return x.String()
	case []any:
		if len(x) > 0 {
			return scalar(x[0])
		}
	case int, int64:
		return fmt.Sprint(x)
	}
	return ""
}
