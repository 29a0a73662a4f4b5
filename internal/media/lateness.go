package media

import (
	"math/bits"
	"time"
)

// SchedulerStats counts what a Scheduler did so far.
type SchedulerStats struct {
	Entries  int           // registered now
	Ticks    uint64        // calls made
	Late     uint64        // of them, begun more than 5 ms after their due time
	Skipped  uint64        // ticks given up after a stall
	Max, P99 time.Duration // lateness: the largest, skipped ticks included; of calls, rounded up by at most a quarter
}

// lateness is a histogram with four steps an octave from 1 us on: recording costs a few instructions.
type lateness struct {
	ticks, late, skipped uint64
	max                  time.Duration
	buckets              [4 * 40]uint64
}

func (l *lateness) add(d time.Duration) {
	l.ticks++
	if d > lateAfter {
		l.late++
	}
	l.max = max(l.max, d)
	l.buckets[bucketOf(d)]++
}

// bucketOf: 0 to 3 us have their own bucket, above that the two bits after the leading one choose.
func bucketOf(d time.Duration) int {
	us := uint64(max(d, 0) / time.Microsecond)
	if us < 4 {
		return int(us)
	}
	octave := bits.Len64(us) - 3 // 4..7 is octave 0
	return min(4+4*octave+int(us>>octave&3), len(lateness{}.buckets)-1)
}

// bucketEnd is the upper end of a bucket.
func bucketEnd(i int) time.Duration {
	if i < 4 {
		return time.Duration(i+1) * time.Microsecond
	}
	octave, part := (i-4)/4, (i-4)%4
	return time.Duration((4+part+1)<<octave) * time.Microsecond
}

func (l *lateness) quantile(q float64) time.Duration {
	need := uint64(q * float64(l.ticks))
	var seen uint64
	for i, n := range l.buckets {
		if seen += n; seen > need {
			return min(bucketEnd(i), l.max)
		}
	}
	return l.max
}

// Stats is a snapshot.
func (s *Scheduler) Stats() SchedulerStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return SchedulerStats{
		Entries: len(s.due), Ticks: s.stats.ticks, Late: s.stats.late, Skipped: s.stats.skipped,
		Max: s.stats.max, P99: s.stats.quantile(0.99),
	}
}
