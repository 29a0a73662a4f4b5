package checklists_test

import (
	_ "embed"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

//go:embed testdata/map.tsv
var mapTSV string

//go:embed testdata/kinds.tsv
var kindsTSV string

// row is one row of the map (testdata/map.tsv): what the three documents ask for, as the facts that a check of the
// same id must hold.
type row struct {
	id, src, class string
	commands       []string // the first words of the commands that judge it
	kinds          []kind
	scope          string
	threshold      string // "" = none
	role           string
}

// kind is a kind with its parameters in short form: op=deploy,on=render,wait.
type kind struct{ name, params string }

func fields(t *testing.T, table string, n int) [][]string {
	t.Helper()
	var out [][]string
	for line := range strings.Lines(table) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != n {
			t.Fatalf("%d fields, want %d: %q", len(f), n, line)
		}
		out = append(out, f)
	}
	return out
}

func rows(t *testing.T) []row {
	t.Helper()
	scopes := map[string]string{"U": "url", "U*": "observed", "R": "repo", "V": "vendor", "P": "platform", "H": "host", "B": "bundled", "M": "people"}
	var out []row
	for _, f := range fields(t, mapTSV, 8) {
		r := row{id: f[0], src: f[1], class: f[2], commands: strings.Split(f[3], ";"), scope: scopes[f[5]], threshold: f[6], role: f[7]}
		if r.threshold == "-" {
			r.threshold = ""
		}
		for _, m := range regexp.MustCompile(`([a-z0-9_]+\.[a-z0-9_]+)\{(.*?)\}(?: \+ |$)`).FindAllStringSubmatch(f[4], -1) {
			r.kinds = append(r.kinds, kind{m[1], m[2]})
		}
		out = append(out, r)
	}
	return out
}

// differences says in which facts a check is not as its row.
func differences(c check, r row) []string {
	var out []string
	equal := func(what string, got, want any) {
		if !reflect.DeepEqual(got, want) {
			out = append(out, fmt.Sprintf("%s: %s is %q, want %q", r.id, what, got, want))
		}
	}
	equal("id", c.ID, r.id)
	equal("class", c.Class, r.class)
	equal("role", c.Role, r.role)
	equal("scope", c.Scope, r.scope)
	equal("src", c.Src, r.src)
	equal("expect", c.Expect, r.threshold)
	var uses, want []string
	for _, s := range c.Steps {
		uses = append(uses, s.Uses)
	}
	for _, k := range r.kinds {
		want = append(want, k.name)
	}
	equal("uses", uses, want)
	if slices.Equal(uses, want) {
		for i, k := range r.kinds {
			for _, word := range unsaid(c.Steps[i], k.params) {
				out = append(out, fmt.Sprintf("%s: step %s lacks %q of {%s}: %v", r.id, k.name, word, k.params, c.Steps[i].With))
			}
		}
	}
	return append(out, misplaced(c, r)...)
}

var word = regexp.MustCompile(`[A-Za-z0-9_./*%-]+`)

// words cuts a text into comparable words: lower case, dashes, numbers in one spelling.
func words(text string) []string {
	var out []string
	for _, w := range word.FindAllString(text, -1) {
		w = strings.Trim(strings.ToLower(strings.ReplaceAll(w, "_", "-")), ".")
		if n, err := strconv.ParseFloat(w, 64); err == nil {
			w = strconv.FormatFloat(n, 'g', -1, 64)
		}
		if w != "" {
			out = append(out, w)
		}
	}
	return out
}

// said collects the words of parameters, names included.
func said(v any, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			said(k, into)
			said(e, into)
		}
	case []any:
		for _, e := range v {
			said(e, into)
		}
	default:
		for _, w := range words(fmt.Sprint(v)) {
			into[w] = true
		}
	}
}

