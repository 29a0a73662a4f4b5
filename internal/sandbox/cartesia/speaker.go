package cartesia

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	wire "github.com/voicectl/voicectl/internal/provider/cartesia"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
	"github.com/voicectl/voicectl/internal/ws"
)

var errOver = errors.New("the context is over")

// speaker writes the sound of one context.
type speaker struct {
	e          *Emulator
	version    version
	route      string
	id         string
	timestamps bool
	rec        *stage.Record
	pacer      stage.Pacer
	box        voicebox
	write      func(kind string, payload []byte) error
	abort      func(code int, reason string) // 0 = reset

	cancelled atomic.Bool
	begun     bool
	fault     stage.Fault // that strikes later than at the beginning, or changes the sound
	chunks    int         // written
	drip      time.Duration
	sent      time.Duration
}

// speak makes and writes the sound of text. An error is the end of the context.
func (s *speaker) speak(ctx context.Context, text string) error {
	for _, m := range s.box.speak(text) {
		if err := s.begin(ctx); err != nil {
			return err
		}
		if s.fault.Mode == stage.ModeEmpty {
			continue
		}
		if err := s.message(ctx, m); err != nil {
			return err
		}
		s.sent += m.length
		s.rec.Set("seconds", s.sent.Seconds())
	}
	return nil
}

// begin waits as long as the vendor thinks, and lets an injected fault strike, once a context.
func (s *speaker) begin(ctx context.Context) error {
	if s.begun {
		return nil
	}
	s.begun = true
	if err := s.pacer.First(ctx); err != nil {
		return err
	}
	f, ok := s.e.stage.Midway(stage.Cartesia, s.route)
	if !ok {
		s.rec.First()
		return nil
	}
	s.rec.Set("fault", f.Mode)
	if f.After > 0 {
		s.fault = f
		s.rec.First()
		return nil
	}
	return s.strike(ctx, f)
}

// strike lets a fault happen now. An error is the end of the context.
func (s *speaker) strike(ctx context.Context, f stage.Fault) error {
	switch f.Mode {
	case stage.ModeLate:
		defer s.rec.First()
		return f.Hold(ctx)
	case stage.ModeEmpty, stage.ModeOdd, stage.ModeRate, stage.ModeEndless, stage.ModeTwice:
		s.fault = f
		s.rec.First()
		return nil
	case stage.ModeHuge:
		head, tail, _ := bytes.Cut(encode(wire.Chunk{Type: wire.TypeChunk, ContextID: s.id, Data: "|", StatusCode: http.StatusPartialContent}), []byte("|"))
		_ = s.write(wire.TypeChunk, slices.Concat(head, bytes.Repeat([]byte("AAAA"), stage.HugeBytes/4), tail))
		return errOver
	case stage.ModeStall:
		return f.Hold(ctx) // the context is neither done nor in error, as has been seen when limits are hit
	case stage.ModeMalformed:
		_ = s.write(wire.TypeChunk, []byte(`{"type":"chunk","context_id":"`+s.id+`","data":"AAAA`))
		return errOver
	case stage.ModeDrip:
		s.drip = drip(f)
		s.rec.First()
		return nil
	case stage.ModeReset:
		s.abort(0, "")
		return errOver
	case stage.ModeClose:
		s.close(f)
		return errOver
	}
	return nil
}

// close ends the socket with the fault's close code. A code that is none (concurrency_limited, 429), or a
// status, is an error of this context alone.
func (s *speaker) close(f stage.Fault) {
	n, err := strconv.Atoi(f.Code)
	switch {
	case err == nil && n >= 1000 && n < 5000:
		s.abort(n, "injected fault")
		return
	case err == nil && n >= 400 && n < 600:
		f.Code, f.Status = "", n
	case f.Code == "" && f.Status == 0:
		s.abort(ws.CloseInternal, "injected fault")
		return
	}
	_ = s.write(wire.TypeError, injected(f).event(s.version, s.id))
}

func (s *speaker) message(ctx context.Context, m message) error {
	size := chunkBytes(s.box.format)
	if s.drip > 0 {
		size = max(size/10, sampleBytes(s.box.format.Encoding))
		size -= size % sampleBytes(s.box.format.Encoding)
	}
	start := s.e.stage.Now()
	sound := m.sound
	switch s.fault.Mode {
	case stage.ModeRate:
		sound = stretched(sound, sampleBytes(s.box.format.Encoding))
	case stage.ModeOdd:
		size--
	}
	for i, rest := 0, sound; len(rest) > 0; i++ {
		if s.cancelled.Load() {
			return errOver
		}
		if s.chunks++; s.fault.After > 0 && s.chunks > s.fault.After {
			f := s.fault
			s.fault.After = 0
			if err := s.strike(ctx, f); err != nil {
				return err
			}
		}
		n := min(size, len(rest))
		if s.fault.Mode == stage.ModeEndless && n == len(rest) {
			rest = append(rest[:n:n], rest[:n]...) // there is always a chunk more
			if err := s.fault.Pause(ctx); err != nil {
				return err
			}
		}
		now := s.e.stage.Now()
		err := s.write(wire.TypeChunk, encode(wire.Chunk{
			Type: wire.TypeChunk, ContextID: s.id, Data: base64.StdEncoding.EncodeToString(rest[:n]), StatusCode: http.StatusPartialContent,
			StepTime: float64(now.Sub(start).Microseconds()) / 1000,
		}))
		if err != nil {
			return err
		}
		rest, start = rest[n:], now
		if i == 0 && s.timestamps {
			err = s.write(wire.TypeTimestamps, encode(wire.Timestamps{
				Type: wire.TypeTimestamps, ContextID: s.id, WordTimestamps: m.words, StatusCode: http.StatusPartialContent,
			}))
			if err != nil {
				return err
			}
		}
		if s.drip > 0 {
			if err = wait(ctx, s.drip); err != nil {
				return err
			}
		}
		if err = s.pacer.Token(ctx); err != nil {
			return err
		}
	}
	return nil
}

// stretched is sound in which every sample comes twice: what a vendor sends that took the wrong rate.
func stretched(sound []byte, size int) []byte {
	out := make([]byte, 0, 2*len(sound))
	for sample := range slices.Chunk(sound, size) {
		out = append(append(out, sample...), sample...)
	}
	return out
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
