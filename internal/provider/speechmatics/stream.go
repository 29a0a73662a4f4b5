package speechmatics

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/provider/guard"
	"github.com/voicectl/voicectl/internal/ws"
)

// batchTime is how much sound one binary frame carries: 800 bytes of mu-law, 3200 of PCM16 at 16 kHz.
const batchTime = 100 * time.Millisecond

// item is one thing to send, in order.
type item struct {
	sound []byte // a binary frame, or
	name  string // MsgForceEndOfUtterance, MsgEndOfStream
}

// Stream is one recognition. Its methods are safe for concurrent use.
type Stream struct {
	c      *Client
	format media.Format
	sink   func(Event)
	cancel context.CancelFunc

	wake  chan struct{} // there is something to send
	ready chan struct{} // closed by RecognitionStarted
	dead  chan struct{} // closed by end
	done  chan struct{} // closed when run has returned

	mu       sync.Mutex
	id       string // of the session: ours, until the vendor has given its own
	batch    []byte // sound of the next frame
	queue    []item
	queued   int      // bytes of sound in queue
	free     [][]byte // buffers of frames that were sent
	unacked  []int    // sizes of the frames sent and not acknowledged, oldest first
	inFlight int      // their sum
	acked    int64    // frames
	backlog  int64    // frames that were waiting at the start: no fault of the vendor's if they pile up
	bytes    [3]int64 // sound: sent, acknowledged, dropped
	closing  bool     // EndOfStream is queued
	ended    bool
	cause    error     // why it ended, nil = EndOfTranscript
	waiting  time.Time // since when an answer is due; zero = none is
	stats    Stats

	recent  [8]final // of the reader: the last finals, to know one that comes twice
	nRecent int
	partial bool // of the reader: the last partial told had words
}

const (
	sentBytes = iota
	ackedBytes
	droppedBytes
)

type final struct {
	start, end float64
	text       string
}

func newStream(c *Client, f media.Format, sink func(Event)) *Stream {
	return &Stream{
		c: c, format: f, sink: sink, id: uuid.NewString(),
		wake: make(chan struct{}, 1), ready: make(chan struct{}), dead: make(chan struct{}), done: make(chan struct{}),
	}
}

// Write takes sound in the format of the stream and copies it. It never blocks. Sound is expected as it
// happens: more than Options.Behind ahead of what the vendor has read is a failure. After Close or a
// failure Write does nothing.
func (s *Stream) Write(data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || s.ended {
		return
	}
	size := s.format.Bytes(batchTime)
	for len(data) > 0 {
		if s.batch == nil {
			s.batch = s.buffer(size)
		}
		n := min(size-len(s.batch), len(data))
		s.batch = append(s.batch, data[:n]...)
		data = data[n:]
		if len(s.batch) == size {
			s.push(item{sound: s.batch})
			s.batch = nil
		}
	}
}

// Finalize sends what is left of the sound and asks for the rest of the utterance now.
func (s *Stream) Finalize() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || s.ended {
		return
	}
	s.flush()
	if n := len(s.queue); n > 0 && s.queue[n-1].name == MsgForceEndOfUtterance {
		return // asked already, and no sound since
	}
	s.push(item{name: MsgForceEndOfUtterance})
}

// Close sends the rest of the sound, lets the vendor finish its transcript, and waits until the socket
// and both goroutines are gone. ctx bounds the drain. The error says that the transcript may lack its
// end. Close may be called more than once.
func (s *Stream) Close(ctx context.Context) error {
	s.mu.Lock()
	if !s.closing && !s.ended {
		s.closing = true
		s.flush()
		s.push(item{name: MsgEndOfStream})
	}
	silent := len(s.queue) == 1 && s.queue[0].name == MsgEndOfStream && !s.stats.Started
	s.mu.Unlock()
	if silent { // never started, nothing said: nothing to wait for
		s.end(nil)
	}
	select {
	case <-s.done:
	case <-ctx.Done():
		s.end(fmt.Errorf("drain: %w", ctx.Err()))
		<-s.done
	}
	return s.failure()
}

