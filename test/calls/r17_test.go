package calls_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/voicectl/voicectl/test/postgres"
)

// The whole program on a PostgreSQL server that stops in the middle of a call and stays away for another: the
// talk goes on, /readyz says degraded, and when the server is back every turn is there once. Tier: ci.
func TestR17_S2_TheTalkGoesOnWhileTheDatabaseIsAway(t *testing.T) {
	db, err := postgres.New()
	if errors.Is(err, postgres.ErrAbsent) {
		t.Skip(err)
	}
	must(t, err)
	t.Cleanup(func() { must(t, db.Remove()) })
	p := start(t, []string{"DATABASE_URL=" + db.URL("postgres")}, "--sandbox", "--dev", "--admin-addr", "off")
	count := func(what string) string {
		n, err := db.SQL("postgres", "SELECT count(*) FROM voicectl."+what)
		must(t, err)
		return n
	}
	say := func() {
		t.Helper()
		code, out, talk := run(t, nil, "call", "ws"+strings.TrimPrefix(p.url, "http")+"/ws",
			"--say", "What is the refund policy?", "--say", "Tell me more.", "--say", "And how long does it take?", "--say", "Thank you.")
		if code != 0 {
			t.Errorf("call: exit %d\n%s\n%s", code, out, talk)
		}
	}

	first := make(chan struct{})
	go func() { defer close(first); say() }()
	untilIn(t, patience, "a turn in the database", func() bool { return count("turns") != "0" })
	must(t, db.Stop(syscall.SIGINT))
	<-first // the call went on to its end
	untilIn(t, patience, "degraded", func() bool { return readiness(t, p.url) == "degraded" })
	say()
	if got := readiness(t, p.url); got != "degraded" {
		t.Errorf("readyz says %s while the database is away", got)
	}
	must(t, db.Start())
	untilIn(t, patience, "ready", func() bool { return readiness(t, p.url) == "ready" })
	if got := count("calls WHERE end_reason <> ''"); got != "2" {
		t.Errorf("%s ended calls, want 2", got)
	}
	whole := "turns AS t JOIN (SELECT call_id, max(seq) AS last, min(seq) AS first, count(*) AS n FROM voicectl.turns GROUP BY call_id) AS c USING (call_id) WHERE n = last - first + 1 AND n >= 4"
	if all, got := count("turns"), count(whole); all != got || all == "0" {
		t.Errorf("%s turns, of these %s in calls without a gap and of at least four turns", all, got)
	}
	if strings.Contains(p.logs.String(), postgres.Password) {
		t.Error("the log tells the password")
	}
	p.signal(syscall.SIGTERM)
	if code := p.exit(patience); code != 0 {
		t.Errorf("exit %d", code)
	}
}

func readiness(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url + "/readyz")
	must(t, err)
	defer func() { _ = resp.Body.Close() }()
	var b struct{ Status string }
	must(t, json.NewDecoder(resp.Body).Decode(&b))
	return b.Status
}
