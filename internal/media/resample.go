package media

import (
	"math"
	"time"
)

// Resampler changes the rate of a stream by a polyphase FIR low-pass (windowed sinc, Kaiser). It has no offset in
// time: output k stands for the moment k/to of the input, so each sample comes out as soon as the filter has seen
// Delay of what follows it, and the last ones with Flush. Not safe for concurrent use.
type Resampler struct {
	up, down int // output k lies at input position k*down/up
	taps     int // a multiple of 4; 0 when the rates are equal
	delay    time.Duration
	bank     []float32 // up rows of taps, one for each place between two input samples
	buf      []float32 // what the next outputs still need
	pos      int       // index in buf of the first tap of the next output
	phase    int       // row of the next output
}

// filterSpec describes a low-pass by fractions of half the lower rate.
type filterSpec struct {
	pass, stop float64
	ripple     float64 // attenuation beyond stop, dB
}

// maxPhases bounds the filter bank. A ratio that needs more is replaced by the nearest one that does not, which is
// less than one part in a million away.
const maxPhases = 1024

// NewResampler converts from one rate to another (samples a second, each between 1 kHz and 384 kHz, else clamped).
// Flat within 0.1 dB up to 0.85 of half the lower rate (3400 Hz at 8 kHz); what could alias is 60 dB down at and
// beyond half the lower rate. It delays by 3.5 ms when the lower rate is 8 kHz.
func NewResampler(from, to int) *Resampler {
	return newResampler(from, to, filterSpec{pass: 0.85, stop: 1, ripple: 66})
}

// NewLowDelayResampler is NewResampler with a filter of less than half the length: flat up to 0.825 of half the
// lower rate; what aliases lands above 0.85 of it, everything else is 60 dB down. It delays by 1.5 ms at 8 kHz.
func NewLowDelayResampler(from, to int) *Resampler {
	return newResampler(from, to, filterSpec{pass: 0.825, stop: 1.15, ripple: 60})
}

func newResampler(from, to int, spec filterSpec) *Resampler {
	from, to = min(max(from, 1000), 384_000), min(max(to, 1000), 384_000)
	r := &Resampler{}
	if r.up, r.down = ratio(to, from); r.up == r.down {
		return r
	}
	lower := math.Min(1, float64(to)/float64(from)) // in units of the input rate
	cutoff := 0.5 * lower * (spec.pass + spec.stop) / 2
	// Kaiser's estimates of length and shape for a given attenuation and transition width.
	width := (spec.ripple - 8) / (2.285 * 2 * math.Pi * 0.5 * lower * (spec.stop - spec.pass))
	beta := 0.1102 * (spec.ripple - 8.7)
	half := (int(math.Ceil(width/2)) + 1) &^ 1
	r.taps, r.delay = 2*half, time.Duration(half)*time.Second/time.Duration(from)
	r.bank = make([]float32, r.up*r.taps)
	row := make([]float64, r.taps)
	for phase := range r.up {
		sum := 0.0
		for i := range row {
			t := float64(phase)/float64(r.up) + float64(half-1-i)
			row[i] = sinc(2*cutoff*t) * bessel0(beta*math.Sqrt(math.Max(0, 1-t*t/float64(half*half))))
			sum += row[i]
		}
		for i, v := range row { // every row passes a constant unchanged
			r.bank[phase*r.taps+i] = float32(v / sum)
		}
	}
	r.reset()
	return r
}

func (r *Resampler) reset() {
	r.buf, r.pos, r.phase = append(r.buf[:0], make([]float32, max(0, r.taps/2-1))...), 0, 0
}

// Delay is how much of the following sound an output sample waits for.
func (r *Resampler) Delay() time.Duration { return r.delay }

// Append converts src and appends what is ready to dst. How a stream is cut into calls makes no difference.
func (r *Resampler) Append(dst, src []int16) []int16 {
	if r.taps == 0 {
		return append(dst, src...)
	}
	n := len(r.buf)
	r.buf = grow(r.buf, len(src))
	in := r.buf[n:]
	for i, sample := range src {
		in[i] = float32(sample)
	}
	return r.run(dst)
}

// Flush appends the rest and begins a new stream. In all, n samples become n*to/from, rounded up.
func (r *Resampler) Flush(dst []int16) []int16 {
	if r.taps == 0 {
		return dst
	}
	r.buf = append(r.buf, make([]float32, r.taps/2)...)
	dst = r.run(dst)
	r.reset()
	return dst
}

func (r *Resampler) run(dst []int16) []int16 {
	for r.pos+r.taps <= len(r.buf) {
		h := r.bank[r.phase*r.taps:][:r.taps]
		x := r.buf[r.pos:][:len(h)]
		var a, b, c, d float32 // four sums, so that the additions do not wait for each other
		for i := 0; i+3 < len(h) && i+3 < len(x); i += 4 {
			a += h[i] * x[i]
			b += h[i+1] * x[i+1]
			c += h[i+2] * x[i+2]
			d += h[i+3] * x[i+3]
		}
		dst = append(dst, saturate((a+b)+(c+d)))
		r.phase += r.down
		r.pos += r.phase / r.up
		r.phase %= r.up
	}
	if r.pos > 0 {
		used := min(r.pos, len(r.buf)) // when down is large the next output may begin beyond what is here
		r.buf = r.buf[:copy(r.buf, r.buf[used:])]
		r.pos -= used
	}
	return dst
}

// saturate rounds to the nearest sample.
func saturate(v float32) int16 {
	switch {
	case v >= math.MaxInt16:
		return math.MaxInt16
	case v <= math.MinInt16:
		return math.MinInt16
	case v < 0:
		return int16(v - 0.5)
	}
	return int16(v + 0.5)
}

// ratio is a/b in lowest terms, or the nearest fraction whose numerator is within maxPhases.
func ratio(a, b int) (up, down int) {
	best := math.Inf(1)
	for u := 1; u <= maxPhases; u++ {
		d := max(1, (u*b+a/2)/a)
		if miss := math.Abs(float64(d)/float64(u) - float64(b)/float64(a)); miss < best {
			best, up, down = miss, u, d
		}
		if best == 0 {
			break
		}
	}
	return up, down
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// bessel0 is the modified Bessel function of the first kind of order zero, by its power series.
func bessel0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-12; k++ {
		term *= (x / 2 / k) * (x / 2 / k)
		sum += term
	}
	return sum
}
