package media

import "math/bits"

// MuLawSilence is the mu-law code of a zero sample: what an idle phone line carries.
const MuLawSilence = 0xFF

const (
	muLawBias = 0x84  // 33 of the recommendation's 14 bit scale, at 16 bits
	muLawClip = 32635 // the largest magnitude that still fits after the bias
)

// muLawDecode holds the 256 levels of ITU-T G.711 at 16 bits.
//
//nolint:gochecknoglobals // constant table
var muLawDecode = func() (t [256]int16) {
	for i := range t {
		code := ^byte(i)
		v := (int(code&0x0F)<<3 + muLawBias) << (code >> 4 & 7)
		if t[i] = int16(v - muLawBias); code&0x80 != 0 {
			t[i] = int16(muLawBias - v)
		}
	}
	return t
}()

// muLawEncode holds the code of every 16 bit sample, by its bits.
//
//nolint:gochecknoglobals // constant table
var muLawEncode = func() (t [1 << 16]byte) {
	for magnitude := range 1 << 15 {
		v := uint(min(magnitude, muLawClip) + muLawBias)
		segment := bits.Len(v) - 8
		code := ^byte(segment<<4 | int(v>>(segment+3)&0x0F))
		t[magnitude] = code
		t[uint16(-magnitude)] = code ^ 0x80
	}
	t[0] = MuLawSilence
	t[1<<15] = 0 // -32768 has no positive counterpart
	return t
}()

// MuLawSample is the level, on the 16 bit scale, that a mu-law code stands for (ITU-T G.711).
func MuLawSample(code byte) int16 { return muLawDecode[code] }

// MuLawCode is the mu-law code of a sample (ITU-T G.711). A sample on a decision value takes the larger level.
func MuLawCode(sample int16) byte { return muLawEncode[uint16(sample)] }

// DecodeMuLaw appends the samples of src to dst.
func DecodeMuLaw(dst []int16, src []byte) []int16 {
	n := len(dst)
	dst = grow(dst, len(src))
	out := dst[n:][:len(src)] // the length tells the compiler that no index is out of range
	for i, code := range src {
		out[i] = muLawDecode[code]
	}
	return dst
}

// EncodeMuLaw appends the codes of src to dst.
func EncodeMuLaw(dst []byte, src []int16) []byte {
	n := len(dst)
	dst = grow(dst, len(src))
	out := dst[n:][:len(src)]
	for i, sample := range src {
		out[i] = muLawEncode[uint16(sample)]
	}
	return dst
}

// grow makes s longer by n, in place where the capacity allows.
func grow[E any](s []E, n int) []E {
	if want := len(s) + n; want <= cap(s) {
		return s[:want]
	}
	return append(s, make([]E, n)...)
}
