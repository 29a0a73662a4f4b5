package checks_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scope is one with nothing but a clock and a mask.
func scope() *checks.Scope {
	return &checks.Scope{Clock: clock.Real{}, Mask: checks.NewMask("salt", map[string]string{"KEY": "hunter2-hunter2"})}
}

func kind(name string, look func(context.Context, *checks.Scope, checks.Values) (checks.Observation, error)) *checks.Kind {
	return &checks.Kind{Name: name, Passes: "it is so", Look: look, Params: []checks.Param{
		{Name: "n", Type: checks.Whole},
		{Name: "text", Type: checks.Text, OneOf: []string{"one", "two"}},
		{Name: "wait", Type: checks.Duration, Default: "2s"},
	}}
}

func always(state checks.State) func(context.Context, *checks.Scope, checks.Values) (checks.Observation, error) {
	return func(context.Context, *checks.Scope, checks.Values) (checks.Observation, error) {
		return checks.Observation{State: state, Saw: map[string]any{"it": "was hunter2-hunter2"}}, nil
	}
}

func kinds(list ...*checks.Kind) checks.Kinds {
	out := checks.Kinds{}
	for _, k := range list {
		out[k.Name] = k
	}
	return out
}

func lists(list ...checks.Check) []checks.Checklist {
	for i := range list {
		list[i].File, list[i].Line = "mine.yaml", i+1
	}
	return []checks.Checklist{{ID: "mine", Checks: list}}
}

func step(uses string, with ...any) checks.Step {
	s := checks.Step{Uses: uses, With: map[string]any{}}
	for i := 0; i+1 < len(with); i += 2 {
		s.With[with[i].(string)] = with[i+1]
	}
	return s
}

func run(t *testing.T, ks checks.Kinds, sc *checks.Scope, opts checks.RunOptions, list ...checks.Check) []checks.Finding {
	t.Helper()
	p, err := checks.Compile(lists(list...), ks, checks.Selection{}, sc)
	if err != nil {
		t.Fatal(err)
	}
	return checks.Run(t.Context(), p, opts)
}

func TestRun_KeepsOrderAndLooksOnceAtTheSameThing(t *testing.T) {
	var looks atomic.Int32
	k := kind("k", func(_ context.Context, _ *checks.Scope, with checks.Values) (checks.Observation, error) {
		looks.Add(1)
		return checks.Passed(map[string]any{"n": with.Whole("n"), "wait": with.Duration("wait").String()}), nil
	})
	var list []checks.Check
	for i := range 100 {
		list = append(list, checks.Check{ID: fmt.Sprintf("c.%d", i), Steps: []checks.Step{step("k", "n", i%10)}})
	}
	findings := run(t, kinds(k), scope(), checks.RunOptions{Jobs: 4}, list...)
	for i, f := range findings {
		if f.ID != list[i].ID || f.Saw["n"] != i%10 || f.Saw["wait"] != "2s" || f.State != checks.Pass {
			t.Fatalf("finding %d is %+v", i, f)
		}
	}
	if looks.Load() != 10 {
		t.Errorf("looked %d times at 10 things", looks.Load())
	}
}

func TestRun_AnErrorIsNeitherPassNorFail(t *testing.T) {
	broken := kind("broken", func(context.Context, *checks.Scope, checks.Values) (checks.Observation, error) {
		return checks.Observation{State: checks.Pass}, errors.New("no route for hunter2-hunter2")
	})
	panics := kind("panics", func(context.Context, *checks.Scope, checks.Values) (checks.Observation, error) { panic("boom") })
	silent := kind("silent", func(context.Context, *checks.Scope, checks.Values) (checks.Observation, error) {
		return checks.Observation{}, nil
	})
	for _, f := range run(t, kinds(broken, panics, silent, kind("ok", always(checks.Pass))), scope(), checks.RunOptions{},
		checks.Check{ID: "a", Steps: []checks.Step{step("broken")}},
		checks.Check{ID: "b", Steps: []checks.Step{step("panics")}},
		checks.Check{ID: "c", Steps: []checks.Step{step("silent")}},
		checks.Check{ID: "d", Steps: []checks.Step{step("ok"), step("broken")}},
	) {
		if f.State != checks.Error {
			t.Errorf("%s is %s", f.ID, f.State)
		}
		if strings.Contains(fmt.Sprint(f), "hunter2") {
			t.Errorf("%s tells the secret: %v", f.ID, f)
		}
	}
}

