package media

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func hiss(r *rand.Rand, ms int, dbfs float64) []int16 {
	out := make([]int16, 8*ms)
	rms := 32768 * math.Pow(10, dbfs/20)
	for i := range out {
		out[i] = int16(max(-32000, min(32000, r.NormFloat64()*rms)))
	}
	return out
}

// talk is a voice-like sound: a pulse train whose level swings by syllables of 180 ms and nearly dies between them.
func talk(ms int, dbfs float64) []int16 {
	out := make([]int16, 8*ms)
	peak := 32768 * math.Pow(10, dbfs/20) * 2
	for i := range out {
		syllable := math.Sin(math.Pi * float64(i%1440) / 1440)
		v := 0.0
		for h := 1; h <= 12; h++ {
			v += math.Sin(2*math.Pi*130*float64(h)*float64(i)/8000+float64(h*h)) / 3
		}
		out[i] = int16(max(-32000, min(32000, peak*syllable*v/2)))
	}
	return out
}

func join(parts ...[]int16) (out []int16) {
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func mix(a, b []int16) []int16 {
	out := make([]int16, len(a))
	for i := range a {
		out[i] = int16(max(-32768, min(32767, int(a[i])+int(b[i]))))
	}
	return out
}

type change struct {
	what Activity
	at   time.Duration // when it happened, by the detector
	told time.Duration // when it was told
}

// changes feeds mu-law frames of 20 ms.
func changes(d VAD, samples []int16) (out []change) {
	f := &Frame{Format: Phone}
	told := time.Duration(0)
	for len(samples) >= 160 {
		f.Data = EncodeMuLaw(f.Data[:0], samples[:160])
		samples = samples[160:]
		told += FrameTime
		if tr := d.Feed(f); tr.Activity != Unchanged {
			out = append(out, change{tr.Activity, told - tr.Lag, told})
		}
	}
	return out
}

func near(a, b, within time.Duration) bool { return (a - b).Abs() <= within }

func TestDetector_FindsStartAndEndOfVoice(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	quiet := make([]int16, 8*1000)
	for name, sound := range map[string][]int16{
		"in silence":          join(quiet, talk(1440, -25), quiet),
		"faint":               join(quiet, talk(1440, -38), quiet),
		"over noise at -50":   mix(join(quiet, talk(1440, -25), quiet), hiss(r, 3440, -50)),
		"over noise at -42":   mix(join(quiet, talk(1440, -20), quiet), hiss(r, 3440, -42)),
		"on a shifted line":   mix(join(quiet, talk(1440, -25), quiet), level(8*3440, 3000)),
		"steady and loud":     join(quiet, hiss(r, 1440, -17), quiet),
		"after a click":       join(quiet[:4000], hiss(r, 20, -10), quiet[:3840], talk(1440, -25), quiet),
		"with a click behind": join(quiet, talk(1440, -25), quiet[:640], hiss(r, 10, -10), quiet),
	} {
		got := changes(NewDetector(DetectorOptions{}), sound)
		if len(got) != 2 || got[0].what != Started || got[1].what != Stopped {
			t.Errorf("%s: got %v", name, got)
			continue
		}
		start, stop := got[0], got[1]
		if !near(start.at, time.Second, 60*time.Millisecond) || !near(start.told, start.at, 130*time.Millisecond) {
			t.Errorf("%s: started %v, told %v", name, start.at, start.told)
		}
		if !near(stop.at, 2440*time.Millisecond, 60*time.Millisecond) || !near(stop.told-stop.at, 200*time.Millisecond, 20*time.Millisecond) {
			t.Errorf("%s: stopped %v, told %v", name, stop.at, stop.told)
		}
	}
}

func level(n int, v int16) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = v
	}
	return out
}

func TestDetector_HearsNoVoiceInWhatIsNone(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	clicks := make([]int16, 8*10000)
	for i := 4000; i < len(clicks)-1000; i += 4000 {
		copy(clicks[i:], hiss(r, 30, -12))
	}
	swell := hiss(r, 20000, -40)
	for i := range swell { // rises from nothing in 10 s
		swell[i] = int16(float64(swell[i]) * min(1, float64(i)/80000))
	}
	for name, sound := range map[string][]int16{
		"digital silence":     make([]int16, 8*10000),
		"a direct offset":     level(8*10000, 5000),
		"noise at -60":        hiss(r, 10000, -60),
		"noise at -50":        hiss(r, 10000, -50),
		"noise at -40":        hiss(r, 10000, -40),
		"noise at -36":        hiss(r, 10000, -36),
		"noise that swells":   swell,
		"clicks of 30 ms":     clicks,
		"a hum at -40":        mix(make([]int16, 80000), humming(80000, 460)),
		"idle codes of phone": DecodeMuLaw(nil, idle(80000)),
	} {
		d := NewDetector(DetectorOptions{})
		if got := changes(d, sound); len(got) != 0 || d.Speaking() {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// idle is what some lines send for silence: both zeros and the smallest levels.
func idle(n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = []byte{0xFF, 0x7F, 0xFE, 0x7E}[i*7/3%4]
	}
	return out
}

func humming(n int, peak float64) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(peak * math.Sin(2*math.Pi*100*float64(i)/8000))
	}
	return out
}

