package speechmatics

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/voicectl/voicectl/internal/media"
	sm "github.com/voicectl/voicectl/internal/provider/speechmatics"
)

const maxHeader = 64 << 10

// audio turns the bytes of a stream into samples; a sample may be cut in two by a frame.
type audio struct {
	encoding string
	rate     int // 0 = not known yet (type file)
	rest     []byte
	out      []int16
	passed   int64 // samples
}

func newAudio(f sm.AudioFormat) *audio {
	if f.Type == "file" {
		return &audio{}
	}
	return &audio{encoding: f.Encoding, rate: f.SampleRate}
}

// decode returns the samples of one frame; they are valid until the next.
func (a *audio) decode(data []byte) ([]int16, error) {
	a.rest = append(a.rest, data...)
	if a.rate == 0 {
		if ok, err := a.header(); err != nil || !ok {
			return nil, err
		}
	}
	size := 2
	switch a.encoding {
	case "mulaw":
		size = 1
	case "pcm_f32le":
		size = 4
	}
	whole := len(a.rest) - len(a.rest)%size
	switch size {
	case 1:
		a.out = media.DecodeMuLaw(a.out[:0], a.rest[:whole])
	case 2:
		a.out = media.DecodePCM16(a.out[:0], a.rest[:whole])
	default:
		a.out = a.out[:0]
		for i := 0; i < whole; i += 4 {
			a.out = append(a.out, sample(math.Float32frombits(binary.LittleEndian.Uint32(a.rest[i:]))))
		}
	}
	a.rest = a.rest[:copy(a.rest, a.rest[whole:])]
	return a.out, nil
}

func sample(f float32) int16 {
	if f != f { // NaN
		return 0
	}
	return int16(max(-1, min(f, 1)) * math.MaxInt16)
}

// pass lets n samples go by and returns the time.
func (a *audio) pass(n int) time.Duration {
	a.passed += int64(n)
	return a.now()
}

func (a *audio) now() time.Duration {
	if a.rate == 0 {
		return 0
	}
	rate := int64(a.rate)
	return time.Duration(a.passed/rate)*time.Second + time.Duration(a.passed%rate)*time.Second/time.Duration(rate)
}

// header reads the head of a WAV stream, the one kind of file that is understood here; false when more
// bytes are needed.
func (a *audio) header() (bool, error) {
	b := a.rest
	if len(b) >= 12 && (string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE") {
		return false, errors.New("only wav files are understood here")
	}
	encoding, rate := "", 0
	for at := 12; at+8 <= len(b); {
		size := int(binary.LittleEndian.Uint32(b[at+4:]))
		body := b[at+8:]
		if string(b[at:at+4]) == "data" {
			if rate == 0 {
				return false, errors.New("wav without a format")
			}
			a.encoding, a.rate = encoding, rate
			a.rest = a.rest[:copy(a.rest, body)]
			return true, nil
		}
		if size > maxHeader || len(body) < size {
			break
		}
		if string(b[at:at+4]) == "fmt " {
			var err error
			if encoding, rate, err = wavFormat(body[:size]); err != nil {
				return false, err
			}
		}
		at += 8 + size + size%2
	}
	if len(b) > maxHeader {
		return false, errors.New("wav without sound in its first 64 KiB")
	}
	return false, nil
}

func wavFormat(b []byte) (encoding string, rate int, err error) {
	if len(b) < 16 {
		return "", 0, errors.New("wav format is cut short")
	}
	tag, channels := binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[2:])
	hz, bits := binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint16(b[14:])
	if channels != 1 || hz < minRate || hz > maxRate {
		return "", 0, fmt.Errorf("wav of %d channels at %d Hz: want 1 channel at %d to %d", channels, hz, minRate, maxRate)
	}
	switch {
	case tag == 1 && bits == 16:
		encoding = "pcm_s16le"
	case tag == 3 && bits == 32:
		encoding = "pcm_f32le"
	case tag == 7 && bits == 8:
		encoding = "mulaw"
	default:
		return "", 0, fmt.Errorf("wav encoding %d of %d bits: want 16 bit PCM, 32 bit float or mu-law", tag, bits)
	}
	return encoding, int(hz), nil
}
