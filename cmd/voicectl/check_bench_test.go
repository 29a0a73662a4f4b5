package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// builtForBench is the program as it is released.
func builtForBench(b *testing.B) string {
	b.Helper()
	bin := filepath.Join(b.TempDir(), "voicectl")
	build := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", bin, ".")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}

// measured runs the program again and again, and reports the fastest run and the largest memory: what a busy
// machine adds is not ours. The exit codes 0, 1 and 3 are verdicts.
func measured(b *testing.B, dir, bin string, args ...string) {
	b.Helper()
	var took []time.Duration
	var memory int64 // kB
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), bin, args...)
		cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
		start := time.Now()
		out, err := cmd.Output()
		took = append(took, time.Since(start))
		var exit *exec.ExitError
		if err != nil && !(errors.As(err, &exit) && (exit.ExitCode() == 1 || exit.ExitCode() == 3)) {
			b.Fatalf("%v\n%s", err, out)
		}
		if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			memory = max(memory, u.Maxrss)
		}
	}
	b.ReportMetric(float64(slices.Min(took).Microseconds())/1000, "ms-min")
	b.ReportMetric(float64(memory)/1024, "MB-max")
}

// BenchmarkCheck_List measures `voicectl check --list` of all 400 rows, from exec to exit. Goal: below 50 ms.
func BenchmarkCheck_List(b *testing.B) {
	measured(b, b.TempDir(), builtForBench(b), "check", "--list")
}

// BenchmarkCheck_Offline200 measures 200 checks that need no network, each of its own parameters. Goal: below
// 300 ms and 100 MB.
func BenchmarkCheck_Offline200(b *testing.B) {
	dir := b.TempDir()
	var list, env strings.Builder
	list.WriteString("checklist: many\nversion: 1.0.0\ntitle: Many\nchecks:\n")
	for i := range 50 {
		fmt.Fprintf(&list, "  - {id: m.set-%d, title: Set, uses: env.present, with: {names: [KEY_%d]}}\n", i, i)
		fmt.Fprintf(&list, "  - {id: m.form-%d, title: Form, uses: env.pattern, with: {name: KEY_%d, prefix: k}}\n", i, i)
		fmt.Fprintf(&list, "  - {id: m.file-%d, title: File, uses: file.present, with: {path: file-%d.md, sections: [usage]}}\n", i, i)
		fmt.Fprintf(&list, "  - {id: m.deps-%d, title: Declared, uses: deps.constraint, with: {package: [package-%d]}}\n", i, i)
		fmt.Fprintf(&env, "KEY_%d=k3Jx9Qz7Lm2V%d\n", i, i)
		files := map[string]string{fmt.Sprintf("file-%d.md", i): "# Us\n\n## Usage\n\nRun it.\n", fmt.Sprintf("m%d.py", i): "import os\n"}
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				b.Fatal(err)
			}
		}
	}
	for name, text := range map[string]string{"many.yaml": list.String(), ".env": env.String(), "requirements.txt": "package-1>=1\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	measured(b, dir, builtForBench(b), "check", "--checklist", "many.yaml", "--no-save", "-o", "json=report.json")
	report, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		b.Fatal(err)
	}
	if n := strings.Count(string(report), `"source": "many.yaml:`) + strings.Count(string(report), `"source":"many.yaml:`); n != 200 {
		b.Fatalf("%d findings", n)
	}
}
