package chain

import (
	_ "embed"
	"sync"
	"time"

	"github.com/voicectl/voicectl/internal/media"
)

// apology is what is heard when no synthesizer speaks: "Sorry, I have lost my voice. Please try again in a
// moment.", 3.3 s of mu-law at 8000 Hz. It was made with espeak-ng 1.51 and sox 14.4:
//
//	espeak-ng -v en-gb -s 175 -w x.wav "Sorry, I have lost my voice. Please try again in a moment."
//	sox x.wav -r 8000 -c 1 -e mu-law -t raw apology.ulaw gain -3 highpass 200 lowpass 3400 \
//	  silence 1 0.02 0.5% reverse silence 1 0.02 0.5% reverse norm -6
//
//go:embed apology.ulaw
var apology []byte

// Clips gives a recorded sentence in any format, and keeps what it has converted.
type Clips struct {
	mu   sync.Mutex
	made map[media.Format][]byte
}

// Apology is the recorded apology in a format. The sound is shared: it must not be changed.
func (c *Clips) Apology(f media.Format) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if b, ok := c.made[f]; ok {
		return b
	}
	b := apology
	if f != media.Phone {
		samples := media.DecodeMuLaw(nil, apology)
		if f.Rate != media.Phone.Rate {
			r := media.NewResampler(media.Phone.Rate, f.Rate)
			samples = r.Flush(r.Append(nil, samples))
		}
		if b = media.AppendPCM16(nil, samples); f.Encoding == media.MuLaw {
			b = media.EncodeMuLaw(nil, samples)
		}
	}
	if c.made == nil {
		c.made = map[media.Format][]byte{}
	}
	c.made[f] = b
	return b
}

// clipPiece is how much of a clip is handed over at a time.
const clipPiece = 200 * time.Millisecond
