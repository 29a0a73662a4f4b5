package session

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/voicectl/voicectl/internal/agent/turn"
)

// player holds what is to go out: sound, paced so that it never runs ahead of the ear by more than the
// line's lead, and control, which goes at once. The loop fills it, the writer empties it; there is one only
// while there is something to write.
type player struct {
	info  Info
	sched Scheduler
	now   func() time.Time
	start func() // starts the writer; it must not block

	mu      sync.Mutex
	writing bool  // a writer is at work
	again   bool  // it was poked meanwhile
	urgent  []Out // what drops sound, here or on a page: it must not overtake the sound after it
	control []Out
	sound   queue
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

func newPlayer(info Info, s Scheduler, now func() time.Time, start func()) *player {
	return &player{info: info, sched: s, now: now, start: start}
}

// poke sees to it that a writer looks for what is to be sent.
func (p *player) poke() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.poked()
}

// poked is poke with p.mu held.
func (p *player) poked() {
	switch {
	case p.writing:
		p.again = true
	case !p.closed:
		p.writing = true
		p.start()
	}
}

// resting tells a writer that found nothing whether it may end.
func (p *player) resting() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writing = p.again && !p.closed
	p.again = false
	return !p.writing
}

// put queues control.
func (p *player) put(o Out) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case o.Kind == OutNote && o.Note.Kind == turn.NoteInterrupted:
		p.urgent = append(p.urgent, o)
	case len(p.control) < maxNotes:
		p.control = append(p.control, o)
	}
	p.poked()
}

// add queues sound of an epoch. The data is the player's from now on.
func (p *player) add(epoch turn.Epoch, data []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if epoch != p.epoch {
		p.begin(epoch)
	}
	if p.info.Out.Duration(p.sound.size) < maxSound {
		p.sound.push(data)
	}
	p.ended = false
	if p.stop == nil && !p.closed {
		p.stop = p.sched.Every(p.info.Chunk, func(time.Time) bool { p.poke(); return true })
	}
	p.poked()
}

func (p *player) begin(epoch turn.Epoch) {
	p.epoch, p.sound, p.sent, p.marked, p.acked = epoch, queue{}, 0, 0, 0
	p.base = time.Time{}
	p.ended = false
}

// end says that all sound of the epoch known so far is in.
func (p *player) end(epoch turn.Epoch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if epoch == p.epoch {
		p.ended = true
	}
	p.poked()
}

// clear drops what was not sent and tells the far end to drop what it has not played.
func (p *player) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begin(0)
	p.halt()
	p.urgent = append(p.urgent, Out{Kind: OutClear})
	p.poked()
}

func (p *player) halt() {
	if p.stop != nil {
		p.stop()
		p.stop = nil
	}
}

// close lets no writer begin any more.
func (p *player) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.halt()
}

// progress is what the writer reports after a step.
type progress struct {
	epoch turn.Epoch
	first bool          // the first sound of the epoch went out
	heard time.Duration // estimate for lines without marks; -1 = nothing new
	done  bool
}

// next returns what to send now; ok is false when there is nothing to do until the next poke. Sound is
// valid until the next call.
func (p *player) next() (out Out, pr progress, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pr = progress{epoch: p.epoch, heard: -1}
	if len(p.urgent) > 0 {
		return pop(&p.urgent), pr, true
	}
	if out, ok = p.nextSound(&pr); ok {
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
		pr.done = pr.heard >= p.sent && p.sound.size == 0
		if pr.done && p.ended {
			p.halt()
		}
	}
	if p.info.Marks && p.ended && p.sound.size == 0 {
		p.halt()
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
func (p *player) nextSound(pr *progress) (out Out, ok bool) {
	if p.epoch == 0 || p.closed {
		return out, false
	}
	if p.info.Marks && p.sent > p.marked && (p.sent-p.marked >= markEvery || (p.sound.size == 0 && p.ended)) {
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
	out = Out{Kind: OutAudio, Audio: p.sound.pop(n)}
	p.sent += p.info.Out.Duration(n)
	return out, true
}

// due is how many bytes of sound may go now.
func (p *player) due(now time.Time) int {
	have := p.sound.size
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
	return epoch, p.acked, p.acked >= p.sent && p.sound.size == 0, true
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

// left estimates how much of the sound is still to be heard.
func (p *player) left() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := p.info.Out.Duration(p.sound.size)
	if !p.base.IsZero() {
		left += max(0, p.sent-p.now().Sub(p.base))
	}
	return left
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
