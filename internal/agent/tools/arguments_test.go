package tools

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func TestArguments_AreJudgedBeforeTheCall(t *testing.T) {
	for _, tc := range []struct {
		name, tool, text string
		want             arguments // nil = refused
		why              string
	}{
		{"plain", QueryTransactions, `{"clientId":"5001"}`, arguments{"clientId": "5001"}, ""},
		{"all", QueryTransactions, `{"clientId":"5001","type":"refund","status":"pending"}`, arguments{"clientId": "5001", "type": "refund", "status": "pending"}, ""},
		{"null is the default", QueryTransactions, `{"clientId":"5001","type":null,"status":""}`, arguments{"clientId": "5001"}, ""},
		{"null for a required one", QueryTransactions, `{"clientId":null}`, nil, `"clientId" is missing`},
		{"nothing", QueryTransactions, ``, nil, `"clientId" is missing`},
		{"unclosed brace", QueryTransactions, `{"clientId":"5001"`, arguments{"clientId": "5001"}, ""},
		{"unclosed brace after a comma", QueryTransactions, `{"clientId":"5001", `, arguments{"clientId": "5001"}, ""},
		{"unclosed string is another client", QueryTransactions, `{"clientId":"50`, nil, "not a JSON object"},
		{"not json at all", QueryTransactions, `not json at all`, nil, "not a JSON object"},
		{"an array", QueryTransactions, `["5001"]`, nil, "not a JSON object"},
		{"text behind it", QueryTransactions, `{"clientId":"5001"} {"clientId":"5002"}`, nil, "not a JSON object"},
		{"null", QueryTransactions, `null`, nil, `"clientId" is missing`},
		{"number", QueryTransactions, `{"clientId":5001}`, nil, `"clientId" must be a string`},
		{"object", QueryTransactions, `{"clientId":{"eq":"5001"}}`, nil, `"clientId" must be a string`},
		{"letters", QueryTransactions, `{"clientId":"50a1"}`, nil, "must be 1 to 12 digits"},
		{"wildcard", QueryTransactions, `{"clientId":"%"}`, nil, "must be 1 to 12 digits"},
		{"SQL", QueryTransactions, `{"clientId":"1 OR 1=1"}`, nil, "must be 1 to 12 digits"},
		{"line break at the end", QueryTransactions, `{"clientId":"5001","type":"a\nb"}`, nil, "plain word"},
		{"13 digits", QueryTransactions, `{"clientId":"1234567890123"}`, nil, "13 characters"},
		{"unknown property", QueryTransactions, `{"clientId":"5001","tenant":"x"}`, nil, `no argument "tenant"`},
		{"other case", QueryTransactions, `{"clientID":"5001"}`, nil, `no argument "clientID"`},
		{"too large", SearchDocuments, `{"query":"` + strings.Repeat("x", maxArguments) + `"}`, nil, "bytes"},
		{"query too long", SearchDocuments, `{"query":"` + strings.Repeat("x", 501) + `"}`, nil, "501 characters"},
		{"blank query", SearchDocuments, `{"query":"  "}`, nil, `"query" is missing`},
		{"subject with a header", SendEmailReport, `{"to":"a@b.example","subject":"x\r\nBcc: y@z.example"}`, nil, "one line"},
		{"deep nesting", GenerateChart, `{"clientId":` + strings.Repeat("[", 3000), nil, "not a JSON object"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tl, _ := find(tc.tool)
			got, err := tl.parse(tc.text)
			if tc.want != nil {
				if err != nil || !maps.Equal(got, tc.want) {
					t.Errorf("got %v, %v; want %v", got, err, tc.want)
				}
				return
			}
			var bad *badArgument
			if !errors.As(err, &bad) || !strings.Contains(err.Error(), tc.why) {
				t.Errorf("got %v, %v; want a refusal with %q", got, err, tc.why)
			}
		})
	}
}

