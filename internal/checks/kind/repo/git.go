package repo

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
	safe "github.com/voicectl/voicectl/internal/checks/kind/git"
)

// errNoGit says that there is no git on this machine.
var errNoGit = safe.ErrAbsent

// git runs one git command that only reads, and gives its output to read.
func git(ctx context.Context, dir string, read func(io.Reader) error, args ...string) (int, error) {
	return safe.Read(ctx, dir, read, args...)
}

func text(to *string) func(io.Reader) error { return safe.Into(to) }

func gitIgnored() *checks.Kind {
	return &checks.Kind{
		Name: "git.ignored", Title: "A file that holds secrets is ignored by git and was never committed",
		Passes: "git ignores the path, does not track it, and no commit ever held it",
		Why:    "What was committed once stays in every clone, however it is removed later.",
		Fix:    "add the path to .gitignore, remove it from the index, and issue new keys if it was ever pushed",
		Source: "git-check-ignore(1)", Saves: "the rule that ignores it, commits that hold it", Severity: checks.Block,
		Needs: []checks.Need{checks.NeedGit}, Timeout: time.Minute,
		Params: []checks.Param{
			{Name: "path", Type: checks.Text, Default: ".env", Doc: "path inside the repository"},
			{Name: "history", Type: checks.Switch, Default: true, Doc: "look into all commits as well"},
		},
		Look: lookIgnored,
	}
}

func lookIgnored(ctx context.Context, scope *checks.Scope, with checks.Values) (checks.Observation, error) {
	path := with.Text("path")
	var rule, tracked, commits string
	code, err := git(ctx, scope.Repo, text(&rule), "check-ignore", "-v", "--no-index", "--", path)
	if err != nil && code != 1 {
		return checks.Observation{}, err
	}
	if _, err := git(ctx, scope.Repo, text(&tracked), "ls-files", "--", path); err != nil {
		return checks.Observation{}, err
	}
	if with.Switch("history") {
		if code, err := git(ctx, scope.Repo, text(&commits), "log", "--all", "--format=%h", "--max-count=20", "--", path); err != nil && code != 128 {
			return checks.Observation{}, err // 128: there is no commit yet
		}
	}
	rule, _, _ = strings.Cut(strings.TrimSpace(rule), "\t")
	held := strings.Fields(commits)
	saw := map[string]any{"ignored_by": rule, "tracked": tracked != "", "commits": held}
	var problems []checks.Problem
	fix := checks.Fix{}
	if rule == "" || strings.Contains(rule, ":!") {
		problems = append(problems, checks.Problem{Text: path + " is not ignored", File: ".gitignore"})
		fix = checks.Fix{Text: "ignore it", Commands: []string{fmt.Sprintf("echo '/%s' >> .gitignore", path)}}
	}
	if tracked != "" {
		problems = append(problems, checks.Problem{Text: path + " is tracked", File: path})
		fix.Commands = append(fix.Commands, "git rm --cached "+path)
	}
	if len(held) > 0 {
		problems = append(problems, checks.Problem{Text: fmt.Sprintf("%d commits hold %s, the newest is %s", len(held), path, held[0]), File: path})
		fix.Text = strings.TrimPrefix(fix.Text+"; every key that it held is known to whoever has a clone: issue new ones", "; ")
	}
	if len(problems) > 0 {
		return checks.Failed(saw, path+" ignored, not tracked, in no commit", fix, problems...), nil
	}
	return checks.Passed(saw), nil
}
