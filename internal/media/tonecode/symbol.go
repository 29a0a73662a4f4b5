// Package tonecode carries text as sound: it takes the place of a voice where words must arrive exactly, and it shows
// what a path does to sound, frame by frame.
//
// The sound lies between 300 and 3300 Hz and survives mu-law at 8 kHz. It is a row of symbols of 20 ms, one a frame
// of telephone audio. A symbol is twelve tones at once, one out of each group of four neighbours on a 62.5 Hz grid:
// 24 bits. Tones are whole cycles in 16 ms, so the receiver's window may lie anywhere in the symbol.
//
//	4 preamble symbols, fixed
//	2 header symbols    16 bits: length of the text in bytes (13) and its check (3); sent twice
//	n text symbols      16 bits each: two bytes of UTF-8
//	2 checksum symbols  CRC-32 (IEEE) over the two length bytes and the text
//
// All but the preamble carry, beside 16 bits of data, a sequence number (5 bits, from 0 at the first header symbol)
// and a CRC-3. 800 bits of text a second.
package tonecode

import "math"

const (
	symbolRate = 50   // symbols a second
	lineRate   = 8000 // the decoder's own rate
	symbolSize = lineRate / symbolRate
	windowSize = 128 // 16 ms: one turn of the 62.5 Hz grid
	guard      = (symbolSize - windowSize) / 2

	groups   = 12
	tones    = 4 * groups
	firstBin = 5 // 312.5 Hz

	preambleLen = 4
	headerLen   = 2
	checksumLen = 2

	// MaxText is the longest text of one message, in bytes.
	MaxText = 4096
)

// preamble symbols differ from each other in every group, and correlate little with themselves when shifted.
//
//nolint:gochecknoglobals // constant table
var preamble = [preambleLen]uint32{0x3a76ed, 0x949f12, 0xef2874, 0x41c18b}

// phase is the phase of tone b at the start of the receiver's window, in 1/128 turns. It grows with the square of b,
// which keeps the peaks of the sum low.
func phase(b int) int { return b * b * 64 / tones % windowSize }

// crc3 is the remainder of the lowest n bits of v times x^3 by x^3+x+1. It catches every error within one group.
func crc3(v uint32, n int) uint32 {
	v <<= 3
	for i := n + 2; i >= 3; i-- {
		if v>>i&1 == 1 {
			v ^= 0b1011 << (i - 3)
		}
	}
	return v
}

// pack makes the symbol of data at a place in the message.
func pack(index int, data uint16) uint32 {
	v := uint32(index&31)<<16 | uint32(data)
	return crc3(v, 21)<<21 | v
}

// unpack takes a symbol apart; ok is false when its check does not hold.
func unpack(v uint32) (sequence int, data uint16, ok bool) {
	return int(v >> 16 & 31), uint16(v), crc3(v&(1<<21-1), 21) == v>>21
}

// packLength makes the content of a header symbol.
func packLength(n int) uint16 { return uint16(crc3(uint32(n), 13)<<13) | uint16(n) }

func unpackLength(h uint16) (n int, ok bool) {
	n = int(h & (1<<13 - 1))
	return n, n <= MaxText && uint16(crc3(uint32(n), 13)) == h>>13
}

// textSymbols is how many symbols n bytes take.
func textSymbols(n int) int { return (n + 1) / 2 }

// messageLen is how many symbols follow the preamble.
func messageLen(n int) int { return headerLen + textSymbols(n) + checksumLen }

// preambleAt is which preamble symbol v is, at most one group off; -1 for none.
func preambleAt(v uint32) int {
	for i, p := range preamble {
		diff := v ^ p
		diff = (diff | diff>>1) & 0x555555
		if diff&(diff-1) == 0 {
			return i
		}
	}
	return -1
}

// turn is e^(-2 pi i k/128).
//
//nolint:gochecknoglobals // constant table
var turn = func() (t [windowSize]complex64) {
	for k := range t {
		s, c := math.Sincos(2 * math.Pi * float64(k) / windowSize)
		t[k] = complex(float32(c), float32(-s))
	}
	return t
}()
