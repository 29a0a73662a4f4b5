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
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/provider/twilio"
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
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(r.cmd.Process.Pid) + "/stat")
	if err != nil {
		b.Skip("processor time is read from /proc: ", err)
	}
	f := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	ticks := 0
	for _, i := range []int{11, 12} {
		n, err := strconv.Atoi(f[i])
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
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

// echoCost is the processor time of the echo server for one message in and out, in nanoseconds.
func echoCost(b *testing.B, conns int, hold time.Duration) float64 {
	b.Helper()
	cmd := command(os.Args[0])
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	srv := launch(b, cmd, []string{"BENCH_ECHO=1"})
	defer func() { _ = in.Close(); _ = srv.cmd.Wait() }()
	msg := twilio.AppendInboundMedia(nil, 1, "MZ00000000000000000000000000000000", twilio.Media{Track: "inbound", Chunk: 1, Payload: make([]byte, 160)})
	all := make([]*ws.Conn, conns)
	for i := range all {
		if all[i], err = ws.Dial(context.Background(), "ws"+strings.TrimPrefix(srv.url, "http"), ws.DialOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for _, c := range all {
		wg.Add(1)
		go func() {
			defer wg.Done()
			var buf []byte
			for {
				var rerr error
				if _, buf, rerr = c.Read(buf); rerr != nil {
					return
				}
			}
		}()
	}
	cpu, sent := srv.cpu(b), 0
	begin := time.Now()
	for tick := 0; time.Since(begin) < hold; tick++ {
		for _, c := range all {
			if err := c.Write(ws.Text, msg); err != nil {
				b.Fatal(err)
			}
			sent++
		}
		time.Sleep(time.Until(begin.Add(time.Duration(tick+1) * 20 * time.Millisecond)))
	}
	cost := float64(srv.cpu(b)-cpu) / float64(sent)
	for _, c := range all {
		_ = c.Drop()
	}
	wg.Wait()
	return cost
}
