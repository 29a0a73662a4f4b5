package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/report"
)

var update = flag.Bool("update", false, "write the golden files")

func ms(f float64) *float64 { return &f }

// hostile is text as a backend may answer it: it must not become markup, a command or a broken file.
const hostile = "<script>alert(1)</script> ::error::x | `a` \x01\x1b[31m \n## pwned"

func findings() map[string][]checks.Finding {
	started := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	pass := checks.Finding{
		ID: "a.pass", Title: "The key is set", Kind: "env.present", Area: "env", State: checks.Pass, Severity: checks.Block, Role: "TL",
		Saw: map[string]any{"OPENAI_API_KEY": map[string]any{"length": 51}}, Ms: ms(1.25), Attempts: 1, Evidence: []checks.Evidence{}, Source: "checklists/pipecat.yaml:12",
	}
	fail := checks.Finding{
		ID: "a.fail", Title: "No secret in the sources", Kind: "secrets.scan", Area: "security", State: checks.Fail, Severity: checks.Block,
		Saw: map[string]any{"findings": 2, "said": hostile}, Wanted: "no secret", Limit: "0 findings", Ms: ms(812.5), Attempts: 1,
		Problems: []checks.Problem{{Text: "aws-access-token, 20 characters", File: "app/main.py", Line: 7, Rule: "aws-access-token"}, {Text: hostile, File: "b.py", Line: 2}},
		Evidence: []checks.Evidence{{Path: "0a1b2c3d-scan.json", SHA256: strings.Repeat("ab", 32)}},
		Fix:      checks.Fix{Text: "issue a new key", Commands: []string{"git log -S key"}}, Source: "checklists/pipecat.yaml:40",
	}
	warn := checks.Finding{
		ID: "b.warn", Title: hostile, Kind: "headers.security", Area: "security", State: checks.Warn, Severity: checks.Warns,
		Saw: map[string]any{"missing": []string{"HSTS"}}, Wanted: "six headers", Ms: ms(30), Attempts: 2, Evidence: []checks.Evidence{}, Source: "mine.yaml:3",
	}
	broken := checks.Finding{
		ID: "c.error", Title: "The vendor knows the key", Kind: "openai.models", Area: "api", State: checks.Error, Severity: checks.Block,
		Saw: map[string]any{"error": "api.openai.com: no answer in time"}, Wanted: "a look at it", Ms: ms(10000), Attempts: 2, Evidence: []checks.Evidence{}, Source: "checklists/pipecat.yaml:90",
	}
	skip := checks.Finding{ID: "d.skip", Title: "The image is built", Kind: "docker.build", Area: "docker", State: checks.Skip, Severity: checks.Block, Reason: "needs a container engine", Evidence: []checks.Evidence{}, Source: "checklists/pipecat.yaml:100"}
	waived := fail
	waived.ID, waived.State = "a.waived", checks.Waived
	waived.Waiver = &checks.Waiver{Check: "a.waived", Owner: "kim", Reason: "sample key", Expires: started.AddDate(0, 0, 30), Was: checks.Fail}
	elsewhere := checks.Finding{ID: "z.smoke", Title: "It answers", Kind: "chat.turn", State: checks.Elsewhere, Severity: checks.Block, Reason: "judged by another command", Fix: checks.Fix{Commands: []string{"voicectl smoke"}}, Evidence: []checks.Evidence{}}
	return map[string][]checks.Finding{
		"pass": {pass, waived, elsewhere}, "fail": {pass, warn, broken, fail, skip, waived, elsewhere}, "inconclusive": {pass, broken, skip}, "empty": {elsewhere}, "interrupted": {pass, skip},
	}
}

