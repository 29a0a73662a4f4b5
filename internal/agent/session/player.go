package session

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/voicectl/voicectl/internal/agent/turn"
)

// player holds what is to go out: sound, paced so that it never runs ahead of the ear by more than the
// line's lead, and control, which goes at once. The loop fills it, the writer empties it.
type player struct {
	info  Info
	sched Scheduler
	now   func() time.Time
	wake  chan struct{} // 1

	mu      sync.Mutex
	urgent  []Out // what drops sound, here or on a page: it must not overtake the sound after it
	control []Out
	sound   []byte
	off     int // bytes of sound already sent
	epoch   turn.Epoch
	sent    time.Duration // of this epoch's sound
	base    time.Time     // when its first sample is heard, moved on after a gap
	marked  time.Duration // position of the last mark sent
	acked   time.Duration // position of the last mark that came back
	ended   bool          // no more sound will come unless begin is called
	stop    func()        // of the scheduler's entry
	closed  bool
}

const (
	markEvery = 200 * time.Millisecond
	maxSound  = 10 * time.Minute // of one answer in the queue: a synthesizer that never ends
	maxNotes  = 4096
)

func newPlayer(info Info, s Scheduler, now func() time.Time) *player {
	return &player{info: info, sched: s, now: now, wake: make(chan struct{}, 1)}
}

func (p *player) poke() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// put queues control.
func (p *player) put(o Out) {
	p.mu.Lock()
	switch {
	case o.Kind == OutNote && o.Note.Kind == turn.NoteInterrupted:
		p.urgent = append(p.urgent, o)
	case len(p.control) < maxNotes:
		p.control = append(p.control, o)
	}
	p.mu.Unlock()
	p.poke()
}

// add queues sound of an epoch.
func (p *player) add(epoch turn.Epoch, data []byte) {
	p.mu.Lock()
	if epoch != p.epoch {
		p.begin(epoch)
	}
	if p.off > 0 && p.off == len(p.sound) {
		p.sound, p.off = p.sound[:0], 0
	}
	if p.info.Out.Duration(len(p.sound)-p.off) < maxSound {
		p.sound = append(p.sound, data...)
	}
	p.ended = false
	if p.stop == nil && !p.closed {
		p.stop = p.sched.Every(p.info.Chunk, func(time.Time) bool { p.poke(); return true })
	}
	p.mu.Unlock()
	p.poke()
}

func (p *player) begin(epoch turn.Epoch) {
	p.epoch, p.sound, p.off, p.sent, p.marked, p.acked = epoch, p.sound[:0], 0, 0, 0, 0
	p.base = time.Time{}
	p.ended = false
}

// end says that all sound of the epoch known so far is in.
func (p *player) end(epoch turn.Epoch) {
	p.mu.Lock()
	if epoch == p.epoch {
		p.ended = true
	}
	p.mu.Unlock()
	p.poke()
}

// clear drops what was not sent and tells the far end to drop what it has not played.
func (p *player) clear() {
	p.mu.Lock()
	p.begin(0)
	p.halt()
	p.urgent = append(p.urgent, Out{Kind: OutClear})
	p.mu.Unlock()
	p.poke()
}

func (p *player) halt() {
	if p.stop != nil {
		p.stop()
		p.stop = nil
	}
}

// rest gives the memory of an answer back once all of it is out: most of a call is listening.
func (p *player) rest() {
	p.halt()
	p.sound, p.off = nil, 0
}

func (p *player) close() {
	p.mu.Lock()
	p.closed = true
	p.halt()
	p.mu.Unlock()
	p.poke()
}

// progress is what the writer reports after a step.
type progress struct {
	epoch turn.Epoch
	first bool          // the first sound of the epoch went out
	heard time.Duration // estimate for lines without marks; -1 = nothing new
	done  bool
}

