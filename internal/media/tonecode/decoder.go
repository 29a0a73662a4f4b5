package tonecode

import (
	"time"

	"github.com/voicectl/voicectl/internal/media"
)

const (
	hop      = 20 // step of the search: a symbol leaves room for 33 places of the window, so one or two fit
	reach    = 40 // how far the place found by phases may lie from the place searched
	gridSlip = 8  // nearer than this to the expected grid is on it

	quietPower   = 1e-5 // mean square of a window (full scale is 1) below which nothing is searched: -50 dBFS
	fadedShare   = 0.08 // a slot with less than this share of the message's power is silent
	weakShare    = 0.5  // a symbol with less than this share was only partly there
	giveUpSlots  = 10   // unreadable slots in a row that end a message: 200 ms
	confirmSlots = 4    // the same for one of which only one symbol was read
	graceSlots   = 2    // slots waited for stragglers after the last symbol
	textSlots    = 25   // a Text event comes at least this often, for texts without spaces

	// What makes a symbol believable. With white noise 5 dB below the sound a thousandth of the symbols falls short;
	// of windows that lie across two symbols one in two hundred passes, and the checks find most of those.
	minContrast  = 0.65
	minCoherence = 0.65

	pieceSize = 1600 // samples worked on at once
)

// Decoder finds messages in a stream of samples, whatever their place in it. It looks for a preamble wherever there
// is sound, and follows a message symbol by symbol from there. Not safe for concurrent use.
type Decoder struct {
	resampler *media.Resampler // nil at 8 kHz
	pcm       []int16
	spectrum  spectrum

	buf  []float32 // samples at 8 kHz, full scale 1
	base int64     // place of buf[0] in the stream
	scan int64     // next place to search

	state state
	slot  int64 // next place to read a symbol, unless idle
	bad   int   // slots since one was read
	grace int   // slots since the last symbol of an incomplete message
	msg   message

	firstPower, power float32 // of the first symbol; the mean of the last ones

	events []Event
}

type state int8

const (
	idle      state = iota
	candidate       // one symbol was read
	locked          // at least two fit together
	after           // one slot after the end of a message
)

// NewDecoder makes a decoder for a stream of a rate (samples a second, at least 8000). Others than 8000 are brought
// to 8000 first.
func NewDecoder(rate int) *Decoder {
	d := &Decoder{}
	if rate != lineRate {
		d.resampler = media.NewLowDelayResampler(rate, lineRate)
	}
	return d
}

// Locked is whether a message is coming in.
func (d *Decoder) Locked() bool { return d.state == locked }

// Write takes the next samples and returns what they brought. A message is reported with the samples that hold the
// end of its last symbol. The slice is overwritten by the next call.
func (d *Decoder) Write(samples []int16) []Event {
	d.events = d.events[:0]
	for len(samples) > 0 {
		n := min(len(samples), pieceSize)
		d.feed(samples[:n])
		samples = samples[n:]
	}
	return d.events
}

// Flush ends the stream: a message that is under way is reported as cut off. The decoder may go on to be used; what
// is written then follows in time.
func (d *Decoder) Flush() []Event {
	d.events = d.events[:0]
	end := d.base + int64(len(d.buf))
	if d.resampler != nil {
		d.pcm = d.resampler.Flush(d.pcm[:0])
		d.take(d.pcm)
		end += int64(len(d.pcm))
	}
	// A window reaches beyond the last symbol when its end is missing by less than the guard.
	d.pcm = append(d.pcm[:0], make([]int16, windowSize+reach)...)
	d.take(d.pcm)
	if d.state == locked {
		d.finish()
	}
	d.state = idle
	d.buf, d.base, d.scan = d.buf[:0], end, end
	return d.events
}

func (d *Decoder) feed(samples []int16) {
	if d.resampler != nil {
		d.pcm = d.resampler.Append(d.pcm[:0], samples)
		samples = d.pcm
	}
	d.take(samples)
}

