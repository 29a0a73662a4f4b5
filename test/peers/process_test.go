//go:build peers

package peers

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// build makes the binary once, in a folder that the test removes.
func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "voicectl")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, "./cmd/voicectl")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	return bin
}

// process is a server that said where it listens.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	url string
	log string
}

// launch starts a server and waits for its line "… http://…". What it says on stderr is shown when the test fails.
func launch(t *testing.T, env []string, name string, args ...string) *process {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, env...)
	log, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err = cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = log.Close() // the process has its own
	p := &process{t: t, cmd: cmd, log: log.Name()}
	t.Cleanup(p.stop)
	ready := make(chan string, 1)
	go func() {
		in := bufio.NewReader(out)
		line, _ := in.ReadString('\n')
		ready <- line
		_, _ = io.Copy(io.Discard, in)
	}()
	select {
	case line := <-ready:
		i := strings.Index(line, "http")
		if i < 0 {
			p.stop()
			t.Fatalf("%s did not start: %s", filepath.Base(name), p.said())
		}
		p.url = strings.TrimSpace(line[i:])
	case <-time.After(time.Minute):
		p.stop()
		t.Fatalf("%s did not say that it listens: %s", filepath.Base(name), p.said())
	}
	return p
}

// stop asks the process to end, and makes it after ten seconds.
func (p *process) stop() {
	if p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(10*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	_ = p.cmd.Wait()
	if p.t.Failed() {
		p.t.Logf("%s said:\n%s", filepath.Base(p.cmd.Path), p.said())
	}
}

// said is the end of what the process wrote to stderr.
func (p *process) said() string {
	raw, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(raw[max(0, len(raw)-4000):])
}

// usage is what the process has used of the processor, user and system, and holds of memory.
type usage struct {
	cpu time.Duration
	rss int // bytes
}

func (p *process) usage() usage {
	u, err := usageOf(p.cmd.Process.Pid)
	if err != nil {
		p.t.Fatal("usage is read from /proc: ", err)
	}
	return u
}

func usageOf(pid int) (usage, error) {
	proc := "/proc/" + strconv.Itoa(pid)
	stat, err := os.ReadFile(proc + "/stat")
	if err != nil {
		return usage{}, err
	}
	f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(f) < 13 {
		return usage{}, fmt.Errorf("%s/stat: %d fields", proc, len(f))
	}
	ticks := 0
	for _, field := range f[11:13] {
		n, nerr := strconv.Atoi(field)
		if nerr != nil {
			return usage{}, nerr
		}
		ticks += n
	}
	statm, err := os.ReadFile(proc + "/statm")
	if err != nil {
		return usage{}, err
	}
	var size, resident int
	if _, err = fmt.Sscan(string(statm), &size, &resident); err != nil {
		return usage{}, err
	}
	return usage{time.Duration(ticks) * 10 * time.Millisecond, resident * os.Getpagesize()}, nil
}

// peak watches a process until stop is called, which returns the most memory that it held.
func (p *process) peak() (stop func() int) {
	done, most := make(chan struct{}), make(chan int)
	go func() {
		top := 0
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			if u, err := usageOf(p.cmd.Process.Pid); err == nil {
				top = max(top, u.rss)
			}
			select {
			case <-done:
				most <- top
				return
			case <-tick.C:
			}
		}
	}()
	return func() int { close(done); return <-most }
}

// machineTime is how long all cores together have worked and idled since the start of the machine.
func machineTime(t *testing.T) (busy, idle time.Duration) {
	t.Helper()
	raw, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	for i, field := range strings.Fields(line)[1:] {
		n, nerr := strconv.Atoi(field)
		if nerr != nil {
			t.Fatal(nerr)
		}
		switch d := time.Duration(n) * 10 * time.Millisecond; {
		case i == 3 || i == 4: // idle, waiting for a disk
			idle += d
		case i < 8: // the rest counts guests again
			busy += d
		}
	}
	return busy, idle
}