// Steady noise that sets in is voice at first; within two seconds it is the floor, above which voice is heard.
func TestDetector_AdaptsToNoiseThatSetsIn(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	sound := mix(join(make([]int16, 8*1000), hiss(r, 6000, -40)), join(make([]int16, 8*5000), talk(1440, -20), make([]int16, 8*560)))
	got := changes(NewDetector(DetectorOptions{}), sound)
	if len(got) != 4 || got[1].told > 3200*time.Millisecond || !near(got[2].at, 5*time.Second, 60*time.Millisecond) {
		t.Errorf("got %v", got)
	}
}

func TestDetector_OptionsCount(t *testing.T) {
	sound := join(make([]int16, 8000), talk(1440, -25), make([]int16, 8*700), talk(1440, -25), make([]int16, 16000))
	count := func(o DetectorOptions) int { return len(changes(NewDetector(o), sound)) }
	if a, b := count(DetectorOptions{}), count(DetectorOptions{StopMS: 800}); a != 4 || b != 2 {
		t.Errorf("%d changes, %d with StopMS 800", a, b)
	}
	if n := count(DetectorOptions{MinDBFS: -10}); n != 0 {
		t.Errorf("%d changes with MinDBFS -10", n)
	}
	if n := count(DetectorOptions{StartMS: 3000}); n != 0 {
		t.Errorf("%d changes with StartMS 3000", n)
	}
	first := changes(NewDetector(DetectorOptions{StartMS: 150}), sound)[0]
	if lag := first.told - first.at; lag < 150*time.Millisecond || !near(first.at, time.Second, 60*time.Millisecond) {
		t.Errorf("StartMS 150: %+v", first)
	}
}

// The same sound gives the same moments in any encoding, rate and framing.
func TestDetector_PropertyFramingMakesNoDifference(t *testing.T) {
	sound := join(make([]int16, 1600), talk(360, -25), make([]int16, 2400), talk(360, -30), make([]int16, 2400))
	want := changes(NewDetector(DetectorOptions{}), sound)
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.SampledFrom([]int{8000, 16000, 24000}).Draw(t, "rate")
		up := NewResampler(8000, rate)
		rest := up.Flush(up.Append(nil, sound))
		d, f := NewDetector(DetectorOptions{}), &Frame{Format: Format{PCM16, rate}}
		fed := 0
		var got []change
		for len(rest) > 0 {
			n := min(len(rest), rapid.IntRange(1, rate/20).Draw(t, "frame"))
			var tr Transition
			if rapid.Bool().Draw(t, "as frame") {
				f.Data = AppendPCM16(f.Data[:0], rest[:n])
				tr = d.Feed(f)
			} else {
				tr = d.FeedSamples(rest[:n], rate)
			}
			rest, fed = rest[n:], fed+n
			if tr.Activity != Unchanged {
				got = append(got, change{tr.Activity, time.Duration(fed)*time.Second/time.Duration(rate) - tr.Lag, 0})
			}
		}
		if len(got) != len(want) {
			t.Fatalf("got %v want %v", got, want)
		}
		for i := range want {
			if got[i].what != want[i].what || !near(got[i].at, want[i].at, 21*time.Millisecond) {
				t.Fatalf("got %v want %v", got, want)
			}
		}
	})
}

func TestDetector_TakesAnythingAndAllocatesNothing(t *testing.T) {
	d := NewDetector(DetectorOptions{StartMS: -5, StopMS: -5, MarginDB: -3})
	for _, f := range []Frame{{}, {Format: Format{PCM16, 0}, Data: []byte{1, 2, 3}}, {Format: Format{MuLaw, -1}, Data: make([]byte, 50)}} {
		d.Feed(&f)
	}
	d = NewDetector(DetectorOptions{})
	phone, browser := &Frame{Format: Phone, Data: make([]byte, 160)}, &Frame{Format: BrowserIn, Data: make([]byte, 640)}
	samples := make([]int16, 160)
	if n := testing.AllocsPerRun(100, func() {
		d.Feed(phone)
		d.Feed(browser)
		d.FeedSamples(samples, 8000)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkVAD(b *testing.B) {
	for name, f := range map[string]*Frame{
		"mulaw-8k":  {Format: Phone, Data: EncodeMuLaw(nil, talk(20, -20))},
		"pcm16-16k": {Format: BrowserIn, Data: AppendPCM16(nil, talk(40, -20))},
	} {
		b.Run(name, func(b *testing.B) {
			d := NewDetector(DetectorOptions{})
			b.ReportAllocs()
			for b.Loop() {
				d.Feed(f)
			}
		})
	}
}
