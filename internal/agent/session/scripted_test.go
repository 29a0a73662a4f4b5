package session

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scriptedLine is a far end in memory. With marks it plays in real time like the phone network.
type scriptedLine struct {
	info Info
	in   chan In
	gone chan struct{}
	hung chan struct{} // closed when the caller hangs up
	once sync.Once

	mu     sync.Mutex
	log    []sent
	closed End
	playAt time.Time // when the buffer runs dry
	epochN int       // grows with each clear
	wg     sync.WaitGroup
}

type sent struct {
	at  time.Time
	out Out
}

func newScriptedLine(marks bool) *scriptedLine {
	l := &scriptedLine{in: make(chan In, 64), gone: make(chan struct{}), hung: make(chan struct{})}
	l.info = Info{Kind: "scripted", In: media.Phone, Out: media.Phone, Marks: marks, Chunk: 100 * time.Millisecond, Lead: 200 * time.Millisecond}
	return l
}

func (l *scriptedLine) Info() Info { return l.info }

func (l *scriptedLine) Recv(ctx context.Context) (In, error) {
	select {
	case in := <-l.in:
		return in, nil
	case <-l.hung:
		return In{}, io.EOF
	case <-l.gone:
		return In{}, io.ErrClosedPipe
	case <-ctx.Done():
		return In{}, ctx.Err()
	}
}

func (l *scriptedLine) Send(o Out) error {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	o.Audio = append([]byte(nil), o.Audio...)
	l.log = append(l.log, sent{now, o})
	switch o.Kind {
	case OutAudio:
		if l.playAt.Before(now) {
			l.playAt = now
		}
		l.playAt = l.playAt.Add(l.info.Out.Duration(len(o.Audio)))
	case OutClear:
		l.playAt = now
		l.epochN++
	case OutMark:
		n, wait := l.epochN, l.playAt.Sub(now)
		l.wg.Add(1)
		time.AfterFunc(wait, func() {
			defer l.wg.Done()
			l.mu.Lock()
			stale := n != l.epochN
			l.mu.Unlock()
			if stale {
				return
			}
			select {
			case l.in <- In{Kind: InMark, Mark: o.Mark}:
			case <-l.gone:
			}
		})
	case OutNote, OutReply:
	}
	return nil
}

func (l *scriptedLine) Close(why End) error {
	l.once.Do(func() {
		l.mu.Lock()
		l.closed = why
		l.mu.Unlock()
		close(l.gone)
	})
	return nil
}

func (l *scriptedLine) sent(kind OutKind) []sent {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []sent
	for _, s := range l.log {
		if s.out.Kind == kind {
			out = append(out, s)
		}
	}
	return out
}

func (l *scriptedLine) notes(kind turn.NoteKind) []turn.Note {
	var out []turn.Note
	for _, s := range l.sent(OutNote) {
		if s.out.Note.Kind == kind {
			out = append(out, s.out.Note)
		}
	}
	return out
}

// scriptedVoice speaks each word for 100 ms, all at once, after a wait.
type scriptedVoice struct {
	wait time.Duration
	fail error
}

func (v scriptedVoice) Open(ctx context.Context, f media.Format, sink func(Sound)) (Speech, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &scriptedSpeech{v: v, f: f, sink: sink, say: make(chan string, 64), cancel: cancel, done: make(chan struct{})}
	go s.run(ctx)
	return s, nil
}

type scriptedSpeech struct {
	v      scriptedVoice
	f      media.Format
	sink   func(Sound)
	say    chan string
	cancel context.CancelFunc
	done   chan struct{}
}

func (s *scriptedSpeech) run(ctx context.Context) {
	defer close(s.done)
	var at time.Duration
	for {
		select {
		case <-ctx.Done():
			return
		case text, ok := <-s.say:
			if !ok {
				s.sink(Sound{Done: true, At: time.Now()})
				return
			}
			t := time.NewTimer(s.v.wait)
			select {
			case <-t.C:
			case <-ctx.Done():
				t.Stop()
				return
			}
			if s.v.fail != nil {
				s.sink(Sound{Err: s.v.fail})
				return
			}
			var words []turn.Word
			for _, w := range strings.Fields(text) {
				words = append(words, turn.Word{Text: w, Start: at, End: at + 100*time.Millisecond})
				at += 100 * time.Millisecond
			}
			s.sink(Sound{Words: words, Audio: make([]byte, s.f.Bytes(time.Duration(len(words))*100*time.Millisecond)), At: time.Now()})
		}
	}
}

