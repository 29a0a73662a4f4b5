package conformance

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestRule_Fits(t *testing.T) {
	for _, tc := range []struct {
		rule Rule
		json string // "" = absent
		want bool
	}{
		{Rule{"string"}, `"a"`, true},
		{Rule{"string"}, `1`, false},
		{Rule{"string"}, ``, false},
		{Rule{"string 1.."}, `""`, false},
		{Rule{"string 1..2"}, `"åä"`, true}, // characters, not bytes
		{Rule{"string 1..2"}, `"abc"`, false},
		{Rule{"number 0.7..4"}, `0.7`, true},
		{Rule{"number 0.7..4"}, `4.01`, false},
		{Rule{"integer"}, `3.0`, true},
		{Rule{"integer"}, `3.5`, false},
		{Rule{"integer 1.."}, `0`, false},
		{Rule{"array 1..1"}, `[1]`, true},
		{Rule{"array 1..1"}, `[]`, false},
		{Rule{"object"}, `{}`, true},
		{Rule{"object"}, `[]`, false},
		{Rule{"boolean"}, `false`, true},
		{Rule{"boolean"}, `0`, false},
		{Rule{"null"}, `null`, true},
		{Rule{"null"}, ``, false},
		{Rule{"any"}, `null`, true},
		{Rule{"any"}, ``, false},
		{Rule{"absent"}, ``, true},
		{Rule{"absent"}, `null`, false},
		{Rule{"uuid"}, `"123e4567-e89b-12d3-a456-426614174000"`, true},
		{Rule{"uuid"}, `"123e4567"`, false},
		{Rule{"base64"}, `"AAA="`, true},
		{Rule{"base64"}, `"A A"`, false},
		{Rule{"base64"}, `""`, false},
		{Rule{"= list"}, `"list"`, true},
		{Rule{"= list"}, `"lists"`, false},
		{Rule{"= 2"}, `2`, true},
		{Rule{"= 2"}, `"2"`, false},
		{Rule{`= "2"`}, `"2"`, true},
		{Rule{"= true"}, `true`, true},
		{Rule{"!= a"}, `"b"`, true},
		{Rule{"!= a"}, `"a"`, false},
		{Rule{"!= a"}, ``, false},
		{Rule{"~ ^a.c$"}, `"abc"`, true},
		{Rule{"~ ^a.c$"}, `"abcd"`, false},
		{Rule{"~ ."}, `1`, false},
		{Rule{"null", "= x"}, `"x"`, true},
		{Rule{"null", "= x"}, `"y"`, false},
	} {
		var v any
		if tc.json != "" {
			if err := json.Unmarshal([]byte(tc.json), &v); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := tc.rule.fits(v, tc.json != ""); got != tc.want || err != nil && !tc.want {
			t.Errorf("%v on %s: got %v %v, want %v", tc.rule, tc.json, got, err, tc.want)
		}
	}
	for _, bad := range []string{"", "text", "string 3", "string 3..1", "string a..b", "null 1..", "~", "~ (", "~ (?i)a", "uuid x"} {
		if err := (Rule{bad}).check("here"); err == nil {
			t.Errorf("the rule %q was taken", bad)
		}
	}
	if (Rule{}).check("here") == nil {
		t.Error("a rule without an alternative was taken")
	}
}

func TestShape_ComparesByPath(t *testing.T) {
	const doc = `{"a":{"b":[{"c":1},{"c":"x"}],"n":null},"list":[]}`
	var v any
	if err := json.Unmarshal([]byte(doc), &v); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{ // the rule is integer
		"a.b[0].c":  "",
		"a.b[].c":   `a.b[1].c: wanted integer, saw "x"`,
		"a.b[-1].c": `a.b[-1].c: wanted integer, saw "x"`,
		"a.b[2].c":  "a.b[2]: wanted integer, saw nothing",
		"a.b[2]?.c": "",
		"a.x":       "a.x: wanted integer, saw nothing",
		"a.x?":      "",
		"a.x?.y":    "",
		"a.x.y":     "a.x: wanted integer, saw nothing",
		"a.n.y":     "a.n: wanted an object, saw null",
		"a[].c":     `a: wanted an array, saw ` + `{"b":[{"c":1},{"c":"x"}],"n":null}`,
		"list[]":    "",
		".":         `.: wanted integer, saw {"a":{"b":[{"c":1},{"c":"x"}],"n":null},"list":[]}`,
	} {
		var got []string
		for _, d := range (Shape{path: Rule{"integer"}}).compare(v, "") {
			got = append(got, d.Path+": wanted "+d.Wanted+", saw "+d.Saw)
		}
		if strings.Join(got, "; ") != want {
			t.Errorf("%s: got %v, want %q", path, got, want)
		}
	}
	for _, bad := range []string{"", "a.", ".a", "a..b", "a[", "a[x]", "a]", "a.[0]", "?", "a??"} {
		if _, err := split(bad); err == nil {
			t.Errorf("the path %q was taken", bad)
		}
	}
}

func TestParse_RefusesWhatCouldNeverHold(t *testing.T) {
	const head = "vendor: x\nsource: x\ncases:\n  - name: a-case\n    why: because\n    cost: free\n"
	const step = "    steps:\n      - request: {method: GET, path: /}\n        expect: {status: 200}\n"
	if _, err := Parse([]byte(head + step)); err != nil {
		t.Fatal(err)
	}
	for want, text := range map[string]string{
		"vendor and cases":        "source: x\n",
		"field nonsense":          head + step + "    nonsense: 1\n",
		"steps":                   head,
		"there are two":           head + step + strings.TrimPrefix(head, "vendor: x\nsource: x\ncases:\n") + step,
		"cost must be":            strings.Replace(head, "free", "cheap", 1) + step,
		"name must be":            strings.Replace(head, "a-case", "A case", 1) + step,
		"key must be":             head + step + "    key: golden\n",
		"status or a class":       head + "    steps:\n      - request: {method: GET, path: /}\n        expect: {class: odd}\n",
		"a request and what":      head + "    steps:\n      - request: {method: GET, path: /}\n",
		"method and a path":       head + "    steps:\n      - request: {method: GET, path: x}\n        expect: {status: 200}\n",
		"is not known":            head + "    steps:\n      - request: {method: GET, path: /}\n        expect: {status: 200, json: {a: text}}\n",
		"want names":              head + "    steps:\n      - request: {method: GET, path: /}\n        expect: {status: 200, json: {a..b: any}}\n",
		"a script":                head + "    steps:\n      - socket: {path: /}\n",
		"parts, want one":         head + "    steps:\n      - socket: {path: /, script: [{say: a, close: 1000}]}\n",
		"not compared":            head + "    steps:\n      - socket: {path: /, script: [{say: a}], whole: {joined: [{path: a}]}}\n",
		"sound needs":             head + "    steps:\n      - socket: {path: /, script: [{sound: {ms: 20, encoding: mp3, rate: 8000, frame_ms: 20}}]}\n",
		"something follows":       head + step + "---\na: 1\n",
		"kind, or is in words":    head + "    steps:\n      - socket: {path: /, script: [{receive: {many: true}}]}\n",
		"a socket or a request":   head + "    steps:\n      - socket: {path: /, script: [{say: a}]}\n        request: {method: GET, path: /}\n",
		"lines must be":           head + "    steps:\n      - request: {method: GET, path: /}\n        expect: {status: 200, lines: odd}\n",
		"a rule needs an altern":  head + "    steps:\n      - request: {method: GET, path: /}\n        expect: {status: 200, json: {a: []}}\n",
		"cannot unmarshal":        head + "    steps:\n      - request: {method: GET, path: /}\n        expect: {status: twohundred}\n",
		"not an expression":       head + "    steps:\n      - request: {method: GET, path: /}\n        expect: {status: 200, type: '~ ('}\n",
		"nothing may follow null": head + "    steps:\n      - request: {method: GET, path: /}\n        expect: {status: 200, text: 'null 3'}\n",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := Load("acme"); err == nil || !strings.Contains(err.Error(), "unknown vendor") {
		t.Errorf("got %v", err)
	}
}

func TestVars_MaskKeepsKeysAndContentBack(t *testing.T) {
	v := vars{"key": `sk-abcdef"0123456789`, "temporary_key": "eyJhbGciOi.J9.x", "model": "gpt-9"}
	for in, want := range map[string]string{
		show(map[string]string{"m": "you sent " + v["key"] + "!"}): `{"m":"you sent •••!"}`,
		"Incorrect API key provided: sk-abc***********6789.":       "Incorrect API key provided: •••",
		"jwt=" + v["temporary_key"]:                                "jwt=•••",
		"the model gpt-9":                                          "the model gpt-9",
		"two\nlines\x1b[31m":                                       "two lines [31m",
		strings.Repeat("ä", 200):                                   strings.Repeat("ä", 79) + "…",
	} {
		if got := v.mask(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	if _, err := v.text("a ${nobody}"); err == nil {
		t.Error("a variable that is not set was taken")
	}
}
