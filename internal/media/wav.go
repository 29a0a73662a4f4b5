package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// What can be wrong with a WAV file; ReadWAV wraps one of these with the particulars.
var (
	ErrNotWAV         = errors.New("not a WAV file")
	ErrUnsupportedWAV = errors.New("unsupported WAV file")
	ErrDamagedWAV     = errors.New("damaged WAV file")
	ErrWAVTooLarge    = errors.New("WAV file too large")
)

// WAV is decoded sound of a file.
type WAV struct {
	Rate     int     // samples a second, 8000 to 48000
	Channels int     // 1 or 2
	Samples  []int16 // interleaved when there are two channels
}

// Format tags of the fmt chunk (Microsoft, mmreg.h).
const (
	wavPCM        = 1
	wavFloat      = 3
	wavMuLaw      = 7
	wavExtensible = 0xFFFE
)

// ReadWAV reads a whole RIFF WAVE file of at most limit bytes: PCM of 8, 16, 24 or 32 bits, float of 32 bits, or
// mu-law; 1 or 2 channels; 8 to 48 kHz. Sizes in the headers must agree with what is there and nothing may follow
// the end, so that a file that is also something else is refused. Memory stays within a few times limit whatever
// the headers claim.
func ReadWAV(r io.Reader, limit int64) (WAV, error) {
	limit = max(0, min(limit, math.MaxInt64-1))
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return WAV{}, fmt.Errorf("read wav: %w", err)
	}
	if int64(len(b)) > limit {
		return WAV{}, fmt.Errorf("read wav: %w: more than %d bytes", ErrWAVTooLarge, limit)
	}
	w, err := parseWAV(b)
	if err != nil {
		return WAV{}, fmt.Errorf("read wav: %w", err)
	}
	return w, nil
}

func parseWAV(b []byte) (WAV, error) {
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return WAV{}, fmt.Errorf("%w: no RIFF WAVE header", ErrNotWAV)
	}
	if size := int64(binary.LittleEndian.Uint32(b[4:])) + 8; size != int64(len(b)) {
		return WAV{}, fmt.Errorf("%w: the header says %d bytes, there are %d", ErrDamagedWAV, size, len(b))
	}
	var form, data []byte
	for rest := b[12:]; len(rest) > 0; {
		if len(rest) < 8 {
			return WAV{}, fmt.Errorf("%w: %d bytes after the last chunk", ErrDamagedWAV, len(rest))
		}
		id, size := string(rest[:4]), int64(binary.LittleEndian.Uint32(rest[4:]))
		if rest = rest[8:]; size > int64(len(rest)) {
			return WAV{}, fmt.Errorf("%w: chunk %q says %d bytes, %d are left", ErrDamagedWAV, id, size, len(rest))
		}
		body := rest[:size]
		rest = rest[min(size+size&1, int64(len(rest))):] // chunks are padded to even lengths; some writers forget
		switch {
		case id == "fmt " && form == nil:
			form = body
		case id == "data" && data == nil:
			data = body
		case id == "fmt " || id == "data":
			return WAV{}, fmt.Errorf("%w: a second %q chunk", ErrDamagedWAV, id)
		}
	}
	if len(form) < 16 || data == nil {
		return WAV{}, fmt.Errorf("%w: no complete fmt and data chunks", ErrDamagedWAV)
	}
	return decodeWAV(form, data)
}

func decodeWAV(form, data []byte) (WAV, error) {
	tag, bits := int(binary.LittleEndian.Uint16(form)), int(binary.LittleEndian.Uint16(form[14:]))
	w := WAV{
		Channels: int(binary.LittleEndian.Uint16(form[2:])),
		Rate:     int(min(binary.LittleEndian.Uint32(form[4:]), math.MaxInt32)),
	}
	if tag == wavExtensible && len(form) >= 40 {
		tag = int(binary.LittleEndian.Uint16(form[24:])) // the sub-format begins with the true tag
	}
	if w.Channels < 1 || w.Channels > 2 {
		return WAV{}, fmt.Errorf("%w: %d channels; 1 or 2 are taken", ErrUnsupportedWAV, w.Channels)
	}
	if w.Rate < 8000 || w.Rate > 48000 {
		return WAV{}, fmt.Errorf("%w: %d Hz; 8000 to 48000 are taken", ErrUnsupportedWAV, w.Rate)
	}
	switch tag<<8 | bits {
	case wavPCM<<8 | 8, wavPCM<<8 | 16, wavPCM<<8 | 24, wavPCM<<8 | 32, wavFloat<<8 | 32, wavMuLaw<<8 | 8:
	default:
		return WAV{}, fmt.Errorf("%w: format %d with %d bits; PCM of 8, 16, 24 or 32, float of 32 or mu-law of 8 bits are taken",
			ErrUnsupportedWAV, tag, bits)
	}
	step, align := bits/8, int(binary.LittleEndian.Uint16(form[12:]))
	switch {
	case align != step*w.Channels:
		return WAV{}, fmt.Errorf("%w: block of %d bytes for %d channels of %d bits", ErrDamagedWAV, align, w.Channels, bits)
	case len(data) == 0:
		return WAV{}, fmt.Errorf("%w: it holds no sound", ErrDamagedWAV)
	case len(data)%align != 0:
		return WAV{}, fmt.Errorf("%w: %d bytes of sound do not divide into blocks of %d", ErrDamagedWAV, len(data), align)
	}
	var err error
	w.Samples, err = decodeSamples(tag, step, data)
	return w, err
}

func decodeSamples(tag, step int, data []byte) ([]int16, error) {
	out := make([]int16, 0, len(data)/step)
	switch {
	case tag == wavMuLaw:
		return DecodeMuLaw(out, data), nil
	case step == 2:
		return DecodePCM16(out, data), nil
	case tag == wavFloat:
		for i := 0; i < len(data); i += 4 {
			v := float64(math.Float32frombits(binary.LittleEndian.Uint32(data[i:])))
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, fmt.Errorf("%w: sample %d is not a number", ErrDamagedWAV, i/4)
			}
			out = append(out, saturate(float32(max(-2, min(2, v))*(1<<15))))
		}
	case step == 1: // unsigned, 128 is zero
		for _, v := range data {
			out = append(out, int16(int(v)-128)<<8)
		}
	default: // the upper two bytes of a little-endian sample
		for i := step - 2; i < len(data); i += step {
			out = append(out, int16(binary.LittleEndian.Uint16(data[i:])))
		}
	}
	return out, nil
}
