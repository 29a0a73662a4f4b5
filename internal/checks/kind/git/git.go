// Package git runs git so that a foreign repository cannot make it do anything but read.
package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// mostRead bounds what is read of git's answer, in bytes.
const mostRead = 256 << 20

// ErrAbsent says that there is no git on this machine.
var ErrAbsent = errors.New("git is not installed")

// ErrNoRemote says that the repository has no remote of that name.
var ErrNoRemote = errors.New("the repository has no such remote")

// ErrScheme says that a remote's address is of a kind that is not spoken to.
var ErrScheme = errors.New("the remote is neither https, ssh nor a folder")

// Read runs one command that only reads, in a work tree, and gives its output to read. The configuration of the
// repository cannot make it run anything: hooks, pagers, file monitors, external diffs and the network are off.
// It returns git's exit code beside an error that tells git's complaint.
func Read(ctx context.Context, dir string, read func(io.Reader) error, args ...string) (int, error) {
	return run(ctx, read, append([]string{"-c", "protocol.allow=never", "-C", dir}, args...), args[0])
}

// Text is Read for a short answer.
func Text(ctx context.Context, dir string, args ...string) (string, int, error) {
	var out string
	code, err := Read(ctx, dir, Into(&out), args...)
	return strings.TrimSpace(out), code, err
}

// Into gathers the whole answer.
func Into(to *string) func(io.Reader) error {
	return func(r io.Reader) error {
		b, err := io.ReadAll(r)
		*to = string(b)
		return err
	}
}

func run(ctx context.Context, read func(io.Reader) error, args []string, op string, env ...string) (int, error) {
	base := []string{
		"-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "diff.external=", "-c", "core.pager=cat",
		"-c", "core.attributesFile=/dev/null", "-c", "safe.directory=*", "-c", "credential.helper=", "-c", "core.askPass=", "-c", "core.gitProxy=",
	}
	cmd := exec.CommandContext(ctx, "git", append(base, args...)...) //nolint:gosec // fixed commands, no shell
	cmd.Env = append([]string{
		"PATH=/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin", "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C",
	}, env...)
	cmd.WaitDelay = 2 * time.Second
	var complaint bytes.Buffer
	cmd.Stderr = &limited{w: &complaint, left: 4096}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, fmt.Errorf("git: %w", err)
	}
	if err := cmd.Start(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return 0, ErrAbsent
		}
		return 0, fmt.Errorf("git: %w", err)
	}
	readErr := read(io.LimitReader(out, mostRead))
	_, _ = io.Copy(io.Discard, out) // so that git can end
	err = cmd.Wait()
	var exit *exec.ExitError
	switch {
	case readErr != nil:
		return 0, readErr
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode(), fmt.Errorf("git %s: %s", op, strings.TrimSpace(complaint.String()))
	case err != nil:
		return 0, fmt.Errorf("git %s: %w", op, err)
	}
	return 0, nil
}

// limited writes up to left bytes and swallows the rest.
type limited struct {
	w    io.Writer
	left int
}

// Write implements io.Writer.
func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.left -= n
	if _, err := l.w.Write(p[:n]); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Remote returns the address of a remote as the repository's own file says it.
func Remote(ctx context.Context, dir, name string) (string, error) {
	address, code, err := Text(ctx, dir, "config", "--local", "--get", "remote."+name+".url")
	if code == 1 {
		return "", ErrNoRemote
	}
	return address, err
}

// Ref is a branch or tag of a remote with the commit that it stands on.
type Ref struct{ Name, Commit string }

const mostRefs = 20_000

// Remotes lists the branches and tags of a remote. git runs in an empty folder, so that nothing of a foreign
// repository's configuration has a say, and speaks https, ssh and the file system only.
func Remotes(ctx context.Context, dir, address string) ([]Ref, error) {
	kind, err := kindOf(address)
	if err != nil {
		return nil, err
	}
	if kind == "file" && !filepath.IsAbs(address) && !strings.HasPrefix(address, "file://") {
		address = filepath.Join(dir, address)
	}
	empty, err := os.MkdirTemp("", "voicectl-git-")
	if err != nil {
		return nil, fmt.Errorf("git ls-remote: %w", err)
	}
	defer func() { _ = os.Remove(empty) }()
	var out string
	args := []string{"-c", "protocol.allow=never", "-c", "protocol." + kind + ".allow=always", "-C", empty, "ls-remote", "--heads", "--tags", "--", address}
	_, err = run(ctx, Into(&out), args, "ls-remote", "GIT_SSH_COMMAND=ssh -oBatchMode=yes -oConnectTimeout=8 -oClearAllForwardings=yes", "GIT_CEILING_DIRECTORIES="+filepath.Dir(empty))
	if err != nil {
		return nil, err
	}
	var refs []Ref
	for line := range strings.Lines(out) {
		commit, name, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if ok && len(refs) < mostRefs {
			refs = append(refs, Ref{Name: name, Commit: commit})
		}
	}
	return refs, nil
}

// kindOf is the protocol of an address, by git's own name.
func kindOf(address string) (string, error) {
	switch u, err := url.Parse(address); {
	case strings.HasPrefix(address, "-") || strings.Contains(address, "::"):
		return "", ErrScheme
	case err == nil && (u.Scheme == "https" || u.Scheme == "http" || u.Scheme == "ssh" || u.Scheme == "file"):
		return u.Scheme, nil
	case strings.Contains(address, "://"):
		return "", ErrScheme
	case strings.HasPrefix(address, "/"), strings.HasPrefix(address, "."):
		return "file", nil
	case strings.Contains(address, ":"):
		return "ssh", nil // user@host:path
	}
	return "file", nil
}
