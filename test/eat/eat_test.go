package eat

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const page = "https://app.example.com" // the origin that the server lets in

// `voicectl serve` with the settings of production passes every check that its URL, its environment and its log bring
// into scope, and none is waived. A call was taken before, so that there is something in the log. (tier: ci)
func TestEat_ServeInProductionPassesCheck(t *testing.T) {
	b := newBackend(t)
	dir := t.TempDir()
	call := command(t, dir, append(b.env, "SSL_CERT_FILE="+b.caFile), "call", b.url+"/twilio/voice", "--say", "What is the refund policy?")
	if said, err := call.CombinedOutput(); err != nil {
		t.Fatalf("call: %v\n%s\n%s", err, said, tail(b.logs))
	}
	args := []string{
		b.url, "--ca-file", b.caFile, "--profile", "julia", "--stage", "production", "--checklist", "url,pipecat,backend", "--logs", b.logs, "--origin", page,
		"--overlay", testdata(t, "serve.yaml"),
	}
	for _, stage := range []string{"dev", "staging", "production"} { // environments that share no key
		file := filepath.Join(dir, ".env."+stage)
		must(t, os.WriteFile(file, fmt.Appendf(nil, "OPENAI_API_KEY=sk-%s0123456789abcdefghijklmnopqrstuv\nCARTESIA_API_KEY=sk_car_%s0123456789abcdef\n", stage, stage), 0o600))
		args = append(args, "--compare", stage+"="+file)
	}
	j := check(t, dir, append(b.env, "VOICECTL_TOKEN="+accessKey), args...)
	j.clean(t, 45)
	// What the server was hardened for is judged, and not left out.
	for _, id := range []string{
		"url.health", "url.tls", "url.plain", "url.webhook", "url.cors", "url.headers", "url.errors",
		"pipecat.sec.cors", "pipecat.sec.sanitized", "pipecat.sec.error-text", "pipecat.sec.tls", "pipecat.sec.cert", "pipecat.post.m1-rate", "pipecat.post.m1-auth", "pipecat.mon.log-redacted",
		"backend.sec.cors", "backend.sec.input", "backend.sec.sqli", "backend.sec.https", "backend.sec.auth", "backend.sec.rate",
		"backend.sec2.auth", "backend.sec2.cors", "backend.sec2.logs", "backend.sec2.rate", "backend.sec2.https", "backend.sec2.headers", "backend.sec2.sqli", "backend.sec2.csrf",
		"backend.code.logging", "backend.mon.access",
	} {
		if state := j.state(id); state != "pass" {
			t.Errorf("%s is %q, want pass", id, state)
		}
	}
	if box := b.outbox(t); box != "" {
		t.Errorf("a check sent mail: %s", box)
	}
}

// This repository passes the checks that are about sources, without running any of its commands: the tests are run by
// whoever runs this one. (tier: ci)
func TestEat_ThisRepositoryPassesCheck(t *testing.T) {
	root, err := filepath.Abs("../..")
	must(t, err)
	j := check(t, t.TempDir(), nil, "--repo", root, "--profile", "julia", "--checklist", "pipecat,backend", "--overlay", testdata(t, "repo.yaml"), "--start-cmd", program+" serve --sandbox")
	j.clean(t, 15)
}

func testdata(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", name))
	must(t, err)
	return path
}

// clean wants exit code 0, so many that passed at least, nothing that failed and nothing that was waived.
func (j *judgement) clean(t *testing.T, least int) {
	t.Helper()
	passed := 0
	for _, f := range j.Findings {
		line := fmt.Sprintf("%s (%s, %s) is %s: saw %s, wanted %s", f.ID, f.Kind, f.Severity, f.State, f.Saw, f.Wanted)
		switch {
		case f.State == "pass":
			passed++
		case slices.Contains([]string{"n/a", "elsewhere"}, f.State):
		case slices.Contains([]string{"waived", "fail", "error", "blocked", "stale"}, f.State):
			t.Error(line)
		default:
			t.Log(line)
		}
	}
	if j.code != 0 || j.Verdict != "pass" || passed < least {
		t.Errorf("exit code %d, verdict %s, %d passed, want at least %d\n%s\n%s", j.code, j.Verdict, passed, least, j.text, j.talk)
	}
	if strings.Contains(j.text+j.talk, accessKey) {
		t.Error("the access key was printed")
	}
}

func (j *judgement) state(id string) string {
	for _, f := range j.Findings {
		if f.ID == id {
			return f.State
		}
	}
	return "not there"
}