// Stats tells what passed so far.
func (s *Stream) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Sent = s.length(s.bytes[sentBytes])
	st.Acked = s.length(s.bytes[ackedBytes])
	st.Dropped = s.length(s.bytes[droppedBytes])
	return st
}

// length is how long n bytes of sound last; unlike Format.Duration it cannot overflow in a day.
func (s *Stream) length(n int64) time.Duration {
	samples := n / int64(s.format.SampleBytes())
	rate := int64(s.format.Rate)
	return time.Duration(samples/rate)*time.Second + time.Duration(samples%rate)*time.Second/time.Duration(rate)
}

// flush queues the started frame, without half a sample. s.mu is held.
func (s *Stream) flush() {
	whole := len(s.batch) - len(s.batch)%s.format.SampleBytes()
	if whole == 0 {
		return
	}
	rest := s.batch[whole:]
	full := s.batch[:whole]
	s.batch = nil
	if len(rest) > 0 {
		s.batch = append(s.buffer(s.format.Bytes(batchTime)), rest...)
	}
	s.push(item{sound: full})
}

// push queues an item, within bounds, and wakes the writer. s.mu is held.
func (s *Stream) push(it item) {
	s.queue = append(s.queue, it)
	s.queued += len(it.sound)
	if !s.stats.Started {
		for bound := s.format.Bytes(s.c.o.Buffer); s.queued > bound && s.dropOldest(); {
		}
	} else if ahead := s.queued + s.inFlight - s.allowance(); s.length(int64(ahead)) > s.c.o.Behind {
		s.endLocked(&guard.Error{
			Class: guard.Timeout, Code: "behind",
			Err: fmt.Errorf("%.1f s of sound are not acknowledged", s.length(int64(ahead)).Seconds()),
		})
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// allowance is what was waiting when the recognition began, until it is acknowledged: it is sent in
// one burst, which no vendor can have heard at once.
func (s *Stream) allowance() int {
	if s.acked >= s.backlog {
		return 0
	}
	return s.format.Bytes(s.c.o.Buffer)
}

func (s *Stream) dropOldest() bool {
	for i, it := range s.queue {
		if it.sound == nil {
			continue
		}
		s.queued -= len(it.sound)
		s.bytes[droppedBytes] += int64(len(it.sound))
		s.recycle(it.sound)
		s.queue = append(s.queue[:i], s.queue[i+1:]...)
		return true
	}
	return false
}

func (s *Stream) buffer(size int) []byte {
	if n := len(s.free); n > 0 {
		b := s.free[n-1]
		s.free = s.free[:n-1]
		return b[:0]
	}
	return make([]byte, 0, size)
}

func (s *Stream) recycle(b []byte) {
	if len(s.free) < 2 {
		s.free = append(s.free, b)
	}
}

// end stops the stream once; err nil is the proper end.
func (s *Stream) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked(err)
}

func (s *Stream) endLocked(err error) {
	if s.ended {
		return
	}
	s.ended, s.cause = true, err
	close(s.dead)
	s.cancel()
}

// run owns the stream: it dials, writes, waits for its reader, and tells of a failure last.
func (s *Stream) run(ctx context.Context, start []byte, opened func(error, bool) error) {
	defer close(s.done)
	defer s.cancel()

	finished := opened
	s.serve(ctx, start, func() {
		_ = opened(nil, false)
		finished = func(err error, _ bool) error { return err }
		if done, err := s.c.guard.Begin("stream"); err == nil {
			finished = done
		}
	})

	if err := finished(s.failure(), false); err != nil {
		s.fail(err)
	}
}

// fail tells of a failure. It is apart from run, which waits for the length of a call and should hold little.
func (s *Stream) fail(err error) {
	ge := &guard.Error{Class: guard.Classify(err), Err: err}
	errors.As(err, &ge)
	ge.Vendor, ge.Op = vendor, "stream"
	s.mu.Lock()
	if ge.RequestID == "" {
		ge.RequestID = s.id
	}
	s.cause = ge
	closing := s.closing
	s.mu.Unlock()
	if !closing && ge.Class != guard.Cancelled {
		s.sink(Event{Kind: Failed, Err: ge, At: s.c.o.Clock.Now()})
	}
}

// serve runs the socket until the stream ends.
func (s *Stream) serve(ctx context.Context, start []byte, started func()) {
	timeout := s.c.o.Clock.NewTimer(s.c.o.StartTimeout)
	defer timeout.Stop()
	conn, err := s.c.dial(ctx, s.id)
	if err != nil {
		s.end(err)
		return
	}
	// A failure must free a write or a read that hangs. It may come from Write, which never blocks, and
	// closing can: so it happens aside.
	defer context.AfterFunc(ctx, func() {
		if s.end(ctx.Err()); s.failure() != nil {
			_ = conn.Drop()
		}
	})()
	conn.KeepAlive(s.c.o.Ping)
	read := make(chan struct{})
	go func() {
		defer close(read)
		s.read(conn)
	}()
	defer func() {
		_ = conn.Close(ws.CloseNormal, "")
		<-read
	}()
	if err = conn.Write(ws.Text, start); err != nil {
		s.writeFailed(err)
		return
	}
	select {
	case <-s.dead:
		return
	case <-timeout.C():
		s.end(&guard.Error{Class: guard.Timeout, Code: "start", Err: errors.New("no RecognitionStarted in time")})
		return
	case <-s.ready:
		started()
	}
	s.write(conn)
}

func (s *Stream) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause
}

