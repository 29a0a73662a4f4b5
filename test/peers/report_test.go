//go:build peers

package peers

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"
)

// page is where the last table is kept, between two marks, when PEERS_WRITE is set.
const (
	page  = "../../docs/peers.md"
	begin = "<!-- table: make peers WRITE=1 -->\n"
	end   = "<!-- end of table -->\n"
)

func report(t *testing.T, python string, rows []measured) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "machine: %s\\\ncommit: %s\\\nversions: %s\n\n", machine(), commit(), versions(python))
	if chorus() {
		b.WriteString("All callers ask in the same moment.\n\n")
	}
	b.WriteString("| agent | calls at once | answers | caller's last sound to the agent's first, p50 / p95 | turn accepted to the agent's first sound, p50 / p95 | CPU a call | memory at rest | and a call | exit codes | heard whole | tool seen | callers late by | machine busy |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, m := range rows {
		fmt.Fprintf(&b, "| %s | %d | %d | %s | %s | %.1f %% of a core | %d MiB | %.1f MiB | %s | %d of %d | %d of %d | %s | %.0f %% |\n",
			m.agent, m.calls, len(m.answer), percentiles(m.answer), percentiles(m.after), 100*m.cpu, m.base>>20,
			float64(max(0, m.peak-m.base))/float64(m.calls)/(1<<20), exits(m.exits), m.right, m.asked, m.tools, m.asked, m.late.Round(time.Millisecond), 100*m.busy)
		if m.damaged > 0 || m.skipped > 0 {
			t.Errorf("%s, %d calls: callers skipped %d frames, the recognizer got %d damaged: this machine or an agent was too slow, the row is void",
				m.agent, m.calls, m.skipped, m.damaged)
		}
	}
	b.WriteString("\nWhat the emulators took of it, whole request to first byte, p50 / p95: ")
	for i, m := range rows {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s, %d", m.agent, m.calls)
		for _, v := range []string{"openai", "supabase", "cartesia"} {
			fmt.Fprintf(&b, ", %s %s", v, percentiles(m.vendors[v]))
		}
	}
	b.WriteString(".\n")
	_, _ = os.Stdout.WriteString("\n" + b.String() + "\n")
	if os.Getenv("PEERS_WRITE") == "" {
		return
	}
	if t.Failed() {
		t.Error("the table is not written, because a call failed")
		return
	}
	old, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := bytes.Cut(old, []byte(begin))
	_, tail, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		t.Fatalf("%s has no marks for the table", page)
	}
	next := string(head) + begin + "\n" + b.String() + "\n" + end + string(tail)
	if err = os.WriteFile(page, []byte(next), 0o600); err != nil {
		t.Fatal(err)
	}
}

func percentiles(sample []time.Duration) string {
	if len(sample) == 0 {
		return "not measured"
	}
	slices.Sort(sample)
	at := func(p float64) time.Duration { return sample[min(len(sample)-1, int(p*float64(len(sample))))] }
	show := func(d time.Duration) string {
		ms := float64(d.Microseconds()) / 1000
		if ms < 10 {
			return fmt.Sprintf("%.1f", ms)
		}
		return fmt.Sprintf("%.0f", ms)
	}
	return show(at(.5)) + " / " + show(at(.95)) + " ms"
}

func exits(codes map[int]int) string {
	var out []string
	for code, n := range codes {
		out = append(out, fmt.Sprintf("%d × %d", n, code))
	}
	sort.Strings(out)
	return strings.Join(out, ", ")
}

func output(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

func machine() string {
	cpu := "unknown processor"
	if raw, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(raw)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				cpu = strings.TrimSpace(value)
				break
			}
		}
	}
	load, _, _ := strings.Cut(output("cat", "/proc/loadavg"), " ")
	return fmt.Sprintf("%s cores of %s, Linux %s, load %s at the end", output("nproc"), cpu, output("uname", "-r"), load)
}

func commit() string {
	return output("git", "describe", "--always", "--dirty")
}

// versions asks the bot's own Python what it runs on.
func versions(python string) string {
	const ask = `import sys
from importlib.metadata import version
print("Python %d.%d.%d" % sys.version_info[:3], *[f"{n} {version(n)}" for n in ("pipecat-ai", "speechmatics-agent-stt", "openai", "fastapi", "uvicorn", "websockets")], sep=", ")`
	return output(python, "-c", ask) + "; " + output("go", "env", "GOVERSION")
}
