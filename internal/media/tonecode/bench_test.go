package tonecode

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func BenchmarkEncode(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Encode(question, 8000)
	}
}

// benchmarkFrames reports the cost of one frame of 20 ms.
func benchmarkFrames(b *testing.B, rate int, sound []int16) {
	d := NewDecoder(rate)
	cut := frames(sound, rate/symbolRate)
	for _, f := range cut {
		d.Write(f)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		d.Write(cut[i%len(cut)])
		i++
	}
}

func BenchmarkTonecodeDecode(b *testing.B) {
	long := strings.Repeat("a", MaxText)
	r := rand.New(rand.NewPCG(1, 2))
	b.Run("message-8k", func(b *testing.B) { benchmarkFrames(b, 8000, Encode(long, 8000)) })
	b.Run("message-16k", func(b *testing.B) { benchmarkFrames(b, 16000, Encode(long, 16000)) })
	b.Run("message-24k", func(b *testing.B) { benchmarkFrames(b, 24000, Encode(long, 24000)) })
	b.Run("idle-silence-8k", func(b *testing.B) { benchmarkFrames(b, 8000, make([]int16, 16000)) })
	b.Run("idle-noise-8k", func(b *testing.B) { benchmarkFrames(b, 8000, noise(r, 16000, 3000)) })
	b.Run("idle-noise-16k", func(b *testing.B) { benchmarkFrames(b, 16000, noise(r, 32000, 3000)) })
}

// Reports of words are the only thing that a decoder may allocate.
func TestDecoder_AllocatesOnlyForEvents(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, sound := range map[string][]int16{
		"silence": make([]int16, 16000),
		"noise":   noise(r, 16000, 3000),
		"message": Encode(strings.Repeat("a", 4000), 8000),
	} {
		d := NewDecoder(8000)
		cut := frames(sound, symbolSize)
		for _, f := range cut {
			d.Write(f)
		}
		var allocs, events float64
		allocs = testing.AllocsPerRun(1, func() {
			events = 0
			for _, f := range cut {
				for _, e := range d.Write(f) {
					if e.Kind == Text || e.Kind == Message {
						events++
					}
				}
			}
		})
		if allocs > events {
			t.Errorf("%s: %.0f allocations for %.0f events", name, allocs, events)
		}
	}
}