// spelled holds the words that the lists spell differently from the map's short form. No word stands for what
// the scope gives (the start command, the region) and for what joins words.
var spelled = map[string][]string{
	"or": nil, "and": nil, "has": nil, "of": nil, "vs": nil, "/": nil,
	"argv": nil, "region": nil,
	"rule": {"rules"}, "host": {"hosts"}, "on": {"platform"}, "names": {"between"}, "keys": {"key"},
	"list": {"configured"}, "commit": {"remote-has-commit"}, "remote": {"remote-has-commit"},
	"buildcommand": {"build-command"}, "startcommand": {"start-command"},
	"all5":  nil, // fiveTools
	"32hex": {"0-9a-fa-f", "32"}, "uuid": {"0-9a-f", "8", "4", "12"}, "session": {"session.*"}, "16gb": {"gpu-gb", "16"},
	"capacity": {"voicectl-calls-capacity"}, "section": {"else-section"},
	"config": {"config/"}, "redirect": {"301", "302", "307", "308"},
	"expect": {"status"}, // of http.expect with codes
	"root":   {"image-layers"},
	"5":      {"install", "run", "configure", "test", "licence"}, // of file.present
	"audio":  {"/detect-wakeword", "/detect-command", "/verify-voice"},
	"limit":  {"500ms", "1000ms"},
}

// fiveTools are the tools and the data functions that "all5" means.
var fiveTools = map[string][]string{
	"tool.call":         {"query-transactions", "search-documents", "web-search", "send-email-report", "generate-transaction-chart"},
	"supabase.function": {"transaction-query", "rag-retrieval", "web-search-tool", "transaction-email", "transaction-chart"},
}

// unsaid returns the words of the map's parameters that a step does not say.
func unsaid(s step, params string) []string {
	have := map[string]bool{}
	said(s.With, have)
	var out []string
	for _, w := range words(params) {
		if have[w] {
			continue
		}
		other, known := spelled[w]
		if w == "all5" {
			other = fiveTools[s.Uses]
		}
		if !known || slices.ContainsFunc(other, func(o string) bool { return !have[o] }) {
			out = append(out, w)
		}
	}
	return out
}

// grammar is what may follow `voicectl` in elsewhere. ID stands for the id of the check.
var grammar = regexp.MustCompile(`^voicectl (` + strings.Join([]string{
	`smoke (ws|tools|context|errors|call|audio|privacy|recovery|prod) --only ID`,
	`load (http|audio|calls|find-limit) --only ID`,
	`monitor (watch|health|metrics|logs|slo|alerts|dashboard|diagnose (start|memory|slow|timeouts)) --only ID`,
	`maintain (daily|weekly|monthly|quarterly|archive|backup) --only ID`,
	`signoff (sign ID|status|verify|report)`,
	`deploy ((init|status|logs|env) )?(docker|compose|kubernetes|render|railway|ecr|apprunner|lambda|cerebrium)`,
	`image (build|push)`,
	`init`,
	`rollback (diagnose --only ID|--step (restart|release|env|reset))`,
	`twilio (show|set|restore|fallback on( --plan)?)`,
	`serve (--dev|--dev --profile audio|--profile phone)`,
}, "|") + `)$`)

// misplaced says whether a check is judged where its row says. `image` and `init` are the homes of what the
// map files under deploy.
func misplaced(c check, r row) []string {
	if r.commands[0] == "check" {
		if c.Elsewhere != "" || len(c.Area) == 0 {
			return []string{fmt.Sprintf("%s: is judged by check, so it has an area (%q) and no elsewhere (%q)", r.id, c.Area, c.Elsewhere)}
		}
		return nil
	}
	if !grammar.MatchString(strings.ReplaceAll(c.Elsewhere, c.ID, "ID")) || len(c.Area) > 0 {
		return []string{fmt.Sprintf("%s: is judged by %v, so it has no area (%q) and elsewhere is a command: %q", r.id, r.commands, c.Area, c.Elsewhere)}
	}
	command := strings.Fields(c.Elsewhere)[1]
	if command == "image" || command == "init" {
		command = "deploy"
	}
	if !slices.Contains(r.commands, command) {
		return []string{fmt.Sprintf("%s: is judged by %v, not by %q", r.id, r.commands, c.Elsewhere)}
	}
	return nil
}

