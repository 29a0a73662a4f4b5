package bench

import (
	"context"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// BenchmarkLoad_Calls holds full calls: each caller asks a question by voice every ten seconds and hears the
// answer. Three processes: callers (this one), sandbox, serve; processor time and memory are of serve alone. In
// each round the calls and a bare echo of as many sockets are measured one after the other, and the medians
// count; a round in which others used more than a tenth of the machine is void and said to be. The number of
// calls is $LOAD_CALLS (300), the time they are held in a round $LOAD_HOLD (20s), the rounds $LOAD_ROUNDS (3).
//
// Goals: ratio <= 2, KiB/call <= 128, no damaged frame, no goroutine more, sending p99 <= 20 ms late.
func BenchmarkLoad_Calls(b *testing.B) {
	calls, rounds, hold := number("LOAD_CALLS", 300), number("LOAD_ROUNDS", 3), span("LOAD_HOLD", 20*time.Second)
	h := open(b, calls)
	defer h.stop()
	echo := newFloor(b)
	defer echo.stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rounds)*(hold+3*time.Minute))
	defer cancel()

	warm := &fleet{b: b} // code in memory, connections to the vendors
	warm.dial(ctx, h.webhook(), 10)
	warm.talk(10 * time.Second)
	warm.hangUp()
	h.rested()
	before := h.metrics()["go_goroutines"]
	slope := []point{{0, float64(h.agent.rss(b))}}
	var ratios, serve, bare, cores []float64
	var stats fleetStats
	void := 0
	for round := range rounds {
		f := &fleet{b: b}
		if round == 0 { // memory is measured on the way up
			for _, part := range []int{calls / 3, 2 * calls / 3} {
				f.dial(ctx, h.webhook(), part-len(f.peers))
				f.talk(10 * time.Second)
				slope = append(slope, point{float64(len(f.peers)), float64(h.agent.rss(b))})
			}
		}
		f.dial(ctx, h.webhook(), calls-len(f.peers))
		time.Sleep(3 * time.Second) // the greetings
		w := watch(b, h.box, h.agent, echo.running)
		cpu, at := h.agent.cpu(b), time.Now()
		f.talk(hold)
		used, took := h.agent.cpu(b)-cpu, time.Since(at)
		if round == 0 {
			slope = append(slope, point{float64(calls), float64(h.agent.rss(b))})
		}
		time.Sleep(2 * time.Second) // who is speaking may finish
		stats.add(f.hangUp())
		floor := echo.cost(b, calls, min(hold, 10*time.Second))
		perFrame := float64(used) / (float64(calls) * float64(took) / float64(20*time.Millisecond))
		foreign := w.foreign()
		b.Logf("round %d: serve %.1f µs, echo %.1f µs, ratio %.2f, others used %.0f%% of the machine", round+1, perFrame/1000, float64(floor)/1000, perFrame/float64(floor), 100*foreign)
		if foreign > maxForeign {
			void++
			continue
		}
		serve, bare = append(serve, perFrame/1000), append(bare, float64(floor)/1000)
		ratios, cores = append(ratios, perFrame/float64(floor)), append(cores, used.Seconds()/took.Seconds())
	}
	b.ReportMetric(float64(calls), "calls")
	b.ReportMetric(float64(void), "void-rounds")
	if len(ratios) > 0 {
		b.ReportMetric(median(serve), "serve-µs/20ms")
		b.ReportMetric(median(bare), "echo-µs/20ms")
		b.ReportMetric(median(ratios), "ratio")
		b.ReportMetric(median(cores), "serve-cores")
	} else {
		b.Log("VOID: the machine was busy with other work in every round; there is no figure for the processor")
	}
	b.ReportMetric(steepness(slope)/1024, "KiB/call")
	b.ReportMetric(float64(stats.skipped), "skipped-by-callers")
	b.ReportMetric(float64(stats.maxLate.Microseconds())/1000, "caller-late-max-ms")
	lost, heard := damage(b, h.box.url)
	b.ReportMetric(float64(lost), "damaged-frames")
	b.ReportMetric(float64(heard), "heard-turns")
	b.ReportMetric(h.goroutinesOver(before), "goroutines-more")
	b.ReportMetric(1000*h.metrics()["voicectl_send_late_p99_seconds"], "send-late-p99-ms")
	b.ReportMetric(0, "ns/op")
}

type point struct{ x, y float64 }

// steepness is the slope of the line through the points (least squares).
func steepness(points []point) float64 {
	var x, y, xx, xy float64
	for _, p := range points {
		x, y, xx, xy = x+p.x, y+p.y, xx+p.x*p.x, xy+p.x*p.y
	}
	n := float64(len(points))
	return (n*xy - x*y) / (n*xx - x*x)
}

func median(list []float64) float64 {
	list = slices.Clone(list)
	slices.Sort(list)
	if n := len(list); n%2 == 0 {
		return (list[n/2-1] + list[n/2]) / 2
	}
	return list[len(list)/2]
}

func number(name string, def int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 {
		return n
	}
	return def
}

func span(name string, def time.Duration) time.Duration {
	if d, err := time.ParseDuration(os.Getenv(name)); err == nil && d > 0 {
		return d
	}
	return def
}