func TestAddress_TakesBareAddressesOnly(t *testing.T) {
	for in, want := range map[string]string{
		"John@Example.com": "john@example.com", "a.b+c@my-shop.co.uk": "a.b+c@my-shop.co.uk", "o'brien@example.com": "o'brien@example.com",
	} {
		if got, why := address(in); got != want || why != "" {
			t.Errorf("address(%q) = %q, %q; want %q", in, got, why, want)
		}
	}
	for in, want := range map[string]string{
		"a@x.com\r\nBcc: b@y.com":                "one line",
		`"ok@good.example" <x@evil.example>`:     "without a name",
		"<x@evil.example>":                       "without a name",
		"a@x.com, b@y.com":                       "one address only",
		"a@x.com;b@y.com":                        "one address only",
		"john at example dot com":                "not a valid",
		"":                                       "not a valid",
		"john":                                   "not a valid",
		"john@localhost":                         "not a valid",
		"john@[127.0.0.1]":                       "",
		"john@127.0.0.1":                         "not a valid",
		`"john doe"@example.com`:                 "",
		"john@exämple.com":                       "a to z",
		"jоhn@example.com":                       "a to z", // a Cyrillic o
		"john@-x.com":                            "not a valid",
		strings.Repeat("a", 65) + "@example.com": "not a valid",
		strings.Repeat("a", 300) + "@x.com":      "too long",
		"mailto:john@example.com":                "not a valid",
		"group:a@x.com;":                         "",
		"john@example.com (comment)":             "",
	} {
		if got, why := address(in); why == "" || !strings.Contains(why, want) {
			t.Errorf("address(%q) = %q, %q; want a refusal with %q", in, got, why, want)
		}
	}
}

func TestJUL03_SpecsAreFiveToolsWithSchemasThatAgreeWithTheValidation(t *testing.T) {
	want := map[string]struct{ params, required string }{
		QueryTransactions: {"clientId status type", "clientId"},
		SearchDocuments:   {"query", "query"},
		WebSearch:         {"query", "query"},
		SendEmailReport:   {"clientId subject to", "to"},
		GenerateChart:     {"clientId", "clientId"},
	}
	specs := New(Options{}).Specs()
	if len(specs) != len(want) {
		t.Fatalf("got %d tools; want %d", len(specs), len(want))
	}
	for _, s := range specs {
		w, known := want[s.Name]
		var schema struct {
			Type       string                    `json:"type"`
			Properties map[string]map[string]any `json:"properties"`
			Required   []string                  `json:"required"`
			Additional *bool                     `json:"additionalProperties"`
		}
		if err := json.Unmarshal(s.Parameters, &schema); err != nil {
			t.Fatal(err)
		}
		names := []string{}
		for _, n := range []string{"clientId", "query", "status", "subject", "to", "type"} {
			if schema.Properties[n] != nil {
				names = append(names, n)
			}
		}
		if !known || s.Description == "" || strings.Join(names, " ") != w.params || len(names) != len(schema.Properties) ||
			strings.Join(schema.Required, " ") != w.required || schema.Additional == nil || *schema.Additional {
			t.Errorf("%s: got %s; want parameters %q, required %q, nothing else allowed", s.Name, s.Parameters, w.params, w.required)
		}
	}
}

func compiled(tb testing.TB, t tool) *jsonschema.Schema {
	tb.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(t.schema())))
	if err != nil {
		tb.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("tool.json", doc); err != nil {
		tb.Fatal(err)
	}
	s, err := c.Compile("tool.json")
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// What the validation lets through must also be what the published schema allows.
func FuzzArguments_PassOnlyWhatTheSchemaAllows(f *testing.F) {
	for _, s := range []string{`{"clientId":"5001"}`, `{"clientId":"5001"`, `{"query":"x","a":1}`, `{"to":"a@b.example","subject":null}`, `[[[`, `{"a":{`, `"`} {
		f.Add(s)
	}
	schemas := map[string]*jsonschema.Schema{}
	for _, t := range catalogue {
		schemas[t.name] = compiled(f, t)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, tl := range catalogue {
			args, err := tl.parse(text)
			if err != nil {
				continue
			}
			doc, err := jsonschema.UnmarshalJSON(strings.NewReader(args.canonical()))
			if err != nil {
				t.Fatal(err)
			}
			if err := schemas[tl.name].Validate(doc); err != nil {
				t.Errorf("%s passed %s: %v", tl.name, args.canonical(), err)
			}
		}
	})
}
