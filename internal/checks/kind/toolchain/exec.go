package toolchain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Bounds of what a command may say.
const (
	mostOutput = 1 << 20 // bytes kept of both streams together: the first and the last half of it
	mostLine   = 64 << 10
	shown      = 2 << 10 // bytes of the end of the output that a finding shows
)

// inherited are the variables of the process that a command may see: where tools and their caches are, and
// nothing that could be a secret.
var inherited = []string{ //nolint:gochecknoglobals // a table
	"PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "GOROOT", "GOPATH", "GOMODCACHE", "GOCACHE", "GOTOOLCHAIN", "GOSUMDB", "PYENV_ROOT", "PYENV_VERSION",
	"VIRTUAL_ENV", "CONDA_PREFIX", "NVM_DIR", "VOLTA_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "DYLD_LIBRARY_PATH", "LD_LIBRARY_PATH", "SystemRoot",
}

// command is one run of a tool.
type command struct {
	dir   string
	argv  []string
	env   []string // beside the inherited ones
	stdin io.Reader
	limit time.Duration
	home  string         // folder that stands for the home folder; "" = a new one, removed afterwards
	line  func(s string) // called with every line of stdout, in order; nil = nobody listens
}

// result is how it ended.
type result struct {
	argv    []string
	exit    int // -1 when a signal ended it
	stdout  []byte
	stderr  []byte
	took    time.Duration
	expired bool // the time limit ended it
}

// ok tells whether it ended well.
func (r result) ok() bool { return r.exit == 0 && !r.expired }

// said is the end of what it said, stderr first where there is any.
func (r result) said() string {
	text := bytes.TrimSpace(slices.Concat(r.stdout, []byte("\n"), r.stderr))
	if len(text) > shown {
		text = append([]byte("…"), text[len(text)-shown:]...)
	}
	return string(bytes.ToValidUTF8(text, []byte("\uFFFD")))
}

// log is all of it, for an evidence file.
func (r result) log() []byte {
	return slices.Concat([]byte("$ "+strings.Join(r.argv, " ")+"\n"), r.stdout, []byte("\n"), r.stderr, fmt.Appendf(nil, "\nexit %d after %v\n", r.exit, r.took.Round(time.Millisecond)))
}

// run runs a command to its end. A command that cannot be started is an error; any exit is a result.
func run(ctx context.Context, c command) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	home, remove, err := homeOf(c.home)
	if err != nil {
		return result{}, err
	}
	defer remove()
	out, errs := &capture{line: c.line}, &capture{}
	cmd := exec.CommandContext(ctx, c.argv[0], c.argv[1:]...) //nolint:gosec // the operator's own command, and consent was given
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = c.dir, c.stdin, out, errs
	cmd.Env = append(environment(home), c.env...)
	own(cmd)
	start := time.Now()
	err = cmd.Run()
	out.end()
	r := result{argv: c.argv, stdout: out.bytes(), stderr: errs.bytes(), took: time.Since(start)}
	var exit *exec.ExitError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		r.exit, r.expired = -1, true
		return r, nil
	case ctx.Err() != nil:
		return r, ctx.Err()
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return r, nil
	case errors.As(err, &exit):
		r.exit = exit.ExitCode()
		return r, nil
	}
	return r, fmt.Errorf("run %s: %w", filepath.Base(c.argv[0]), err)
}

// own puts a command into a process group of its own, which is ended as a whole, and lets nobody who inherited
// its output hold up the end.
func own(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return killGroup(cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
}

func killGroup(pid int, sig syscall.Signal) error {
	if err := syscall.Kill(-pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// homeOf returns a home folder and what removes it.
func homeOf(given string) (string, func(), error) {
	if given != "" {
		return given, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "voicectl-home-")
	if err != nil {
		return "", nil, fmt.Errorf("make a home folder: %w", err)
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil
}

// environment is what every command gets: paths, language and a home of its own. The caches of Go stay where
// they are, since an empty one would compile the world again, and so do packages that a user installed.
func environment(home string) []string {
	env := []string{"HOME=" + home, "TMPDIR=" + home, "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1", "NO_COLOR=1", "CI=1", "PIP_DISABLE_PIP_VERSION_CHECK=1", "npm_config_update_notifier=false"}
	given := map[string]string{}
	for _, name := range inherited {
		if value, set := os.LookupEnv(name); set { //nolint:forbidigo // where the tools are is a fact of the machine
			given[name] = value
			env = append(env, name+"="+value)
		}
	}
	if real, err := os.UserHomeDir(); err == nil {
		if given["GOPATH"] == "" {
			env = append(env, "GOPATH="+filepath.Join(real, "go"))
		}
		env = append(env, "PYTHONUSERBASE="+filepath.Join(real, ".local"))
	}
	if cache, err := os.UserCacheDir(); err == nil && given["GOCACHE"] == "" {
		env = append(env, "GOCACHE="+filepath.Join(cache, "go-build"))
	}
	if given["LANG"] == "" {
		env = append(env, "LANG=C.UTF-8")
	}
	return env
}

// capture keeps the first and the last half of what is written, and hands on whole lines.
type capture struct {
	line    func(string)
	partial []byte
	head    []byte
	tail    []byte
	cut     bool
}

func (c *capture) Write(p []byte) (int, error) {
	n := len(p)
	if c.line != nil {
		c.lines(p)
	}
	if room := mostOutput/2 - len(c.head); room > 0 {
		take := min(room, len(p))
		c.head, p = append(c.head, p[:take]...), p[take:]
	}
	c.tail = append(c.tail, p...)
	if len(c.tail) > mostOutput {
		c.cut = true
		c.tail = append(c.tail[:0], c.tail[len(c.tail)-mostOutput/2:]...)
	}
	return n, nil
}

func (c *capture) lines(p []byte) {
	for {
		before, after, whole := bytes.Cut(p, []byte("\n"))
		if len(c.partial) < mostLine {
			c.partial = append(c.partial, before[:min(len(before), mostLine)]...)
		}
		if !whole {
			return
		}
		c.line(string(c.partial))
		c.partial, p = c.partial[:0], after
	}
}

// end hands on a last line without an end.
func (c *capture) end() {
	if c.line != nil && len(c.partial) > 0 {
		c.line(string(c.partial))
	}
}

func (c *capture) bytes() []byte {
	if !c.cut {
		return slices.Concat(c.head, c.tail)
	}
	return slices.Concat(c.head, []byte("\n[cut here]\n"), c.tail)
}

// find returns the tool that a shell in dir would run, "" when there is none: first in the virtual
// environment or the node modules of the project, then in PATH.
func find(dir string, names ...string) string {
	for _, name := range names {
		for _, bin := range []string{".venv/bin", "venv/bin", "env/bin", "node_modules/.bin"} {
			path := filepath.Join(dir, bin, name)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				return path
			}
		}
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}
