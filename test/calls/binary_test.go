package calls_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The real binary, built once when the first test wants it, removed by TestMain.
var built struct {
	once sync.Once
	dir  string
	err  error
	said []byte
}

func program(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "voicectl-calls"); built.err != nil {
			return
		}
		built.said, built.err = exec.Command("go", "build", "-o", filepath.Join(built.dir, "voicectl"), "../../cmd/voicectl").CombinedOutput()
	})
	if built.err != nil {
		t.Fatalf("build: %v\n%s", built.err, built.said)
	}
	return filepath.Join(built.dir, "voicectl")
}

func removeBinary() { _ = os.RemoveAll(built.dir) } // of the system's folder for such things

// process is a running `voicectl serve`.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	logs *journal
	gone chan error // the end, once
	out  *bufio.Reader
}

// start runs the binary with an environment of its own: nothing of the machine's leaks in.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	dir := t.TempDir()
	p := &process{t: t, logs: &journal{}, gone: make(chan error, 1)}
	p.cmd = exec.CommandContext(t.Context(), program(t), append([]string{"serve", "--port", "0"}, args...)...)
	p.cmd.Dir = dir
	p.cmd.Env = append([]string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}, env...)
	p.cmd.Stderr = p.logs
	out, err := p.cmd.StdoutPipe()
	must(t, err)
	must(t, p.cmd.Start())
	p.out = bufio.NewReader(out)
	line, err := p.out.ReadString('\n')
	if err != nil {
		_ = p.cmd.Wait() // the log says why
		t.Fatalf("no ready line: %v\n%s", err, p.logs)
	}
	p.url = strings.TrimSpace(strings.TrimPrefix(line, "voicectl serve: listening on "))
	t.Cleanup(func() { _ = p.cmd.Process.Kill() }) // it may be gone already
	go func() { p.gone <- p.cmd.Wait() }()
	return p
}

// signal sends one.
func (p *process) signal(s os.Signal) {
	p.t.Helper()
	must(p.t, p.cmd.Process.Signal(s))
}

// exit waits for the process to end.
func (p *process) exit(most time.Duration) int {
	p.t.Helper()
	select {
	case <-p.gone:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(most):
		p.t.Fatalf("still running after %v\n%s", most, p.logs)
		return -1
	}
}

// run runs any command to its end.
func run(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), program(t), args...)
	var out, talk strings.Builder
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &talk
	cmd.Env = append([]string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}, env...)
	_ = cmd.Run() // the exit code is what is asked for
	return cmd.ProcessState.ExitCode(), out.String(), talk.String()
}
