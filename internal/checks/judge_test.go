package checks_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
)

func TestJudge_FoldsStatesIntoVerdictAndExitCode(t *testing.T) {
	f := func(state checks.State, severity checks.Severity) checks.Finding {
		return checks.Finding{State: state, Severity: severity}
	}
	pass := f(checks.Pass, checks.Block)
	for name, c := range map[string]struct {
		findings []checks.Finding
		policy   checks.Policy
		verdict  checks.Verdict
		code     int
	}{
		"nothing selected":                     {nil, checks.Policy{}, checks.VerdictInconclusive, 2},
		"only elsewhere":                       {[]checks.Finding{f(checks.Elsewhere, checks.Block)}, checks.Policy{}, checks.VerdictInconclusive, 2},
		"all green":                            {[]checks.Finding{pass, f(checks.NotApplied, checks.Block), f(checks.Waived, checks.Block)}, checks.Policy{}, checks.VerdictPass, 0},
		"nothing ran":                          {[]checks.Finding{f(checks.NotApplied, checks.Block)}, checks.Policy{}, checks.VerdictInconclusive, 3},
		"all skipped, skips allowed":           {[]checks.Finding{f(checks.Skip, checks.Block)}, checks.Policy{AllowSkip: true}, checks.VerdictInconclusive, 3},
		"a warning":                            {[]checks.Finding{pass, f(checks.Warn, checks.Warns)}, checks.Policy{}, checks.VerdictPass, 0},
		"a warning that shall fail":            {[]checks.Finding{pass, f(checks.Warn, checks.Warns)}, checks.Policy{FailOnWarn: true}, checks.VerdictFail, 1},
		"an info that shall not":               {[]checks.Finding{pass, f(checks.Warn, checks.Info)}, checks.Policy{FailOnWarn: true}, checks.VerdictPass, 0},
		"a failure":                            {[]checks.Finding{pass, f(checks.Fail, checks.Block)}, checks.Policy{}, checks.VerdictFail, 1},
		"failure and error":                    {[]checks.Finding{f(checks.Error, checks.Block), f(checks.Fail, checks.Block)}, checks.Policy{}, checks.VerdictFail, 1},
		"an error":                             {[]checks.Finding{pass, f(checks.Error, checks.Block)}, checks.Policy{}, checks.VerdictInconclusive, 3},
		"an error that does not block":         {[]checks.Finding{pass, f(checks.Error, checks.Warns)}, checks.Policy{}, checks.VerdictPass, 0},
		"a skip":                               {[]checks.Finding{pass, f(checks.Skip, checks.Block)}, checks.Policy{}, checks.VerdictInconclusive, 3},
		"a skip that is allowed":               {[]checks.Finding{pass, f(checks.Skip, checks.Block)}, checks.Policy{AllowSkip: true}, checks.VerdictPass, 0},
		"inconclusive":                         {[]checks.Finding{pass, f(checks.Inconclusive, checks.Block)}, checks.Policy{}, checks.VerdictInconclusive, 3},
		"blocked":                              {[]checks.Finding{pass, f(checks.Blocked, checks.Block)}, checks.Policy{AllowSkip: true}, checks.VerdictInconclusive, 3},
		"stale":                                {[]checks.Finding{pass, f(checks.Stale, checks.Block)}, checks.Policy{}, checks.VerdictInconclusive, 3},
		"partly amiss, in a check that blocks": {[]checks.Finding{pass, f(checks.Warn, checks.Block)}, checks.Policy{}, checks.VerdictPass, 0},
	} {
		t.Run(name, func(t *testing.T) {
			counts, verdict, code := checks.Judge(c.findings, c.policy)
			if verdict != c.verdict || code != c.code {
				t.Errorf("got %s %d, want %s %d", verdict, code, c.verdict, c.code)
			}
			if counts[checks.Elsewhere] != 0 {
				t.Error("elsewhere was counted")
			}
		})
	}
}

func TestRun_AWaivedCheckStillRunsAndAnExpiredWaiverDoesNotCount(t *testing.T) {
	now := time.Now()
	fs := run(t, kinds(kind("bad", always(checks.Fail)), kind("ok", always(checks.Pass))), scope(),
		checks.RunOptions{Waivers: []checks.Waiver{
			{Check: "a", Owner: "kim", Reason: "known", Expires: now.Add(time.Hour)},
			{Check: "b", Owner: "kim", Reason: "known", Expires: now.Add(-time.Hour)},
			{Check: "c", Owner: "kim", Reason: "known", Expires: now.Add(time.Hour)},
		}},
		checks.Check{ID: "a", Steps: []checks.Step{step("bad")}}, checks.Check{ID: "b", Steps: []checks.Step{step("bad")}},
		checks.Check{ID: "c", Steps: []checks.Step{step("ok")}})
	if fs[0].State != checks.Waived || fs[0].Waiver.Was != checks.Fail || fs[0].Saw == nil {
		t.Errorf("a: %+v", fs[0])
	}
	if fs[1].State != checks.Fail || !fs[1].Waiver.Expired {
		t.Errorf("b: %+v", fs[1])
	}
	if fs[2].State != checks.Pass || fs[2].Waiver != nil {
		t.Errorf("c: %+v", fs[2])
	}
}

