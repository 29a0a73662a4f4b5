package tonecode

import (
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/media"
)

const question = "What transactions does client 5001 have?"

// overPhone is what is left of samples after mu-law.
func overPhone(samples []int16) []int16 {
	return media.DecodeMuLaw(nil, media.EncodeMuLaw(nil, samples))
}

// decode writes samples in frames of 20 ms and returns all events but Sync and Text.
func decode(rate int, samples []int16) (messages []Event) {
	d := NewDecoder(rate)
	for _, e := range everything(d, rate/symbolRate, samples) {
		if e.Kind == Message || e.Kind == Stray {
			messages = append(messages, e)
		}
	}
	return messages
}

func everything(d *Decoder, frame int, samples []int16) (events []Event) {
	for len(samples) > 0 {
		n := min(frame, len(samples))
		events = append(events, d.Write(samples[:n])...)
		samples = samples[n:]
	}
	return append(events, d.Flush()...)
}

func TestDecoder_ReadsWhatWasEncodedAtEveryRate(t *testing.T) {
	for _, rate := range []int{8000, 16000, 24000, 48000, 44100, 22050} {
		for offset := 0; offset < 40; offset += 3 {
			lead := make([]int16, offset*rate/8000*5+offset)
			sound := append(lead, Encode(question, rate)...)
			got := decode(rate, append(sound, make([]int16, rate/10)...))
			if len(got) != 1 || got[0].Text != question || !got[0].Clean() {
				t.Fatalf("rate %d offset %d: got %+v", rate, offset, got)
			}
			start := time.Duration(len(lead)) * time.Second / time.Duration(rate)
			end := start + Duration(question)
			if diff := got[0].Start - start; diff.Abs() > time.Millisecond {
				t.Errorf("rate %d offset %d: start is off by %v", rate, offset, diff)
			}
			if diff := got[0].End - end; diff.Abs() > time.Millisecond {
				t.Errorf("rate %d offset %d: end is off by %v", rate, offset, diff)
			}
		}
	}
}

func TestDecoder_DataThatLooksLikeAPreambleIsData(t *testing.T) {
	base := strings.Repeat("one two three four five six seven eight nine ten ", 20)
	for n := 100; n < 900; n++ {
		d := NewDecoder(8000)
		events := append([]Event(nil), d.Write(Encode(base[:n], 8000))...)
		events = append(events, d.Flush()...)
		last := events[len(events)-1]
		if last.Kind != Message || !last.OK || last.Text != base[:n] {
			t.Fatalf("text of %d bytes came back as %v, OK %v, %d bytes", n, last.Kind, last.OK, len(last.Text))
		}
	}
}