func TestLists_HoldTheMap(t *testing.T) {
	lists, all := load(t), rows(t)
	if len(all) != 400 {
		t.Fatalf("the map has %d rows, want 400", len(all))
	}
	byID := map[string]check{}
	for _, n := range names {
		for _, c := range lists[n.id].all() {
			if _, twice := byID[c.ID]; twice {
				t.Errorf("%s stands twice", c.ID)
			}
			byID[c.ID] = c
		}
	}
	for _, r := range all {
		c, has := byID[r.id]
		if !has {
			t.Errorf("%s is missing", r.id)
			continue
		}
		for _, d := range differences(c, r) {
			t.Error(d)
		}
		delete(byID, r.id)
	}
	for id := range byID {
		t.Errorf("%s is in no row", id)
	}
}

// TestDifferences_AreFound changes each fact of a check once: a comparison that finds nothing proves nothing.
func TestDifferences_AreFound(t *testing.T) {
	lists := load(t)
	find := func(id string) (check, row) {
		doc, _, _ := strings.Cut(id, ".")
		l := lists[doc].all()
		all := rows(t)
		return l[slices.IndexFunc(l, func(c check) bool { return c.ID == id })], all[slices.IndexFunc(all, func(r row) bool { return r.id == id })]
	}
	const here, there = "pipecat.env.openai", "backend.kpi.wakeword-ms"
	for _, id := range []string{here, there} {
		if c, r := find(id); len(differences(c, r)) > 0 {
			t.Fatalf("%s is found different as it stands", id)
		}
	}
	for name, tc := range map[string]struct {
		id     string
		change func(c *check)
	}{
		"id":               {here, func(c *check) { c.ID += "x" }},
		"class":            {here, func(c *check) { c.Class = "act" }},
		"role":             {here, func(c *check) { c.Role = "PO" }},
		"scope":            {here, func(c *check) { c.Scope = "repo" }},
		"src":              {here, func(c *check) { c.Src = "pipecat:43" }},
		"expect":           {here, func(c *check) { c.Expect = "HTTP 201" }},
		"another kind":     {here, func(c *check) { c.Steps[0].Uses = "env.pattern" }},
		"a step less":      {here, func(c *check) { c.Steps = c.Steps[1:] }},
		"a parameter less": {here, func(c *check) { c.Steps[2].With = nil }},
		"another value":    {here, func(c *check) { c.Steps[1].With = map[string]any{"name": "OPENAI_API_KEY", "prefix": "pk-"} }},
		"another number": {there, func(c *check) {
			c.Steps[0].With = map[string]any{"path": "/detect_wakeword", "n": 100, "c": 10, "p95": "600ms"}
		}},
		"elsewhere":          {here, func(c *check) { c.Elsewhere = "voicectl load http --only " + here }},
		"no area":            {here, func(c *check) { c.Area = nil }},
		"an area":            {there, func(c *check) { c.Area = []string{"api"} }},
		"no elsewhere":       {there, func(c *check) { c.Elsewhere = "" }},
		"another command":    {there, func(c *check) { c.Elsewhere = "voicectl smoke audio --only " + there }},
		"another check's":    {there, func(c *check) { c.Elsewhere = "voicectl load audio --only " + here }},
		"no command of ours": {there, func(c *check) { c.Elsewhere = "voicectl load audio " + there }},
		"shell in a command": {there, func(c *check) { c.Elsewhere += "; true" }},
	} {
		t.Run(name, func(t *testing.T) {
			c, r := find(tc.id)
			c.Steps = slices.Clone(c.Steps)
			if tc.change(&c); len(differences(c, r)) == 0 {
				t.Error("not found")
			}
		})
	}
}
