package bench

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/ws"
)

// running is a process that said where it listens.
type running struct {
	cmd *exec.Cmd
	url string
}

func command(bin string, args ...string) *exec.Cmd {
	return exec.CommandContext(context.Background(), bin, args...)
}

func process(b *testing.B, env []string, args ...string) *running {
	b.Helper()
	return launch(b, command(binary(b), args...), env)
}

func launch(b *testing.B, cmd *exec.Cmd, env []string) *running {
	b.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	cmd.Stderr = io.Discard
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, env...)
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return &running{cmd, strings.TrimSpace(line[strings.Index(line, "http"):])}
}

func (r *running) stop() {
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	_ = r.cmd.Wait()
}

// cpu is the processor time that the process has used, user and system.
func (r *running) cpu(b *testing.B) time.Duration {
	b.Helper()
	return procCPU(b, r.cmd.Process.Pid)
}

// rss is the memory that the process holds, in bytes.
func (r *running) rss(b *testing.B) int {
	b.Helper()
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(r.cmd.Process.Pid) + "/statm")
	if err != nil {
		b.Skip("memory is read from /proc: ", err)
	}
	n, err := strconv.Atoi(strings.Fields(string(raw))[1])
	if err != nil {
		b.Fatal(err)
	}
	return n * os.Getpagesize()
}

// TestMain turns the test binary into the bare echo server when it is asked to.
func TestMain(m *testing.M) {
	if os.Getenv("BENCH_ECHO") != "" {
		echo()
		return
	}
	os.Exit(m.Run())
}

// echo reads messages and writes each back: what a media server costs with nothing in it.
func echo() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := ws.Accept(w, r, ws.AcceptOptions{Limit: 1 << 16})
		if err != nil {
			return
		}
		go func() {
			var buf []byte
			for {
				kind, msg, err := c.Read(buf)
				if err != nil || c.Write(kind, msg) != nil {
					return
				}
				buf = msg
			}
		}()
	}))
	_, _ = os.Stdout.WriteString(srv.URL + "\n")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent is gone
	srv.Close()
}
