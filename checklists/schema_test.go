package checklists_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	yaml "go.yaml.in/yaml/v3"

	"github.com/voicectl/voicectl/checklists"
)

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	data, err := checklists.FS.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return s.Validate(v)
}

func TestLists_SatisfyTheSchema(t *testing.T) {
	s := schema(t)
	for _, n := range names {
		data, err := checklists.FS.ReadFile(n.id + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(t, s, string(data)); err != nil {
			t.Errorf("%s: %v", n.id, err)
		}
	}
}

// own is a user's list: a check with one look and a check with two.
const own = `
checklist: ours
title: Our agent
checks:
  - id: ours.up
    title: The agent is up
    uses: health.probe
    with: {dialect: pipecat, max_ms: 500}
  - id: ours.keys
    title: The keys are there
    steps:
      - uses: env.present
        with: {names: [OUR_KEY]}
      - uses: jwt.role
`

func TestSchema_TakesAListOfYourOwn(t *testing.T) {
	s := schema(t)
	if err := validate(t, s, own); err != nil {
		t.Error(err)
	}
	more := own + `    area: health
    severity: warn
    profile: any
    needs: [url, $OPENAI_API_KEY]
    after: [pipecat.local.health-ok]
    tags: [ours, fast]
    expect: 0 missing
    src: ours:1,3-4
    why: Callers hear it first.
    fix: Start it.
groups:
  - title: More
    defaults: {area: [env, api]}
    checks: [{id: ours.more, title: More, uses: http.expect, with: {path: /, status: 200}}]
`
	if err := validate(t, s, more); err != nil {
		t.Error(err)
	}
}

// TestSchema_RefusesWhatIsWrong changes one text of the list at a time; the error names the place and the fault.
func TestSchema_RefusesWhatIsWrong(t *testing.T) {
	s := schema(t)
	const title, with = "    title: The agent is up", "with: {dialect: pipecat, max_ms: 500}"
	for name, tc := range map[string]struct{ from, to, want string }{
		"no name":                 {"checklist: ours\n", "", "missing property 'checklist'"},
		"name in capitals":        {"checklist: ours", "checklist: Ours", "at '/checklist': 'Ours' does not match pattern"},
		"version that is a float": {"title: Our agent", "version: 1.0", "at '/version': got number, want string"},
		"unknown key of the list": {"title: Our agent", "subtitle: x", "additional properties 'subtitle' not allowed"},
		"no checks":               {own[strings.Index(own, "checks:"):], "", "missing property"},
		"empty checks":            {own[strings.Index(own, "checks:"):], "checks: []\n", "at '/checks': minItems"},
		"unknown key of a check":  {title, title + "\n    owner: me", "at '/checks/0': additional properties 'owner' not allowed"},
		"no title":                {title + "\n", "", "at '/checks/0': missing property 'title'"},
		"id with a space":         {"id: ours.up", "id: ours up", "at '/checks/0/id'"},
		"unknown kind":            {"uses: health.probe", "uses: health.prob", "at '/checks/0/uses': value must be one of"},
		"unknown kind of a step":  {"uses: jwt.role", "uses: jwt.rolle", "at '/checks/1/steps/1/uses': value must be one of"},
		"no look":                 {"    uses: health.probe\n    " + with + "\n", "", "at '/checks/0': 'oneOf' failed, none matched"},
		"uses beside steps":       {"    title: The keys are there", "    title: The keys are there\n    uses: jwt.role", "at '/checks/1': 'oneOf' failed, subschemas 0, 1 matched"},
		"with beside steps":       {"    title: The keys are there", "    title: The keys are there\n    with: {env: A}", "at '/checks/1': properties 'uses' required, if 'with' exists"},
		"unknown key of a step":   {"      - uses: jwt.role", "      - uses: jwt.role\n        when: now", "at '/checks/1/steps/1': additional properties 'when' not allowed"},
		"unknown parameter":       {"max_ms: 500", "max_s: 500", "at '/checks/0/with': additional properties 'max_s' not allowed"},
		"parameter of another":    {"names: [OUR_KEY]", "max_ms: 500", "at '/checks/1/steps/0/with': additional properties 'max_ms' not allowed"},
		"parameter of wrong type": {"max_ms: 500", "max_ms: fast", "at '/checks/0/with/max_ms': got string, want number"},
		"value of no choice":      {"dialect: pipecat", "dialect: latin", "at '/checks/0/with/dialect': value must be one of"},
		"duration without a unit": {"max_ms: 500", "within: 5", "at '/checks/0/with/within': got number, want string"},
		"duration in words":       {"max_ms: 500", "within: soon", "at '/checks/0/with/within': 'soon' does not match pattern"},
		"map for a text":          {"max_ms: 500", "path: {a: b}", "at '/checks/0/with/path': got object, want string"},
		"empty with":              {with, "with: {}", "at '/checks/0/with': minProperties"},
		"map for a list":          {"      - uses: jwt.role\n", "    needs: {a: b}\n", "at '/checks/1/needs': got object, want array"},
		"elsewhere of another":    {title, title + "\n    elsewhere: curl http://x", "at '/checks/0/elsewhere': 'curl http://x' does not match pattern"},
		"unknown need":            {title, title + "\n    needs: [internet]", "at '/checks/0/needs/0'"},
		"unknown area":            {title, title + "\n    area: moon", "at '/checks/0/area'"},
		"unknown class":           {title, title + "\n    class: maybe", "at '/checks/0/class': value must be one of"},
		"unknown severity":        {title, title + "\n    severity: fatal", "at '/checks/0/severity': value must be one of"},
		"source without a line":   {title, title + "\n    src: ours", "at '/checks/0/src': 'ours' does not match pattern"},
		"unknown default":         {"checks:", "defaults: {title: x}\nchecks:", "at '/defaults': additional properties 'title' not allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Count(own, tc.from) != 1 {
				t.Fatalf("%q is not in the list once", tc.from)
			}
			text := strings.Replace(own, tc.from, tc.to, 1)
			if err := validate(t, s, text); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want %q, got %v", tc.want, err)
			}
		})
	}
}

// TestSchema_IsClosedAndDescribed walks the schema: every object of fixed form refuses unknown keys, and every
// property tells an editor what it is for.
func TestSchema_IsClosedAndDescribed(t *testing.T) {
	data, err := checklists.FS.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	var walk func(at string, v any)
	walk = func(at string, v any) {
		m, _ := v.(map[string]any)
		if props, has := m["properties"].(map[string]any); has && !strings.Contains(at, "/if") && !strings.Contains(at, "/then") {
			if m["additionalProperties"] != false {
				t.Errorf("%s takes unknown keys", at)
			}
			for name, p := range props {
				seen++
				d, _ := p.(map[string]any)
				text, _ := d["description"].(string)
				if ref, is := d["$ref"].(string); is && text == "" {
					def, _ := doc.(map[string]any)["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
					text, _ = def["description"].(string)
				}
				if text == "" {
					t.Errorf("%s/%s has no description", at, name)
				}
			}
		}
		for k, e := range m {
			walk(at+"/"+k, e)
		}
		if l, is := v.([]any); is {
			for _, e := range l {
				walk(at+"/*", e)
			}
		}
	}
	walk("", doc)
	if seen < 380 {
		t.Errorf("only %d properties were seen", seen)
	}
}
