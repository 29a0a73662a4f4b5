package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

const (
	wavHeaderBytes = 44
	wavMaxData     = math.MaxUint32 - wavHeaderBytes // sizes in the headers have 32 bits
)

// AppendWAV appends a whole PCM16 file of interleaved samples to dst.
func AppendWAV(dst []byte, rate, channels int, samples []int16) []byte {
	dst = appendWAVHeader(dst, rate, channels, 2*len(samples))
	return AppendPCM16(dst, samples)
}

func appendWAVHeader(dst []byte, rate, channels, dataBytes int) []byte {
	le := binary.LittleEndian
	dst = append(dst, "RIFF"...)
	dst = le.AppendUint32(dst, uint32(dataBytes+wavHeaderBytes-8))
	dst = append(dst, "WAVEfmt "...)
	dst = le.AppendUint32(dst, 16)
	dst = le.AppendUint16(dst, wavPCM)
	dst = le.AppendUint16(dst, uint16(channels))
	dst = le.AppendUint32(dst, uint32(rate))
	dst = le.AppendUint32(dst, uint32(rate*channels*2))
	dst = le.AppendUint16(dst, uint16(channels*2))
	dst = le.AppendUint16(dst, 16)
	dst = append(dst, "data"...)
	return le.AppendUint32(dst, uint32(dataBytes))
}

// WAVWriter writes a PCM16 file as the sound arrives. Until Close the file says that it is empty.
type WAVWriter struct {
	w              io.WriteSeeker
	rate, channels int
	size           int // bytes of sound written
	buf            []byte
	err            error
}

// NewWAVWriter writes the header at the current place of w, which must be its beginning.
func NewWAVWriter(w io.WriteSeeker, rate, channels int) (*WAVWriter, error) {
	if rate < 1 || channels < 1 || channels > 2 {
		return nil, fmt.Errorf("write wav: rate %d with %d channels", rate, channels)
	}
	ww := &WAVWriter{w: w, rate: rate, channels: channels, buf: make([]byte, 0, 8192)}
	if _, err := w.Write(appendWAVHeader(nil, rate, channels, 0)); err != nil {
		return nil, fmt.Errorf("write wav: %w", err)
	}
	return ww, nil
}

// Write adds interleaved samples. They reach the file in pieces of about 8 KiB.
func (w *WAVWriter) Write(samples []int16) error {
	if w.err != nil {
		return w.err
	}
	if int64(w.size)+2*int64(len(samples)) > wavMaxData {
		return errors.New("write wav: the file would pass 4 GiB")
	}
	w.buf = AppendPCM16(w.buf, samples)
	w.size += 2 * len(samples)
	if len(w.buf) >= 8000 {
		w.flush()
	}
	return w.err
}

func (w *WAVWriter) flush() {
	if _, err := w.w.Write(w.buf); err != nil {
		w.err = fmt.Errorf("write wav: %w", err)
	}
	w.buf = w.buf[:0]
}

// Close writes what is left and patches the sizes. It does not close the underlying file.
func (w *WAVWriter) Close() error {
	if w.err == nil {
		w.flush()
	}
	if w.err != nil {
		return w.err
	}
	if _, err := w.w.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("close wav: %w", err)
	}
	if _, err := w.w.Write(appendWAVHeader(nil, w.rate, w.channels, w.size)); err != nil {
		return fmt.Errorf("close wav: %w", err)
	}
	if _, err := w.w.Seek(0, io.SeekEnd); err != nil {
		return fmt.Errorf("close wav: %w", err)
	}
	w.err = errors.New("write wav: the file is closed")
	return nil
}