// write sends what is queued until the stream ends, and watches for a vendor that has gone quiet.
func (s *Stream) write(conn *ws.Conn) {
	tick := s.c.o.Clock.NewTimer(s.c.o.Stall / 4)
	defer tick.Stop()
	for {
		select {
		case <-s.dead:
			return
		default:
		}
		if it, payload, ok := s.next(); ok {
			kind := ws.Binary
			if it.sound == nil {
				kind = ws.Text
			}
			if err := conn.Write(kind, payload); err != nil {
				s.writeFailed(err)
				return
			}
			if it.sound != nil {
				s.mu.Lock()
				s.recycle(it.sound)
				s.mu.Unlock()
			}
			continue
		}
		select {
		case <-s.dead:
			return
		case <-s.wake:
		case <-tick.C():
			s.checkStall()
			tick.Reset(s.c.o.Stall / 4)
		}
	}
}

// writeFailed ends the stream. A vendor says why it closes before it does, so the reader, which hears
// that, gets a moment to end the stream with the better reason.
func (s *Stream) writeFailed(err error) {
	t := s.c.o.Clock.NewTimer(time.Second)
	defer t.Stop()
	select {
	case <-s.dead:
	case <-t.C():
		s.end(err)
	}
}

// next takes the first item and what to send for it, which for a command depends on the sound before.
func (s *Stream) next() (it item, payload []byte, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 || s.ended {
		return item{}, nil, false
	}
	it = s.queue[0]
	n := copy(s.queue, s.queue[1:])
	s.queue[n] = item{}
	s.queue = s.queue[:n]
	switch {
	case it.sound != nil:
		s.stats.Messages++
		s.queued -= len(it.sound)
		s.inFlight += len(it.sound)
		s.bytes[sentBytes] += int64(len(it.sound))
		s.unacked = append(s.unacked, len(it.sound))
		payload = it.sound
	case it.name == MsgForceEndOfUtterance:
		at := s.length(s.bytes[sentBytes]).Seconds()
		payload = encode(ForceEndOfUtterance{Message: it.name, Timestamp: &at})
	default:
		payload = encode(EndOfStream{Message: it.name, LastSeqNo: s.stats.Messages})
	}
	if s.waiting.IsZero() && it.name != MsgForceEndOfUtterance { // that may rightly get no answer
		s.waiting = s.c.o.Clock.Now()
	}
	return it, payload, true
}

func (s *Stream) checkStall() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting.IsZero() {
		return
	}
	if quiet := s.c.o.Clock.Now().Sub(s.waiting); quiet >= s.c.o.Stall {
		s.endLocked(&guard.Error{Class: guard.Timeout, Code: "stall", Err: fmt.Errorf("nothing heard for %.1f s", quiet.Seconds())})
	}
}
