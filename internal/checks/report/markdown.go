package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
)

// Markdown writes a summary for a pull request or a job: verdict, what needs an eye, then the rest folded.
func Markdown(w io.Writer, r *checks.Report) error {
	var b strings.Builder
	mark := map[checks.Verdict]string{checks.VerdictPass: "✅", checks.VerdictFail: "❌", checks.VerdictInconclusive: "❔"}[r.Verdict]
	fmt.Fprintf(&b, "## %s voicectl check: %s\n\n", mark, r.Verdict)
	fmt.Fprintf(&b, "%s · %s · run `%s`", r.Summary(), (time.Duration(r.Run.Ms) * time.Millisecond).String(), r.Run.ID)
	if r.Run.Target != "" {
		fmt.Fprintf(&b, " · target `%s`", cell(r.Run.Target))
	}
	b.WriteString("\n\n")
	var good, waived []checks.Finding
	rows := 0
	for _, f := range r.Counted() {
		switch {
		case f.State == checks.Waived:
			waived = append(waived, f)
		case f.Good():
			good = append(good, f)
		default:
			if rows++; rows == 1 {
				b.WriteString("| state | check | saw | wanted | fix |\n|---|---|---|---|---|\n")
			}
			fmt.Fprintf(&b, "| %s | **%s**<br>`%s` | %s | %s | %s |\n",
				f.State, cell(f.Title), cell(f.ID), cell(f.Glance()), cell(f.Wanted), fixCell(f.Fix))
		}
	}
	for _, f := range waived {
		fmt.Fprintf(&b, "\nWaived: **%s** by %s until %s (%s)\n", cell(f.Title), cell(f.Waiver.Owner), f.Waiver.Expires.Format(time.DateOnly), cell(f.Waiver.Reason))
	}
	if len(good) > 0 {
		fmt.Fprintf(&b, "\n<details><summary>%d good</summary>\n\n", len(good))
		for _, f := range good {
			fmt.Fprintf(&b, "- %s `%s` %s\n", f.State, cell(f.ID), cell(f.Title))
		}
		b.WriteString("\n</details>\n")
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write markdown: %w", err)
	}
	return nil
}

// cell makes text safe inside a table: what came from the world must not become markup.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "\r", " ", "<", "&lt;", ">", "&gt;", "`", "'", "[", `\[`, "]", `\]`, "*", `\*`, "_", `\_`).Replace(s)
}

func fixCell(f checks.Fix) string {
	parts := []string{}
	if f.Text != "" {
		parts = append(parts, cell(f.Text))
	}
	for _, c := range f.Commands {
		parts = append(parts, "<code>"+cell(c)+"</code>")
	}
	return strings.Join(parts, "<br>")
}
