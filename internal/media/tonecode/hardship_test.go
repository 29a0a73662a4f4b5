package tonecode

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/media"
)

func noise(r *rand.Rand, n int, rms float64) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(r.NormFloat64() * rms)
	}
	return out
}

func add(a, b []int16) []int16 {
	out := make([]int16, len(a))
	for i := range a {
		out[i] = int16(min(max(int(a[i])+int(b[i]), math.MinInt16), math.MaxInt16))
	}
	return out
}

func scale(a []int16, by float64) []int16 {
	out := make([]int16, len(a))
	for i := range a {
		out[i] = int16(min(max(math.Round(float64(a[i])*by), math.MinInt16), math.MaxInt16))
	}
	return out
}

func rms(a []int16) float64 {
	sum := 0.0
	for _, v := range a {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(len(a)))
}

// stretch plays samples at a clock that is off by ppm.
func stretch(a []int16, ppm float64) []int16 {
	out := make([]int16, 0, len(a))
	for i := 0; ; i++ {
		at := float64(i) * (1 + ppm*1e-6)
		k := int(at)
		if k+1 >= len(a) {
			return out
		}
		f := at - float64(k)
		out = append(out, int16(math.Round(float64(a[k])*(1-f)+float64(a[k+1])*f)))
	}
}

func TestDecoder_SurvivesWhatALineDoes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	long := strings.Repeat("The refund policy gives you thirty days. ", 20)
	via := func(rate int) func([]int16) []int16 {
		return func(a []int16) []int16 {
			up, down := media.NewResampler(8000, rate), media.NewResampler(rate, 8000)
			a = up.Flush(up.Append(nil, a))
			return down.Flush(down.Append(nil, a))
		}
	}
	for name, line := range map[string]func([]int16) []int16{
		"mu-law twice":            func(a []int16) []int16 { return overPhone(overPhone(a)) },
		"20 dB quieter":           func(a []int16) []int16 { return overPhone(scale(a, 0.1)) },
		"8 dB louder, clipping":   func(a []int16) []int16 { return overPhone(scale(a, 2.5)) },
		"upside down":             func(a []int16) []int16 { return scale(a, -1) },
		"over 16 kHz":             via(16000),
		"over 48 kHz":             via(48000),
		"over 44.1 kHz":           via(44100),
		"white noise 10 dB below": func(a []int16) []int16 { return overPhone(add(a, noise(r, len(a), rms(a)*0.316))) },
		"clock 150 ppm fast":      func(a []int16) []int16 { return stretch(a, 150) },
		"clock 150 ppm slow":      func(a []int16) []int16 { return stretch(a, -150) },
		"direct offset":           func(a []int16) []int16 { return add(a, scale(square(len(a)), 0.2)) },
	} {
		for _, text := range []string{question, long} {
			sound := make([]int16, 1234)
			sound = append(sound, Encode(text, 8000)...)
			sound = append(sound, make([]int16, 800)...)
			got := decode(8000, line(sound))
			if len(got) != 1 || got[0].Text != text || !got[0].Clean() {
				t.Errorf("%s: got %+v", name, got)
			}
		}
	}
}

// square is a constant of full scale: a square wave of a period longer than any test.
func square(n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = math.MaxInt16
	}
	return out
}

func TestDecoder_TakesNothingElseForAMessage(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const seconds = 20
	tone := func(hz ...float64) []int16 {
		out := make([]int16, 8000*seconds)
		for i := range out {
			for k, f := range hz {
				out[i] += int16(6000 / float64(len(hz)) * math.Sin(2*math.Pi*f*float64(i)/8000+float64(k*k)))
			}
		}
		return out
	}
	all := make([]float64, tones)
	for b := range all {
		all[b] = 62.5 * float64(firstBin+b)
	}
	glide := make([]int16, 8000*seconds)
	at := 0.0
	for i := range glide {
		at += 300 + 3000*math.Abs(math.Mod(float64(i)/4000, 2)-1)
		glide[i] = int16(6000 * math.Sin(2*math.Pi*at/8000))
	}
	for name, sound := range map[string][]int16{
		"silence":             make([]int16, 8000*seconds),
		"faint noise":         noise(r, 8000*seconds, 20),
		"loud noise":          noise(r, 8000*60, 5000),
		"clipped noise":       noise(r, 8000*seconds, 60000),
		"1 kHz":               tone(1000),
		"a dial tone":         tone(350, 440),
		"every tone at once":  tone(all...),
		"a hum of harmonics":  tone(125, 250, 375, 500, 625, 750, 875, 1000, 1125, 1250),
		"a glide":             glide,
		"synthetic vowels":    vowels(8000 * seconds),
		"noise in bursts":     bursts(r, 8000*seconds),
		"preambles only":      repeated(Encode("", 8000)[:preambleLen*symbolSize-100], 40, 4000),
		"a lone first symbol": repeated(Encode("", 8000)[:symbolSize], 40, 4000),
	} {
		got := everything(NewDecoder(8000), 160, overPhone(sound))
		for _, e := range got {
			if e.OK || name != "preambles only" {
				t.Errorf("%s: got %+v", name, e)
				break
			}
		}
	}
}

func repeated(a []int16, times, pause int) (out []int16) {
	for range times {
		out = append(append(out, a...), make([]int16, pause)...)
	}
	return out
}

