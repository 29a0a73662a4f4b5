package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/clock"
	"github.com/voicectl/voicectl/internal/provider/guard"
)

// Session is one conversation. Make it with New, then Run it once.
type Session struct {
	o      Options
	info   Info
	engine *turn.Engine
	player *player
	voice  voice
	start  time.Time
	inbox  chan item
	wg     sync.WaitGroup
	ctx    context.Context //nolint:containedctx // the session's own life, from New to the end of Run
	cancel context.CancelCauseFunc
	wire   context.Context //nolint:containedctx // the writer's: it may outlive ctx by an apology
	unwire context.CancelFunc
	gone   chan struct{} // closed when the line has ended
	broken atomic.Bool   // our own code has failed
	later  []turn.Event  // happenings found while commands were carried out

	replyCtx    context.Context //nolint:containedctx // of the answer in progress; the loop alone touches it
	cancelReply context.CancelFunc
	hearing     hearing
	timers      timers
	kept        chan struct{} // closed when the last turn is durable or spooled
	watch       watch
	ended       atomic.Pointer[End]
	told        struct {
		epoch turn.Epoch
		heard time.Duration
	}
	lastFrame atomic.Int64 // receipt of the newest sound, since the start; the reader's
	voiced    bool         // the caller's voice is heard
	user      string       // the caller's words of this turn
}

// inboxSize is what may come at once: an answer's sound, words and marks. Who sends more waits.
const inboxSize = 32

// errEnded is the cause with which a session's context ends in good order.
var errEnded = errors.New("session ended")

// New makes a session; it has no side effect.
func New(o Options) *Session {
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Observe == nil {
		o.Observe = func(Measure) {}
	}
	s := &Session{o: o, info: o.Line.Info(), engine: turn.New(o.Turn), inbox: make(chan item, inboxSize), gone: make(chan struct{})}
	s.player = newPlayer(s.info, o.Scheduler, o.Clock.Now, func() { s.spawn(s.wire, "writer", s.write) })
	s.voice.s = s
	s.timers.clock = o.Clock
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.wire, s.unwire = context.WithCancel(context.Background())
	s.replyCtx, s.cancelReply = context.WithCancel(s.ctx)
	s.kept = make(chan struct{})
	close(s.kept)
	return s
}

// Run holds the conversation until the far end leaves, the agent closes, or ctx ends. It returns how
// the session ended, after every goroutine of it has.
func (s *Session) Run(parent context.Context) End {
	ctx := s.ctx
	defer context.AfterFunc(parent, func() { s.cancel(context.Cause(parent)) })()
	if s.start = s.o.Start; s.start.IsZero() {
		s.start = s.o.Clock.Now()
	}
	s.spawn(ctx, "reader", s.read)
	s.guarded("loop", func() { s.loop(ctx) })
	if s.broken.Load() {
		s.guarded("apology", func() { s.apologize(parent) })
	}
	s.finish(ctx)
	return s.reason()
}

// End asks the session to end for a reason, as seen from outside (drain, limit). It returns at once.
func (s *Session) End(why End) {
	s.ended.CompareAndSwap(nil, &why)
	s.cancel(errEnded)
}

// Leave asks the session to say a few words and then to end for a reason. It returns when the loop has taken
// the order, or the session is over.
func (s *Session) Leave(words string, why End) {
	s.send(s.ctx, item{kind: itemLeave, what: &turn.Event{Kind: turn.Leave, Text: words, Reason: string(why)}})
}

func (s *Session) reason() End {
	if p := s.ended.Load(); p != nil {
		return *p
	}
	return EndPeer
}

func (s *Session) finish(ctx context.Context) {
	s.cancel(errEnded)
	s.unwire()
	s.cancelReply()
	s.voice.cancel()
	s.timers.stop()
	s.player.close()
	if err := s.o.Line.Close(s.reason()); err != nil {
		s.o.Log.Debug("line close", "err", err)
	}
	s.hearing.close(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() { s.wg.Wait(); close(done) }()
	for {
		select {
		case <-s.inbox:
		case <-done:
			return
		}
	}
}

// spawn starts a goroutine that the session waits for. A panic ends this session only.
func (s *Session) spawn(ctx context.Context, name string, fn func(context.Context)) {
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		s.guarded(name, func() { fn(ctx) })
	}()
}

func (s *Session) guarded(name string, fn func()) {
	defer func() {
		if p := recover(); p != nil {
			// The value may hold a caller's words: only its type goes to the log.
			s.o.Log.Error("panic in a session", "component", name, "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			why := EndError
			s.ended.CompareAndSwap(nil, &why)
			s.broken.Store(true)
			s.cancel(errEnded)
		}
	}()
	fn()
}

// send puts an item into the inbox, unless the session or the sender's work ends first.
func (s *Session) send(ctx context.Context, it item) {
	select {
	case s.inbox <- it:
	case <-ctx.Done():
	}
}

func (s *Session) now() time.Duration { return s.o.Clock.Now().Sub(s.start) }

// read takes what the far end sends until the line ends.
func (s *Session) read(ctx context.Context) {
	for {
		in, err := s.o.Line.Recv(ctx)
		if err != nil {
			s.lineEnded(ctx, err)
			return
		}
		if in.Kind == InAudio {
			s.ear(ctx, in.Frame)
			continue
		}
		s.pass(ctx, in)
	}
}

// pass gives the loop what is not sound.
func (s *Session) pass(ctx context.Context, in In) {
	s.send(ctx, item{kind: itemIn, what: &in})
}

func (s *Session) lineEnded(ctx context.Context, err error) {
	why := EndPeer
	if errors.Is(err, io.EOF) {
		why = EndNormal
	}
	var le *LineError
	if errors.As(err, &le) {
		why = le.End
	}
	close(s.gone)
	s.send(ctx, item{kind: itemGone, what: why})
}

// LineError is a line's failure that says how the session ends.
type LineError struct {
	End End
	Err error
}

func (e *LineError) Error() string { return e.Err.Error() }
func (e *LineError) Unwrap() error { return e.Err }

// write sends until there is nothing to send now. The player starts it again when there is.
func (s *Session) write(wire context.Context) {
	for {
		out, pr, ok := s.player.next()
		if !ok {
			if pr.heard >= 0 {
				s.send(s.ctx, item{kind: itemHeard, epoch: pr.epoch, dur: pr.heard, done: pr.done})
			}
			if s.player.resting() {
				return
			}
			continue
		}
		if wire.Err() != nil {
			return
		}
		if err := s.o.Line.Send(out); err != nil {
			s.o.Log.Debug("send", "err", err)
			why := EndPeer
			var le *LineError
			if errors.As(err, &le) {
				why = le.End
			}
			s.send(s.ctx, item{kind: itemGone, what: why})
			return
		}
		if out.Kind == OutAudio && pr.first {
			s.send(s.ctx, item{kind: itemFirstOut, epoch: pr.epoch, at: s.o.Clock.Now()})
		}
	}
}

// class names a vendor's failure for the engine's apologies.
func class(err error) string {
	if c := guard.ClassOf(err); c != "" {
		return string(c)
	}
	return "internal"
}
