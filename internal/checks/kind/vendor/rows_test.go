package vendor_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/checklists"
	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/kind/vendor"
	"github.com/voicectl/voicectl/internal/clock"
)

// Each row of the built-in checklists gives what its kind takes, also where another command judges it.
func TestKinds_TakeWhatTheChecklistsGive(t *testing.T) {
	kinds := checks.Kinds{}
	for _, k := range vendor.Kinds() {
		kinds[k.Name] = k
		if k.Why == "" || k.Fix == "" || k.Source == "" || k.Passes == "" || k.Saves == "" || k.Severity == "" {
			t.Errorf("%s does not explain itself", k.Name)
		}
		for _, p := range k.Params {
			if p.Doc == "" {
				t.Errorf("%s: the parameter %s has no words", k.Name, p.Name)
			}
		}
	}
	used := 0
	for _, name := range []string{"pipecat.yaml", "backend.yaml", "phone.yaml"} {
		f, err := checklists.FS.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		list, err := checks.Load(f, name)
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list.Checks {
			for _, step := range c.Steps {
				if kinds[step.Uses] == nil {
					continue
				}
				used++
				one := checks.Check{ID: "t", Steps: []checks.Step{step}, File: name}
				if _, err := checks.Compile([]checks.Checklist{{ID: "t", Checks: []checks.Check{one}}}, kinds, checks.Selection{}, &checks.Scope{Clock: clock.Real{}}); err != nil {
					t.Errorf("%s: %v", c.ID, err)
				}
			}
		}
	}
	if used < 30 {
		t.Errorf("%d steps use these kinds, and the documents have more", used)
	}
}

// Every variable that the sources name is one that is taken from the process: else the kind would only ever see
// an env file.
func TestVariables_AreThoseThatTheSourcesRead(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`"((?:CARTESIA|CEREBRIUM|DATABASE|HF|OPENAI|PUBLIC|RAILWAY|RENDER|SPEECHMATICS|SUPABASE|TWILIO|ULTRAVOX|VOICE)_[A-Z_]+)"`)
	listed := map[string]int{}
	for _, n := range vendor.Variables() {
		listed[n] = 0
	}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range name.FindAllStringSubmatch(string(text), -1) {
			if _, known := listed[m[1]]; !known {
				t.Errorf("%s reads %s, which is not listed", f, m[1])
			}
			listed[m[1]]++
		}
	}
	for n, times := range listed {
		if times < 2 { // once is the list itself
			t.Errorf("%s is listed and nothing reads it", n)
		}
	}
}
