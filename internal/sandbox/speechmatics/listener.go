package speechmatics

import (
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/media/tonecode"
)

// Listener turns sound into words. One goroutine uses it. tell is called before the methods return.
type Listener interface {
	// Listen takes the next samples.
	Listen(samples []int16, tell func(Heard))
	// Settle says that an answer is wanted now; what can be told is told. Sound may go on after it.
	Settle(tell func(Heard))
	// Flush ends the sound.
	Flush(tell func(Heard))
}

// Heard is the state of one stretch of speech.
type Heard struct {
	Words  []Word        // all of the stretch, from its first; the last may be incomplete
	Over   bool          // the stretch is complete: the next Heard is of another
	End    time.Duration // how far the speech reaches
	Damage Damage        // of a stretch that is over, or of one reported before
}

// Word is a spoken word with its place in the sound since the session began.
type Word struct {
	Text       string // with the marks that stick to it
	Start, End time.Duration
	Confidence float64
}

// Damage counts what happened to the sound on its way, as far as a Listener can tell.
type Damage struct {
	Messages  int `json:"messages"` // stretches of speech
	OK        int `json:"ok"`       // those whose checksum held
	Lost      int `json:"lost"`     // frames
	Repeated  int `json:"repeated"`
	Reordered int `json:"reordered"`
	Corrupt   int `json:"corrupt"`
	Gaps      int `json:"gaps"`
}

func (d *Damage) add(o Damage) {
	d.Messages += o.Messages
	d.OK += o.OK
	d.Lost += o.Lost
	d.Repeated += o.Repeated
	d.Reordered += o.Reordered
	d.Corrupt += o.Corrupt
	d.Gaps += o.Gaps
}

// Confidence of words by what is known of them.
const (
	certain = 0.99 // the checksum holds
	likely  = 0.9  // the message is still coming in
	doubted = 0.3  // the checksum does not hold, or a piece is missing
)

type tones struct {
	rate    int
	decoder *tonecode.Decoder
	silence []int16
}

// Tones is a Listener for tonecode. All other sound is silence to it.
func Tones(rate int) Listener {
	return &tones{rate: rate, decoder: tonecode.NewDecoder(rate), silence: make([]int16, rate/50)}
}

func (t *tones) Listen(samples []int16, tell func(Heard)) { t.report(t.decoder.Write(samples), tell) }

// Settle gives a message whose last samples are still in the decoder's filters the few that they need.
// One that is really under way goes on behind: the decoder takes this for a short pause.
func (t *tones) Settle(tell func(Heard)) {
	if t.decoder.Locked() {
		t.report(t.decoder.Write(t.silence), tell)
	}
}

func (t *tones) Flush(tell func(Heard)) { t.report(t.decoder.Flush(), tell) }

func (t *tones) report(events []tonecode.Event, tell func(Heard)) {
	for _, e := range events {
		h := Heard{End: e.End}
		switch e.Kind {
		case tonecode.Sync:
		case tonecode.Text:
			h.Words = words(e, likely)
		case tonecode.Message:
			h.Over = true
			h.Damage = Damage{Messages: 1, Lost: e.Lost, Repeated: e.Repeated, Reordered: e.Reordered, Corrupt: e.Corrupt, Gaps: e.Gaps}
			h.Words = words(e, doubted)
			if e.OK {
				h.Damage.OK = 1
				h.Words = words(e, certain)
			}
		case tonecode.Stray: // belongs to the message before
			h.Over = true
			h.Damage = Damage{Repeated: e.Repeated}
		default:
			continue
		}
		tell(h)
	}
}

func words(e tonecode.Event, confidence float64) []Word {
	times := tonecode.WordTimes(e.Text)
	out := make([]Word, 0, len(times))
	for _, w := range times {
		c := confidence
		if strings.ContainsRune(w.Text, '\uFFFD') {
			c = doubted
		}
		out = append(out, Word{Text: w.Text, Start: e.Start + w.Start, End: e.Start + w.End, Confidence: c})
	}
	return out
}
