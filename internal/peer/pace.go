package peer

import (
	"context"
	"time"

	"github.com/voicectl/voicectl/internal/media"
)

// ending says why pacing stopped.
type ending int

const (
	endNone  ending = iota // go on
	endGone                // the agent closed the socket, or it broke
	endHung                // we hang up: Close, or the context is done
	endOrder               // another order came for the owner
	endSlow                // nobody reads the events
)

// pace speaks and plays, a frame every 20 ms counted from now, until something ends it. gone is closed
// by the reader of the socket; order wakes the owner.
func (l *line) pace(ctx context.Context, w wire, gone, order <-chan struct{}) ending {
	timer := l.clk.NewTimer(time.Hour)
	defer timer.Stop()
	start := l.clk.Now()
	for n := int64(0); ; n++ {
		due := start.Add(time.Duration(n) * media.FrameTime)
		for waiting := true; waiting; {
			timer.Reset(max(due.Sub(l.clk.Now()), 0))
			select {
			case <-ctx.Done():
				return endHung
			case <-l.hang:
				return endHung
			case <-gone:
				return endGone
			case <-order:
				return endOrder
			case <-l.slow:
				return endSlow
			case <-l.wake:
				if l.sendEchoes(w) != nil {
					return l.wait(ctx, gone)
				}
			case <-timer.C():
				waiting = false
			}
		}
		late := l.clk.Now().Sub(due)
		l.mu.Lock()
		l.stats.MaxLate = max(l.stats.MaxLate, late)
		l.mu.Unlock()
		for ; late >= maxLate; late -= media.FrameTime {
			if l.hear(w, due, l.silence()) != nil {
				return l.wait(ctx, gone)
			}
			l.mu.Lock()
			l.stats.FramesSkipped++
			l.mu.Unlock()
			n++
			due = due.Add(media.FrameTime)
		}
		if l.frame(w, n, due) != nil {
			return l.wait(ctx, gone)
		}
	}
}

// wait gives the reader time to see why a write failed.
func (l *line) wait(ctx context.Context, gone <-chan struct{}) ending {
	timer := l.clk.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return endHung
	case <-gone:
	case <-timer.C():
	}
	return endGone
}

// frame sends one frame, plays one, and tells what began and ended with it.
func (l *line) frame(w wire, n int64, due time.Time) error {
	if err := w.idle(); err != nil {
		return err
	}
	frame := l.next()
	for _, u := range l.started {
		l.tell(Event{Kind: SayStarted, Text: u.text})
	}
	if err := w.audio(n, frame); err != nil {
		return err
	}
	for _, u := range l.finished {
		l.mu.Lock()
		if l.play.waiting() == 0 {
			l.fresh = true // what comes now is an answer, however short the quiet was
		}
		l.mu.Unlock()
		l.tell(Event{Kind: SayDone, Text: u.text})
		close(u.done)
	}
	l.mu.Lock()
	l.stats.FramesSent++
	l.mu.Unlock()
	return l.hear(w, due, frame)
}

func (l *line) frameSamples(f media.Format) int { return f.FrameBytes() / f.SampleBytes() }

func (l *line) silence() []int16 {
	l.sent = l.sent[:0]
	for range l.frameSamples(l.speaks) {
		l.sent = append(l.sent, 0)
	}
	return l.sent
}

// next takes a frame out of what is to be said, silence when that is nothing.
func (l *line) next() []int16 {
	size := l.frameSamples(l.speaks)
	l.sent, l.started, l.finished = l.sent[:0], l.started[:0], l.finished[:0]
	l.mu.Lock()
	for len(l.sent) < size && len(l.say) > 0 {
		u := l.say[0]
		if u.pos == 0 {
			l.started = append(l.started, u)
		}
		k := min(size-len(l.sent), len(u.samples)-u.pos)
		l.sent = append(l.sent, u.samples[u.pos:u.pos+k]...)
		if u.pos += k; u.pos == len(u.samples) {
			l.finished = append(l.finished, u)
			l.say = l.say[1:]
		}
	}
	l.mu.Unlock()
	for len(l.sent) < size {
		l.sent = append(l.sent, 0)
	}
	return l.sent
}

// hear plays one frame: marks whose sound is over come back first, so never early.
func (l *line) hear(w wire, due time.Time, said []int16) error {
	l.mu.Lock()
	l.queueEchoes(l.play.reached(), true)
	sound := l.take()
	l.mu.Unlock()
	if err := l.sendEchoes(w); err != nil {
		return err
	}
	if l.o.Played != nil {
		l.o.Played(Played{At: due, Samples: l.heard, Rate: l.hears.Rate, Sound: sound})
	}
	if l.o.Recorder != nil {
		l.o.Recorder.Write(said, l.speaks.Rate, l.heard, l.hears.Rate)
	}
	if l.ear != nil {
		for _, p := range l.ear.Write(l.heard) {
			l.perceive(p, due.Add(media.FrameTime))
		}
	}
	return nil
}

// take plays a frame into l.heard and tells how much of it is sound; mu is held.
func (l *line) take() (sound int) {
	size := l.frameSamples(l.hears)
	l.heard, sound = l.play.take(l.heard[:0], size)
	if sound > 0 {
		l.stats.FramesPlayed++
	}
	if sound < size && l.sounding {
		l.stats.Starved++
	}
	l.sounding = sound == size
	return sound
}

// perceive tells what the ear noticed in the frame that ended at now, at the moment it happened.
func (l *line) perceive(p Perception, now time.Time) {
	if p.Kind != Heard {
		l.tell(Event{Kind: p.Kind, At: now.Add(p.Start - p.End)})
		return
	}
	l.tell(Event{Kind: Heard, At: now, Text: p.Text, OK: p.OK, Lost: time.Duration(p.Lost) * media.FrameTime})
}
