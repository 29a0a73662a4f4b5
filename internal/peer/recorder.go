package peer

import (
	"fmt"
	"io"
	"sync"

	"github.com/voicectl/voicectl/internal/media"
)

// Recorder writes a call as stereo WAV: left what the caller said, right the agent as it was heard. Both
// sides advance together, frame by frame, so their places in the file are their places in time.
type Recorder struct {
	mu          sync.Mutex
	wav         *media.WAVWriter
	rate        int
	left, right channel
	mixed       []int16
	err         error
	closed      bool
}

// NewRecorder begins a file of one rate: 8000 for a phone; 24000 loses nothing of a browser call. It
// does not close w.
func NewRecorder(w io.WriteSeeker, rate int) (*Recorder, error) {
	wav, err := media.NewWAVWriter(w, rate, 2)
	if err != nil {
		return nil, fmt.Errorf("peer: recording: %w", err)
	}
	return &Recorder{wav: wav, rate: rate}, nil
}

// Write adds the same stretch of time of both sides, each at its own rate.
func (r *Recorder) Write(left []int16, leftRate int, right []int16, rightRate int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.err != nil {
		return
	}
	r.left.add(left, leftRate, r.rate)
	r.right.add(right, rightRate, r.rate)
	r.drain(min(len(r.left.samples), len(r.right.samples)))
}

func (r *Recorder) drain(n int) {
	r.mixed = r.mixed[:0]
	for i := range n {
		r.mixed = append(r.mixed, r.left.samples[i], r.right.samples[i])
	}
	r.left.drop(n)
	r.right.drop(n)
	if err := r.wav.Write(r.mixed); err != nil {
		r.err = fmt.Errorf("peer: recording: %w", err)
	}
}

// Close writes what is left and tells the first thing that went wrong. It may be called again.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return r.err
	}
	r.closed = true
	r.left.flush()
	r.right.flush()
	n := max(len(r.left.samples), len(r.right.samples))
	r.left.pad(n)
	r.right.pad(n)
	if r.err == nil {
		r.drain(n)
	}
	if err := r.wav.Close(); err != nil && r.err == nil {
		r.err = fmt.Errorf("peer: recording: %w", err)
	}
	return r.err
}

// channel is one side on its way to the file's rate.
type channel struct {
	from    int
	re      *media.Resampler
	samples []int16
}

func (c *channel) add(samples []int16, from, to int) {
	if from == to {
		c.samples = append(c.samples, samples...)
		return
	}
	if c.re == nil || c.from != from {
		c.flush()
		c.re, c.from = media.NewResampler(from, to), from
	}
	c.samples = c.re.Append(c.samples, samples)
}

func (c *channel) flush() {
	if c.re != nil {
		c.samples = c.re.Flush(c.samples)
	}
}

func (c *channel) drop(n int) { c.samples = c.samples[:copy(c.samples, c.samples[n:])] }

func (c *channel) pad(n int) {
	for len(c.samples) < n {
		c.samples = append(c.samples, 0)
	}
}
