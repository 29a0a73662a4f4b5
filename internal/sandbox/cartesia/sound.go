package cartesia

import (
	"encoding/binary"
	"math"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/media/tonecode"
	wire "github.com/voicectl/voicectl/internal/provider/cartesia"
)

const (
	pause     = 40 * time.Millisecond // of silence behind each message
	chunkTime = 100 * time.Millisecond
	maxSpoken = 1000 // bytes of text in one tonecode message
)

// message is one stretch of sound with the places of its words.
type message struct {
	sound  []byte
	length time.Duration
	words  wire.WordTimestamps // from the beginning of the context
}

// voicebox makes the sound of one context.
type voicebox struct {
	format wire.OutputFormat
	spent  time.Duration // sound made so far
}

// speak makes the sound of text: one tonecode message, or several when it is long.
func (v *voicebox) speak(text string) []message {
	var out []message
	for _, part := range split(text) {
		samples := tonecode.Encode(part, v.format.SampleRate)
		samples = append(samples, make([]int16, int(pause)*v.format.SampleRate/int(time.Second))...)
		m := message{sound: code(v.format.Encoding, samples), length: time.Duration(len(samples)) * time.Second / time.Duration(v.format.SampleRate)}
		for _, w := range tonecode.WordTimes(part) {
			m.words.Words = append(m.words.Words, w.Text)
			m.words.Start = append(m.words.Start, (v.spent + w.Start).Seconds())
			m.words.End = append(m.words.End, (v.spent + w.End).Seconds())
		}
		v.spent += m.length
		out = append(out, m)
	}
	return out
}

// split cuts text into parts that fit a message, at a space where there is one.
func split(text string) (parts []string) {
	for text = strings.TrimSpace(text); len(text) > maxSpoken; text = strings.TrimSpace(text) {
		at := strings.LastIndexByte(text[:maxSpoken], ' ')
		if at <= 0 {
			for at = maxSpoken; at > maxSpoken-4 && text[at]&0xC0 == 0x80; at-- { // not within a rune
			}
		}
		parts = append(parts, strings.TrimSpace(text[:at]))
		text = text[at:]
	}
	if text != "" {
		parts = append(parts, text)
	}
	return parts
}

// code writes samples in one of the vendor's encodings.
func code(encoding string, samples []int16) []byte {
	switch encoding {
	case wire.EncodingMuLaw:
		return media.EncodeMuLaw(nil, samples)
	case wire.EncodingALaw:
		out := make([]byte, len(samples))
		for i, s := range samples {
			out[i] = aLaw(s)
		}
		return out
	case wire.EncodingFloat:
		out := make([]byte, 0, 4*len(samples))
		for _, s := range samples {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(s)/32768))
		}
		return out
	}
	return media.AppendPCM16(nil, samples)
}

// aLaw is G.711 A-law: sign, three bits of segment, four of mantissa, every other bit inverted.
func aLaw(sample int16) byte {
	sign, v := byte(0x80), int(sample)
	if v < 0 {
		sign, v = 0, -v-1
	}
	v >>= 3 // twelve bits of magnitude and one of sign
	segment := 0
	for s := v >> 5; s > 0; s >>= 1 {
		segment++
	}
	mantissa := v >> max(segment, 1) & 0x0F
	return (sign | byte(segment<<4|mantissa)) ^ 0x55
}

func sampleBytes(encoding string) int {
	switch encoding {
	case wire.EncodingMuLaw, wire.EncodingALaw:
		return 1
	case wire.EncodingFloat:
		return 4
	}
	return 2
}

// chunkBytes is the size of one chunk.
func chunkBytes(f wire.OutputFormat) int {
	return int(chunkTime) * f.SampleRate / int(time.Second) * sampleBytes(f.Encoding)
}

// wavHeader is the head of a WAV file of n bytes of sound.
func wavHeader(f wire.OutputFormat, n int) []byte {
	tag := uint16(1)
	switch f.Encoding {
	case wire.EncodingFloat:
		tag = 3
	case wire.EncodingALaw:
		tag = 6
	case wire.EncodingMuLaw:
		tag = 7
	}
	size, le := sampleBytes(f.Encoding), binary.LittleEndian
	b := append([]byte("RIFF"), 0, 0, 0, 0)
	le.PutUint32(b[4:], uint32(36+n))
	b = le.AppendUint32(append(b, "WAVEfmt "...), 16)
	b = le.AppendUint16(le.AppendUint16(b, tag), 1)
	b = le.AppendUint32(le.AppendUint32(b, uint32(f.SampleRate)), uint32(f.SampleRate*size))
	b = le.AppendUint16(le.AppendUint16(b, uint16(size)), uint16(8*size))
	return le.AppendUint32(append(b, "data"...), uint32(n))
}
