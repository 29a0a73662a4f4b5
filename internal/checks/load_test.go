package checks_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/checks"
)

const small = `checklist: mine
version: "1"
defaults: {severity: warn, tags: [all]}
groups:
  - title: One
    defaults: {area: [env], needs: [env]}
    checks:
      - id: a.b
        title: The key is there
        uses: env.present
        with: {names: [KEY], wait: 012}
      - id: a.c
        title: Two looks
        severity: block
        tags: [ci]
        after: [a.b]
        steps:
          - {uses: one}
          - uses: two
            with: {n: 1.5, yes: true}
`

func TestLoad_DefaultsOfGroupAndFileAndLines(t *testing.T) {
	l, err := checks.Load(strings.NewReader(small), "mine.yaml")
	if err != nil {
		t.Fatal(err)
	}
	a, c := l.Checks[0], l.Checks[1]
	if a.Severity != checks.Warns || a.Line != 8 || a.At() != "mine.yaml:8" || a.Group != "One" || a.Needs[0] != checks.NeedEnv || fmt.Sprint(a.Tags) != "[all]" {
		t.Errorf("first: %+v", a)
	}
	if c.Severity != checks.Block || fmt.Sprint(c.Tags) != "[ci all]" || c.After[0] != "a.b" || len(c.Steps) != 2 || c.Steps[1].With["n"] != 1.5 || c.Steps[1].With["yes"] != true {
		t.Errorf("second: %+v", c)
	}
	if len(l.Digest) != 64 {
		t.Errorf("digest %q", l.Digest)
	}
}

