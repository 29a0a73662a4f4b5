package peer

// Bounds of what a far end buffers for an agent that sends faster than real time.
const (
	maxBuffered = 10 * 60 // seconds
	maxMarks    = 4096
)

// playback is the buffer of sound between the wire and the ear: pure, no clock. Positions are samples
// since the beginning, silence not counted.
type playback struct {
	limit          int // samples
	buf            []int16
	head           int
	queued, played int64
	marks          []pendingMark
}

type pendingMark struct {
	name string
	at   int64 // reached when so much was played
}

func newPlayback(rate int) playback { return playback{limit: maxBuffered * rate} }

// waiting is how many samples are to be played.
func (p *playback) waiting() int { return len(p.buf) - p.head }

// append queues sound and tells how many samples did not fit.
func (p *playback) append(samples []int16) (refused int) {
	if room := p.limit - p.waiting(); len(samples) > room {
		refused = len(samples) - room
		samples = samples[:room]
	}
	if p.head > 0 && len(p.buf)+len(samples) > cap(p.buf) {
		p.buf = p.buf[:copy(p.buf, p.buf[p.head:])]
		p.head = 0
	}
	p.buf = append(p.buf, samples...)
	p.queued += int64(len(samples))
	return refused
}

// mark queues a mark behind the sound so far. now tells that it is reached at once.
func (p *playback) mark(name string) (now, ok bool) {
	if p.waiting() == 0 && len(p.marks) == 0 {
		return true, true
	}
	if len(p.marks) == maxMarks {
		return false, false
	}
	p.marks = append(p.marks, pendingMark{name, p.queued})
	return false, true
}

// reached takes out the marks whose sound has all been played.
func (p *playback) reached() []string {
	n := 0
	for n < len(p.marks) && p.marks[n].at <= p.played {
		n++
	}
	return p.cutMarks(n)
}

func (p *playback) cutMarks(n int) []string {
	if n == 0 {
		return nil
	}
	names := make([]string, n)
	for i := range names {
		names[i] = p.marks[i].name
	}
	p.marks = append(p.marks[:0], p.marks[n:]...)
	return names
}

// clear drops what was not played: how many samples, and all marks in order.
func (p *playback) clear() (dropped int, marks []string) {
	dropped = p.waiting()
	p.buf, p.head = p.buf[:0], 0
	p.queued = p.played
	return dropped, p.cutMarks(len(p.marks))
}

// take appends the next n samples to dst, silence where there is nothing, and tells how many were sound.
func (p *playback) take(dst []int16, n int) (frame []int16, sound int) {
	sound = min(n, p.waiting())
	dst = append(dst, p.buf[p.head:p.head+sound]...)
	p.head += sound
	p.played += int64(sound)
	if p.head == len(p.buf) {
		p.buf, p.head = p.buf[:0], 0
	}
	for range n - sound {
		dst = append(dst, 0)
	}
	return dst, sound
}
