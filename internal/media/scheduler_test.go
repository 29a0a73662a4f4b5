package media

import (
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func TestScheduler_EntriesKeepTheirPhase(t *testing.T) {
	keepsPhase(t, 1000, FrameTime, 4*time.Second)
	keepsPhase(t, 1000, 2*time.Second, 10*time.Minute)
	keepsPhase(t, 10, FrameTime, 10*time.Minute)
}

func TestScheduler_ThousandCallsKeepTheirPhaseForTenMinutes(t *testing.T) {
	if os.Getenv("VOICECTL_NIGHTLY") == "" {
		t.Skip("30 million ticks take minutes with the race detector; set VOICECTL_NIGHTLY=1 to run it")
	}
	keepsPhase(t, 1000, FrameTime, 10*time.Minute)
}

// keepsPhase runs entries for a virtual time and checks every single tick.
func keepsPhase(t *testing.T, entries int, interval, length time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ticks := int(length / interval)
		s := NewScheduler(nil)
		begin := time.Now()
		first, count := make([]time.Time, entries), make([]int, entries)
		var perStep [20]int
		done := make([]*Entry, entries)
		for i := range entries {
			done[i] = s.Add(interval, func(now time.Time) bool {
				if count[i] == 0 {
					first[i] = now
					perStep[now.UnixMilli()%20]++
				}
				if want := first[i].Add(time.Duration(count[i]) * interval); !now.Equal(want) {
					t.Errorf("entry %d, tick %d: %v late", i, count[i], now.Sub(want))
				}
				count[i]++
				return count[i] < ticks
			})
		}
		for _, e := range done {
			<-e.Done()
		}
		for i, n := range count {
			if n != ticks {
				t.Errorf("entry %d: %d ticks, want %d", i, n, ticks)
			}
			if wait := first[i].Sub(begin); wait <= 0 || wait > FrameTime {
				t.Errorf("entry %d: first after %v", i, wait)
			}
		}
		for step, n := range perStep {
			if n != entries/20 && n != (entries+19)/20 {
				t.Errorf("%d of %d entries on step %d", n, entries, step)
			}
		}
		st := s.Stats()
		if st.Ticks != uint64(entries*ticks) || st.Late != 0 || st.Skipped != 0 || st.Max != 0 || st.Entries != 0 {
			t.Errorf("got %+v", st)
		}
		s.Close()
	})
}

func TestScheduler_CatchesUpThreeThenSkips(t *testing.T) {
	for stall, want := range map[time.Duration]struct{ ticks, skipped int }{
		15 * time.Millisecond:  {10, 0},
		20 * time.Millisecond:  {10, 0},
		70 * time.Millisecond:  {10, 0}, // three more ticks were due meanwhile
		85 * time.Millisecond:  {10, 0},
		110 * time.Millisecond: {9, 1},
		170 * time.Millisecond: {6, 4},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := NewScheduler(time.Now)
			begin := time.Now()
			var ran []time.Duration
			s.Add(FrameTime, func(now time.Time) bool {
				if ran = append(ran, now.Sub(begin)); len(ran) == 1 {
					time.Sleep(stall)
				}
				return true
			})
			time.Sleep(190 * time.Millisecond) // the first is due at 1 ms, the tenth at 181 ms
			synctest.Wait()
			st := s.Stats()
			if len(ran) != want.ticks || int(st.Skipped) != want.skipped || int(st.Ticks) != len(ran) {
				t.Errorf("stall of %v: ran at %v, %+v", stall, ran, st)
			}
			if last := ran[len(ran)-1]; stall < 170*time.Millisecond && last != 181*time.Millisecond {
				t.Errorf("stall of %v: the grid moved, last at %v", stall, last)
			}
			if late := stall - FrameTime; late > lateAfter && (st.Late == 0 || st.Max < late) {
				t.Errorf("stall of %v: %+v", stall, st)
			}
			s.Close()
		})
	}
}

func TestScheduler_StopFromWithinAndWithout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewScheduler(nil)
		var inner *Entry
		ran := 0
		inner = s.Add(FrameTime, func(time.Time) bool {
			if ran++; ran == 3 {
				inner.Stop()
				inner.Stop()
			}
			return true
		})
		outer := s.Add(FrameTime, func(time.Time) bool { return true })
		<-inner.Done()
		time.Sleep(time.Second)
		if ran != 3 {
			t.Errorf("stopped entry ran %d times, want 3", ran)
		}
		outer.Stop()
		<-outer.Done()
		if st := s.Stats(); st.Entries != 0 {
			t.Errorf("%+v", st)
		}
		before := s.Stats().Ticks
		time.Sleep(time.Hour)
		if after := s.Stats().Ticks; after != before {
			t.Errorf("%d ticks after everything stopped", after-before)
		}
		s.Close()
	})
}

func TestScheduler_DoneWaitsForTheCallUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewScheduler(nil)
		running, over := make(chan struct{}), false
		e := s.Add(FrameTime, func(time.Time) bool {
			close(running)
			time.Sleep(10 * time.Millisecond)
			over = true
			return true
		})
		<-running
		e.Stop()
		select {
		case <-e.Done():
			t.Error("done while fn runs")
		default:
		}
		<-e.Done()
		if !over {
			t.Error("done before fn ended")
		}
		s.Close()
	})
}

