package bench

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// tick is the unit of /proc: a hundredth of a second on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// maxForeign is how much of the machine others may use before a measurement says nothing about us.
const maxForeign = 0.10

// watcher tells how much of the machine others used since it began.
type watcher struct {
	b           *testing.B
	procs       []*running
	busy, total time.Duration
	ours        time.Duration
}

func watch(b *testing.B, procs ...*running) *watcher {
	b.Helper()
	w := &watcher{b: b, procs: procs}
	w.busy, w.total = machine(b)
	w.ours = w.own()
	return w
}

func (w *watcher) own() time.Duration {
	sum := procCPU(w.b, os.Getpid())
	for _, p := range w.procs {
		sum += p.cpu(w.b)
	}
	return sum
}

// foreign is the part of all processors that others had: other processes, and the host's other machines.
func (w *watcher) foreign() float64 {
	busy, total := machine(w.b)
	if total == w.total {
		return 0
	}
	return max(0, float64(busy-w.busy-(w.own()-w.ours))/float64(total-w.total))
}

// machine is the time that all processors were busy, and all time.
func machine(b *testing.B) (busy, total time.Duration) {
	b.Helper()
	raw, err := os.ReadFile("/proc/stat")
	if err != nil {
		b.Skip("processor time is read from /proc: ", err)
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	for i, f := range strings.Fields(line)[1:] {
		if i == 8 {
			break // guests are counted as user time already
		}
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		total += time.Duration(n) * tick
		switch i {
		case 3, 4: // idle, waiting for a disk
		case 5, 6: // interrupts: on a machine that talks to itself these are our own messages
		default:
			busy += time.Duration(n) * tick
		}
	}
	return busy, total
}

// procCPU is the processor time that a process has used, user and system.
func procCPU(b *testing.B, pid int) time.Duration {
	b.Helper()
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
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
	return time.Duration(ticks) * tick
}