func TestCompile_TellsAllFaultsWithLineAndNearestName(t *testing.T) {
	ks := kinds(kind("health.probe", always(checks.Pass)))
	_, err := checks.Compile(lists(
		checks.Check{ID: "a", Steps: []checks.Step{{Uses: "health.prob", Line: 12}}},
		checks.Check{ID: "b", Steps: []checks.Step{{Uses: "health.probe", Line: 20, With: map[string]any{"txt": "one"}}}},
		checks.Check{ID: "c", Steps: []checks.Step{{Uses: "health.probe", Line: 30, With: map[string]any{"text": "tow"}}}},
		checks.Check{ID: "d", Steps: []checks.Step{{Uses: "health.probe", Line: 40, With: map[string]any{"wait": "soon"}}}},
		checks.Check{ID: "e", Steps: []checks.Step{step("health.probe")}, After: []string{"f"}},
		checks.Check{ID: "f", Steps: []checks.Step{step("health.probe")}, After: []string{"e"}},
	), ks, checks.Selection{}, scope())
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`mine.yaml:12: there is no kind "health.prob"; did you mean "health.probe"?`,
		`mine.yaml:20: health.probe has no parameter "txt"; did you mean "text"?`,
		`mine.yaml:30`, `must be one of one, two, got "tow"; did you mean "two"?`,
		`mine.yaml:40`, `like "500ms"`, `wait for each other: e → f → e`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("lacks %q in:\n%v", want, err)
		}
	}
}

func TestSelection_ATypoSelectsNothingInSilence(t *testing.T) {
	ks := kinds(kind("k", always(checks.Pass)))
	list := lists(checks.Check{ID: "env.key", Areas: []string{"env"}, Tags: []string{"ci"}, Steps: []checks.Step{step("k")}})
	for want, sel := range map[string]checks.Selection{
		`no check has the id "env.kye"; did you mean "env.key"?`: {Only: []string{"env.kye"}},
		`no check is in the area "evn"`:                          {Areas: []string{"evn"}},
		`no check has the tag "paid"`:                            {Tags: []string{"!paid"}},
	} {
		if _, err := checks.Compile(list, ks, sel, scope()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestMask_HidesSecretsInEveryFormAndWellKnownShapes(t *testing.T) {
	m := checks.NewMask("s", map[string]string{"TOKEN": "pa ss/wörd+1", "SHORT": "abc"})
	for _, leak := range []string{
		"x pa ss/wörd+1 y", "cGEgc3Mvd8O2cmQrMQ==", "pa+ss%2Fw%C3%B6rd%2B1", "706120737 pa ss/wörd+1",
		"sk-proj-abcdefghijklmnop1234", "Authorization: Bearer abcdef0123456789", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc",
		"postgres://app:s3cret@db/x", "call +14155550100", "mail john@example.com", "card 4111 1111 1111 1111",
		"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
	} {
		got := m.String(leak)
		for _, part := range []string{"wörd", "cGEgc3", "%C3%B6", "abcdefghijklmnop", "abcdef0123456789", "eyJ", "s3cret", "4155550100", "john@", "4111", "MIIE"} {
			if strings.Contains(got, part) {
				t.Errorf("%q became %q", leak, got)
			}
		}
	}
	for _, harmless := range []string{"abc", "order 1234567890123", "2026-11-24T10:00:00Z", "/v4/p-1/app/health", "p95 612 ms"} {
		if got := m.String(harmless); got != harmless {
			t.Errorf("%q became %q", harmless, got)
		}
	}
	type odd struct{ Inner []string }
	if got := m.Value(map[string]any{"a": []any{odd{[]string{"pa ss/wörd+1"}}}}); strings.Contains(strings.ToLower(strings.Join(strings.Fields(toText(got)), " ")), "wörd") {
		t.Errorf("a struct carried it past: %v", got)
	}
}

func toText(v any) string { return fmt.Sprint(v) }

func TestCompile_NeedsAreSettledForEachLook(t *testing.T) {
	paid := kind("paid", always(checks.Pass))
	paid.Cost = checks.Paid
	key := kind("key", always(checks.Pass))
	key.Needs = []checks.Need{checks.NeedVar("VENDOR_KEY")}
	site := kind("site", always(checks.Pass))
	site.Needs = []checks.Need{checks.NeedTarget}
	ks := kinds(kind("ok", always(checks.Pass)), kind("bad", always(checks.Fail)), paid, key, site)
	for name, c := range map[string]struct {
		steps []string
		want  checks.State
		says  string
	}{
		"a failure is seen though the key is missing": {[]string{"bad", "key"}, checks.Fail, ""},
		"good, and the key is missing":                {[]string{"ok", "key"}, checks.Skip, "VENDOR_KEY"},
		"good, and a part costs money":                {[]string{"ok", "paid"}, checks.Elsewhere, "--allow-paid"},
		"a failure is seen though a part costs money": {[]string{"bad", "paid"}, checks.Fail, ""},
		"all out of scope":                            {[]string{"site"}, checks.Elsewhere, "a URL"},
		"a key is missing and a part is out of scope": {[]string{"key", "site"}, checks.Skip, "VENDOR_KEY"},
	} {
		t.Run(name, func(t *testing.T) {
			sc := scope()
			sc.Env = checks.Env{}
			check := checks.Check{ID: "c"}
			for _, uses := range c.steps {
				check.Steps = append(check.Steps, step(uses))
			}
			f := run(t, ks, sc, checks.RunOptions{}, check)[0]
			if f.State != c.want || !strings.Contains(f.Reason, c.says) {
				t.Errorf("got %s: %s", f.State, f.Reason)
			}
		})
	}
}
