// Package media holds sound and its time: formats, frames, codecs, pacing, voice activity.
package media

import (
	"sync"
	"time"
)

// Encoding names how one sample is written. The words are the vendors' own.
type Encoding string

// The encodings in use: G.711 mu-law (one byte a sample) and signed 16 bit little endian.
const (
	MuLaw Encoding = "mulaw"
	PCM16 Encoding = "pcm_s16le"
)

// Format is the shape of mono audio on a wire.
type Format struct {
	Encoding Encoding
	Rate     int // samples a second
}

// The formats in use: phone both ways, browser in, browser out.
var (
	Phone      = Format{MuLaw, 8000}  //nolint:gochecknoglobals // constant value
	BrowserIn  = Format{PCM16, 16000} //nolint:gochecknoglobals // constant value
	BrowserOut = Format{PCM16, 24000} //nolint:gochecknoglobals // constant value
)

// FrameTime is the length of one frame.
const FrameTime = 20 * time.Millisecond

// SampleBytes is the size of one sample.
func (f Format) SampleBytes() int {
	if f.Encoding == PCM16 {
		return 2
	}
	return 1
}

// Bytes is how many bytes d takes, rounded down to a whole sample.
func (f Format) Bytes(d time.Duration) int {
	return int(int64(d)*int64(f.Rate)/int64(time.Second)) * f.SampleBytes()
}

// Duration is how long n bytes last.
func (f Format) Duration(n int) time.Duration {
	if f.Rate <= 0 {
		return 0
	}
	return time.Duration(int64(n/f.SampleBytes()) * int64(time.Second) / int64(f.Rate))
}

// FrameBytes is the size of one 20 ms frame: 160 for the phone, 640 for browser in, 960 for browser out.
func (f Format) FrameBytes() int { return f.Bytes(FrameTime) }

// Frame is a stretch of sound, usually 20 ms, with the moment it came off the wire. Whoever holds a
// pooled Frame last calls Release; Data must not be used after it.
type Frame struct {
	Data     []byte
	Format   Format
	Received time.Time
	pooled   bool
}

//nolint:gochecknoglobals // a pool is shared by nature
var frames = sync.Pool{New: func() any { return &Frame{Data: make([]byte, 0, 1024), pooled: true} }}

// NewFrame takes an empty frame from the pool.
func NewFrame(f Format, received time.Time) *Frame {
	fr, _ := frames.Get().(*Frame)
	fr.Data, fr.Format, fr.Received = fr.Data[:0], f, received
	return fr
}

// Release gives the frame back.
func (f *Frame) Release() {
	if f.pooled && cap(f.Data) <= 64<<10 {
		frames.Put(f)
	}
}

// Duration is how long the frame lasts.
func (f *Frame) Duration() time.Duration { return f.Format.Duration(len(f.Data)) }
