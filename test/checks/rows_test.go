package checks_test

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/voicectl/voicectl/checklists"
	"github.com/voicectl/voicectl/internal/checks"
)

// judged are the rows of the three checklists that check itself judges, in their order.
func judged(t *testing.T) (ids []string) {
	t.Helper()
	for _, id := range []string{"pipecat", "backend", "phone"} {
		f, err := checklists.FS.Open(id + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		list, err := checks.Load(f, id+".yaml")
		_ = f.Close() // read only
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list.Checks {
			if c.Elsewhere == "" {
				ids = append(ids, c.ID)
			}
		}
	}
	return ids
}

// notGreen are the rows that are not green in the healthy world, with the state and the reason.
var notGreen = map[string]struct {
	state  checks.State
	reason string
}{
	"pipecat.docker.built":      {checks.Skip, noEngine},
	"pipecat.docker.runs-local": {checks.Skip, noEngine},
	"pipecat.docker.env":        {checks.Skip, noEngine},
	"pipecat.docker.ports":      {checks.Skip, noEngine},
	"pipecat.docker.ok-build":   {checks.Skip, noEngine},
	"pipecat.docker.ok-run":     {checks.Skip, noEngine},
	"pipecat.docker.ok-health":  {checks.Skip, noEngine},
	"pipecat.sec.firewall":      {checks.Inconclusive, "loopback is not seen as the world sees a host"},
	"backend.docs.schema":       {checks.NotApplied, "the backend has no database"},
}

// healthyRun is one run for two tests: it takes half a minute.
var healthyRun struct {
	sync.Mutex
	report *checks.Report
}

// green is the report of a whole run in a healthy world.
func green(t *testing.T, s *shared) map[string]checks.Finding {
	t.Helper()
	healthyRun.Lock()
	defer healthyRun.Unlock()
	if healthyRun.report == nil {
		w := s.healthy(t)
		w.start()
		r := w.run()
		healthyRun.report = &r
		t.Logf("whole run: %.1f s, %v", r.Run.Ms/1000, r.Counts)
	}
	return byID(*healthyRun.report)
}

// Tier: ci.
func TestRows_EachIsJudgedAgainstTheFixture(t *testing.T) {
	s := foundation(t)
	found := green(t, s)
	rows := judged(t)
	if len(rows) < 100 {
		t.Fatalf("only %d rows", len(rows))
	}
	for _, id := range rows {
		f, has := found[id]
		want := checks.Pass
		if e, is := notGreen[id]; is {
			want = e.state
		}
		if s.database == "" && strings.HasPrefix(id, "pipecat.sec.rls-tested") {
			want = checks.Skip // no PostgreSQL on this machine
		}
		if !has || f.State != want {
			t.Errorf("%s is %s, want %s: %s %v %v %v", id, f.State, want, f.Reason, f.Wanted, f.Problems, f.Saw["error"])
		}
	}
	for _, id := range slices.Sorted(maps.Keys(notGreen)) {
		if !slices.Contains(rows, id) {
			t.Errorf("%s is an exception and no row", id)
		}
	}
}

func TestRows_EveryRowHasAFault(t *testing.T) {
	rows := judged(t)
	var flipped []string
	for _, f := range faults(&shared{}) {
		flipped = append(flipped, f.rows...)
	}
	for _, id := range rows {
		if _, except := notFlipped[id]; except == slices.Contains(flipped, id) {
			t.Errorf("%s: in the table %t, excepted %t", id, !except, except)
		}
	}
	for _, id := range append(flipped, slices.Collect(maps.Keys(notFlipped))...) {
		if !slices.Contains(rows, id) {
			t.Errorf("%s is no row that check judges", id)
		}
	}
}

// Tier: ci.
func TestRows_EachIsFlippedByAFault(t *testing.T) {
	s := foundation(t)
	before := green(t, s)
	healthy := s.healthy(t)
	healthy.start()
	for _, f := range faults(s) {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			if slices.Contains(f.vars, "SUPABASE_DB_URL") && s.database == "" {
				t.Skip("no PostgreSQL on this machine")
			}
			w := *healthy
			w.t, w.vars = t, with(s.vars(), f.vars...)
			if len(f.switches)+len(f.args) > 0 {
				args := slices.Clone(f.args)
				for _, name := range f.switches {
					args = append(args, "--fault", name)
				}
				w.url, w.plain, w.log = s.backend(t, w.vars, args...)
			}
			if len(f.files) > 0 {
				w.copied(f.files)
			}
			if f.edit != nil {
				f.edit(&w)
			}
			found := byID(w.run("--only", strings.Join(f.rows, ",")))
			for _, id := range f.rows {
				if got := found[id]; got.State != checks.Fail && got.State != checks.Warn {
					t.Errorf("%s is %s: %s %v %v", id, got.State, got.Reason, got.Wanted, got.Saw)
				}
				if was := before[id].State; was != checks.Pass && was != checks.NotApplied {
					t.Errorf("%s is %s without the fault", id, was)
				}
			}
		})
	}
}
