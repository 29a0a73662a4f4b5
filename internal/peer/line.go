package peer

import (
	"sync"
	"time"

	"github.com/voicectl/voicectl/internal/clock"
	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/trace"
)

const (
	eventBuffer = 4096
	maxWarnings = 100
	// audible is the level a sample must reach to count as sound: -44 dBFS.
	audible = 200
	// pause is the quiet after which sound is a new first sound.
	pause = 300 * time.Millisecond
	// maxLate is how late a frame may be sent; beyond, frames are skipped as a phone network would lose them.
	maxLate = 5 * media.FrameTime
)

// line is what both kinds of call share: the queue of what to say, the playback buffer, the events, and
// the pacing of all of it.
type line struct {
	o             Options
	speaks, hears media.Format
	clk           clock.Clock

	events  chan Event
	eventMu sync.Mutex // keeps the order of events of two goroutines; nothing is called under it
	over    chan struct{}
	hang    chan struct{}
	hanging sync.Once
	wake    chan struct{} // tells the owner that echoes wait; holds one
	slow    chan struct{} // closed when an event found no room
	slowing sync.Once

	mu        sync.Mutex // of what follows
	say       []*utterance
	play      playback
	echoes    []echo
	soundEnds time.Time // when the audible sound received so far will have been played
	fresh     bool      // the next audible sound is a new first one
	sounding  bool      // the last frame was full of sound
	stats     Stats

	ear               *Listener // owner's
	sent, heard       []int16   // owner's frames
	started, finished []*utterance
}

type utterance struct {
	text    string
	samples []int16
	pos     int
	done    chan struct{}
}

// echo is a mark on its way back: reached, or flushed by a clear.
type echo struct {
	name    string
	reached bool
}

// wire is the socket of a line, for its owner, who alone writes sound and echoes: a reader that wrote
// could wait for an agent that waits for it.
type wire interface {
	// audio sends the n-th frame since the socket opened.
	audio(n int64, samples []int16) error
	// echo tells the far end about a mark.
	echo(e echo) error
	// idle is called once a frame, for what else waits to be sent.
	idle() error
}

func newLine(o Options, speaks, hears media.Format) *line {
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	l := &line{
		o: o, speaks: speaks, hears: hears, clk: o.Clock, events: make(chan Event, eventBuffer+1), fresh: true,
		over: make(chan struct{}), hang: make(chan struct{}), slow: make(chan struct{}), wake: make(chan struct{}, 1), play: newPlayback(hears.Rate),
	}
	if o.Listen {
		l.ear = NewListener(hears.Rate)
	}
	return l
}

// Format implements Peer.
func (l *line) Format() (speaks, hears media.Format) { return l.speaks, l.hears }

// Events implements Peer.
func (l *line) Events() <-chan Event { return l.events }

// Done implements Peer.
func (l *line) Done() <-chan struct{} { return l.over }

// Stats implements Peer.
func (l *line) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats
}

// Close implements Peer.
func (l *line) Close() error {
	l.hanging.Do(func() { close(l.hang) })
	<-l.over
	return nil
}

// Say implements Peer.
func (l *line) Say(samples []int16, rate int) <-chan struct{} { return l.Speak("", samples, rate) }

// Speak implements Peer.
func (l *line) Speak(text string, samples []int16, rate int) <-chan struct{} {
	u := &utterance{text: text, samples: samples, done: make(chan struct{})}
	if rate != l.speaks.Rate {
		re := media.NewResampler(rate, l.speaks.Rate)
		u.samples = re.Flush(re.Append(make([]int16, 0, len(samples)*l.speaks.Rate/rate+16), samples))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.over:
		close(u.done)
	default:
		l.say = append(l.say, u)
	}
	return u.done
}

// end makes the call over. It is the owner's last act.
func (l *line) end(code int, why string) {
	l.mu.Lock()
	left := l.say
	l.say = nil
	close(l.over)
	l.mu.Unlock()
	for _, u := range left {
		close(u.done)
	}
	l.tell(Event{Kind: Closed, Code: code, Text: why})
	l.eventMu.Lock()
	defer l.eventMu.Unlock()
	close(l.events)
}

