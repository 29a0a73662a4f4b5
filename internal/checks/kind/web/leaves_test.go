package web_test

import (
	"testing"

	"github.com/voicectl/voicectl/internal/checks"
)

func TestSocket_ASessionThatStaysIsFound(t *testing.T) {
	with := map[string]any{"leaves": true}
	judge(t, look(t, scopeOf(t, faulty(t)), "ws.connect", with), checks.Pass, "sessions_after")
	judge(t, look(t, scopeOf(t, faulty(t, "sessions_never_deleted")), "ws.connect", with), checks.Fail, "still 1 after its socket was closed")
	judge(t, look(t, scopeOf(t, faulty(t, "health_missing_field")), "ws.connect", with), checks.Inconclusive, "counts no sessions")
	judge(t, look(t, scopeOf(t, fixture(t, nil, "--profile", "audio")[0]), "ws.connect", with), checks.NotApplied, "opens no socket")
}
