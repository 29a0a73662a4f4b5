package bench

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/peer"
)

// BenchmarkLoad_SetUps places 200 calls a second for ten seconds ($LOAD_SETUPS, $LOAD_SETUP_TIME), whether or
// not those before are done: webhook, TwiML, upgrade, start, the first sound of the greeting, hang-up. The time
// counts from the moment at which the call was to begin. Goal: none fails.
func BenchmarkLoad_SetUps(b *testing.B) {
	rate, time0 := number("LOAD_SETUPS", 200), span("LOAD_SETUP_TIME", 10*time.Second)
	h := open(b, 4*rate)
	defer h.stop()
	warm := &fleet{b: b}
	warm.dial(context.Background(), h.webhook(), 10)
	warm.hangUp()
	h.rested()
	before := h.metrics()["go_goroutines"]
	ctx, cancel := context.WithTimeout(context.Background(), time0+time.Minute)
	defer cancel()

	total := int(time0.Seconds() * float64(rate))
	var mu sync.Mutex
	var sample []time.Duration
	var failed, late atomic.Int64
	var wg sync.WaitGroup
	w := watch(b, h.box, h.agent)
	cpu, begin := h.agent.cpu(b), time.Now()
	for i := range total {
		due := begin.Add(time.Duration(i) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(due))
		if time.Since(due) > 20*time.Millisecond {
			late.Add(1) // this machine was too slow to ask
		}
		wg.Go(func() {
			took, err := setUp(ctx, h.webhook(), 1000+i, due)
			if err != nil {
				if failed.Add(1) <= 3 {
					b.Log(err)
				}
				return
			}
			mu.Lock()
			sample = append(sample, took)
			mu.Unlock()
		})
	}
	wg.Wait()
	took, used := time.Since(begin), h.agent.cpu(b)-cpu
	if foreign := w.foreign(); foreign > maxForeign {
		b.Logf("VOID: others used %.0f%% of the machine", 100*foreign)
	}
	b.ReportMetric(float64(total), "calls")
	b.ReportMetric(float64(failed.Load()), "failed")
	b.ReportMetric(float64(total)/took.Seconds(), "calls/s")
	b.ReportMetric(float64(late.Load()), "begun-late")
	b.ReportMetric(ms(sample, .5), "p50-ms")
	b.ReportMetric(ms(sample, .99), "p99-ms")
	b.ReportMetric(float64(used.Microseconds())/float64(total), "serve-µs/call")
	b.ReportMetric(h.goroutinesOver(before), "goroutines-more")
	b.ReportMetric(0, "ns/op")
}

// setUp places one call and hangs up when it hears something.
func setUp(ctx context.Context, url string, i int, due time.Time) (time.Duration, error) {
	p, err := peer.CallTwilio(ctx, phone(url, i))
	if err != nil {
		return 0, err
	}
	var took time.Duration
	var last peer.Event
	for e := range p.Events() {
		last = e
		if e.Kind == peer.AudioFirst && took == 0 {
			took = e.At.Sub(due)
			go func() { _ = p.Close() }() // ends the events
		}
	}
	if took == 0 {
		return 0, &silent{last}
	}
	return took, nil
}

// silent is a call in which nothing was heard.
type silent struct{ last peer.Event }

func (s *silent) Error() string {
	return "nothing was heard; the last event: " + string(s.last.Kind) + " " + s.last.Text
}
