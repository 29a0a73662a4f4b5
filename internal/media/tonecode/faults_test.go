package tonecode

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The faults of a path that moves frames of 20 ms. Each gives the sound with the frame at i damaged.
var faults = map[string]func(frames [][]int16, i int) [][]int16{
	"drop":   func(f [][]int16, i int) [][]int16 { return slices.Delete(f, i, i+1) },
	"repeat": func(f [][]int16, i int) [][]int16 { return slices.Insert(f, i, f[i]) },
	"swap": func(f [][]int16, i int) [][]int16 {
		f[i], f[i+1] = f[i+1], f[i]
		return f
	},
	"silence": func(f [][]int16, i int) [][]int16 {
		f[i] = make([]int16, len(f[i]))
		return f
	},
	"conceal": func(f [][]int16, i int) [][]int16 { // the frame before once more instead
		f[i] = f[i-1]
		return f
	},
	"stall": func(f [][]int16, i int) [][]int16 { // a frame too late: silence in between
		return slices.Insert(f, i, make([]int16, len(f[i])))
	},
}

func frames(samples []int16, size int) (out [][]int16) {
	for len(samples) > 0 {
		n := min(size, len(samples))
		frame := make([]int16, size)
		copy(frame, samples[:n])
		out = append(out, frame)
		samples = samples[n:]
	}
	return out
}

// faulty puts the sound of text at an offset after ten frames of silence, damages one frame of it and returns what
// is decoded. count is the number of frames that hold any of the sound.
func faulty(text string, rate, offset, frame int, fault string) (got []Event) {
	size := rate / symbolRate
	sound := append(make([]int16, 10*size+offset), overPhone(Encode(text, rate))...)
	cut := frames(append(sound, make([]int16, 20*size)...), size)
	return decode(rate, slices.Concat(faults[fault](cut, 10+frame)...))
}

func TestDecoder_CountsEachFaultOfOneFrame(t *testing.T) {
	symbols := preambleLen + messageLen(len(question))
	for fault := range faults {
		for i := range symbols {
			got := faulty(question, 8000, 0, i, fault)
			if len(got) == 0 || got[0].Kind != Message {
				t.Fatalf("%s at %d: got %+v", fault, i, got)
			}
			e := got[0]
			last, lost, whole := i == symbols-1, 0, false
			name := fmt.Sprintf("%s at %d", fault, i)
			switch fault {
			case "repeat":
				if last {
					if len(got) != 2 || got[1].Kind != Stray || got[1].Repeated != 1 {
						t.Errorf("%s: got %+v", name, got)
					}
					continue
				}
				whole = e.OK && e.Repeated == 1
			case "swap":
				whole = e.OK && (e.Reordered == 1 || last && e.Gaps == 1)
			case "stall":
				whole = e.OK && (e.Gaps == 1 || i == 0 && e.Clean())
			case "drop":
				lost, whole = 1, true
			case "silence":
				lost, whole = 1, e.Gaps == 1 || i == 0 || last
			case "conceal":
				lost, whole = 1, e.Repeated == 1 || i == 0
			}
			inText := i >= preambleLen+headerLen
			if !whole || e.Lost != lost || e.Corrupt != 0 || len(got) != 1 || e.OK != (lost == 0 || !inText) {
				t.Errorf("%s: got %+v", name, got)
			}
			if e.Clean() && (fault != "stall" || i != 0) {
				t.Errorf("%s: not noticed", name)
			}
		}
	}
}

// firstFrame is the first frame of a sound off the grid whose fault must be noticed: one that lies within the message.
// Silence put in before it leaves a splinter of the first symbol outside, too short to be known for one.
func firstFrame(fault string) int {
	if fault == "stall" {
		return 2
	}
	return 1
}

// Sound that does not begin with a frame loses halves of two symbols with one frame.
func TestDecoder_NoticesFaultsOfFramesThatAreNotSymbols(t *testing.T) {
	const text = "client 5001"
	symbols := preambleLen + messageLen(len(text))
	for fault := range faults {
		for rate, steps := range map[int]int{8000: 10, 16000: 3} {
			for offset := 0; offset < rate/symbolRate; offset += rate / symbolRate / steps {
				for i := firstFrame(fault); i < symbols-1; i++ {
					got := faulty(text, rate, offset, i, fault)
					if len(got) == 0 || got[0].Kind != Message {
						t.Errorf("%s at %d, rate %d, offset %d: no message", fault, i, rate, offset)
						continue
					}
					if got[0].OK && got[0].Text != text || got[0].Clean() || len(got) > 1 {
						t.Errorf("%s at %d, rate %d, offset %d: got %+v", fault, i, rate, offset, got)
					}
				}
			}
		}
	}
}

func texts() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringN(0, 60, MaxText),
		rapid.StringOfN(rapid.RuneFrom([]rune("ab \x00é日🙂.\n")), 0, 200, MaxText),
		rapid.Map(rapid.SliceOfN(rapid.StringMatching(`[a-zA-Z0-9,.]{1,9}`), 0, 40), func(w []string) string {
			return strings.Join(w, " ")
		}),
	)
}

func TestDecoder_PropertyAnyTextAtAnyOffset(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.SampledFrom([]int{8000, 16000, 24000}).Draw(t, "rate")
		sent := rapid.SliceOfN(texts(), 1, 4).Draw(t, "texts")
		var sound []int16
		for _, text := range sent {
			sound = append(sound, make([]int16, rapid.IntRange(0, rate/4).Draw(t, "pause"))...)
			sound = append(sound, overPhone(Encode(text, rate))...)
		}
		d := NewDecoder(rate)
		var got []string
		for _, e := range everything(d, rapid.IntRange(1, rate).Draw(t, "write"), sound) {
			if e.Kind == Message {
				got = append(got, e.Text)
				if !e.Clean() {
					t.Errorf("not clean: %+v", e)
				}
			}
		}
		if !slices.Equal(got, sent) {
			t.Fatalf("got %q want %q", got, sent)
		}
	})
}

func TestDecoder_PropertyOneFaultIsNoticed(t *testing.T) {
	names := []string{"drop", "repeat", "swap", "silence", "conceal", "stall"}
	rapid.Check(t, func(t *rapid.T) {
		text := texts().Draw(t, "text")
		rate := rapid.SampledFrom([]int{8000, 16000, 24000}).Draw(t, "rate")
		offset := rapid.IntRange(0, rate/symbolRate-1).Draw(t, "offset")
		fault := rapid.SampledFrom(names).Draw(t, "fault")
		i := rapid.IntRange(firstFrame(fault), preambleLen+messageLen(len(text))-2).Draw(t, "frame")
		got := faulty(text, rate, offset, i, fault)
		if len(got) == 0 || got[0].Kind != Message {
			t.Fatalf("no message: %+v", got)
		}
		if got[0].Clean() || got[0].OK && got[0].Text != text {
			t.Fatalf("got %+v", got)
		}
	})
}
