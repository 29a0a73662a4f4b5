package reliability

import (
	"context"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/media"
)

// R15: long calls don't drift. For ten minutes (nightly: an hour) of call time, without a pause, the agent speaks
// and is spoken to, over a network that holds writes back at random and a voice whose sound comes unevenly. The
// ear never runs dry, has all of it to the frame, at the time it should; what runs ahead of it does not grow; and
// the recognizer gets every frame. Time is virtual. Tiers: ci and nightly.
func TestR15_LongCallsDoNotDrift(t *testing.T) {
	t.Parallel()
	length := nightly(time.Hour, 10*time.Minute)
	for name, info := range map[string]session.Info{
		"phone":   {Kind: "twilio", In: media.Phone, Out: media.Phone, Marks: true, Chunk: 100 * time.Millisecond, Lead: 200 * time.Millisecond},
		"browser": {Kind: "rtvi", In: media.BrowserIn, Out: media.BrowserOut, Chunk: 40 * time.Millisecond, Lead: 120 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			synctest.Test(t, func(t *testing.T) { drift(t, info, length, rand.New(rand.NewPCG(seed, 15))) })
		})
	}
}

func drift(t *testing.T, info session.Info, length time.Duration, r *rand.Rand) {
	sched := media.NewScheduler(time.Now)
	defer sched.Close()
	l := &longLine{t: t, info: info, length: length, held: func() time.Duration {
		d := time.Duration(r.Int64N(int64(info.Lead / 20)))
		if r.IntN(50) == 0 {
			d = info.Lead / 3 // a hiccup
		}
		return d
	}, marks: make(chan session.In, 64), said: make(chan struct{})}
	ears := &counter{}
	s := session.New(session.Options{
		ID: "r15", Line: l, Recognizer: ears, Synthesizer: &longVoice{length: length, r: rand.New(rand.NewPCG(r.Uint64(), 1))},
		Scheduler: grid{sched}, Turn: turn.Config{Greeting: "This will take a while."},
	})
	if why := s.Run(t.Context()); why != session.EndNormal {
		t.Fatalf("ended by %v", why)
	}
	total := info.Out.Bytes(length)
	t.Logf("sent %d of %d bytes, dry %d times, ahead %v at first and %v at last, %v heard in %v", l.sent, total, l.dry, l.band(0), l.band(1), length, l.stopped.Sub(l.first))
	if l.sent != total {
		t.Errorf("%d bytes were sent, want %d", l.sent, total)
	}
	if l.dry > 0 {
		t.Errorf("the ear ran dry %d times", l.dry)
	}
	if d := l.band(1) - l.band(0); d < -media.FrameTime || d > media.FrameTime {
		t.Errorf("what runs ahead of the ear went from %v to %v", l.band(0), l.band(1))
	}
	// The agent knows when the last sound was heard: by its mark, or by the clock.
	if late := l.stopped.Sub(l.first) - length; late < -media.FrameTime || late > info.Chunk {
		t.Errorf("%v of sound ended %v after its begin", length, l.stopped.Sub(l.first))
	}
	if want := int64(info.In.Bytes(length)); ears.n.Load() != want {
		t.Errorf("the recognizer got %d bytes, want %d", ears.n.Load(), want)
	}
}

// longLine is a far end with an ear, which plays from the first sound on and never pauses.
type longLine struct {
	t      *testing.T
	info   session.Info
	length time.Duration
	held   func() time.Duration // how long a write takes
	marks  chan session.In
	said   chan struct{} // closed when the agent has fallen silent

	// Of Recv.
	begun  time.Time
	frames int64

	// Of Send.
	first, stopped time.Time
	sent, dry      int
	ahead          [2]time.Duration // sums over the first and the last tenth
	n              [2]time.Duration
}

func (l *longLine) band(i int) time.Duration { return l.ahead[i] / max(1, l.n[i]) }

func (l *longLine) Info() session.Info { return l.info }