func (s *scriptedSpeech) Say(text string) error { s.say <- text; return nil }
func (s *scriptedSpeech) End() error            { close(s.say); return nil }
func (s *scriptedSpeech) Cancel()               { s.cancel(); <-s.done }

// scriptedModel answers by a function of what it is asked.
type scriptedModel func(ctx context.Context, req Request, sink func(Delta)) error

func (m scriptedModel) Respond(ctx context.Context, req Request, sink func(Delta)) error {
	return m(ctx, req, sink)
}

func saying(text string) scriptedModel {
	return func(_ context.Context, _ Request, sink func(Delta)) error {
		for _, w := range strings.SplitAfter(text, " ") {
			sink(Delta{Text: w, At: time.Now()})
		}
		return nil
	}
}

// scriptedEars hears what a test says.
type scriptedEars struct {
	mu        sync.Mutex
	sink      func(Heard)
	finalized int
	bytes     int
	opened    int
}

func (e *scriptedEars) Open(_ context.Context, _ media.Format, sink func(Heard)) (Hearing, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sink = sink
	e.opened++
	return e, nil
}

func (e *scriptedEars) Write(b []byte) {
	e.mu.Lock()
	e.bytes += len(b)
	e.mu.Unlock()
}

func (e *scriptedEars) Finalize() {
	e.mu.Lock()
	e.finalized++
	e.mu.Unlock()
}
func (e *scriptedEars) Close(context.Context) error { return nil }
func (e *scriptedEars) hear(h Heard) {
	e.mu.Lock()
	sink := e.sink
	e.mu.Unlock()
	h.At = time.Now()
	sink(h)
}

type scriptedTools struct {
	run func(ctx context.Context, call turn.ToolCall) ToolOutcome
}

func (t scriptedTools) Specs() []ToolSpec { return []ToolSpec{{Name: "look"}} }
func (t scriptedTools) BeginTurn(string)  {}
func (t scriptedTools) Facts() string     { return "pinned" }
func (t scriptedTools) Run(ctx context.Context, c turn.ToolCall) ToolOutcome {
	return t.run(ctx, c)
}

type kept struct {
	mu   sync.Mutex
	list []turn.Record
}

func (k *kept) Keep(_ context.Context, r turn.Record, _ []Stage) error {
	k.mu.Lock()
	k.list = append(k.list, r)
	k.mu.Unlock()
	return nil
}

type grid struct{ s *media.Scheduler }

func (g grid) Every(d time.Duration, fn func(time.Time) bool) func() { return g.s.Add(d, fn).Stop }

// talk runs a session in virtual time and gives the test its parts.
type talk struct {
	line *scriptedLine
	ears *scriptedEars
	kept *kept
	sess *Session
	done chan End
}

func inTalk(t *testing.T, o Options, marks bool, script func(*talk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sched := media.NewScheduler(time.Now)
		k := &talk{line: newScriptedLine(marks), ears: &scriptedEars{}, kept: &kept{}, done: make(chan End, 1)}
		o.ID, o.Line, o.Recognizer, o.Keeper, o.Scheduler = "test", k.line, k.ears, k.kept, grid{sched}
		if o.Synthesizer == nil {
			o.Synthesizer = scriptedVoice{}
		}
		k.sess = New(o)
		go func() { k.done <- k.sess.Run(t.Context()) }()
		k.line.in <- In{Kind: InReady}
		synctest.Wait()
		script(k)
		k.sess.End(EndNormal)
		<-k.done
		_ = k.line.Close(EndNormal)
		k.line.wg.Wait()
		sched.Close()
	})
}

func (k *talk) wait(d time.Duration) { time.Sleep(d); synctest.Wait() }
