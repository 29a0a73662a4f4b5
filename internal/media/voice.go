package media

import (
	"math"
	"time"
)

// Activity is what changed in a stretch of sound.
type Activity int8

// The changes a voice detector reports.
const (
	Unchanged Activity = iota
	Started
	Stopped
)

// String names the activity.
func (a Activity) String() string {
	switch a {
	case Started:
		return "started"
	case Stopped:
		return "stopped"
	case Unchanged:
	}
	return "unchanged"
}

// Transition is a detector's answer to one frame. A change is only sure some time after it happened: it happened
// Lag before the end of the frame just fed, so its moment is Frame.Received minus Lag.
type Transition struct {
	Activity Activity
	Lag      time.Duration
}

// VAD tells voice from silence in one stream of sound. Implementations need not be safe for concurrent use.
type VAD interface {
	// Feed judges the next frame of the stream. It neither keeps nor releases the frame. A frame should not be
	// longer than the shorter of the detector's start and stop times, else two changes may fall into one answer,
	// which then is the later of them.
	Feed(f *Frame) Transition
	// Speaking is whether there is voice at the end of what was fed.
	Speaking() bool
}

var _ VAD = (*Detector)(nil)

// DetectorOptions tunes a Detector; zero fields take the defaults.
type DetectorOptions struct {
	StartMS    int     // loud time before voice counts as started; default 60
	StopMS     int     // quiet time before it counts as stopped; default 200
	MarginDB   float64 // how far above the noise floor is loud; default 9
	MinDBFS    float64 // quieter than this (RMS against full scale) is never loud; default -48
	MaxFloorDB float64 // the floor never rises above this dBFS, so that loud steady sound stays voice; default -35
}

const (
	blockMS      = 10  // one level measurement
	quietestDBFS = -96 // level of digital silence
	firstFloorDB = -45 // the floor is not believed to be higher than this at the start of a stream
	releaseDB    = 3   // once started, voice may be this much fainter
	floorBias    = 1.5 // a minimum of many noisy levels lies this much below their mean
	floorSlots   = 8   // the floor is the lowest level of the last floorSlots*slotBlocks blocks: 1.6 s
	slotBlocks   = 20  // 200 ms
	clickBlocks  = 2   // so many loud blocks in a row end a silence; fewer are a click
)

// Detector is a VAD that compares the level with a tracked noise floor. The floor is the lowest level of the last
// 1.6 s: speech dips to the floor between sounds, steady noise becomes the floor. Levels are taken every 10 ms over
// any framing and without the mean, so that a direct offset on the line is not sound.
type Detector struct {
	start, stop              int // blocks
	margin, lowest, floorCap float64

	sum, squares int64 // of the block being filled
	n            int

	slots     [floorSlots]float64 // lowest level of each past slot
	slot      int
	slotFill  int
	slotFloor float64 // lowest level of the slot being filled
	floor     float64
	level     float64

	speaking bool
	score    int // loud blocks minus quiet ones, not below 0, while not speaking
	onset    int // blocks since the score left 0
	quiet    int // blocks since the last loud stretch, while speaking
	loudRun  int
}

// NewDetector makes a detector at the start of a stream.
func NewDetector(o DetectorOptions) *Detector {
	pick := func(v, def float64) float64 {
		if v == 0 {
			return def
		}
		return v
	}
	d := &Detector{
		start: max(1, int(pick(float64(o.StartMS), 60))/blockMS), stop: max(1, int(pick(float64(o.StopMS), 200))/blockMS),
		margin: pick(o.MarginDB, 9), lowest: pick(o.MinDBFS, -48), floorCap: pick(o.MaxFloorDB, -35),
	}
	for i := range d.slots {
		d.slots[i] = math.Inf(1)
	}
	d.slotFloor = firstFloorDB
	d.floor = firstFloorDB
	return d
}

// Speaking implements VAD.
func (d *Detector) Speaking() bool { return d.speaking }

// Level is the last 10 ms level and the noise floor, in dBFS.
func (d *Detector) Level() (level, floor float64) { return d.level, d.floor }

