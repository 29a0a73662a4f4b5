package planner

import (
	"encoding/json"
	"slices"
	"strings"
)

// role is what a parameter is for.
type role string

const (
	roleOther   role = ""
	roleClient  role = "client"
	roleTo      role = "to"
	roleSubject role = "subject"
	roleBody    role = "body"
	roleQuery   role = "query"
	roleType    role = "type"
	roleStatus  role = "status"
	roleLimit   role = "limit"
)

// param is one property of a tool's schema.
type param struct {
	name     string
	role     role
	types    []string // string integer number boolean array object; null is in nullable
	nullable bool
	required bool
	enum     []any
	fallback any // default or const
	item     *param
	inner    []param // of an object
}

// schema is the part of JSON Schema that tools use.
type schema struct {
	Type        any                        `json:"type"`
	Description string                     `json:"description"`
	Format      string                     `json:"format"`
	Enum        []any                      `json:"enum"`
	Const       any                        `json:"const"`
	Default     any                        `json:"default"`
	Properties  map[string]json.RawMessage `json:"properties"`
	Required    []string                   `json:"required"`
	Items       json.RawMessage            `json:"items"`
	AnyOf       []json.RawMessage          `json:"anyOf"`
	OneOf       []json.RawMessage          `json:"oneOf"`
	Ref         string                     `json:"$ref"`
	Defs        map[string]json.RawMessage `json:"$defs"`
	Definitions map[string]json.RawMessage `json:"definitions"`
}

const (
	maxSchema = 64 << 10
	maxDepth  = 4
	maxParams = 64
)

// parameters reads the properties of a tool, sorted by name. A schema that cannot be read has none.
func parameters(raw json.RawMessage) []param {
	var s schema
	if len(raw) > maxSchema || json.Unmarshal(raw, &s) != nil {
		return nil
	}
	defs := s.Defs
	if defs == nil {
		defs = s.Definitions
	}
	return properties(s, defs, 0)
}

func properties(s schema, defs map[string]json.RawMessage, depth int) []param {
	names := make([]string, 0, len(s.Properties))
	for n := range s.Properties {
		names = append(names, n)
	}
	slices.Sort(names)
	out := make([]param, 0, len(names))
	for _, n := range names[:min(len(names), maxParams)] {
		p := property(n, s.Properties[n], defs, depth)
		p.required = slices.Contains(s.Required, n)
		out = append(out, p)
	}
	return out
}

func property(name string, raw json.RawMessage, defs map[string]json.RawMessage, depth int) param {
	var s schema
	p := param{name: name, types: []string{"string"}}
	if json.Unmarshal(raw, &s) != nil || depth > maxDepth {
		return p
	}
	if s.Ref != "" {
		about, target := s.Description, s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
		s = schema{}
		_ = json.Unmarshal(defs[target], &s) // a dangling reference is a parameter without a type
		s.Description = first(about, s.Description)
	}
	for _, alt := range append(s.AnyOf, s.OneOf...) {
		var a schema
		if json.Unmarshal(alt, &a) != nil {
			continue
		}
		if a.Type == "null" {
			p.nullable = true
			continue
		}
		if s.Type == nil {
			a.Description = first(s.Description, a.Description)
			a.Default = s.Default
			s = a
		}
	}
	p.types = typeList(s.Type)
	if i := slices.Index(p.types, "null"); i >= 0 {
		p.nullable, p.types = true, slices.Delete(p.types, i, i+1)
	}
	if len(p.types) == 0 {
		p.types = []string{"string"}
		if len(s.Properties) > 0 {
			p.types = []string{"object"}
		}
	}
	p.enum, p.fallback = s.Enum, s.Default
	if s.Const != nil {
		p.fallback, p.enum = s.Const, []any{s.Const}
	}
	p.role = roleOf(name, s.Description, s.Format, s.Enum)
	if len(s.Items) > 0 {
		item := property(name, s.Items, defs, depth+1)
		p.item = &item
	}
	if p.types[0] == "object" {
		p.inner = properties(s, defs, depth+1)
	}
	return p
}

func typeList(t any) []string {
	switch t := t.(type) {
	case string:
		return []string{t}
	case []any:
		var out []string
		for _, x := range t {
			if s, ok := x.(string); ok {
				out = append(out, s)
			}
		}
		return out
	}
	return nil
}

// roleOf tells a parameter's purpose from its name, then from its description.
func roleOf(name, about, format string, enum []any) role {
	ts := nameTokens(name)
	any1 := func(list string) bool { return slices.ContainsFunc(ts, func(t string) bool { return in(t, list) }) }
	only := len(ts) == 1
	said := plain(read(shorten(about, 300)))
	switch {
	case format == "email", any1("recipient recipients email emails mailto addressee"), only && any1("to"), any1("to") && any1("address"):
		return roleTo
	case any1("subject headline") || only && any1("title"):
		return roleSubject
	case any1("status state"):
		return roleStatus
	case any1("type category kind direction") && !any1("client customer document doc file"):
		return roleType
	case any1("limit count top max size num") && !any1("id"):
		return roleLimit
	case any1("client customer account acct user member clientid customerid userid accountid clientno custid cid"), only && any1("id identifier number"):
		return roleClient
	case any1("body content message summary html note text report") && !any1("query search"):
		if only && any1("text") && has(said, "search", "query", "question") {
			return roleQuery
		}
		return roleBody
	case any1("query q question search term terms keyword keywords prompt topic input searchquery phrase"):
		return roleQuery
	case len(enum) > 0:
		return roleOther
	case has(said, "client id", "customer id", "id of the client", "id of the customer", "client number", "customer number", "account number"):
		return roleClient
	case has(said, "email address", "recipient"):
		return roleTo
	case has(said, "search query", "search for", "question to", "what to search", "query"):
		return roleQuery
	}
	return roleOther
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