// Recv gives a frame each 20 ms for the length of the call, marks when they are heard, and the end once the
// agent is silent.
func (l *longLine) Recv(ctx context.Context) (session.In, error) {
	if l.begun.IsZero() {
		l.begun = time.Now()
		return session.In{Kind: session.InReady}, nil
	}
	due := time.NewTimer(time.Until(l.begun.Add(time.Duration(l.frames) * media.FrameTime)))
	defer due.Stop()
	frame := due.C
	if l.frames == int64(l.length/media.FrameTime) {
		frame = nil
	}
	select {
	case <-ctx.Done():
		return session.In{}, ctx.Err()
	case in := <-l.marks:
		return in, nil
	case <-frame:
		l.frames++
		f := media.NewFrame(l.info.In, time.Now())
		f.Data = append(f.Data, make([]byte, l.info.In.FrameBytes())...)
		return session.In{Kind: session.InAudio, Frame: f}, nil
	case <-l.over():
		return session.In{}, io.EOF
	}
}

// over is ready when both have said all.
func (l *longLine) over() <-chan struct{} {
	if l.frames < int64(l.length/media.FrameTime) {
		return nil
	}
	return l.said
}

func (l *longLine) Send(o session.Out) error {
	switch o.Kind {
	case session.OutAudio:
		time.Sleep(l.held())
		now := time.Now()
		if l.first.IsZero() {
			l.first = now
		}
		have := l.info.Out.Duration(l.sent)
		ahead := have - now.Sub(l.first)
		if ahead < 0 {
			l.dry++
		}
		for i, in := range []bool{have > time.Second && have < l.length/10, have > l.length*9/10 && have < l.length-time.Second} {
			if in {
				l.ahead[i] += ahead
				l.n[i]++
			}
		}
		l.sent += len(o.Audio)
	case session.OutMark:
		at := l.first.Add(l.info.Out.Duration(l.sent))
		mark := session.In{Kind: session.InMark, Mark: o.Mark}
		go func() {
			time.Sleep(time.Until(at))
			l.marks <- mark
		}()
	case session.OutNote:
		if o.Note.Kind == turn.NoteBotStopped {
			l.stopped = time.Now()
			close(l.said)
		}
	case session.OutClear, session.OutReply:
	}
	return nil
}

func (l *longLine) Close(session.End) error { return nil }

// counter is a recognizer that counts.
type counter struct{ n atomic.Int64 }

func (c *counter) Open(context.Context, media.Format, func(session.Heard)) (session.Hearing, error) {
	return c, nil
}
func (c *counter) Write(data []byte)           { c.n.Add(int64(len(data))) }
func (c *counter) Finalize()                   {}
func (c *counter) Close(context.Context) error { return nil }

// longVoice makes one answer of a length, in uneven pieces, on average as fast as it is heard, and two seconds
// ahead.
type longVoice struct {
	length time.Duration
	r      *rand.Rand
}

func (v *longVoice) Open(ctx context.Context, f media.Format, sink func(session.Sound)) (session.Speech, error) {
	ctx, cancel := context.WithCancel(ctx)
	sp := &longSpeech{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(sp.done)
		begun, made := time.Now(), time.Duration(0)
		for made < v.length {
			piece := min(time.Duration(1+v.r.Int64N(50))*media.FrameTime, v.length-made)
			t := time.NewTimer(time.Until(begun.Add(made - 2*time.Second)))
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
			sink(session.Sound{Audio: make([]byte, f.Bytes(piece)), At: time.Now()})
			made += piece
		}
		sink(session.Sound{Done: true, At: time.Now()})
	}()
	return sp, nil
}

type longSpeech struct {
	cancel context.CancelFunc
	done   chan struct{}
}

func (s *longSpeech) Say(string) error { return nil }
func (s *longSpeech) End() error       { return nil }
func (s *longSpeech) Cancel()          { s.cancel(); <-s.done }
