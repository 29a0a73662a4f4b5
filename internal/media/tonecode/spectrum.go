package tonecode

import "math"

// spectrum holds the tones of one window.
type spectrum struct {
	tone  [tones]complex64
	power [tones]float32
	work  [windowSize / 2]complex64
}

// reversed is the order in which the first stage of the transform takes its input: base-4 digits from back to front.
//
//nolint:gochecknoglobals // constant table
var reversed = func() (t [windowSize / 2]uint8) {
	for i := range t {
		t[i] = uint8(i&3<<4 | i&12 | i>>4)
	}
	return t
}()

// measure transforms windowSize samples: a real transform of 128 points done as a complex one of 64 (three stages of
// radix 4), of which only the bins of tones are taken apart.
func (s *spectrum) measure(x []float32) {
	x = x[:windowSize]
	w := &s.work
	for i := range w {
		j := 2 * int(reversed[i])
		w[i] = complex(x[j], x[j+1])
	}
	for m := 1; m < len(w); m *= 4 {
		step := len(w) / (4 * m) * 2 // turn has 128 steps, the transform 64
		for k := range m {
			w1, w2, w3 := turn[k*step], turn[2*k*step], turn[3*k*step]
			for i := k; i+3*m < len(w); i += 4 * m {
				a, b, c, d := w[i], w[i+m]*w1, w[i+2*m]*w2, w[i+3*m]*w3
				even, odd := a+c, a-c
				sum, diff := b+d, b-d
				diff = complex(imag(diff), -real(diff)) // times -i
				w[i], w[i+m], w[i+2*m], w[i+3*m] = even+sum, odd+diff, even-sum, odd-diff
			}
		}
	}
	for b := range s.tone {
		k := firstBin + b
		z, y := w[k], w[len(w)-k]
		even := complex(real(z)+real(y), imag(z)-imag(y))
		odd := complex(imag(z)+imag(y), real(y)-real(z)) * turn[k]
		t := (even + odd) * 0.5
		s.tone[b] = t
		s.power[b] = real(t)*real(t) + imag(t)*imag(t)
	}
}

// strongest takes the strongest tone of each group. contrast is their mean share of the group's power: 1 for a clean
// symbol, about 0.52 for noise. power is that of the strongest tones; it falls with the square of the part of the
// window that they fill.
func (s *spectrum) strongest() (v uint32, contrast, power float32) {
	for g := range groups {
		p := s.power[4*g : 4*g+4]
		best, sum := 0, p[0]+p[1]+p[2]+p[3]
		for k := 1; k < 4; k++ {
			if p[k] > p[best] {
				best = k
			}
		}
		v |= uint32(best) << (2 * g)
		contrast += p[best] / (sum + 1e-12)
		power += p[best]
	}
	return v, contrast / groups, power
}

// expected is the conjugate of a tone's phase at the start of the window.
//
//nolint:gochecknoglobals // constant table
var expected = func() (t [tones]complex64) {
	for b := range t {
		t[b] = turn[phase(b)]
	}
	return t
}()

// align finds by how many samples, from -reach to reach, the window began too late for the phases of symbol v.
// coherence is how well they agree: 1 when exactly, about 0.3 for anything that is not this symbol.
func (s *spectrum) align(v uint32, reach int) (late int, coherence float32) {
	var z [groups]complex64
	var bins [groups]int
	var total float32
	for g := range z {
		b := 4*g + int(v>>(2*g)&3)
		bins[g] = firstBin + b
		z[g] = s.tone[b] * expected[b]
		total += sqrt(s.power[b])
	}
	best := float32(-1)
	for d := -reach; d <= reach; d++ {
		var sum complex64
		for g, bin := range bins {
			sum += z[g] * turn[bin*d&(windowSize-1)]
		}
		if p := real(sum)*real(sum) + imag(sum)*imag(sum); p > best {
			best, late = p, d
		}
	}
	return late, sqrt(best) / (total + 1e-12)
}

func sqrt(v float32) float32 { return float32(math.Sqrt(float64(v))) }
