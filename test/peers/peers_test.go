//go:build peers

package peers

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// measured is one row of the table.
type measured struct {
	agent   string
	calls   int
	exits   map[int]int // code: calls
	answer  []time.Duration
	after   []time.Duration // from the turn's acceptance
	cpu     float64         // of a core, a call
	busy    float64         // of the whole machine, whoever kept it so
	base    int             // bytes before the calls
	peak    int
	asked   int
	tools   int
	right   int
	damaged int
	skipped int // frames of the callers, and how late they were: a busy machine spoils the run
	late    time.Duration
	vendors map[string][]time.Duration // what the emulators took
}

// TestPeers_PipecatOnTheSandboxBesideServe has Pipecat's own clients judge the sandbox, and measures. It
// fails when a call does, when a question is not answered from the data, or when the sandbox did not see
// the tool; figures are printed, never asserted. Tier: by hand (`make peers`).
func TestPeers_PipecatOnTheSandboxBesideServe(t *testing.T) {
	python := os.Getenv("PEERS_PYTHON")
	if python == "" {
		t.Fatal("PEERS_PYTHON is not set; run `make peers`")
	}
	bot, err := filepath.Abs("pipecat/bot.py")
	if err != nil {
		t.Fatal(err)
	}
	agent, err := filepath.Abs("../../templates/agents/julia.yaml")
	if err != nil {
		t.Fatal(err)
	}
	bin := build(t)
	box := launch(t, nil, bin, "sandbox", "--addr", "127.0.0.1:0")
	env := append(sandboxEnv(t, bin, box.url), "LOG_LEVEL=error")

	var rows []measured
	for _, a := range []struct {
		name  string
		peer  bool
		start func() *process
	}{
		{"Pipecat bot", true, func() *process { return launch(t, append(env, "AGENT_FILE="+agent, "PYTHONUNBUFFERED=1"), python, bot) }},
		{"voicectl serve", false, func() *process {
			return launch(t, env, bin, "serve", "--dev", "--port", "0", "--admin-addr", "off", "--data-dir", t.TempDir())
		}},
	} {
		p := a.start()
		warm := dialAll(t, bin, p.url, 1, 1) // what is loaded or compiled at the first call is not a call's
		judge(t, a.name+", first call", warm, 1, a.peer)
		for _, n := range sizes(t) {
			reset(t, box.url)
			rows = append(rows, measure(t, a.name, a.peer, p, box.url, bin, n))
		}
		p.stop()
	}
	report(t, python, rows)
}

// sizes are the numbers of calls at once: $PEERS_CALLS, or 1 and 10.
func sizes(t *testing.T) []int {
	t.Helper()
	list := os.Getenv("PEERS_CALLS")
	if list == "" {
		list = "1,10"
	}
	var out []int
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || n < 1 || n > 100 {
			t.Fatalf("PEERS_CALLS=%q: want numbers from 1 to 100", list)
		}
		out = append(out, n)
	}
	return out
}

// turnsFor is how often each caller asks: enough in all for a percentile, few enough for a coffee.
func turnsFor(calls int) int { return max(4, 15/calls) }

func measure(t *testing.T, agent string, peer bool, p *process, box, bin string, n int) measured {
	t.Helper()
	turns := turnsFor(n)
	busy0, idle0 := machineTime(t)
	before, peak, start := p.usage(), p.peak(), time.Now()
	calls := dialAll(t, bin, p.url, n, turns)
	took, used := time.Since(start), p.usage().cpu-before.cpu
	m := measured{agent: agent, calls: n, exits: map[int]int{}, base: before.rss, peak: peak(), asked: n * turns}
	busy, idle := machineTime(t)
	m.busy = float64(busy-busy0) / float64(max(1, busy-busy0+idle-idle0))
	m.cpu = used.Seconds() / took.Seconds() / float64(n)
	judge(t, agent+", "+strconv.Itoa(n)+" calls", calls, turns, peer)
	seen := record(t, box)
	for _, c := range calls {
		m.exits[c.exit]++
		m.right += c.right
		m.skipped += c.skipped
		m.late = max(m.late, c.late)
		for _, u := range c.turns {
			m.answer = append(m.answer, u.answered.Sub(u.asked))
			if at := accepted(seen, c.name, u); !at.IsZero() {
				m.after = append(m.after, u.answered.Sub(at))
			}
		}
	}
	if len(m.after) != len(m.answer) {
		t.Errorf("%s, %d calls: of %d answers only %d could be paired with the turn's acceptance", agent, n, len(m.answer), len(m.after))
	}
	m.vendors = map[string][]time.Duration{}
	for _, r := range seen {
		if strings.HasSuffix(r.Route, "/transaction-query") {
			m.tools++
		}
		if r.Vendor != "speechmatics" && r.First != nil {
			m.vendors[r.Vendor] = append(m.vendors[r.Vendor], r.First.Sub(r.At))
		}
		d := r.Detail.Damage
		m.damaged += d.Lost + d.Repeated + d.Reordered + d.Corrupt + d.Gaps + d.Messages - d.OK
	}
	if m.tools < m.asked {
		t.Errorf("%s, %d calls: the sandbox saw the tool %d times for %d questions", agent, n, m.tools, m.asked)
	}
	return m
}

// judge wants every call to end well and every question to be answered from the data. A peer under many calls
// may break up its sound, which is a finding about it and none about us: that is counted and printed.
func judge(t *testing.T, what string, calls []call, turns int, peer bool) {
	t.Helper()
	for _, c := range calls {
		whole := c.exit == 0 && c.right == turns
		broken := peer && len(calls) > 1 && c.exit == 3
		if len(c.turns) != turns || len(c.warnings) > 0 || (!whole && !broken) {
			t.Errorf("%s, %s: exit %d, %d of %d questions answered, %d rightly, protocol warnings %q; heard %q",
				what, c.name, c.exit, len(c.turns), turns, c.right, c.warnings, c.heard)
		}
	}
}

// sandboxEnv asks the binary how to point at a sandbox.
func sandboxEnv(t *testing.T, bin, url string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), bin, "sandbox", "env", "--url", url).Output()
	if err != nil {
		t.Fatal(err)
	}
	var env []string
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		env = append(env, name+"="+strings.Trim(value, "'"))
	}
	return env
}
