package speechmatics

import (
	"strings"
	"time"

	sm "github.com/voicectl/voicectl/internal/provider/speechmatics"
)

// transcriber decides what is told and when, on the time of the sound. It is pure: say gets the
// messages.
type transcriber struct {
	language string
	partials bool
	maxDelay time.Duration
	silence  time.Duration // 0 = no end of utterance
	say      func(any)

	now      time.Duration
	settled  []Word // of stretches that are over, not yet final
	current  []Word // of the stretch under way
	done     int    // how many of current are final already
	speaking bool
	end      time.Duration // of speech
	spoken   bool          // words since the last end of an utterance
	partial  string        // the last one told
}

// hear takes what the Listener says.
func (t *transcriber) hear(h Heard) {
	t.end = max(t.end, h.End)
	t.current, t.speaking = h.Words, !h.Over
	t.done = min(t.done, len(h.Words))
	t.spoken = t.spoken || len(h.Words) > t.done
	if h.Over {
		t.settled = append(t.settled, t.current[t.done:]...)
		t.current, t.done = nil, 0
	}
	t.tellPartial(false)
}

// advance tells what the time makes due: words older than the longest delay become final, and silence
// ends an utterance.
func (t *transcriber) advance(now time.Duration) {
	t.now = now
	pending := t.pending(true)
	due := 0
	for due < len(pending) && pending[due].End+t.maxDelay <= now {
		due++
	}
	t.finalise(due, false)
	if t.silence > 0 && t.spoken && !t.speaking && now-t.end >= t.silence {
		t.endUtterance(false)
	}
}

// force makes all words final now and ends the utterance, if there was one.
func (t *transcriber) force() {
	if t.spoken {
		t.endUtterance(true)
	}
}

// finish makes all words final; no sound will follow.
func (t *transcriber) finish() { t.finalise(len(t.pending(false)), false) }

func (t *transcriber) endUtterance(forced bool) {
	t.finalise(len(t.pending(true)), forced)
	t.spoken = false
	at := t.now.Seconds()
	t.say(sm.Utterance{Message: sm.MsgEndOfUtterance, Metadata: sm.UtteranceMetadata{StartTime: at, EndTime: at}, Forced: forced})
}

// pending are the words that are not final. whole leaves out the last one of speech under way, which
// may be incomplete.
func (t *transcriber) pending(whole bool) []Word {
	rest := t.current[t.done:]
	if whole && len(rest) > 0 {
		rest = rest[:len(rest)-1]
	}
	return append(t.settled[:len(t.settled):len(t.settled)], rest...)
}

// finalise tells the first n pending words as a final, and what remains as a partial.
func (t *transcriber) finalise(n int, forced bool) {
	if n == 0 {
		return
	}
	ready := t.pending(false)[:n]
	fromSettled := min(n, len(t.settled))
	t.settled = t.settled[fromSettled:]
	t.done += n - fromSettled
	t.say(t.transcript(sm.MsgAddTranscript, ready, forced))
	t.tellPartial(true)
}

// tellPartial replaces the last partial; always does so even if it says the same.
func (t *transcriber) tellPartial(always bool) {
	if !t.partials {
		return
	}
	m := t.transcript(sm.MsgAddPartialTranscript, t.pending(false), false)
	if !always && m.Metadata.Transcript == t.partial {
		return
	}
	t.partial = m.Metadata.Transcript
	t.say(m)
}

func (t *transcriber) transcript(name string, words []Word, forced bool) sm.Transcript {
	m := sm.Transcript{Message: name, Format: "2.1", Results: []sm.Result{}, Forced: forced}
	m.Metadata.StartTime, m.Metadata.EndTime = t.now.Seconds(), t.now.Seconds()
	if len(words) == 0 {
		return m
	}
	m.Metadata.StartTime, m.Metadata.EndTime = words[0].Start.Seconds(), words[len(words)-1].End.Seconds()
	var text strings.Builder
	for _, w := range words {
		text.WriteString(w.Text)
		text.WriteByte(' ')
		m.Results = append(m.Results, t.results(w)...)
	}
	m.Metadata.Transcript = text.String()
	return m
}

// results splits the marks at the end of a word from it, as the vendor does.
func (t *transcriber) results(w Word) []sm.Result {
	word := strings.TrimRight(w.Text, ".,?!;:")
	var out []sm.Result
	if word != "" {
		out = append(out, sm.Result{
			Type: "word", StartTime: w.Start.Seconds(), EndTime: w.End.Seconds(), Alternatives: t.alternatives(word, w.Confidence),
		})
	}
	for _, mark := range w.Text[len(word):] {
		eos := strings.ContainsRune(".?!", mark)
		out = append(out, sm.Result{
			Type: "punctuation", StartTime: w.End.Seconds(), EndTime: w.End.Seconds(), AttachesTo: "previous", IsEOS: &eos,
			Alternatives: t.alternatives(string(mark), w.Confidence),
		})
	}
	return out
}

func (t *transcriber) alternatives(text string, confidence float64) []sm.Alternative {
	return []sm.Alternative{{Content: text, Confidence: confidence, Language: t.language}}
}
