package turn

import (
	"strings"
	"time"
	"unicode"
)

// part is a piece of an answer that was handed to speech, and the message of the memory it belongs to.
type part struct {
	of    int // index in the memory, partOfRound while the round runs, partFiller for words outside of it
	seg   int
	text  string
	noted int // words last reported as heard
}

const (
	partOfRound = -1
	partFiller  = -2
)

// perWord is how long a spoken word takes, for sound whose whole length is not known yet.
const perWord = 350 * time.Millisecond

// claim ties the parts of the round that just ended to its message.
func (r *reply) claim(at int) {
	for i := range r.parts {
		if r.parts[i].of == partOfRound {
			r.parts[i].of = at
		}
	}
}

// heardWords is how many words of the parts, counted through, were heard. With word times it is exact to
// the word; without, it follows the played share of the sound.
func (r *reply) heardWords() int {
	var fields []string
	for _, p := range r.parts {
		fields = append(fields, strings.Fields(p.text)...)
	}
	if r.mute || (r.audio > 0 && !r.broken && r.allHeard()) {
		return len(fields)
	}
	if len(r.words) > 0 {
		return align(fields, r.words, r.played)
	}
	length := r.audio
	if !r.speechDone || r.broken {
		length = max(length, time.Duration(len(fields))*perWord)
	}
	if r.played <= 0 || length <= 0 {
		return 0
	}
	return min(len(fields), int(int64(len(fields))*int64(r.played)/int64(length)))
}

// heard is the heard words of each part.
func (r *reply) heard() [][]string {
	left := r.heardWords()
	out := make([][]string, len(r.parts))
	for i, p := range r.parts {
		f := strings.Fields(p.text)
		n := min(left, len(f))
		left -= n
		out[i] = f[:n]
	}
	return out
}

// heardOfRound tells whether any word of the model since its last question to a tool, or of a greeting
// or apology, was heard.
func (r *reply) heardOfRound() bool {
	for i, words := range r.heard() {
		if r.parts[i].of == partOfRound && len(words) > 0 {
			return true
		}
	}
	return false
}

// Align is how many fields of a text are in a sound that was played so far, by the times of its words.
func Align(fields []string, words []Word, played time.Duration) int {
	return align(fields, words, played)
}

// align finds how many fields the words spoken by played cover. A voice may spell one field as several
// words ("5001" as "five thousand one"): a word that matches nothing near moves nothing, but lets the
// next look further.
func align(fields []string, words []Word, played time.Duration) int {
	const near = 4
	at, missed := 0, 0
	for _, w := range words {
		if w.End > played {
			break
		}
		want := plain(w.Text)
		if want == "" {
			continue
		}
		missed++
		for i := at; i < len(fields) && i < at+near+missed-1; i++ {
			if plain(fields[i]) == want {
				at, missed = i+1, 0
				break
			}
		}
	}
	return at
}

func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// noteSpoken reports the progress of each part.
func (e *Engine) noteSpoken() {
	r := &e.reply
	if r.mute {
		return
	}
	for i, words := range r.heard() {
		p := &r.parts[i]
		if len(words) <= p.noted {
			continue
		}
		p.noted = len(words)
		f := strings.Fields(p.text)
		e.note(Note{Kind: NoteSpoken, Seg: p.seg, Text: strings.Join(words, " "), Rest: strings.Join(f[p.noted:], " "), Final: p.noted == len(f)})
	}
}

// remember writes the answer into the memory: all of it, or when it was cut what was heard. The heard
// words also go into the record.
func (e *Engine) remember(cut bool) {
	r := &e.reply
	e.answerCalls()
	of := map[int][]string{}
	all := strings.Fields(r.rec.Agent)
	for i, words := range r.heard() {
		all = append(all, words...)
		of[r.parts[i].of] = append(of[r.parts[i].of], words...)
	}
	r.rec.Agent = strings.Join(all, " ")
	text := strings.TrimSpace(r.raw.String())
	if cut || r.full {
		text = strings.Join(of[partOfRound], " ")
	}
	if cut {
		for _, p := range r.parts {
			if p.of >= 0 {
				e.memory.trimTo(p.of, strings.Join(of[p.of], " "))
			}
		}
	}
	if text != "" {
		e.memory.add(Message{Role: Assistant, Text: text, Cut: cut, Turn: e.turns})
	}
	r.raw.Reset()
}

// commit closes a turn's record. The greeting is no turn.
func (e *Engine) commit(rec Record, outcome string, finished time.Duration) {
	if rec.User == "" {
		return
	}
	rec.Turn, rec.Outcome, rec.Finished = e.turns, outcome, finished
	rec.Cut = outcome == outcomeInterrupted || outcome == outcomeHungUp
	e.do(Command{Kind: CommitTurn, Turn: &rec})
}
