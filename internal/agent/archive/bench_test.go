package archive

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
)

// Tier of all of this file: bench.

func onBothBench(b *testing.B, f func(b *testing.B, s store)) {
	b.Run("sqlite", func(b *testing.B) { f(b, fileStore{b.TempDir()}) })
	b.Run("postgres", func(b *testing.B) { f(b, newServerStore(b)) })
}

func openBench(b *testing.B, s store) *Archive {
	b.Helper()
	a, err := Open(s.options())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := a.Close(); err != nil {
			b.Error(err)
		}
	})
	return a
}

// tail sorts what was measured and gives its middle and its 99th percentile in microseconds.
func tail(took []time.Duration) (p50, p99 float64) {
	slices.Sort(took)
	us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
	return us(took[len(took)/2]), us(took[len(took)*99/100])
}

// BenchmarkArchive_Commit is one caller: every turn is a commit of its own. The floor is measured in turns with
// it: the bytes of one turn appended to a file on the same disk, and synced.
func BenchmarkArchive_Commit(b *testing.B) {
	onBothBench(b, func(b *testing.B, s store) {
		a, id := openBench(b, s), uuid.New()
		f, err := os.Create(filepath.Join(s.options().Dir, "floor"))
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		line := make([]byte, 600)
		var floor, took []time.Duration
		late := 0
		for b.Loop() {
			start := time.Now()
			if _, err := f.Write(line); err != nil || f.Sync() != nil {
				b.Fatal(err)
			}
			floor = append(floor, time.Since(start))
			tn := turn(id, len(took))
			start = time.Now()
			err := a.AddTurn(b.Context(), tn)
			took = append(took, time.Since(start))
			if errors.Is(err, ErrSpooled) {
				late++
			} else if err != nil {
				b.Fatal(err)
			}
		}
		p50, p99 := tail(took)
		floor50, floor99 := tail(floor)
		b.ReportMetric(p50, "p50-µs")
		b.ReportMetric(p99, "p99-µs")
		b.ReportMetric(floor50, "fsync-p50-µs")
		b.ReportMetric(floor99, "fsync-p99-µs")
		b.ReportMetric(p99/floor99, "p99/fsync-p99")
		b.ReportMetric(float64(late), "late")
	})
}

// BenchmarkArchive_CommitTogether is 64 callers at once: their turns share commits.
func BenchmarkArchive_CommitTogether(b *testing.B) {
	onBothBench(b, func(b *testing.B, s store) {
		a, id := openBench(b, s), uuid.New()
		var seq atomic.Int64
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := a.AddTurn(b.Context(), turn(id, int(seq.Add(1)))); err != nil && !errors.Is(err, ErrSpooled) {
					b.Error(err)
					return
				}
			}
		})
	})
}
