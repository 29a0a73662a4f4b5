package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/voicectl/voicectl/internal/checks"
)

// mostAnnotations is how many GitHub shows of a step; the rest is counted in a line of its own.
const mostAnnotations = 10

// GitHub writes workflow commands, which GitHub Actions shows as annotations beside the code.
func GitHub(w io.Writer, r *checks.Report) error {
	var b strings.Builder
	n := 0
	for _, f := range r.Counted() {
		if f.Good() || f.State == checks.Waived || f.State == checks.Skip {
			continue
		}
		if n++; n > mostAnnotations {
			continue
		}
		level := "warning"
		if f.State == checks.Fail {
			level = "error"
		}
		props := []string{"title=" + prop(f.ID)}
		if len(f.Problems) > 0 && f.Problems[0].File != "" {
			props = append(props, "file="+prop(f.Problems[0].File))
			if line := f.Problems[0].Line; line > 0 {
				props = append(props, fmt.Sprintf("line=%d", line))
			}
		}
		fmt.Fprintf(&b, "::%s %s::%s\n", level, strings.Join(props, ","), message(f.Title+"\n"+details(&f)))
	}
	if n > mostAnnotations {
		fmt.Fprintf(&b, "::notice title=voicectl::%d more findings are in the report\n", n-mostAnnotations)
	}
	fmt.Fprintf(&b, "voicectl check: %s (%s)\n", r.Verdict, message(r.Summary()))
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write github: %w", err)
	}
	return nil
}

// message escapes as the runner asks for, so that text from the world cannot become a command.
func message(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func prop(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}
