package peer

import (
	"time"

	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/media/tonecode"
)

// Listener is the caller's ear: it takes the sound as it is played and tells when a voice starts and
// stops, and which text it carries when it is tonecode. It is not safe for concurrent use.
type Listener struct {
	rate int
	dec  *tonecode.Decoder
	vad  *media.Detector
	pos  int64
}

// NewListener listens to samples of a rate.
func NewListener(rate int) *Listener {
	return &Listener{rate: rate, dec: tonecode.NewDecoder(rate), vad: media.NewDetector(media.DetectorOptions{})}
}

// Perception is one thing the ear noticed. Start and End are places in the stream.
type Perception struct {
	Kind       Kind // SpeechStarted, SpeechStopped or Heard
	Start, End time.Duration
	Text       string // Heard
	OK         bool   // Heard: exactly what was sent
	// What the path did to the 20 ms symbols of a Heard text.
	Lost, Repeated, Reordered, Corrupt int
}

// Write takes the next frame, about 20 ms.
func (l *Listener) Write(samples []int16) []Perception {
	l.pos += int64(len(samples))
	now := l.at(l.pos)
	var out []Perception
	switch t := l.vad.FeedSamples(samples, l.rate); t.Activity {
	case media.Started:
		out = append(out, Perception{Kind: SpeechStarted, Start: now - t.Lag, End: now})
	case media.Stopped:
		out = append(out, Perception{Kind: SpeechStopped, Start: now - t.Lag, End: now})
	case media.Unchanged:
	}
	return appendHeard(out, l.dec.Write(samples))
}

// Flush ends the stream: a text that is under way is told as it is.
func (l *Listener) Flush() []Perception { return appendHeard(nil, l.dec.Flush()) }

func (l *Listener) at(samples int64) time.Duration {
	return time.Duration(samples * int64(time.Second) / int64(l.rate))
}

func appendHeard(out []Perception, events []tonecode.Event) []Perception {
	for _, e := range events {
		if e.Kind == tonecode.Message {
			out = append(out, Perception{
				Kind: Heard, Start: e.Start, End: e.End, Text: e.Text, OK: e.OK,
				Lost: e.Lost, Repeated: e.Repeated, Reordered: e.Reordered, Corrupt: e.Corrupt,
			})
		}
	}
	return out
}
