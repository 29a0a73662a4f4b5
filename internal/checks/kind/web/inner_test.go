package web

import (
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/voicectl/voicectl/internal/checks"
)

func TestRoutes_OfEachProfile(t *testing.T) {
	of := func(profile, word string) string {
		var out []string
		for _, r := range table {
			if r.of(profile) && r.in(word) {
				out = append(out, r.path)
			}
		}
		return strings.Join(out, " ")
	}
	for _, c := range []struct{ profile, word, want string }{
		{"julia", "api", "/start /connect /api/calls /api/calls/voicectl-probe"},
		{"phone", "api", "/api/calls /api/calls/voicectl-probe"},
		{"audio", "audio", "/detect_wakeword /detect_command /verify_voice /enroll_voice /collect_sample"},
		{"phone", "webhooks", "/ /twilio/voice /twilio/fallback /twilio/status"},
		{"phone", "sockets", "/ws /twilio/media"},
		{"audio", "sockets", ""},
		{"any", "health", "/health /readyz /livez"},
		{"julia", "/start", "/start"},
	} {
		if got := of(c.profile, c.word); got != c.want {
			t.Errorf("%s %s: got %q, want %q", c.profile, c.word, got, c.want)
		}
	}
	if n, all := len(strings.Fields(of("any", "all"))), len(table); n != all {
		t.Errorf("any means %d of %d routes", n, all)
	}
}

func TestReadDescription_TakesRoutesAndNeverTheOnesThatAct(t *testing.T) {
	doc := `{"paths":{
		"/items/{id}":{"get":{},"delete":{},"parameters":[]},
		"/upload":{"post":{"requestBody":{"content":{"multipart/form-data":{}}}}},
		"/form":{"post":{"requestBody":{"content":{"application/x-www-form-urlencoded":{}}}}},
		"/reset":{"post":{}},
		"/healthz":{"get":{}}, "/docs":{"get":{}}, "/hook/twilio":{"post":{"requestBody":{"content":{"application/json":{}}}}},
		"relative":{"get":{}}, "/q?x":{"get":{}}}}`
	var got []string
	for _, r := range readDescription([]byte(doc)) {
		asked := ""
		if !r.harmless() {
			asked = " (not asked)"
		}
		got = append(got, r.String()+" "+string(r.takes)+" "+string(r.group)+asked)
	}
	want := []string{
		"GET /docs  docs", "POST /form form api", "GET /healthz  health", "POST /hook/twilio json webhooks",
		"GET /items/voicectl-probe  api", "DELETE /items/voicectl-probe  api (not asked)", "POST /reset  api (not asked)", "POST /upload sound api",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func FuzzReadDescription(f *testing.F) {
	f.Add([]byte(`{"paths":{"/a/{b}":{"get":{"requestBody":{"content":{"application/json":{}}}}}}}`))
	f.Add([]byte(`{"paths":{"/a":{"get":7}}}`))
	f.Add([]byte(`{"paths":[]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		for _, r := range readDescription(doc) {
			if _, err := url.Parse("http://h" + r.path); err != nil && !strings.ContainsAny(r.path, "\x00\x7f") && strings.IndexFunc(r.path, func(c rune) bool { return c < ' ' }) < 0 {
				t.Errorf("%q: %v", r.path, err)
			}
			if !strings.HasPrefix(r.path, "/") || len(r.path) > 5000 {
				t.Errorf("got %q", r.path)
			}
		}
	})
}

func TestParseField(t *testing.T) {
	for text, good := range map[string]bool{"a": true, "a:int": true, "a:int>=0": true, "a:text": true, "": false, ":int": false, "a:float": false, "a:int>=x": false} {
		if _, err := parseField(text); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{"3": 3 * time.Second, "0": 0, "Fri, 02 Jan 2026 03:04:15 GMT": 10 * time.Second, "Fri, 02 Jan 2015 03:04:15 GMT": 0} {
		if got, ok := retryAfter(http.Header{"Retry-After": {text}}, now); !ok || got != want {
			t.Errorf("%q: %v %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "soon", "-1", "1e9", "99999999"} {
		if _, ok := retryAfter(http.Header{"Retry-After": {text}}, now); ok {
			t.Errorf("%q is taken", text)
		}
	}
}

// What no detector may take for something: lines as good backends write them.
func TestHits_LeaveGoodLinesAlone(t *testing.T) {
	for _, line := range []string{
		`{"ts":"2026-11-24T15:38:59.456Z","level":"info","msg":"listening","addr":"127.0.0.1:8000"}`,
		`{"request_id":"2afd0c57-5d9c-41d6-809a-bd684e24f73d","ms":1732460000123456}`,
		`WWW-Authenticate: Bearer realm="voicectl"`,
		`{"error":"unauthorized","details":"Send one of the access keys as: Authorization: Bearer KEY."}`,
		`{"client_id":"","text":""}`, `call_sid=CA00000000000000000000000000000000`, `version 1.2.3-4567`, `user@host`,
		`GET /api/calls 200 12ms`, `https://agent.example.com/health`, `0000 0000 0000 0000`, `sha256:9f86d081884c7d659a2feaa0c55ad015`,
	} {
		if got := hits(line, detectorNames(), nil); len(got) > 0 {
			t.Errorf("%s: %v", line, got)
		}
	}
}

// Every row that check judges takes parameters that these kinds take.
func TestRows_OfTheChecklistsCompile(t *testing.T) {
	kinds := checks.Kinds{}
	for _, k := range Kinds() {
		kinds[k.Name] = k
		if k.Title == "" || k.Passes == "" || k.Why == "" || k.Fix == "" || k.Source == "" || k.Saves == "" || k.Severity == "" {
			t.Errorf("%s is not described", k.Name)
		}
		for _, p := range k.Params {
			if p.Doc == "" {
				t.Errorf("%s.%s has no word", k.Name, p.Name)
			}
		}
	}
	type step struct {
		Uses string         `yaml:"uses"`
		With map[string]any `yaml:"with"`
	}
	var rows []checks.Check
	for _, name := range []string{"pipecat", "backend", "phone"} {
		text, err := os.ReadFile("../../../../checklists/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Groups []struct {
				Checks []struct {
					ID        string `yaml:"id"`
					Elsewhere string `yaml:"elsewhere"`
					Steps     []step `yaml:"steps"`
					step      `yaml:",inline"`
				} `yaml:"checks"`
			} `yaml:"groups"`
		}
		if err := yaml.Unmarshal(text, &doc); err != nil {
			t.Fatal(err)
		}
		for _, g := range doc.Groups {
			for _, c := range g.Checks {
				row := checks.Check{ID: c.ID, File: name}
				for _, s := range append(c.Steps, c.step) {
					if kinds[s.Uses] != nil && c.Elsewhere == "" {
						row.Steps = append(row.Steps, checks.Step{Uses: s.Uses, With: s.With})
					}
				}
				if len(row.Steps) > 0 {
					rows = append(rows, row)
				}
			}
		}
	}
	if len(rows) < 25 {
		t.Fatalf("only %d rows were found", len(rows))
	}
	if _, err := checks.Compile([]checks.Checklist{{ID: "t", Checks: rows}}, kinds, checks.Selection{}, &checks.Scope{}); err != nil {
		t.Error(err)
	}
}