func TestScheduler_CloseWaitsAndEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewScheduler(nil)
		running, over := make(chan struct{}), false
		var all []*Entry
		all = append(all, s.Add(FrameTime, func(time.Time) bool {
			close(running)
			time.Sleep(200 * time.Millisecond)
			over = true
			return true
		}))
		for range 50 {
			all = append(all, s.Add(time.Hour, func(time.Time) bool { return true }))
		}
		<-running
		s.Close()
		s.Close()
		if !over {
			t.Error("Close did not wait for fn")
		}
		for _, e := range append(all, s.Add(FrameTime, func(time.Time) bool {
			t.Error("runs after Close")
			return true
		})) {
			<-e.Done()
			e.Stop()
		}
	})
}

func TestScheduler_AnEarlierEntryWakesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewScheduler(nil)
		time.Sleep(time.Minute + 300*time.Microsecond) // asleep with nothing to do
		s.Add(time.Hour, func(time.Time) bool { return true })
		time.Sleep(100 * time.Millisecond)
		begin, at := time.Now(), make(chan time.Time, 1)
		s.Add(FrameTime, func(now time.Time) bool { at <- now; return false })
		if wait := (<-at).Sub(begin); wait > 2*time.Millisecond {
			t.Errorf("first call after %v", wait)
		}
		s.Close()
	})
}

// Any mixture of intervals, starts and stops: each entry runs exactly as often as its time allows.
func TestScheduler_PropertyExactCounts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		type plan struct{ start, life, interval time.Duration }
		ms := func(from, to int, name string) time.Duration {
			return time.Duration(rapid.IntRange(from, to).Draw(rt, name)) * time.Millisecond
		}
		plans := make([]plan, rapid.IntRange(1, 20).Draw(rt, "entries"))
		for i := range plans {
			plans[i] = plan{ms(0, 500, "start"), ms(1, 2000, "life"), ms(1, 300, "interval")}
		}
		synctest.Test(t, func(*testing.T) {
			s := NewScheduler(nil)
			ended := make(chan error, len(plans))
			for _, p := range plans {
				go func() {
					time.Sleep(p.start)
					var first time.Time
					n := 0
					e := s.Add(p.interval, func(now time.Time) bool {
						if n++; n == 1 {
							first = now
						}
						return true
					})
					time.Sleep(p.life + 500*time.Microsecond) // between two steps of the grid
					e.Stop()
					<-e.Done()
					want := 0
					if n > 0 {
						want = 1 + int(time.Since(first)/p.interval)
					}
					if n != want || n == 0 && p.life > p.interval {
						ended <- fmt.Errorf("%+v: ran %d times, want %d", p, n, want)
						return
					}
					ended <- nil
				}()
			}
			for range plans {
				if err := <-ended; err != nil {
					rt.Error(err)
				}
			}
			s.Close()
		})
	})
}

func TestScheduler_AllocatesNothingPerTick(t *testing.T) {
	now := time.Now()
	s := NewScheduler(func() time.Time { return now })
	s.Close() // only its tick is used, by hand
	s.closed = false
	for range 100 {
		s.Add(FrameTime, func(time.Time) bool { return true })
	}
	if n := testing.AllocsPerRun(100, func() {
		now = now.Add(FrameTime)
		s.tick()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if st := s.Stats(); st.Ticks < 100*100 {
		t.Errorf("%+v", st)
	}
}

func TestLateness_QuantilesAreAtMostAQuarterHigh(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(-5, int64(time.Hour)).Draw(t, "lateness"))
		if end := bucketEnd(bucketOf(d)); end <= d || d > 4*time.Microsecond && float64(end) > 1.25*float64(d)+1000 {
			t.Errorf("%v lies in the bucket that ends at %v", d, end)
		}
	})
	var l lateness
	for i := range 1000 {
		l.add(time.Duration(i) * time.Microsecond)
	}
	if p := l.quantile(0.99); p < 990*time.Microsecond || p > 999*time.Microsecond {
		t.Errorf("p99 of 0 to 999 us is %v", p)
	}
	if (&lateness{}).quantile(0.99) != 0 {
		t.Error("p99 of nothing is not 0")
	}
}

// BenchmarkSchedulerLateness runs on the real clock for the benchmark's time and reports how late ticks were.
func BenchmarkSchedulerLateness(b *testing.B) {
	for _, n := range []int{100, 1000} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			s := NewScheduler(nil)
			ticks := make(chan struct{}, 1)
			for i := range n {
				s.Add(FrameTime, func(time.Time) bool {
					if i == 0 {
						select {
						case ticks <- struct{}{}:
						default:
						}
					}
					return true
				})
			}
			for b.Loop() { // one operation is one frame time of all entries
				<-ticks
			}
			st := s.Stats()
			s.Close()
			b.ReportMetric(float64(st.P99.Microseconds()), "p99-us")
			b.ReportMetric(float64(st.Max.Microseconds()), "max-us")
			b.ReportMetric(float64(st.Skipped), "skipped")
		})
	}
}
