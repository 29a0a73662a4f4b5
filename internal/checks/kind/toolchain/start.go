package toolchain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
)

// Options say how the backend is started.
type Options struct {
	Host    string        // "" = 127.0.0.1
	Port    int           // 0 = a free one
	Ready   time.Duration // it must answer within this; 0 = 30 s
	Without []string      // variables that are left out
	Stop    time.Duration // it has this long to end after a signal; 0 = 10 s
}

// Process is the backend, started in its folder with the variables that the scope holds, and with HOST and
// PORT. The words {host} and {port} of the start command stand for them as well.
type Process struct {
	URL   string        // http://host:port
	Pid   int           // of the group
	Took  time.Duration // until it was ready; 0 = it was not
	Ended bool          // it ended before it was ready
	Exit  int           // exit code, -1 when a signal ended it; valid once it ended

	grace  time.Duration
	cmd    *exec.Cmd
	out    *shared
	errs   *shared
	done   chan struct{} // closed when it ended and its output is whole
	remove func()
	once   sync.Once
}

// shared is an output that is read while it grows.
type shared struct {
	mu sync.Mutex
	c  capture
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.c.Write(p)
}

func (s *shared) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.c.bytes()
}

// Start starts the backend and waits until it answers HTTP on its port, or ended, or the time is over (Took is
// 0 then). Whoever started it must Stop it. It is an error when the command cannot be started at all.
func Start(ctx context.Context, scope *checks.Scope, o Options) (*Process, error) {
	if len(scope.Start) == 0 {
		return nil, errors.New("start the backend: no start command was given")
	}
	if o.Host == "" {
		o.Host = "127.0.0.1"
	}
	if o.Ready <= 0 {
		o.Ready = 30 * time.Second
	}
	if o.Stop <= 0 {
		o.Stop = 10 * time.Second
	}
	port := o.Port
	if port == 0 {
		var err error
		if port, err = freePort(ctx, o.Host); err != nil {
			return nil, err
		}
	}
	home, remove, err := homeOf("")
	if err != nil {
		return nil, err
	}
	place := strings.NewReplacer("{host}", o.Host, "{port}", strconv.Itoa(port))
	argv := make([]string, len(scope.Start))
	for i, a := range scope.Start {
		argv[i] = place.Replace(a)
	}
	if exe := find(scope.Repo, argv[0]); exe != "" {
		argv[0] = exe
	}
	p := &Process{URL: "http://" + net.JoinHostPort(o.Host, strconv.Itoa(port)), grace: o.Stop, out: &shared{}, errs: &shared{}, done: make(chan struct{}), remove: remove}
	p.cmd = exec.Command(argv[0], argv[1:]...) //nolint:gosec,noctx // the operator's own command; Stop ends it, a signal first
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = scope.Repo, p.out, p.errs
	p.cmd.Env = append(environment(home), backendEnv(scope, o, port)...)
	p.cmd.SysProcAttr, p.cmd.WaitDelay = &syscall.SysProcAttr{Setpgid: true}, 2*time.Second
	if err := p.cmd.Start(); err != nil {
		remove()
		return nil, fmt.Errorf("start %s: %w", filepath.Base(argv[0]), err)
	}
	p.Pid = p.cmd.Process.Pid
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // the exit code is read from the state
		p.Exit = p.cmd.ProcessState.ExitCode()
		_ = killGroup(p.Pid, syscall.SIGKILL) // whoever it left behind
	}()
	if err := p.await(ctx, scope, o.Ready); err != nil {
		p.Stop(context.WithoutCancel(ctx))
		return nil, err
	}
	return p, nil
}

// backendEnv are the variables of the backend: the ones that were given, those of a sandbox over them, and
// where to listen.
func backendEnv(scope *checks.Scope, o Options, port int) []string {
	var env []string
	for _, name := range scope.Env.Names() {
		if !slices.Contains(o.Without, name) && !slices.Contains([]string{"PATH", "HOME", "TMPDIR"}, name) {
			env = append(env, name+"="+scope.Env.Value(name))
		}
	}
	for _, v := range vendors(scope) {
		if name, _, _ := strings.Cut(v, "="); !slices.Contains(o.Without, name) {
			env = append(env, v)
		}
	}
	return append(env, "HOST="+o.Host, "PORT="+strconv.Itoa(port))
}

func freePort(ctx context.Context, host string) (int, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// await polls until any HTTP answer comes. A connection that is refused is one that is not ready yet.
func (p *Process) await(ctx context.Context, scope *checks.Scope, ready time.Duration) error {
	// A client of its own: the operator's may know a proxy, and idle connections end with this look.
	transport := &http.Transport{DisableKeepAlives: true}
	client := &http.Client{Transport: transport, Timeout: 2 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer transport.CloseIdleConnections()
	start := time.Now()
	late := time.NewTimer(ready)
	defer late.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := probe.Do(ctx, client, scope.Clock, probe.Request{URL: p.URL + "/health"}); err == nil {
			// Whoever answers must be the one that was started: an ended process holds no port.
			select {
			case <-p.done:
				p.Ended = true
			default:
				p.Took = time.Since(start)
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.done:
			p.Ended = true
			return nil
		case <-late.C:
			return nil
		case <-tick.C:
		}
	}
}

// Alive waits d, and tells whether the process lives after it.
func (p *Process) Alive(ctx context.Context, d time.Duration) (bool, error) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case <-p.done:
		return false, nil
	case <-t.C:
		return true, nil
	}
}

// Stop sends TERM, waits, and kills what is left of the group. It tells whether the signal was enough, and how
// long that took. It may be called twice.
func (p *Process) Stop(ctx context.Context) (clean bool, took time.Duration) {
	return p.signal(ctx, syscall.SIGTERM)
}

func (p *Process) signal(ctx context.Context, sig syscall.Signal) (clean bool, took time.Duration) {
	defer p.once.Do(p.remove)
	select {
	case <-p.done:
		return true, 0
	default:
	}
	start := time.Now()
	_ = syscall.Kill(p.Pid, sig) // it may have ended this moment
	t := time.NewTimer(p.grace)
	defer t.Stop()
	select {
	case <-p.done:
		return true, time.Since(start)
	case <-t.C:
	case <-ctx.Done():
	}
	_ = killGroup(p.Pid, syscall.SIGKILL)
	<-p.done
	return false, time.Since(start)
}

// Output returns what it wrote so far, by stream.
func (p *Process) Output() (stdout, stderr []byte) { return p.out.bytes(), p.errs.bytes() }

// Lines returns what it wrote so far as lines, stdout first.
func (p *Process) Lines() []string {
	stdout, stderr := p.Output()
	var out []string
	for _, stream := range [][]byte{stdout, stderr} {
		for line := range bytes.Lines(stream) {
			out = append(out, string(bytes.ToValidUTF8(bytes.TrimRight(line, "\r\n"), []byte("\uFFFD"))))
		}
	}
	return out
}

// Startup starts the backend, waits until it is ready, stops it, and returns what it wrote by then. ready is
// false when it did not get there. It serves kinds that judge the log of a start.
func Startup(ctx context.Context, scope *checks.Scope, within time.Duration) (lines []string, ready bool, err error) {
	p, err := Start(ctx, scope, Options{Ready: within})
	if err != nil {
		return nil, false, err
	}
	defer p.Stop(context.WithoutCancel(ctx))
	return p.Lines(), p.Took > 0, nil
}
