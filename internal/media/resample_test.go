package media

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

func sine(hz float64, rate, n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(math.Round(10000 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate))))
	}
	return out
}

// levelAt is the amplitude of a tone in the middle of a sound, in dB against that of sine.
func levelAt(hz float64, rate int, a []int16) float64 {
	a = a[len(a)/4 : len(a)*3/4]
	var re, im, sum float64
	for i, v := range a {
		w := 1 - math.Cos(2*math.Pi*(float64(i)+0.5)/float64(len(a)))
		s, c := math.Sincos(2 * math.Pi * hz * float64(i) / float64(rate))
		re, im, sum = re+w*c*float64(v), im+w*s*float64(v), sum+w
	}
	return 20 * math.Log10(2*math.Hypot(re, im)/sum/10000+1e-9)
}

// powerOf is the RMS of the middle of a sound, in dB against that of sine.
func powerOf(a []int16) float64 {
	a = a[len(a)/4 : len(a)*3/4]
	sum := 0.0
	for _, v := range a {
		sum += float64(v) * float64(v)
	}
	return 10 * math.Log10(sum/float64(len(a))/5e7+1e-9)
}

var pairs = [][2]int{
	{8000, 16000},
	{8000, 24000},
	{8000, 48000},
	{16000, 8000},
	{16000, 24000},
	{24000, 8000},
	{24000, 16000},
	{48000, 8000},
	{48000, 16000},
	{48000, 24000},
	{44100, 8000},
	{44100, 16000},
	{22050, 8000},
	{22050, 24000},
	{8000, 44100},
	{11025, 48000},
}

func resampled(r *Resampler, a []int16) []int16 { return r.Flush(r.Append(nil, a)) }

func TestResampler_PassesSpeechAndStopsAliases(t *testing.T) {
	for _, p := range pairs {
		from, to := p[0], p[1]
		nyquist := float64(min(from, to)) / 2
		for share := 0.05; share < 2; share += 0.05 {
			hz := share * nyquist
			if hz > float64(from)/2*0.99 {
				break
			}
			in := sine(hz, from, from/8)
			got := resampled(NewResampler(from, to), in)
			switch level := levelAt(hz, to, got); {
			case share <= 0.85 && math.Abs(level) > 0.1:
				t.Errorf("%d to %d: %.0f Hz passes with %.2f dB", from, to, hz, level)
			case share <= 0.85:
				for i := range got { // what is not the tone is an image or noise
					got[i] -= int16(math.Round(10000 * math.Sin(2*math.Pi*hz*float64(i)/float64(to))))
				}
				if rest := powerOf(got); rest > -55 {
					t.Errorf("%d to %d: %.0f Hz leaves %.1f dB of something else", from, to, hz, rest)
				}
			case share >= 1:
				if alias := powerOf(got); alias > -60 {
					t.Errorf("%d to %d: %.0f Hz aliases with %.1f dB", from, to, hz, alias)
				}
			}
		}
	}
}

func TestLowDelayResampler_KeepsItsPromise(t *testing.T) {
	for _, from := range []int{16000, 24000, 48000} {
		for hz := 200.0; hz < float64(from)/2*0.99; hz += 150 {
			got := resampled(NewLowDelayResampler(from, 8000), sine(hz, from, from/8))
			switch level := levelAt(hz, 8000, got); {
			case hz <= 3300 && math.Abs(level) > 0.1:
				t.Errorf("%d: %.0f Hz passes with %.2f dB", from, hz, level)
			case hz >= 4600 && powerOf(got) > -59:
				t.Errorf("%d: %.0f Hz aliases with %.1f dB", from, hz, powerOf(got))
			}
		}
		long, short := NewResampler(from, 8000).Delay(), NewLowDelayResampler(from, 8000).Delay()
		if short*2 > long || short.Milliseconds() > 1 {
			t.Errorf("%d: delays %v and %v", from, long, short)
		}
	}
}

