package toolchain

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
)

// advisory is the name of a known vulnerability.
var advisory = regexp.MustCompile(`\b(?:GO-\d{4}-\d+|CVE-\d{4}-\d+|PYSEC-\d{4}-\d+|GHSA-[0-9a-z]{4}-[0-9a-z]{4}-[0-9a-z]{4})\b`)

// audited judges the end of an auditor: 0 is clean, bad is "found", all else could not look.
func (j job) audited(r result, fix checks.Fix, bad int) part {
	if r.expired {
		return j.late(r)
	}
	saw := facts(r)
	seen := map[string]bool{}
	var problems []checks.Problem
	for _, id := range advisory.FindAllString(string(r.stdout)+string(r.stderr), -1) {
		if !seen[id] && len(problems) < mostProblems {
			seen[id] = true
			problems = append(problems, checks.Problem{Text: id + " is known, and a version without it is out", Rule: id})
		}
	}
	switch {
	case r.ok() && r.exit == 0:
		return passed(saw, r.log())
	case r.exit == bad && len(problems) > 0:
		saw["advisories"] = len(problems)
		return failing(saw, "0 known vulnerabilities", fix, r.log(), problems...)
	}
	return unclear(saw, "the auditor did not get to work: "+lastLine(r), checks.Fix{Text: "it needs its database: allow it to reach the network"}, r.log())
}

func pythonAudit(ctx context.Context, j job) (part, error) {
	exe := find(j.path(), "pip-audit")
	if exe == "" {
		return missing("pip-audit is not installed", "install it in the project's environment", "pip install pip-audit"), nil
	}
	argv := []string{exe, "--progress-spinner", "off"}
	_, from, err := j.requirements()
	if err != nil {
		return part{}, err
	}
	for _, f := range from {
		if f != "pyproject.toml" {
			argv = append(argv, "-r", f)
		}
	}
	r, err := run(ctx, j.command(argv...))
	if err != nil {
		return part{}, err
	}
	return j.audited(r, checks.Fix{Text: "raise the versions", Commands: []string{"pip-audit --fix"}}, 1), nil
}

func goAudit(ctx context.Context, j job) (part, error) {
	exe := find(j.path(), "govulncheck")
	if exe == "" {
		return missing("govulncheck is not installed", "install it", "go install golang.org/x/vuln/cmd/govulncheck@latest"), nil
	}
	r, err := run(ctx, j.command(exe, "./..."))
	if err != nil {
		return part{}, err
	}
	return j.audited(r, checks.Fix{Text: "raise the modules it names", Commands: []string{"go get -u MODULE", "go mod tidy"}}, 3), nil
}

func nodeAudit(ctx context.Context, j job) (part, error) {
	exe, err := exec.LookPath("npm")
	if err != nil {
		return missing("npm is not installed", "install Node.js"), nil //nolint:nilerr // said in words
	}
	r, err := run(ctx, j.command(exe, "audit", "--json", "--audit-level=high"))
	if err != nil {
		return part{}, err
	}
	var doc struct {
		Metadata *struct {
			Vulnerabilities struct{ High, Critical, Moderate, Low int } `json:"vulnerabilities"`
		} `json:"metadata"`
		Error *struct{ Summary string } `json:"error"`
	}
	fix := checks.Fix{Text: "raise the versions", Commands: []string{"npm audit fix"}}
	if json.Unmarshal(r.stdout, &doc) != nil || doc.Metadata == nil {
		reason := lastLine(r)
		if doc.Error != nil {
			reason = strings.TrimSpace(doc.Error.Summary)
		}
		return unclear(facts(r), "npm audit did not get to work: "+reason, checks.Fix{Text: "it needs the lock file and the registry"}, r.log()), nil
	}
	v := doc.Metadata.Vulnerabilities
	saw := map[string]any{"critical": v.Critical, "high": v.High, "moderate": v.Moderate, "low": v.Low}
	if v.Critical+v.High > 0 {
		return failing(saw, "0 known high", fix, r.log(), checks.Problem{Text: fmt.Sprintf("%d critical and %d high vulnerabilities are known", v.Critical, v.High)}), nil
	}
	return passed(saw, r.log()), nil
}