func (d *Decoder) take(samples []int16) {
	for _, s := range samples {
		d.buf = append(d.buf, float32(s)*(1.0/32768))
	}
	for d.advance() {
	}
	keep := d.scan
	if d.state != idle {
		keep = min(keep, d.slot)
	}
	if drop := int(keep - reach - d.base); drop > 0 {
		drop = min(drop, len(d.buf))
		d.buf = d.buf[:copy(d.buf, d.buf[drop:])]
		d.base += int64(drop)
	}
}

// window is the samples at a place; ok is false until ahead more than those of the window are there.
func (d *Decoder) window(place int64, ahead int) (x []float32, ok bool) {
	i := int(place - d.base)
	if i < 0 || i+windowSize+ahead > len(d.buf) {
		return nil, false
	}
	return d.buf[i : i+windowSize], true
}

// advance does the next piece of work; false when it needs more samples.
func (d *Decoder) advance() bool {
	if d.state == idle || d.bad > 0 && d.scan < d.slot {
		return d.search()
	}
	return d.read()
}

// search looks for the start of a message at one place.
func (d *Decoder) search() bool {
	d.scan = max(d.scan, d.base)
	x, ok := d.window(d.scan, reach)
	if !ok {
		return false
	}
	place := d.scan
	d.scan += hop
	if meanSquare(x) < quietPower {
		return true
	}
	d.spectrum.measure(x)
	v, contrast, _ := d.spectrum.strongest()
	i := preambleAt(v)
	if i < 0 {
		if d.state == locked {
			d.regain(v, contrast, place)
		}
		return true
	}
	late, coherence := d.spectrum.align(preamble[i], reach)
	start := place - int64(late)
	if contrast < minContrast || coherence < minCoherence || start < d.base || d.state != idle && d.onGrid(start) {
		return true
	}
	if d.state == locked {
		if d.msg.next <= 0 && i-preambleLen >= d.msg.next { // the same message after a pause off the grid
			d.slot = start
			return true
		}
		d.finish()
	}
	d.begin(i-preambleLen, start)
	return true
}

// begin starts a message whose first symbol, with the given place in it, was found. It is read next.
func (d *Decoder) begin(place int, start int64) {
	d.state, d.slot, d.bad, d.grace = candidate, start, 0, 0
	d.msg.reset(place, start-guard)
}

// regain looks for the rest of a message whose grid was moved by a pause: a text symbol that fits exactly.
func (d *Decoder) regain(v uint32, contrast float32, place int64) {
	sequence, _, ok := unpack(v)
	if !ok || contrast < 0.85 {
		return
	}
	next := d.msg.place(sequence)
	if next < d.msg.next || next > d.msg.next+4 || next >= d.msg.last() {
		return
	}
	late, coherence := d.spectrum.align(v, reach)
	if start := place - int64(late); coherence >= 0.8 && start >= d.base && !d.onGrid(start) {
		d.slot = start
		d.scan = max(d.scan, start)
	}
}

// onGrid is whether a place is one where a symbol of the message under way may begin.
func (d *Decoder) onGrid(place int64) bool {
	off := ((place-d.slot)%symbolSize + symbolSize + gridSlip) % symbolSize
	return off <= 2*gridSlip
}

func meanSquare(x []float32) float32 {
	var sum float32
	for _, v := range x {
		sum += v * v
	}
	return sum / windowSize
}

func (d *Decoder) event(e Event) {
	e.Start, e.End = at(d.msg.first), at(d.msg.end)
	d.events = append(d.events, e)
}

// at is a place as a time; the window of a symbol cut short at the very start of a stream may lie before it.
func at(place int64) time.Duration { return time.Duration(max(0, place)) * time.Second / lineRate }

// finish reports the message.
func (d *Decoder) finish() {
	if d.firstPower < weakShare*d.power {
		d.msg.weak++
	}
	d.event(d.msg.result())
	d.state = after
	d.bad = 0
}