func made(name string) *checks.Report {
	r := &checks.Report{
		SchemaVersion: 1, Tool: checks.Tool{Version: "v1.2.3", Commit: "abcdef"}, Findings: findings()[name], Interrupted: name == "interrupted",
		Run:        checks.RunInfo{ID: "20260304-050607-abcdef", Started: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), Ms: 4123, Target: "https://agent.example.com", Profile: "any", Host: "ci", EndpointClass: "live"},
		Checklists: []checks.ListInfo{{ID: "pipecat", Version: "1.0.0", Digest: strings.Repeat("cd", 32)}},
	}
	r.Counts, r.Verdict, r.ExitCode = checks.Judge(r.Findings, checks.Policy{})
	return r
}

// Each format in each outcome is what the golden file says; -update writes them anew.
func TestEncoders_GoldenFilePerFormatAndOutcome(t *testing.T) {
	for format, encode := range report.Encoders() {
		for outcome := range findings() {
			t.Run(format+"/"+outcome, func(t *testing.T) {
				var b bytes.Buffer
				if err := encode(&b, made(outcome)); err != nil {
					t.Fatal(err)
				}
				path := filepath.Join("testdata", outcome+"."+format)
				if *update {
					if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(b.Bytes(), want) {
					t.Errorf("%s differs; run with -update and look at the change", path)
				}
			})
		}
	}
}

func TestEncoders_TextFromTheWorldStaysText(t *testing.T) {
	for format, encode := range report.Encoders() {
		var b bytes.Buffer
		if err := encode(&b, made("fail")); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		switch format {
		case "json", "sarif":
			if !json.Valid(b.Bytes()) {
				t.Errorf("%s is no JSON", format)
			}
		case "junit":
			if err := xml.Unmarshal(b.Bytes(), new(struct{})); err != nil {
				t.Errorf("junit is no XML: %v", err)
			}
		case "html":
			if strings.Contains(text, "<script>alert") || strings.Contains(text, "http-equiv=\"refresh") {
				t.Error("html holds the backend's markup")
			}
			for _, outside := range []string{"src=\"http", "href=\"http", "url(http"} {
				if strings.Contains(text, outside) {
					t.Errorf("html fetches from outside: %s", outside)
				}
			}
		case "markdown":
			if strings.Contains(text, "<script>") || strings.Contains(text, "\n## pwned") {
				t.Error("markdown holds the backend's markup")
			}
		case "github":
			for line := range strings.Lines(text) {
				if strings.HasPrefix(line, "::error::x") || strings.HasPrefix(line, "## pwned") {
					t.Errorf("a line of the backend became a command: %q", line)
				}
			}
		}
	}
}

func TestJUnit_CountsAndNoSkipLooksGreen(t *testing.T) {
	var b bytes.Buffer
	if err := report.JUnit(&b, made("fail")); err != nil {
		t.Fatal(err)
	}
	var suites struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Skipped  int `xml:"skipped,attr"`
	}
	if err := xml.Unmarshal(b.Bytes(), &suites); err != nil {
		t.Fatal(err)
	}
	if suites.Tests != 6 || suites.Failures != 1 || suites.Errors != 1 || suites.Skipped != 1 {
		t.Errorf("got %+v", suites)
	}
}

func TestSARIF_PlacesAndSuppressions(t *testing.T) {
	var b bytes.Buffer
	if err := report.SARIF(&b, made("fail")); err != nil {
		t.Fatal(err)
	}
	var log struct {
		Runs []struct {
			Tool struct {
				Driver struct {
					Rules []struct{ ID string }
				}
			}
			Results []struct {
				RuleID       string
				RuleIndex    int
				Level        string
				Suppressions []any
				Locations    []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine int }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(b.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	if len(run.Results) != 6 { // two places of the failure, two of the waived one, and one each of warning and error
		t.Fatalf("%d results", len(run.Results))
	}
	for _, r := range run.Results {
		if run.Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID || len(r.Locations) != 1 || r.Locations[0].PhysicalLocation.ArtifactLocation.URI == "" {
			t.Errorf("result %+v", r)
		}
		if (r.RuleID == "a.waived") != (len(r.Suppressions) == 1) || (r.RuleID == "a.fail") != (r.Level == "error") {
			t.Errorf("result %+v", r)
		}
	}
}