// Several tones within the band must come out of sox and of the resampler the same.
func TestResampler_AgreesWithSox(t *testing.T) {
	for _, p := range pairs {
		from, to := p[0], p[1]
		in := make([]int16, from)
		for k := range 6 {
			hz := float64(min(from, to)) / 2 * (0.07 + 0.13*float64(k))
			for i, v := range sine(hz, from, from) {
				in[i] += v / 8
			}
		}
		raw := sox(t, AppendPCM16(nil, in), concat([]string{"-D"}, fields(soxPCM), []string{"-r", strconv.Itoa(from), "-"},
			fields(soxPCM), []string{"-", "rate", "-h", strconv.Itoa(to)})...)
		theirs, ours := DecodePCM16(nil, raw), resampled(NewResampler(from, to), in)
		if abs(len(theirs)-len(ours)) > 1 {
			t.Errorf("%d to %d: %d samples, sox gives %d", from, to, len(ours), len(theirs))
		}
		n := min(len(theirs), len(ours))
		diff := make([]int16, n)
		for i := range diff {
			diff[i] = ours[i] - theirs[i]
		}
		if level := powerOf(diff); level > -60 {
			t.Errorf("%d to %d: differs from sox by %.1f dB", from, to, level)
		}
	}
}

func TestResampler_PropertyPiecesMakeNoDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(pairs).Draw(t, "rates")
		in := rapid.SliceOfN(rapid.Int16(), 0, 2000).Draw(t, "samples")
		want := resampled(NewResampler(p[0], p[1]), in)
		if n := (len(in)*p[1] + p[0] - 1) / p[0]; len(want) != n {
			t.Fatalf("%d samples become %d, want %d", len(in), len(want), n)
		}
		r := NewResampler(p[0], p[1])
		for range 2 { // Flush begins a new stream
			var got []int16
			for rest := in; len(rest) > 0; {
				n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
				got = r.Append(got, rest[:n])
				rest = rest[n:]
			}
			if got = r.Flush(got); !slices.Equal(got, want) {
				t.Fatal("pieces differ from the whole")
			}
		}
	})
}

func TestResampler_OddRates(t *testing.T) {
	for _, p := range [][2]int{{8000, 8000}, {44099, 8000}, {47999, 48000}, {0, 8000}, {8000, -1}, {384000, 1000}, {1 << 40, 7}} {
		r := NewResampler(p[0], p[1])
		in := sine(200, 8000, 4000)
		got := resampled(r, in)
		from, to := min(max(p[0], 1000), 384000), min(max(p[1], 1000), 384000)
		if want := len(in) * to / from; abs(len(got)-want) > 2 {
			t.Errorf("%v: %d samples, want about %d", p, len(got), want)
		}
		if p[0] == p[1] && !slices.Equal(got, in) {
			t.Errorf("%v: changed", p)
		}
		if len(r.bank) > 1<<21 {
			t.Errorf("%v: bank of %d", p, len(r.bank))
		}
	}
}

func TestResampler_FullScaleDoesNotWrap(t *testing.T) {
	in := make([]int16, 4000)
	for i := range in {
		if in[i] = math.MaxInt16; i/40%2 == 1 {
			in[i] = math.MinInt16
		}
	}
	got := resampled(NewResampler(8000, 16000), in)
	for i := 100; i < len(got)-100; i++ {
		if at := i % 160; at > 10 && at < 70 && got[i] < 20000 || at > 90 && at < 150 && got[i] > -20000 {
			t.Fatalf("sample %d is %d", i, got[i])
		}
	}
}

func BenchmarkResample(b *testing.B) {
	for _, p := range [][2]int{{8000, 16000}, {8000, 24000}, {16000, 8000}, {24000, 8000}, {44100, 8000}} {
		b.Run(fmt.Sprintf("%dto%d", p[0], p[1]), func(b *testing.B) {
			r, in, out := NewResampler(p[0], p[1]), sine(440, p[0], p[0]/50), make([]int16, 0, 2000)
			b.ReportAllocs()
			for b.Loop() {
				out = r.Append(out[:0], in)
			}
		})
	}
}
