package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// build makes the binary, unless $BENCH_BINARY names one.
var build = sync.OnceValues(func() (string, error) {
	if bin := os.Getenv("BENCH_BINARY"); bin != "" {
		return bin, nil
	}
	dir, err := os.MkdirTemp("", "voicectl-bench")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "voicectl")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, "./cmd/voicectl")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return bin, nil
})

func binary(b *testing.B) string {
	b.Helper()
	bin, err := build()
	if err != nil {
		b.Fatal(err)
	}
	return bin
}

// serve starts `voicectl serve --sandbox` and returns its address, the sandbox's, and the time from exec
// until it said that it takes connections.
func serve(b *testing.B) (url string, ready time.Duration, stop func()) {
	b.Helper()
	return start(b, nil, "--sandbox")
}

// serveOn starts `voicectl serve` on vendors that the environment names.
func serveOn(b *testing.B, env []string) (url string, stop func()) {
	b.Helper()
	url, _, stop = start(b, env)
	return url, stop
}

func start(b *testing.B, env []string, extra ...string) (url string, ready time.Duration, stop func()) {
	b.Helper()
	bin := binary(b)
	args := append([]string{"serve", "--dev", "--port", "0", "--data-dir", b.TempDir(), "--admin-addr", "off"}, extra...)
	cmd := exec.CommandContext(context.Background(), bin, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	cmd.Stderr = io.Discard
	cmd.Dir = b.TempDir()
	cmd.Env = []string{"LOG_LEVEL=warn", "PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	cmd.Env = append(cmd.Env, env...)
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	ready = time.Since(begin)
	if err != nil {
		b.Fatal(err)
	}
	url = strings.TrimSpace(line[strings.Index(line, "http"):])
	return url, ready, func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
}

// report prints the percentiles of a sample in milliseconds.
func report(b *testing.B, sample []time.Duration) {
	b.Helper()
	if len(sample) == 0 {
		b.Fatal("nothing was measured")
	}
	slices.Sort(sample)
	at := func(p float64) float64 {
		return float64(sample[min(len(sample)-1, int(p*float64(len(sample))))].Microseconds()) / 1000
	}
	b.ReportMetric(at(.5), "p50-ms")
	b.ReportMetric(at(.99), "p99-ms")
	b.ReportMetric(float64(len(sample)), "samples")
	b.ReportMetric(0, "ns/op")
}
