package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
)

// The parts of SARIF 2.1.0 that code scanning services read.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		Results     []sarifResult     `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name            string      `json:"name"`
		Version         string      `json:"version,omitempty"`
		Rules           []sarifRule `json:"rules"`
		SemanticVersion string      `json:"semanticVersion,omitempty"`
	}
	sarifRule struct {
		ID               string    `json:"id"`
		ShortDescription sarifText `json:"shortDescription"`
		Help             sarifText `json:"help"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifInvocation struct {
		ExecutionSuccessful bool `json:"executionSuccessful"`
		ExitCode            int  `json:"exitCode"`
	}
	sarifResult struct {
		RuleID              string            `json:"ruleId"`
		RuleIndex           int               `json:"ruleIndex"`
		Kind                string            `json:"kind"`
		Level               string            `json:"level"`
		Message             sarifText         `json:"message"`
		Locations           []sarifLocation   `json:"locations"`
		PartialFingerprints map[string]string `json:"partialFingerprints"`
		Suppressions        []sarifSuppressed `json:"suppressions,omitempty"`
	}
	sarifSuppressed struct {
		Kind          string `json:"kind"`
		Justification string `json:"justification"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
)

// SARIF writes findings that are not good for code scanning: one result a problem with a place in the
// repository, else one at the line of the checklist.
func SARIF(w io.Writer, r *checks.Report) error {
	run := sarifRun{
		Tool:        sarifTool{sarifDriver{Name: "voicectl", Version: r.Tool.Version, Rules: []sarifRule{}}},
		Invocations: []sarifInvocation{{ExecutionSuccessful: r.Verdict != checks.VerdictInconclusive, ExitCode: r.ExitCode}},
		Results:     []sarifResult{},
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.State == checks.Elsewhere || f.State == checks.Skip || f.Good() {
			continue
		}
		rule := len(run.Tool.Driver.Rules)
		help := f.Fix.Text
		if help == "" {
			help = f.Wanted
		}
		if help == "" {
			help = f.Title
		}
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{f.ID, sarifText{f.Title}, sarifText{help}})
		for _, res := range sarifResults(f) {
			res.RuleIndex = rule
			run.Results = append(run.Results, res)
		}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if err := enc.Encode(sarifLog{
		Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run},
	}); err != nil {
		return fmt.Errorf("write sarif: %w", err)
	}
	return nil
}

func sarifResults(f *checks.Finding) []sarifResult {
	base := sarifResult{RuleID: f.ID, Kind: "fail", Level: sarifLevel(f)}
	if f.Waiver != nil && f.State == checks.Waived {
		base.Suppressions = []sarifSuppressed{{"external", f.Waiver.Owner + ": " + f.Waiver.Reason}}
	}
	var out []sarifResult
	for n, p := range f.Problems {
		if p.File == "" {
			continue
		}
		res := base
		res.Message = sarifText{p.Text}
		res.Locations = []sarifLocation{sarifPlace(p.File, p.Line)}
		res.PartialFingerprints = map[string]string{"voicectl/v1": fmt.Sprintf("%s:%s:%d", f.ID, p.File, n)}
		out = append(out, res)
	}
	if len(out) > 0 {
		return out
	}
	file, line := f.Source, 0
	if i := strings.LastIndexByte(f.Source, ':'); i > 0 {
		if _, err := fmt.Sscanf(f.Source[i+1:], "%d", &line); err == nil {
			file = f.Source[:i]
		}
	}
	base.Message = sarifText{f.Glance()}
	base.Locations = []sarifLocation{sarifPlace(file, line)}
	base.PartialFingerprints = map[string]string{"voicectl/v1": f.ID}
	return []sarifResult{base}
}

func sarifPlace(file string, line int) sarifLocation {
	l := sarifLocation{sarifPhysical{Artifact: sarifArtifact{file}}}
	if line > 0 {
		l.Physical.Region = &sarifRegion{line}
	}
	return l
}

func sarifLevel(f *checks.Finding) string {
	switch {
	case f.State == checks.Fail:
		return "error"
	case f.Severity == checks.Info:
		return "note"
	}
	return "warning"
}
