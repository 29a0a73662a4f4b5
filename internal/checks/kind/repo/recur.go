package repo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/chain"
	"github.com/voicectl/voicectl/internal/checks"
)

func recurDone() *checks.Kind {
	return &checks.Kind{
		Name: "recur.done", Title: "A recurring task was done lately", Passes: "the last time is younger than the period",
		Why: "What is done when somebody thinks of it is done until that person leaves.",
		Fix: "do it, and let the record tell", Source: "The checklists", Saves: "the last time, and what tells it", Severity: checks.Warns,
		Needs: []checks.Need{checks.NeedGit},
		Params: []checks.Param{
			{Name: "task", Type: checks.Text, Required: true, Doc: "the task; docs is told by git as well: documentation that was touched no earlier than the period before the newest change of the sources"},
			{Name: "period", Type: checks.Duration, Required: true, Doc: "longest time since it was done"},
		},
		Look: func(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
			done, err := recorded(scope.State, with.Text("task"))
			if err != nil {
				return checks.Observation{}, err
			}
			now, by := scope.Clock.Now(), "the record of the state folder"
			if with.Text("task") == "docs" && now.Sub(done) > with.Duration("period") {
				docs, sources, err := changed(ctx, scope.Repo)
				if err != nil {
					return checks.Observation{}, err
				}
				if !docs.IsZero() {
					done, now, by = docs, sources, "git: the newest change of documentation before the newest of all"
				}
			}
			saw := map[string]any{"task": with.Text("task"), "told_by": by}
			if done.IsZero() {
				return checks.Failed(saw, "done within "+with.Duration("period").String(), checks.Fix{Text: "it was never recorded"},
					checks.Problem{Text: with.Text("task") + " was never done, as far as is recorded"}), nil
			}
			saw["last"] = done.UTC().Format(time.RFC3339)
			if age := now.Sub(done); age > with.Duration("period") {
				return checks.Failed(saw, "done within "+with.Duration("period").String(), checks.Fix{},
					checks.Problem{Text: fmt.Sprintf("%s was last done on %s, %d days before", with.Text("task"), done.Format(time.DateOnly), int(age.Hours()/24))}), nil
			}
			return checks.Passed(saw), nil
		},
	}
}

// recorded is when the state folder says that a task was last done well.
func recorded(state, task string) (time.Time, error) {
	if state == "" {
		return time.Time{}, nil
	}
	f, err := os.Open(filepath.Join(state, "recurring.jsonl")) //nolint:gosec // a fixed name in the state folder
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read recurring tasks: %w", err)
	}
	defer func() { _ = f.Close() }()
	var last time.Time
	_, _, err = chain.Read(f, func(r chain.Record) error {
		var body struct {
			Task string `json:"task"`
			OK   bool   `json:"ok"`
		}
		if json.Unmarshal(r.Body, &body) == nil && body.Task == task && body.OK {
			last = r.At
		}
		return nil
	})
	return last, err
}

// changed are the moments of the newest commits that touched documentation, and anything at all.
func changed(ctx context.Context, dir string) (docs, all time.Time, err error) {
	one := func(paths ...string) (time.Time, error) {
		var out string
		code, gerr := git(ctx, dir, text(&out), append([]string{"log", "-1", "--format=%ct", "--"}, paths...)...)
		if code == 128 || strings.TrimSpace(out) == "" {
			return time.Time{}, nil // there is no such commit
		}
		if gerr != nil {
			return time.Time{}, gerr
		}
		s, perr := strconv.ParseInt(strings.TrimSpace(out), 10, 64)
		return time.Unix(s, 0), perr
	}
	if docs, err = one("*.md", "docs"); err != nil {
		return docs, all, err
	}
	all, err = one(".")
	return docs, all, err
}