func TestLoad_FaultsNameTheLineAndTheNearestKey(t *testing.T) {
	bomb := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for i, c := 0, 'b'; i < 8; i, c = i+1, c+1 {
		bomb += fmt.Sprintf("%c: &%c [%s*%c]\n", c, c, strings.Repeat(fmt.Sprintf("*%c, ", c-1), 9), c-1)
	}
	for name, c := range map[string]struct{ text, want string }{
		"unknown key":         {strings.Replace(small, "severity: block", "severty: block", 1), `mine.yaml:14: a check has no key "severty"; did you mean "severity"?`},
		"unknown severity":    {strings.Replace(small, "severity: block", "severity: blok", 1), `mine.yaml:14: severity must be one of block, warn, info, got "blok"`},
		"the id twice":        {strings.Replace(small, "id: a.c", "id: a.b", 1), `mine.yaml:12: the id "a.b" stands twice`},
		"a key twice":         {strings.Replace(small, "tags: [ci]", "id: other", 1), `a check has the key "id" twice`},
		"uses and steps":      {strings.Replace(small, "tags: [ci]", "uses: x", 1), `either "uses" or "steps"`},
		"no looks":            {"checklist: x\nchecks:\n  - {id: a, title: t}\n", "a looks at nothing"},
		"no checks":           {"checklist: x\nchecks: []\n", "no check in it"},
		"no name":             {"checks:\n  - {id: a, title: t, uses: k}\n", `needs the key "checklist"`},
		"a list":              {"- a\n", "a checklist must be a map"},
		"empty":               {"", "it is empty"},
		"two documents":       {small + "---\n" + small, "more than one document"},
		"not YAML":            {"a: [", "mine.yaml"},
		"an alias bomb":       {bomb, "too large or too deep"},
		"deep":                {"a: " + strings.Repeat("[", 200) + strings.Repeat("]", 200), "too large or too deep"},
		"a huge text":         {"checklist: " + strings.Repeat("x", 9000), "longer than 8192 bytes"},
		"a huge file":         {strings.Repeat("# x\n", 1<<20), "longer than 2097152 bytes"},
		"an id with spaces":   {"checklist: x\nchecks:\n  - {id: 'a b', title: t, uses: k}\n", "letters, digits"},
		"parameters a list":   {"checklist: x\nchecks:\n  - {id: a, title: t, uses: k, with: [1]}\n", "with must be a map"},
		"a parameter twice":   {"checklist: x\nchecks:\n  - {id: a, title: t, uses: k, with: {n: 1, n: 2}}\n", "already defined"},
		"an anchor of itself": {"checklist: &x {a: *x}\n", "mine.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := checks.Load(strings.NewReader(c.text), "mine.yaml")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestLoadWaivers_OwnerReasonAndMomentAreDemanded(t *testing.T) {
	good := "waivers:\n  - {check: a.b, owner: kim, reason: known, expires: 2027-01-31T00:00:00Z}\n"
	ws, err := checks.LoadWaivers(strings.NewReader(good), "w.yaml")
	if err != nil || ws[0].Owner != "kim" || ws[0].Expires.Year() != 2027 {
		t.Fatalf("%+v %v", ws, err)
	}
	for _, c := range [][2]string{
		{"owner: kim, ", `needs "owner"`}, {"reason: known, ", `needs "reason"`}, {", expires: 2027-01-31T00:00:00Z", `needs "expires"`},
	} {
		if _, err := checks.LoadWaivers(strings.NewReader(strings.Replace(good, c[0], "", 1)), "w.yaml"); err == nil || !strings.Contains(err.Error(), c[1]) {
			t.Errorf("without %s: %v", c[0], err)
		}
	}
	if _, err := checks.LoadWaivers(strings.NewReader(strings.Replace(good, "T00:00:00Z", "", 1)), "w.yaml"); err == nil || !strings.Contains(err.Error(), "a moment like") {
		t.Errorf("a bare day: %v", err)
	}
	l, _ := checks.Load(strings.NewReader(small), "mine.yaml")
	if err := checks.CheckWaivers([]checks.Waiver{{Check: "a.d", Line: 3}}, "w.yaml", []checks.Checklist{l}); err == nil || !strings.Contains(err.Error(), "w.yaml:3") {
		t.Errorf("a waiver of nothing: %v", err)
	}
}

func TestLoadOverlay_ChangesThresholdsAndSaysWhatDoesNotApply(t *testing.T) {
	o, err := checks.LoadOverlay(strings.NewReader(`overlay: ours
names: {turn_seconds: my_turns}
changes:
  - {check: one, with: {n: 7}}
  - {check: two, does_not_apply: we have no phone}
  - {check: three, severity: warn}
`), "o.yaml")
	if err != nil {
		t.Fatal(err)
	}
	ls := lists(
		checks.Check{ID: "one", Steps: []checks.Step{step("k", "n", 1)}}, checks.Check{ID: "two", Steps: []checks.Step{step("bad")}},
		checks.Check{ID: "three", Steps: []checks.Step{step("bad", "n", 2)}})
	ls[0].Overlays = []checks.Overlay{o}
	p, err := checks.Compile(ls, kinds(kind("k", func(_ ctx, _ *checks.Scope, with checks.Values) (checks.Observation, error) {
		return checks.Passed(map[string]any{"n": with.Whole("n")}), nil
	}), kind("bad", always(checks.Fail))), checks.Selection{}, scope())
	if err != nil {
		t.Fatal(err)
	}
	fs := checks.Run(t.Context(), p, checks.RunOptions{})
	if fs[0].Saw["n"] != 7 || fs[1].State != checks.NotApplied || fs[1].Reason != "we have no phone" || fs[2].State != checks.Warn || p.Overlays[0].Changed != 3 {
		t.Errorf("%+v", fs)
	}
	ls[0].Overlays[0].Changes[0].Check = "oen"
	if _, err := checks.Compile(ls, nil, checks.Selection{}, scope()); err == nil || !strings.Contains(err.Error(), `o.yaml:4: no check has the id "oen"; did you mean "one"?`) {
		t.Errorf("got %v", err)
	}
}

// In a check of several steps a change reaches each step whose kind has the parameter, whether or not the step sets it;
// one that no step has is a fault.
func TestLoadOverlay_AChangeReachesEveryStepThatTakesIt(t *testing.T) {
	look := kind("k", func(_ ctx, _ *checks.Scope, with checks.Values) (checks.Observation, error) {
		return checks.Passed(map[string]any{"n": with.Whole("n")}), nil
	})
	other := kind("other", always(checks.Pass))
	other.Params = nil
	for key, want := range map[string]string{"n": "", "m": `o.yaml:2: one takes no parameter "m"`} {
		o, err := checks.LoadOverlay(strings.NewReader("overlay: ours\nchanges: [{check: one, with: {"+key+": 7}}]\n"), "o.yaml")
		if err != nil {
			t.Fatal(err)
		}
		ls := lists(checks.Check{ID: "one", Steps: []checks.Step{step("other"), step("k")}})
		ls[0].Overlays = []checks.Overlay{o}
		p, err := checks.Compile(ls, kinds(look, other), checks.Selection{}, scope())
		if got := fmt.Sprint(err); want != "" && !strings.Contains(got, want) || want == "" && err != nil {
			t.Errorf("%s: got %v, want %q", key, err, want)
		}
		if want != "" || err != nil {
			continue
		}
		if saw, _ := checks.Run(t.Context(), p, checks.RunOptions{})[0].Saw["k"].(map[string]any); saw["n"] != 7 {
			t.Errorf("saw %v", saw)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(small)
	f.Add("a: &a [*a]")
	f.Add("waivers: [{check: a}]")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := checks.Load(strings.NewReader(text), "f.yaml")
		if err == nil && len(l.Checks) == 0 {
			t.Error("an empty list was accepted")
		}
		_, _ = checks.LoadOverlay(strings.NewReader(text), "f.yaml")
		_, _ = checks.LoadWaivers(strings.NewReader(text), "f.yaml")
	})
}

type ctx = context.Context
