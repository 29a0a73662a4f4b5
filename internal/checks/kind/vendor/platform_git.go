package vendor

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/voicectl/voicectl/internal/checks/kind/git"
)

const origin = "origin"

// lookGit tells whether the remote holds the commit that is checked out.
func lookGit(ctx context.Context, d *drift) error {
	head, code, err := git.Text(ctx, d.scope.Repo, "rev-parse", "--verify", "HEAD")
	if err != nil && code != 0 {
		d.doubt("there is no commit yet")
		d.fixes = append(d.fixes, "commit and push the sources")
		return nil
	}
	if err != nil {
		return err
	}
	address, err := git.Remote(ctx, d.scope.Repo, origin)
	if errors.Is(err, git.ErrNoRemote) {
		d.holds("remote-has-commit", false, nil, "add the remote that the platform builds from", "the repository has no remote %s", origin)
		d.commands = append(d.commands, "git remote add origin URL", "git push -u origin HEAD")
		return nil
	}
	if err != nil {
		return err
	}
	refs, err := git.Remotes(ctx, d.scope.Repo, address)
	if err != nil {
		return err
	}
	d.rows["remote"], d.rows["commit"], d.rows["refs"] = plainRepo(address), head, len(refs)
	on, ahead := holders(ctx, d.scope.Repo, head, refs)
	switch {
	case len(on) > 0:
		d.holds("remote-has-commit", true, on, "", "")
	case ahead:
		d.doubt("the remote has commits that are not known here, and HEAD may be below them")
		d.commands = append(d.commands, "git fetch origin")
	default:
		d.holds("remote-has-commit", false, nil, "push the commit", "no branch and no tag of %s holds HEAD (%.12s)", origin, head)
		d.commands = append(d.commands, "git push origin HEAD")
	}
	return nil
}

const mostAsked = 200 // refs of a remote that are followed

// holders are the refs of the remote that stand on a commit or above it. ahead tells that some stand on commits
// that are not known here.
func holders(ctx context.Context, dir, head string, refs []git.Ref) (on []string, ahead bool) {
	for _, r := range refs {
		if r.Commit == head {
			on = append(on, r.Name)
		}
	}
	for i, r := range refs {
		if len(on) > 0 || ctx.Err() != nil {
			break
		}
		if i == mostAsked {
			return on, true
		}
		if _, _, err := git.Text(ctx, dir, "cat-file", "-e", r.Commit+"^{commit}"); err != nil {
			ahead = ahead || !strings.HasSuffix(r.Name, "^{}")
			continue
		}
		if code, err := git.Read(ctx, dir, git.Into(new(string)), "merge-base", "--is-ancestor", head, r.Commit); err == nil && code == 0 {
			on = append(on, r.Name)
		}
	}
	return on, ahead
}

// plainRepo is a repository's address in the form host/owner/name, without user and password.
func plainRepo(address string) string {
	s := strings.TrimSuffix(strings.TrimRight(strings.TrimSpace(address), "/"), ".git")
	if _, rest, ok := strings.Cut(s, "://"); ok {
		s = rest
	} else if host, path, ok := strings.Cut(s, ":"); ok && !strings.HasPrefix(s, "/") {
		s = host + "/" + path
	}
	host, path, ok := strings.Cut(s, "/")
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		host = host[at+1:]
	}
	if !ok {
		return strings.ToLower(s)
	}
	return strings.ToLower(host + "/" + path)
}

// shortRepo is owner/name.
func shortRepo(address string) string {
	parts := strings.Split(plainRepo(address), "/")
	return strings.Join(parts[max(0, len(parts)-2):], "/")
}

// declaredRepo is the address of the repository's remote, "" when it has none.
func declaredRepo(ctx context.Context, d *drift) string {
	if !d.scope.Git {
		return ""
	}
	address, err := git.Remote(ctx, d.scope.Repo, origin)
	if err != nil {
		return ""
	}
	return address
}

// declaredBranch is the branch that is released: as the check says, as the platform's file in the repository
// says, or the remote's own.
func declaredBranch(ctx context.Context, d *drift, fromFile string) string {
	if b := d.with.Text("branch"); b != "" {
		return b
	}
	if fromFile != "" || !d.scope.Git {
		return fromFile
	}
	if ref, _, err := git.Text(ctx, d.scope.Repo, "symbolic-ref", "--short", "refs/remotes/origin/HEAD"); err == nil {
		return strings.TrimPrefix(ref, "origin/")
	}
	// A clone knows the remote's own branch, a repository that was pushed does not: there it is the only one,
	// or the one with the usual name.
	list, _, err := git.Text(ctx, d.scope.Repo, "for-each-ref", "--format=%(refname:strip=3)", "refs/remotes/origin")
	if err != nil {
		return ""
	}
	names := strings.Fields(list)
	for _, usual := range []string{"main", "master"} {
		if slices.Contains(names, usual) {
			return usual
		}
	}
	if len(names) == 1 {
		return names[0]
	}
	return ""
}