// next returns what to send now; ok is false when there is nothing to do until the next poke.
func (p *player) next(buf []byte) (out Out, pr progress, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pr = progress{epoch: p.epoch, heard: -1}
	if len(p.urgent) > 0 {
		return pop(&p.urgent), pr, true
	}
	if out, ok = p.nextSound(buf, &pr); ok {
		return out, pr, true
	}
	if len(p.control) > 0 {
		return pop(&p.control), pr, true
	}
	if p.epoch == 0 || p.closed {
		return out, pr, false
	}
	now := p.now()
	if !p.info.Marks && p.sent > 0 {
		pr.heard = min(p.sent, max(0, now.Sub(p.base)))
		pr.done = pr.heard >= p.sent && p.off == len(p.sound)
		if pr.done && p.ended {
			p.rest()
		}
	}
	if p.info.Marks && p.ended && p.off == len(p.sound) {
		p.rest()
	}
	return out, pr, false
}

// pop takes the first of a queue.
func pop(q *[]Out) Out {
	o := (*q)[0]
	(*q)[0] = Out{}
	if *q = (*q)[1:]; len(*q) == 0 {
		*q = nil
	}
	return o
}

// nextSound goes before notes: it is paced and small, and a caller waits for it; a page does not notice
// that a word on its screen came a fraction of a millisecond later.
func (p *player) nextSound(buf []byte, pr *progress) (out Out, ok bool) {
	if p.epoch == 0 || p.closed {
		return out, false
	}
	if p.info.Marks && p.sent > p.marked && (p.sent-p.marked >= markEvery || (p.off == len(p.sound) && p.ended)) {
		p.marked = p.sent
		return Out{Kind: OutMark, Mark: markName(p.epoch, p.sent)}, true
	}
	now := p.now()
	n := p.due(now)
	if n == 0 {
		return out, false
	}
	pr.first = p.sent == 0
	if p.base.IsZero() {
		p.base = now
	} else if gap := now.Sub(p.base) - p.sent; gap > 0 {
		p.base = p.base.Add(gap) // the ear ran dry: what follows is heard later
	}
	out = Out{Kind: OutAudio, Audio: append(buf[:0], p.sound[p.off:p.off+n]...)}
	p.off += n
	p.sent += p.info.Out.Duration(n)
	return out, true
}

// due is how many bytes of sound may go now.
func (p *player) due(now time.Time) int {
	have := len(p.sound) - p.off
	if have == 0 {
		return 0
	}
	chunk := p.info.Out.Bytes(p.info.Chunk)
	frame := p.info.Out.FrameBytes()
	if !p.ended && have < frame {
		return 0 // wait for a whole frame
	}
	if have < chunk && !p.ended && p.sent > 0 {
		// Part of a chunk, and more is coming: send it only when the ear is about to run dry.
		if p.sent-now.Sub(p.base) > p.info.Lead/2 {
			return 0
		}
	}
	if !p.base.IsZero() && p.sent-now.Sub(p.base) >= p.info.Lead {
		return 0
	}
	n := min(have, chunk)
	if !p.ended || have > n {
		n -= n % frame
	}
	return n - n%p.info.Out.SampleBytes()
}

// ack takes a mark that came back.
func (p *player) ack(name string) (epoch turn.Epoch, heard time.Duration, done, ok bool) {
	epoch, at, ok := parseMark(name)
	if !ok {
		return 0, 0, false, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if epoch != p.epoch || at > p.sent {
		return 0, 0, false, false // of an answer that was cleared, or not ours
	}
	p.acked = max(p.acked, at)
	return epoch, p.acked, p.acked >= p.sent && p.off == len(p.sound), true
}

// position estimates what was heard, for lines without marks.
func (p *player) position() (turn.Epoch, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.info.Marks || p.sent == 0 || p.base.IsZero() {
		return p.epoch, p.acked
	}
	return p.epoch, min(p.sent, max(0, p.now().Sub(p.base)))
}

func markName(e turn.Epoch, at time.Duration) string {
	return "e" + strconv.Itoa(int(e)) + "." + strconv.FormatInt(at.Milliseconds(), 10)
}

func parseMark(s string) (turn.Epoch, time.Duration, bool) {
	a, b, ok := strings.Cut(strings.TrimPrefix(s, "e"), ".")
	if !ok || !strings.HasPrefix(s, "e") {
		return 0, 0, false
	}
	e, err := strconv.Atoi(a)
	ms, err2 := strconv.ParseInt(b, 10, 64)
	if err != nil || err2 != nil || e < 1 || ms < 0 || ms > int64(time.Hour/time.Millisecond) {
		return 0, 0, false
	}
	return turn.Epoch(e), time.Duration(ms) * time.Millisecond, true
}
