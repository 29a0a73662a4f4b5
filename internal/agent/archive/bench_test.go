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

// report gives the middle and the tail of what was measured.
func report(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkFsync is the floor: the bytes of one turn appended to a file and synced.
func BenchmarkFsync(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "floor"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	line := make([]byte, 600)
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := f.Write(line); err != nil || f.Sync() != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	report(b, took)
}

func benchArchive(b *testing.B) *Archive {
	a, err := Open(Options{Dir: b.TempDir()})
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

// BenchmarkAddTurn is one caller: every turn is a commit of its own.
func BenchmarkAddTurn(b *testing.B) {
	a, id := benchArchive(b), uuid.New()
	var took []time.Duration
	for b.Loop() {
		tn := turn(id, len(took))
		start := time.Now()
		if err := a.AddTurn(b.Context(), tn); err != nil && !errors.Is(err, ErrSpooled) {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	report(b, took)
}

// BenchmarkAddTurnTogether is 64 callers at once: their turns share commits.
func BenchmarkAddTurnTogether(b *testing.B) {
	a, id := benchArchive(b), uuid.New()
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
}
