package checks_test

import (
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/checks"
)

// The defects that a backend after the usual pattern brings along: any origin together with credentials, sessions
// that are never deleted, and personal data in the log. All are there at once, and each is found and told.
// Tier: ci.
func TestForeign_DefectsOfTheUsualPatternAreFound(t *testing.T) {
	s := foundation(t)
	w := s.healthy(t)
	for _, faults := range [][]string{nil, {"cors_wildcard_credentials", "sessions_never_deleted", "logs_personal_data"}} {
		w.start(faults...)
		found := byID(w.run("--checklist", "pipecat", "--checklist", "backend", "--checklist", "url", "--only", "pipecat.sec.cors,backend.sec.cors,url.cors,url.sessions,pipecat.mon.log-redacted,backend.sec2.logs"))
		for id, word := range map[string]string{
			"pipecat.sec.cors": "credentials", "backend.sec.cors": "credentials", "url.cors": "credentials",
			"url.sessions": "still", "pipecat.mon.log-redacted": "mail", "backend.sec2.logs": "phone",
		} {
			f := found[id]
			text := ""
			for _, p := range f.Problems {
				text += p.Text + "\n"
			}
			red := f.State == checks.Fail || f.State == checks.Warn
			switch {
			case len(faults) == 0 && f.State != checks.Pass:
				t.Errorf("%s is %s without a defect: %s %v", id, f.State, f.Wanted, f.Saw)
			case len(faults) > 0 && !red:
				t.Errorf("%s is %s: %s %v", id, f.State, f.Wanted, f.Saw)
			case len(faults) > 0 && !strings.Contains(text, word):
				t.Errorf("%s does not say %q: %s", id, word, text)
			}
			for _, personal := range []string{"jane.doe@customer.example", "+14155550123"} {
				if strings.Contains(text, personal) {
					t.Errorf("%s tells the personal data that it found", id)
				}
			}
		}
	}
}
