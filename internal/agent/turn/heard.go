package turn

import (
	"strings"
	"unicode"
)

// part is a piece of an answer that was handed to speech, and the message of the memory it belongs to.
type part struct {
	of   int // index in the memory, partOfRound while the round runs, partFiller for words outside of it
	seg  int
	text string
	done bool // reported as wholly heard
}

const (
	partOfRound = -1
	partFiller  = -2
)

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
	if r.mute || (r.audio > 0 && r.allHeard()) {
		return len(fields)
	}
	if r.played <= 0 {
		return 0
	}
	if len(r.words) > 0 {
		return align(fields, r.words, func(w Word) bool { return w.End <= r.played })
	}
	if r.audio <= 0 {
		return 0
	}
	return min(len(fields), int(int64(len(fields))*int64(r.played)/int64(r.audio)))
}

// align finds how many fields the spoken words cover. A voice may spell one field as several words
// ("5001" as "five thousand one"), so a word that matches nothing near moves nothing.
func align(fields []string, words []Word, heard func(Word) bool) int {
	const near = 4
	at := 0
	for _, w := range words {
		if !heard(w) {
			break
		}
		want := plain(w.Text)
		if want == "" {
			continue
		}
		for i := at; i < len(fields) && i < at+near; i++ {
			if plain(fields[i]) == want {
				at = i + 1
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
	left := r.heardWords()
	for i := range r.parts {
		p := &r.parts[i]
		f := strings.Fields(p.text)
		n := min(left, len(f))
		left -= n
		if p.done || n == 0 {
			continue
		}
		p.done = n == len(f)
		e.note(Note{Kind: NoteSpoken, Seg: p.seg, Text: strings.Join(f[:n], " "), Rest: strings.Join(f[n:], " "), Final: p.done})
	}
}

// settle writes what was heard of the answer into the memory and closes the turn's record.
func (e *Engine) settle(outcome string) {
	r := &e.reply
	e.answerCalls()
	left := r.heardWords()
	cut := outcome != "answered" && outcome != "failed"
	heard := map[int][]string{}
	var all []string
	for _, p := range r.parts {
		f := strings.Fields(p.text)
		n := min(left, len(f))
		left -= n
		all = append(all, f[:n]...)
		heard[p.of] = append(heard[p.of], f[:n]...)
	}
	if cut {
		for _, p := range r.parts {
			if p.of >= 0 {
				e.memory.trimTo(p.of, strings.Join(heard[p.of], " "))
			}
		}
	}
	text := strings.TrimSpace(r.round0.String())
	if cut || r.full {
		text = strings.Join(heard[partOfRound], " ")
	}
	if text != "" {
		e.memory.add(Message{Role: Assistant, Text: text, Cut: cut, Turn: e.turns})
	}
	if r.user == "" && r.fixed {
		return // the greeting is no turn
	}
	e.do(Command{Kind: CommitTurn, Turn: &Record{
		Turn: e.turns, User: r.user, Agent: strings.Join(all, " "), Cut: cut, Tools: r.tools,
		Outcome: outcome, Failure: r.failure, Started: r.started, Finished: e.now,
	}})
}

// answerCalls gives every open call of the round its answer, so that no call stands without one.
func (e *Engine) answerCalls() {
	r := &e.reply
	for _, c := range r.order {
		got, ok := r.results[c.ID]
		if !ok {
			got = ToolResult{ID: c.ID, Name: c.Name, Content: `{"error":"cancelled"}`, Class: "cancelled"}
			r.tools = append(r.tools, got)
			e.note(Note{Kind: NoteToolStopped, Result: &got})
		}
		e.memory.add(Message{Role: Tool, ID: c.ID, Name: c.Name, Text: got.Content, Turn: e.turns})
	}
	r.order, r.results = nil, nil
}
