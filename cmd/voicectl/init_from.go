package main

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/evidence"
	"github.com/voicectl/voicectl/internal/checks/kind"
)

// fromFile is the checklist that `init --from URL` writes.
const fromFile = "voicectl.checklist.yaml"

// runInitFrom looks at a backend as `check URL` does, and writes what was found as a checklist.
func runInitFrom(ctx context.Context, o *InitOptions) error {
	p := o.proc
	path := filepath.Join(o.dir, fromFile)
	if _, err := os.Lstat(path); err == nil && !o.force && !o.plan {
		return badFile(fmt.Errorf("%s is there already", fromFile), "--force writes over it")
	}
	list, err := p.checklist("url")
	if err != nil {
		return err
	}
	so := &scopeOptions{target: o.from, profile: "any"}
	scope, err := p.checkScope(so, nil, checks.Consent{}, false, evidence.NewID(p.Clock.Now()))
	if err != nil {
		return err
	}
	plan, err := checks.Compile([]checks.Checklist{list}, kind.All(), checks.Selection{}, scope)
	if err != nil {
		return err
	}
	findings := checks.Run(ctx, plan, checks.RunOptions{Retries: 1})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if reached := reachable(findings); reached != nil {
		return inconclusive(fmt.Errorf("nothing was found out about %s: %s", o.from, reached.Glance()), reached.Fix.Text)
	}
	text, found := checklistOf(list, findings, scope.Target)
	for _, f := range found {
		p.UI.Say("  %s", f)
	}
	if o.plan {
		_, err := p.UI.Out.Write(text)
		return err
	}
	if err := o.consent(); err != nil {
		return err
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil { //nolint:gosec // a project folder is no secret
		return badFile(err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil { //nolint:gosec // a checklist is no secret
		return badFile(err, "check that the folder exists and can be written to")
	}
	p.UI.Say("wrote %s; run it: voicectl check %s --checklist %s", fromFile, o.from, fromFile)
	return nil
}

// reachable returns the finding that tells why nothing could be looked at, nil when something could.
func reachable(findings []checks.Finding) *checks.Finding {
	var first *checks.Finding
	for i := range findings {
		switch findings[i].State {
		case checks.Error, checks.Elsewhere, checks.NotApplied, checks.Skip:
			if first == nil && findings[i].State == checks.Error {
				first = &findings[i]
			}
		case checks.Pass, checks.Fail, checks.Warn, checks.Inconclusive, checks.Blocked, checks.Waived, checks.Stale:
			return nil
		}
	}
	return first
}

// ownCheck is a check of the file that is written.
type ownCheck struct {
	ID       string         `yaml:"id"`
	Title    string         `yaml:"title"`
	Uses     string         `yaml:"uses"`
	With     map[string]any `yaml:"with,omitempty,flow"`
	Severity string         `yaml:"severity,omitempty"`
	Area     []string       `yaml:"area,omitempty,flow"`
}

// checklistOf keeps the checks that apply, with what was found pinned: a dialect, a path.
func checklistOf(list checks.Checklist, findings []checks.Finding, target *url.URL) (text []byte, found []string) {
	var own []ownCheck
	for i, c := range list.Checks {
		f := findings[i]
		if f.State == checks.NotApplied || f.State == checks.Elsewhere {
			found = append(found, fmt.Sprintf("– %s: left out, %s", c.ID, f.Reason))
			continue
		}
		st := c.Steps[0]
		with := map[string]any{}
		for k, v := range st.With {
			with[k] = v
		}
		pin(st.Uses, with, f.Saw)
		own = append(own, ownCheck{ID: "own." + strings.TrimPrefix(c.ID, "url."), Title: c.Title, Uses: st.Uses, With: with, Severity: string(c.Severity), Area: c.Areas})
		found = append(found, fmt.Sprintf("%s %s: %s", f.State, c.ID, f.Glance()))
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# What was found at %s. A check that is red today is kept: it says what to mend.\n", target.Redacted())
	b.WriteString("# Add checks of your own below; `voicectl explain` lists the kinds, `voicectl check --lint --checklist " + fromFile + "` reads this file.\n")
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	_ = enc.Encode(map[string]any{ // plain values: it cannot fail
		"checklist": "own", "version": "1.0.0", "title": "Our voice backend",
		"defaults": map[string]any{"profile": "any", "needs": []string{"url"}},
		"checks":   own,
	})
	return b.Bytes(), found
}

// pin writes what was seen into the parameters, so that a change is noticed.
func pin(uses string, with map[string]any, saw map[string]any) {
	switch uses {
	case "health.probe":
		if d, ok := saw["dialect"].(string); ok && d != "" {
			with["dialect"] = d
		}
	case "webhook.twiml":
		for _, side := range []string{"signed", "unsigned"} {
			if m, ok := saw[side].(map[string]any); ok {
				if path, ok := m["path"].(string); ok && path != "" {
					with["path"] = path
					return
				}
			}
		}
	}
}
