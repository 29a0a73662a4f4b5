package peer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestPlayback_AsAPlainModel holds the buffer against the simplest thing that could be right: a list of
// samples and marks in one row.
func TestPlayback_AsAPlainModel(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		p := newPlayback(8000)
		var row []any // int16 or string
		next, name := int16(1), 0
		for step := range 400 {
			switch rng.IntN(6) {
			case 0, 1:
				var s []int16
				for range rng.IntN(500) {
					s = append(s, next)
					row = append(row, next)
					if next++; next == 0 {
						next = 1
					}
				}
				if p.append(s) != 0 {
					t.Fatal("refused")
				}
			case 2:
				name++
				m := fmt.Sprint(name)
				now, ok := p.mark(m)
				if !ok || now != (len(row) == 0) {
					t.Fatalf("seed %d step %d: mark now=%v with %d waiting", seed, step, now, len(row))
				}
				if !now {
					row = append(row, m)
				}
			case 3:
				if rng.IntN(4) > 0 {
					continue
				}
				var marks []string
				sound := 0
				for _, r := range row {
					if m, ok := r.(string); ok {
						marks = append(marks, m)
					} else {
						sound++
					}
				}
				dropped, got := p.clear()
				if dropped != sound || !slices.Equal(got, marks) {
					t.Fatalf("seed %d step %d: clear gave %d %v, want %d %v", seed, step, dropped, got, sound, marks)
				}
				row = nil
			default:
				var marks []string
				for len(row) > 0 {
					m, ok := row[0].(string)
					if !ok {
						break
					}
					marks, row = append(marks, m), row[1:]
				}
				if got := p.reached(); !slices.Equal(got, marks) {
					t.Fatalf("seed %d step %d: reached %v, want %v", seed, step, got, marks)
				}
				var want []int16
				rest := row[:0:0]
				for _, r := range row {
					if s, ok := r.(int16); ok && len(want) < 160 {
						want = append(want, s)
					} else {
						rest = append(rest, r)
					}
				}
				row = rest
				frame, sound := p.take(nil, 160)
				if len(frame) != 160 || sound != len(want) || !slices.Equal(frame[:sound], want) {
					t.Fatalf("seed %d step %d: played %d samples, want %d", seed, step, sound, len(want))
				}
				for _, s := range frame[sound:] {
					if s != 0 {
						t.Fatal("what is not sound is not silence")
					}
				}
			}
		}
	}
}

func TestPlayback_Bounds(t *testing.T) {
	p := newPlayback(8000)
	chunk := make([]int16, 8000*60)
	for range 10 {
		if p.append(chunk) != 0 {
			t.Fatal("ten minutes were refused")
		}
	}
	if got := p.append(chunk[:100]); got != 100 {
		t.Fatalf("refused %d, want 100", got)
	}
	for i := range maxMarks {
		if _, ok := p.mark(fmt.Sprint(i)); !ok {
			t.Fatalf("mark %d refused", i)
		}
	}
	if _, ok := p.mark("one more"); ok {
		t.Fatal("marks have no bound")
	}
}

func TestPlayback_LongStreamKeepsItsMemory(t *testing.T) {
	p := newPlayback(8000)
	frame := make([]int16, 160)
	p.append(frame)
	for range 100_000 { // 33 minutes, always one frame ahead
		p.append(frame)
		p.take(frame[:0], 160)
	}
	if cap(p.buf) > 64*160 {
		t.Fatalf("buffer grew to %d samples", cap(p.buf))
	}
}