// tell makes an event known, here and in the trace.
func (l *line) tell(e Event) {
	if e.At.IsZero() {
		e.At = l.clk.Now()
	}
	if e.Kind == Warning {
		l.mu.Lock()
		l.stats.Warnings++
		tooMany := l.stats.Warnings > maxWarnings
		l.mu.Unlock()
		if tooMany {
			return
		}
	}
	l.eventMu.Lock()
	if len(l.events) < eventBuffer || e.Kind == Closed { // the last place is kept for the last event
		l.events <- e
	} else {
		l.slowing.Do(func() { close(l.slow) })
	}
	l.eventMu.Unlock()
	if name, ok := traced(e.Kind); ok {
		te := trace.Event{At: e.At, Side: trace.Caller, Event: name, Text: e.Text, Args: e.Data}
		switch e.Kind {
		case Closed:
			te.Text, te.Attrs = "", map[string]any{"code": e.Code, "reason": e.Text}
		case Message:
			te.Text = e.Type
		case Mark, Heard:
			te.Attrs = map[string]any{"ok": e.OK}
		case Warning:
			te.Attrs = map[string]any{"code": e.Code}
		case Clear:
			te.MS = trace.Milliseconds(e.Lost)
		case Open, Verb, SayStarted, SayDone, AudioFirst, SpeechStarted, SpeechStopped:
		}
		l.o.Trace.Emit(te)
	}
}

func traced(k Kind) (trace.Name, bool) {
	switch k {
	case SayStarted:
		return trace.SayStarted, true
	case SayDone:
		return trace.SayDone, true
	case AudioFirst:
		return trace.AudioFirst, true
	case Heard:
		return trace.Heard, true
	case Mark:
		return trace.Mark, true
	case Clear:
		return trace.Clear, true
	case Message:
		return trace.Message, true
	case Warning:
		return trace.Warning, true
	case Closed:
		return trace.Closed, true
	case Open, Verb, SpeechStarted, SpeechStopped: // Open and Verb are traced where they happen, with more in them
	}
	return "", false
}

// arrive takes sound off the wire.
func (l *line) arrive(samples []int16) {
	now := l.clk.Now()
	loud := false
	for _, s := range samples {
		if s >= audible || s <= -audible {
			loud = true
			break
		}
	}
	l.mu.Lock()
	refused := l.play.append(samples)
	l.stats.Received += l.span(len(samples))
	first := false
	if loud {
		first = l.fresh || now.Sub(l.soundEnds) >= pause
		l.fresh = false
		l.soundEnds = now.Add(l.span(l.play.waiting()))
	}
	l.mu.Unlock()
	if first {
		l.tell(Event{Kind: AudioFirst, At: now})
	}
	if refused > 0 {
		l.tell(Event{Kind: Warning, Text: "more sound than ten minutes waits to be played; the rest is dropped"})
	}
}

func (l *line) span(samples int) time.Duration {
	return time.Duration(int64(samples) * int64(time.Second) / int64(l.hears.Rate))
}

// mark queues a mark behind the sound that came before it.
func (l *line) mark(name string) {
	l.mu.Lock()
	now, ok := l.play.mark(name)
	if now {
		ok = l.queueEchoes([]string{name}, true)
	}
	l.mu.Unlock()
	if !ok {
		l.tell(Event{Kind: Warning, Text: "too many marks wait; this one is dropped"})
	}
}

// flush drops what was not played; its marks come back at once.
func (l *line) flush() {
	l.mu.Lock()
	dropped, marks := l.play.clear()
	l.fresh = true
	l.soundEnds = l.clk.Now()
	l.queueEchoes(marks, false)
	l.mu.Unlock()
	l.tell(Event{Kind: Clear, Lost: l.span(dropped)})
}

// queueEchoes hands marks to the owner; mu is held.
func (l *line) queueEchoes(names []string, reached bool) bool {
	for _, name := range names {
		if len(l.echoes) >= 2*maxMarks {
			return false
		}
		l.echoes = append(l.echoes, echo{name, reached})
	}
	if len(names) > 0 {
		select {
		case l.wake <- struct{}{}:
		default: // the owner is awake already
		}
	}
	return true
}

// sendEchoes is the owner's: it brings the marks back.
func (l *line) sendEchoes(w wire) error {
	l.mu.Lock()
	echoes := l.echoes
	l.echoes = nil
	l.mu.Unlock()
	for _, e := range echoes {
		if err := w.echo(e); err != nil {
			return err
		}
		l.tell(Event{Kind: Mark, Text: e.name, OK: e.reached})
	}
	return nil
}
