package checklists_test

import (
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/voicectl/voicectl/checklists"
)

func TestFS_HoldsTheListsAndTheSchema(t *testing.T) {
	got, err := fs.Glob(checklists.FS, "*")
	if want := []string{"backend.yaml", "phone.yaml", "pipecat.yaml", "schema.json", "url.yaml"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, want %v: %v", got, want, err)
	}
}

func TestLists_CountsAreThoseOfTheDocuments(t *testing.T) {
	total, lists := 0, load(t)
	for _, n := range names {
		l := lists[n.id]
		got := map[string]int{}
		for _, c := range l.all() {
			got[c.Class]++
			total++
		}
		if !maps.Equal(got, n.count) {
			t.Errorf("%s: %v, want %v", n.id, got, n.count)
		}
		if l.Checklist != n.id || l.Document.Name != n.id || l.Document.Lines != n.lines {
			t.Errorf("%s: checklist %q, document %v, want %d lines", n.id, l.Checklist, l.Document, n.lines)
		}
	}
	if total != 400 {
		t.Errorf("%d checks, want 400", total)
	}
}

// ownSeverity are checks whose severity the map sets itself, and why.
var ownSeverity = map[string]string{
	"pipecat.env.voice":    "warn",  // a voice is optional
	"pipecat.mon.log-agg":  "info",  // an aggregator is optional
	"backend.code.style":   "warn",  // style never blocks
	"backend.code.docs":    "warn",  // nor do missing comments
	"backend.k8s.env":      "block", // inline secrets
	"backend.k8s.probes":   "block", // missing probes
	"pipecat.sec.firewall": "block", // open database or daemon ports
}

func TestLists_SeverityIsTheKinds(t *testing.T) {
	order := []string{"info", "warn", "block"}
	kinds := map[string]string{}
	for _, f := range fields(t, kindsTSV, 2) {
		kinds[f[0]] = f[1]
	}
	if len(kinds) != 68 {
		t.Fatalf("%d kinds, want 68", len(kinds))
	}
	used := map[string]bool{}
	for _, l := range load(t) {
		for _, c := range l.all() {
			want := ""
			for _, s := range c.Steps {
				used[s.Uses] = true
				if slices.Index(order, kinds[s.Uses]) > slices.Index(order, want) {
					want = kinds[s.Uses]
				}
			}
			if own, has := ownSeverity[c.ID]; has {
				want = own
			}
			if c.Severity != want {
				t.Errorf("%s: severity %s, want %s", c.ID, c.Severity, want)
			}
		}
	}
	for k := range kinds {
		if !used[k] {
			t.Errorf("no check uses %s", k)
		}
	}
}

// TestLists_AreFitToRead holds what a stranger relies on: each title says something of its own, each source
// line exists, each check that is waited for is one that check itself runs.
func TestLists_AreFitToRead(t *testing.T) {
	titles, here := map[string]string{}, map[string]bool{}
	lists := load(t)
	for _, l := range lists {
		for _, c := range l.all() {
			here[c.ID] = c.Elsewhere == ""
		}
	}
	for doc, l := range lists {
		for _, c := range l.all() {
			if !strings.HasPrefix(c.ID, doc+".") {
				t.Errorf("%s is not named after its list", c.ID)
			}
			if other := titles[c.Title]; other != "" {
				t.Errorf("%s and %s have the same title", c.ID, other)
			}
			titles[c.Title] = c.ID
			if r := []rune(c.Title); !(unicode.IsUpper(r[0]) || r[0] == '"') || strings.HasSuffix(c.Title, ".") {
				t.Errorf("%s: a title begins with a capital and ends without a full stop: %q", c.ID, c.Title)
			}
			for _, a := range c.After {
				if !here[a] || !here[c.ID] {
					t.Errorf("%s waits for %s; check itself must run both", c.ID, a)
				}
			}
			for _, w := range [][]string{c.Area, c.Needs, c.Tags, c.After} {
				if s := slices.Sorted(slices.Values(w)); len(slices.Compact(s)) != len(w) {
					t.Errorf("%s: %v says something twice", c.ID, w)
				}
			}
			for _, s := range c.Steps {
				if s.Uses == "human.attest" && s.With["role"] != c.Role {
					t.Errorf("%s: signed by %v, but the role is %s", c.ID, s.With["role"], c.Role)
				}
			}
			if fault := outside(c.Src, doc, l.Document.Lines); fault != "" {
				t.Errorf("%s: %s", c.ID, fault)
			}
		}
	}
}