func TestRun_AFailureOfAParentBlocks(t *testing.T) {
	ks := kinds(kind("ok", always(checks.Pass)), kind("bad", always(checks.Fail)))
	findings := run(t, ks, scope(), checks.RunOptions{},
		checks.Check{ID: "grandchild", Steps: []checks.Step{step("ok")}, After: []string{"child"}},
		checks.Check{ID: "child", Steps: []checks.Step{step("ok", "n", 2)}, After: []string{"parent"}},
		checks.Check{ID: "parent", Steps: []checks.Step{step("bad")}},
		checks.Check{ID: "free", Steps: []checks.Step{step("ok", "n", 3)}},
	)
	var states []string
	for _, f := range findings {
		states = append(states, string(f.State))
	}
	if got := strings.Join(states, " "); got != "blocked blocked fail pass" {
		t.Errorf("got %s", got)
	}
	if !strings.Contains(findings[1].Reason, "parent, which is fail") {
		t.Errorf("reason: %q", findings[1].Reason)
	}
}

func TestRun_AnExclusiveLookIsAlone(t *testing.T) {
	var inside, most atomic.Int32
	look := func(context.Context, *checks.Scope, checks.Values) (checks.Observation, error) {
		inside.Add(1)
		defer inside.Add(-1)
		time.Sleep(time.Millisecond) // virtual time
		return checks.Passed(nil), nil
	}
	alone := kind("alone", func(context.Context, *checks.Scope, checks.Values) (checks.Observation, error) {
		for range 5 {
			most.Store(max(most.Load(), inside.Load()))
			time.Sleep(time.Millisecond) // virtual time
		}
		return checks.Passed(nil), nil
	})
	alone.Exclusive = true
	synctest.Test(t, func(t *testing.T) {
		var list []checks.Check
		for i := range 30 {
			list = append(list, checks.Check{ID: fmt.Sprint("n", i), Steps: []checks.Step{step("k", "n", i)}},
				checks.Check{ID: fmt.Sprint("a", i), Steps: []checks.Step{step("alone", "n", i)}})
		}
		run(t, kinds(kind("k", look), alone), scope(), checks.RunOptions{Jobs: 8}, list...)
	})
	if most.Load() != 0 {
		t.Errorf("%d others looked meanwhile", most.Load())
	}
}

type passing struct{ error }

func (passing) Temporary() bool { return true }
func (passing) Hint() string    { return "wait a little" }

func TestRun_RetriesWhatMayPassAndHoldsDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		flaky := kind("flaky", func(context.Context, *checks.Scope, checks.Values) (checks.Observation, error) {
			if calls.Add(1) < 3 {
				return checks.Observation{}, fmt.Errorf("dial: %w", passing{errors.New("refused")})
			}
			return checks.Passed(nil), nil
		})
		never := kind("never", func(ctx context.Context, _ *checks.Scope, _ checks.Values) (checks.Observation, error) {
			<-ctx.Done()
			return checks.Observation{}, ctx.Err()
		})
		never.Timeout = 3 * time.Second
		start := time.Now()
		fs := run(t, kinds(flaky, never), scope(), checks.RunOptions{Retries: 2},
			checks.Check{ID: "flaky", Steps: []checks.Step{step("flaky")}}, checks.Check{ID: "never", Steps: []checks.Step{step("never")}})
		if fs[0].State != checks.Pass || fs[0].Attempts != 3 {
			t.Errorf("flaky: %s after %d attempts", fs[0].State, fs[0].Attempts)
		}
		if fs[1].State != checks.Error || time.Since(start) != 3*time.Second || !strings.Contains(fmt.Sprint(fs[1].Saw), "3s") {
			t.Errorf("never: %s after %v: %v", fs[1].State, time.Since(start), fs[1].Saw)
		}
	})
}

func TestRun_InterruptedRunTellsWhatItDidNotSee(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	hangs := kind("hangs", func(ctx context.Context, _ *checks.Scope, _ checks.Values) (checks.Observation, error) {
		cancel()
		<-ctx.Done()
		return checks.Observation{}, ctx.Err()
	})
	p, err := checks.Compile(lists(checks.Check{ID: "hangs", Steps: []checks.Step{step("hangs")}}), kinds(hangs), checks.Selection{}, scope())
	if err != nil {
		t.Fatal(err)
	}
	fs := checks.Run(ctx, p, checks.RunOptions{})
	if fs[0].State != checks.Skip || fs[0].Reason != "interrupted" {
		t.Errorf("got %+v", fs[0])
	}
}

func TestRun_EventsComeOneAtATime(t *testing.T) {
	var mu sync.Mutex
	var types []checks.EventType
	run(t, kinds(kind("ok", always(checks.Pass))), scope(), checks.RunOptions{On: func(e checks.Event) {
		if !mu.TryLock() {
			t.Error("two events at once")
			return
		}
		defer mu.Unlock()
		types = append(types, e.Type)
	}}, checks.Check{ID: "a", Steps: []checks.Step{step("ok")}}, checks.Check{ID: "b", Steps: []checks.Step{step("ok", "n", 1)}})
	slices.Sort(types)
	if fmt.Sprint(types) != "[finding finding start start]" {
		t.Errorf("got %v", types)
	}
}