// Feed implements VAD for frames of either encoding. It allocates nothing.
func (d *Detector) Feed(f *Frame) Transition {
	if f.Format.Encoding == MuLaw {
		return d.FeedMuLaw(f.Data, f.Format.Rate)
	}
	return d.feed(len(f.Data)/2, f.Format.Rate, func(from, to int) {
		for b := f.Data[2*from : 2*to]; len(b) >= 2; b = b[2:] {
			d.add(int16(uint16(b[0]) | uint16(b[1])<<8))
		}
	})
}

// FeedMuLaw judges mu-law codes.
func (d *Detector) FeedMuLaw(codes []byte, rate int) Transition {
	return d.feed(len(codes), rate, func(from, to int) {
		for _, code := range codes[from:to] {
			d.add(muLawDecode[code])
		}
	})
}

// FeedSamples judges samples.
func (d *Detector) FeedSamples(samples []int16, rate int) Transition {
	return d.feed(len(samples), rate, func(from, to int) {
		for _, sample := range samples[from:to] {
			d.add(sample)
		}
	})
}

func (d *Detector) add(sample int16) {
	d.sum += int64(sample)
	d.squares += int64(sample) * int64(sample)
}

// feed cuts n samples into blocks; add takes those from one index to another into the sums.
func (d *Detector) feed(n, rate int, add func(from, to int)) (tr Transition) {
	block := max(1, rate*blockMS/1000)
	for i := 0; i < n; {
		end := min(n, i+max(1, block-d.n))
		add(i, end)
		d.n += end - i
		i = end
		if d.n < block {
			break
		}
		if got := d.block(); got.Activity != Unchanged {
			got.Lag += time.Duration(n-i) * time.Second / time.Duration(max(1, rate))
			tr = got
		}
	}
	return tr
}

// block closes a 10 ms block and judges it.
func (d *Detector) block() Transition {
	mean := float64(d.sum) / float64(d.n)
	power := (float64(d.squares)/float64(d.n) - mean*mean) / (1 << 30)
	d.level = max(quietestDBFS, 10*math.Log10(max(power, 1e-12)))
	d.sum, d.squares, d.n = 0, 0, 0
	d.track()
	threshold := max(d.floor+d.margin, d.lowest)
	if d.speaking {
		threshold -= releaseDB
	}
	if d.level >= threshold {
		return d.loud()
	}
	return d.faint()
}

func (d *Detector) track() {
	d.slotFloor = min(d.slotFloor, d.level)
	low := d.slotFloor
	for _, v := range d.slots {
		low = min(low, v)
	}
	d.floor = min(low+floorBias, d.floorCap)
	if d.slotFill++; d.slotFill == slotBlocks {
		d.slots[d.slot] = d.slotFloor
		d.slot, d.slotFill, d.slotFloor = (d.slot+1)%floorSlots, 0, math.Inf(1)
	}
}

func (d *Detector) loud() Transition {
	d.loudRun++
	if d.speaking {
		if d.loudRun >= clickBlocks {
			d.quiet = 0
		} else {
			d.quiet++
		}
		return d.ended()
	}
	d.score++
	d.onset++
	if d.score < d.start {
		return Transition{}
	}
	lag := time.Duration(d.onset) * blockMS * time.Millisecond
	d.speaking, d.score, d.onset, d.quiet = true, 0, 0, 0
	return Transition{Started, lag}
}

func (d *Detector) faint() Transition {
	d.loudRun = 0
	if d.speaking {
		d.quiet++
		return d.ended()
	}
	d.score = max(0, d.score-1)
	d.onset++
	if d.score == 0 {
		d.onset = 0
	}
	return Transition{}
}

func (d *Detector) ended() Transition {
	if d.quiet < d.stop {
		return Transition{}
	}
	lag := time.Duration(d.quiet) * blockMS * time.Millisecond
	d.speaking, d.quiet, d.loudRun = false, 0, 0
	return Transition{Stopped, lag}
}
