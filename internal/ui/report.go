package ui

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
)

// Report writes a report for a terminal. What matters most comes last, where the eye is when a run ends: the
// first failure in full, and under it the verdict. Everything good is a number; verbose lists it.
func (s *Streams) Report(r *checks.Report, verbose bool) error {
	var b strings.Builder
	findings := r.Counted()
	worst := -1
	for i := range findings {
		f := &findings[i]
		switch {
		case f.Good() && !verbose:
			continue
		case worst < 0 && needsEye(f):
			worst = i // the list is sorted, worst first; this one is told in full below
			continue
		}
		s.line(&b, f)
	}
	if worst >= 0 {
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		s.full(&b, &findings[worst])
	}
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	s.verdict(&b, r)
	if _, err := io.WriteString(s.Out, b.String()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func needsEye(f *checks.Finding) bool {
	return f.State == checks.Fail || f.State == checks.Error || f.State == checks.Inconclusive || f.State == checks.Stale
}

// line is a finding in one line, and its next step in another when somebody has to act.
func (s *Streams) line(b *strings.Builder, f *checks.Finding) {
	c := State(f.State).Cell()
	saw := f.Glance()
	switch {
	case f.Good():
		saw = ""
	case f.State == checks.Skip, f.State == checks.Blocked:
		saw = f.Reason
	}
	width := 0
	if s.columns() > 60 {
		width = s.columns() - 16
	}
	fmt.Fprintf(b, "  %s%s%s\n", s.Paint(c.Tone, c.Text), strings.Repeat(" ", max(1, 16-Width(c.Text)-2)), s.Paint(Bold, Clean(f.ID))+"  "+Clean(f.Title))
	for _, text := range []string{saw, arrow(f)} {
		if text == "" {
			continue
		}
		lines := []string{Clean(text)}
		if width > 0 {
			lines = strings.Split(wrapped(lines[0], width), "\n")
		}
		for _, l := range lines {
			fmt.Fprintf(b, "                %s\n", s.Paint(Faint, strings.TrimRight(l, " ")))
		}
	}
}

// arrow is the next step of a finding that nobody has accepted.
func arrow(f *checks.Finding) string {
	switch {
	case f.Good():
		return ""
	case f.State == checks.Waived:
		return fmt.Sprintf("waived by %s until %s: %s", f.Waiver.Owner, f.Waiver.Expires.Format(time.DateOnly), f.Waiver.Reason)
	case len(f.Fix.Commands) > 0:
		return "→ " + f.Fix.Commands[0]
	case f.Fix.Text != "":
		return "→ " + f.Fix.Text
	}
	return ""
}

// full is a finding with everything that is needed to mend it.
func (s *Streams) full(b *strings.Builder, f *checks.Finding) {
	c := State(f.State).Cell()
	fmt.Fprintf(b, "  %s  %s  %s\n", s.Paint(c.Tone, c.Text), s.Paint(Bold, Clean(f.ID)), Clean(f.Title))
	rows := [][2]string{{"saw", f.Glance()}, {"wanted", f.Wanted}, {"fix", f.Fix.Text}}
	for _, p := range f.Problems[min(1, len(f.Problems)):min(6, len(f.Problems))] {
		at := p.File
		if p.Line > 0 {
			at = fmt.Sprintf("%s:%d", p.File, p.Line)
		}
		rows = append(rows[:1], append([][2]string{{"", strings.TrimPrefix(at+": "+p.Text, ": ")}}, rows[1:]...)...)
	}
	for i, cmd := range f.Fix.Commands {
		name := "run"
		if i > 0 {
			name = ""
		}
		rows = append(rows, [2]string{name, cmd})
	}
	if w := f.Waiver; w != nil && w.Expired {
		rows = append(rows, [2]string{"waiver", fmt.Sprintf("of %s expired on %s", w.Owner, w.Expires.Format(time.DateOnly))})
	}
	rows = append(rows, [2]string{"why", "voicectl explain " + f.ID + "    " + f.Source})
	for _, row := range rows {
		if row[1] == "" {
			continue
		}
		lines := []string{Clean(row[1])}
		if s.columns() > 60 {
			lines = strings.Split(wrapped(lines[0], s.columns()-16), "\n")
		}
		for i, l := range lines {
			name := row[0]
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(b, "      %s  %s\n", s.Paint(Faint, fmt.Sprintf("%-8s", name)), strings.TrimRight(l, " "))
		}
	}
}

func (s *Streams) verdict(b *strings.Builder, r *checks.Report) {
	var parts []string
	for _, st := range []checks.State{
		checks.Pass, checks.Warn, checks.Fail, checks.Error, checks.Inconclusive, checks.Blocked, checks.Stale, checks.Skip, checks.Waived, checks.NotApplied,
	} {
		if n := r.Counts[st]; n > 0 {
			c := State(st).Cell()
			parts = append(parts, s.Paint(c.Tone, fmt.Sprintf("%s %d", c.Text, n)))
		}
	}
	if len(parts) == 0 {
		parts = []string{"nothing was selected"}
	}
	tone := map[checks.Verdict]Tone{checks.VerdictPass: Green, checks.VerdictFail: Red, checks.VerdictInconclusive: Yellow}[r.Verdict]
	fmt.Fprintf(b, "  %s   %s\n", strings.Join(parts, "   "), s.Paint(Faint, fmt.Sprintf("%.1f s", r.Run.Ms/1000)))
	words := string(r.Verdict)
	if r.Interrupted {
		words += ", interrupted"
	}
	fmt.Fprintf(b, "  %s  %s\n", s.Paint(tone, s.Paint(Bold, words)), s.Paint(Faint, "exit code "+fmt.Sprint(r.ExitCode)))
}