// outside says what is wrong with a source such as "pipecat:184,194-195".
func outside(src, doc string, lines int) string {
	name, where, ok := strings.Cut(src, ":")
	if !ok || name != doc {
		return fmt.Sprintf("src %q is not of %s", src, doc)
	}
	for part := range strings.SplitSeq(where, ",") {
		a, b, isRange := strings.Cut(part, "-")
		from, err := strconv.Atoi(a)
		to := from
		if err == nil && isRange {
			to, err = strconv.Atoi(b)
		}
		if err != nil || from < 1 || to < from || to > lines {
			return fmt.Sprintf("src %q: %s is not in 1..%d", src, part, lines)
		}
	}
	return ""
}

func TestOutside_FindsWrongLines(t *testing.T) {
	for src, good := range map[string]bool{
		"a:1": true, "a:10": true, "a:1,3-4": true,
		"a:0": false, "a:11": false, "a:4-3": false, "a:9-11": false, "b:1": false, "a": false, "a:": false, "a:x": false, "a:1,": false,
	} {
		if got := outside(src, "a", 10); (got == "") != good {
			t.Errorf("%q: %q", src, got)
		}
	}
}

var (
	spaced = regexp.MustCompile(`(\d) (ms|s|min|h|d|days?)\b`)
	figure = regexp.MustCompile(`^(\d+(?:\.\d+)?)(%|ms|s|min|m|h|d|days?|x)?$`)
)

var unit = map[string]float64{
	"": 1, "x": 1, "%": 0.01, "ms": 0.001, "s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400, "day": 86400, "days": 86400,
}

// figures returns the numbers of a text that stand alone or with a unit, in seconds, shares and pieces.
func figures(text string) []float64 {
	var out []float64
	for _, w := range regexp.MustCompile(`[^\w.%]+`).Split(spaced.ReplaceAllString(text, "$1$2"), -1) {
		if m := figure.FindStringSubmatch(w); m != nil {
			n, _ := strconv.ParseFloat(m[1], 64) // the pattern lets only numbers through
			out = append(out, n*unit[m[2]])
		}
	}
	return out
}

// amounts collects the numbers of parameters in the same units.
func amounts(name string, v any) []float64 {
	var out []float64
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			out = append(out, amounts(k, e)...)
		}
	case []any:
		for _, e := range v {
			out = append(out, amounts(name, e)...)
		}
	case int:
		return amounts(name, float64(v))
	case float64:
		switch {
		case strings.HasSuffix(name, "_ms"):
			v /= 1000
		case strings.HasSuffix(name, "days"):
			v *= 86400
		case name == "max_ratio":
			out = append(out, v-1) // "110% of baseline" and "10% worse" are the same
		}
		out = append(out, v)
	case string:
		out = append(out, figures(v)...)
	}
	return out
}

// inWords are numbers of thresholds that explain another number and are no parameter.
var inWords = map[string]string{
	"pipecat.kpi.uptime":    "(<= 43 min 12 s per 30 d)",
	"phone.ok.uptime":       "(<= 3 h 36 min per 30 d)",
	"phone.limit.cold":      "for min_replicas=0",
	"backend.perf.response": "500/500/1000 ms", // a limit a route, see p95
}

// TestLists_MeasuredThresholdsStandInTheParameters: what people read in expect is what commands read in with.
func TestLists_MeasuredThresholdsStandInTheParameters(t *testing.T) {
	seen := 0
	for _, l := range load(t) {
		for _, c := range l.all() {
			if c.Class != "measure" {
				continue
			}
			var have []float64
			for _, s := range c.Steps {
				have = append(have, amounts("", s.With)...)
			}
			for _, want := range figures(strings.ReplaceAll(c.Expect, inWords[c.ID], "")) {
				seen++
				if !slices.ContainsFunc(have, func(n float64) bool { return n-want < 1e-9 && want-n < 1e-9 }) {
					t.Errorf("%s: %v of %q is in no parameter: %v", c.ID, want, c.Expect, have)
				}
			}
		}
	}
	if seen < 40 {
		t.Errorf("only %d numbers were compared", seen)
	}
}
