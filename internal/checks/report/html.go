package report

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
)

//go:embed report.html
var page string

// HTML writes one file that needs no network and no script of anybody else: verdict, filters, evidence.
func HTML(w io.Writer, r *checks.Report) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"saw": func(f checks.Finding) string { return f.Glance() },
		"facts": func(v map[string]any) string {
			b, err := json.MarshalIndent(v, "", "  ")
			if err != nil {
				return err.Error()
			}
			return string(b)
		},
		"day":     func(t time.Time) string { return t.Format("2 January 2006") },
		"moment":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"seconds": func(ms float64) string { return fmt.Sprintf("%.1f s", ms/1000) },
		"millis":  func(ms *float64) string { return millis(ms) },
		"place":   checks.Problem.At,
		"daysleft": func(w checks.Waiver) int {
			return int(w.Expires.Sub(r.Run.Started).Hours() / 24)
		},
	}).Parse(page)
	if err != nil {
		return fmt.Errorf("write html: %w", err)
	}
	elsewhere := []checks.Finding{}
	for _, f := range r.Findings {
		if f.State == checks.Elsewhere {
			elsewhere = append(elsewhere, f)
		}
	}
	type count struct {
		State checks.State
		N     int
	}
	var counts []count
	for _, s := range checks.States() {
		if n := r.Counts[s]; n > 0 {
			counts = append(counts, count{s, n})
		}
	}
	if err := t.Execute(w, map[string]any{
		"R": r, "Findings": r.Counted(), "Elsewhere": elsewhere, "Counts": counts, "Summary": r.Summary(),
	}); err != nil {
		return fmt.Errorf("write html: %w", err)
	}
	return nil
}

func millis(ms *float64) string {
	if ms == nil {
		return "not run"
	}
	if *ms >= 1000 {
		return fmt.Sprintf("%.1f s", *ms/1000)
	}
	return fmt.Sprintf("%.0f ms", *ms)
}
