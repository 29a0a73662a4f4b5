package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
)

// The elements of JUnit's XML as CI systems read it: a suite an area, a case a check.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name      string      `xml:"name,attr"`
		Tests     int         `xml:"tests,attr"`
		Failures  int         `xml:"failures,attr"`
		Errors    int         `xml:"errors,attr"`
		Skipped   int         `xml:"skipped,attr"`
		Time      string      `xml:"time,attr"`
		Timestamp string      `xml:"timestamp,attr"`
		Hostname  string      `xml:"hostname,attr"`
		Cases     []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		Classname string        `xml:"classname,attr"`
		Time      string        `xml:"time,attr"`
		Failure   *junitOutcome `xml:"failure,omitempty"`
		Error     *junitOutcome `xml:"error,omitempty"`
		Skipped   *junitOutcome `xml:"skipped,omitempty"`
		Out       string        `xml:"system-out,omitempty"`
	}
	junitOutcome struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes JUnit's XML. A check that could not be looked at is an error and one that was skipped is
// skipped, so that neither reads as passed.
func JUnit(w io.Writer, r *checks.Report) error {
	all := junitSuites{Name: "voicectl check", Time: seconds(r.Run.Ms)}
	index := map[string]int{}
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.State == checks.Elsewhere {
			continue
		}
		at, has := index[f.Area]
		if !has {
			at = len(all.Suites)
			index[f.Area] = at
			all.Suites = append(all.Suites, junitSuite{
				Name: f.Area, Time: "0.000", Timestamp: r.Run.Started.UTC().Format(time.RFC3339), Hostname: r.Run.Host,
			})
		}
		s := &all.Suites[at]
		c := junitCaseOf(f)
		s.Tests++
		all.Tests++
		switch {
		case c.Failure != nil:
			s.Failures++
			all.Failures++
		case c.Error != nil:
			s.Errors++
			all.Errors++
		case c.Skipped != nil:
			s.Skipped++
			all.Skipped++
		}
		s.Cases = append(s.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("write junit: %w", err)
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(all); err != nil {
		return fmt.Errorf("write junit: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func junitCaseOf(f *checks.Finding) junitCase {
	ms := 0.0
	if f.Ms != nil {
		ms = *f.Ms
	}
	c := junitCase{Name: f.Title, Classname: f.ID, Time: seconds(ms)}
	outcome := &junitOutcome{Message: plain(f.Glance()), Type: string(f.State), Text: plain(details(f))}
	switch f.State {
	case checks.Fail:
		c.Failure = outcome
	case checks.Error, checks.Inconclusive, checks.Blocked, checks.Stale:
		c.Error = outcome
	case checks.Skip, checks.NotApplied:
		outcome.Text = ""
		outcome.Message = plain(f.Reason)
		c.Skipped = outcome
	case checks.Warn, checks.Waived:
		c.Out = plain(string(f.State) + ": " + details(f))
	case checks.Pass, checks.Elsewhere:
	}
	return c
}

// details are saw, wanted, fix and commands, one a line.
func details(f *checks.Finding) string {
	lines := []string{"saw     " + f.Glance()}
	if f.Wanted != "" {
		lines = append(lines, "wanted  "+f.Wanted)
	}
	if f.Fix.Text != "" {
		lines = append(lines, "fix     "+f.Fix.Text)
	}
	for _, c := range f.Fix.Commands {
		lines = append(lines, "        "+c)
	}
	if w := f.Waiver; w != nil {
		lines = append(lines, fmt.Sprintf("waiver  %s until %s: %s", w.Owner, w.Expires.Format(time.DateOnly), w.Reason))
	}
	return strings.Join(append(lines, "at      "+f.Source), "\n")
}

// plain removes what XML 1.0 cannot hold.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\n' && r != '\t' || r == 0xFFFE || r == 0xFFFF {
			return '�'
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
}

func seconds(ms float64) string { return fmt.Sprintf("%.3f", ms/1000) }