// vowels is a pulse train of gliding pitch through resonances that change every 150 ms.
func vowels(n int) []int16 {
	out := make([]int16, n)
	r := rand.New(rand.NewPCG(5, 6))
	var y [3][2]float64
	freq := [3]float64{500, 1500, 2500}
	phase := 0.0
	for i := range out {
		if i%1200 == 0 {
			freq = [3]float64{250 + 550*r.Float64(), 800 + 1400*r.Float64(), 2200 + 900*r.Float64()}
		}
		phase += (120 + 40*math.Sin(float64(i)/3000)) / 8000
		x := 0.0
		if phase >= 1 {
			phase--
			x = 1
		}
		v := 0.0
		for k, f := range freq {
			const radius = 0.97
			next := x + 2*radius*math.Cos(2*math.Pi*f/8000)*y[k][0] - radius*radius*y[k][1]
			y[k][1], y[k][0] = y[k][0], next
			v += next
		}
		if i/4000%3 != 2 {
			out[i] = int16(max(-30000, min(30000, 3000*v)))
		}
	}
	return out
}

func bursts(r *rand.Rand, n int) (out []int16) {
	for len(out) < n {
		out = append(out, noise(r, r.IntN(800), 8000*r.Float64())...)
		out = append(out, make([]int16, r.IntN(800))...)
	}
	return out
}

func TestDecoder_ReportsACutMessageAndReadsTheNext(t *testing.T) {
	first, second := "Your balance is one thousand two hundred dollars and I", "stop please"
	whole := overPhone(Encode(first, 8000))
	for cut := 6*symbolSize + 50; cut < len(whole)-symbolSize; cut += 77 {
		for _, pause := range []int{0, 1, 33, 160, 799, 4000} {
			sound := append(make([]int16, 100), whole[:cut]...)
			sound = append(sound, make([]int16, pause)...)
			sound = append(sound, overPhone(Encode(second, 8000))...)
			got := decode(8000, sound)
			if len(got) != 2 {
				t.Fatalf("cut %d pause %d: got %+v", cut, pause, got)
			}
			heard := max(0, (cut-preambleLen*symbolSize-headerLen*symbolSize)/symbolSize) // symbols in full
			e := got[0]
			if e.OK || e.Tail <= 0 || !strings.HasPrefix(first, e.Text) || len(e.Text) < 2*(heard-1) || len(e.Text) > 2*(heard+1) {
				t.Errorf("cut %d pause %d: got %+v", cut, pause, e)
			}
			if got[1].Text != second || !got[1].OK {
				t.Errorf("cut %d pause %d: next is %+v", cut, pause, got[1])
			}
		}
	}
}

func TestDecoder_ReportsACutMessageInSilenceWithin250ms(t *testing.T) {
	sound := Encode(question, 8000)[:15*symbolSize]
	d := NewDecoder(8000)
	for i := range 40 {
		frame := make([]int16, symbolSize)
		if i < 15 {
			copy(frame, sound[i*symbolSize:])
		}
		for _, e := range d.Write(frame) {
			if e.Kind != Message {
				continue
			}
			if now := time.Duration(i+1) * 20 * time.Millisecond; now-e.End > 250*time.Millisecond || e.End != 300*time.Millisecond {
				t.Errorf("reported at %v: %+v", now, e)
			}
			if e.OK || !strings.HasPrefix(question, e.Text) || len(e.Text) != 2*9 {
				t.Errorf("got %+v", e)
			}
			return
		}
	}
	t.Error("not reported")
}

func TestDecoder_FollowsAPauseOffTheGrid(t *testing.T) {
	sound := Encode(question, 8000)
	for _, pause := range []int{47, 80, 250, 777, 1111} {
		for at := 1; at < preambleLen+messageLen(len(question)); at++ {
			cut := at * symbolSize
			stalled := append(append(append([]int16{}, sound[:cut]...), make([]int16, pause)...), sound[cut:]...)
			got := decode(8000, stalled)
			if len(got) != 1 || !got[0].OK || got[0].Text != question {
				t.Errorf("pause of %d at symbol %d: got %+v", pause, at, got)
			}
		}
	}
}

func TestDecoder_ReportsWithTheLastSymbol(t *testing.T) {
	for _, rate := range []int{8000, 16000, 24000} {
		frame := rate / symbolRate
		for offset := 0; offset < frame; offset += frame / 20 {
			sound := append(make([]int16, offset), Encode(question, rate)...)
			last := (len(sound) - 1) / frame
			early := (len(sound) - rate/500 - 1) / frame // it can be read without the last 2 ms
			cut := frames(sound, frame)
			d := NewDecoder(rate)
			for i, f := range cut {
				for _, e := range d.Write(f) {
					if e.Kind == Message && (i < early || i > last || !e.Clean()) {
						t.Errorf("rate %d offset %d: in frame %d of %d: %+v", rate, offset, i, last, e)
					}
				}
			}
			if d.Locked() {
				t.Errorf("rate %d offset %d: still locked", rate, offset)
			}
		}
	}
}

func TestDecoder_TellsWordsAsTheyCome(t *testing.T) {
	text := "two words " + strings.Repeat("x", 120)
	var got []string
	d := NewDecoder(8000)
	kinds := ""
	for _, e := range everything(d, symbolSize, Encode(text, 8000)) {
		kinds += string(e.Kind.String()[0])
		if e.Kind == Text {
			got = append(got, e.Text)
		}
	}
	if !strings.HasPrefix(kinds, "stt") || !strings.HasSuffix(kinds, "tm") {
		t.Errorf("order of events: %s", kinds)
	}
	want := []string{"two ", "two words ", text[:60], text[:110]}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got %q want %q", got, want)
	}
}
