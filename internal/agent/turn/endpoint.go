package turn

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// caller is what is known of the caller's turn in progress.
type caller struct {
	speaking  bool          // voice is heard now
	since     time.Duration // voice start
	stopped   time.Duration // last voice stop
	voiced    bool          // any voice in this turn
	finals    []string
	size      int // bytes of finals
	partial   string
	finalised bool          // the recognizer said that the utterance is over
	lastWords time.Duration // arrival of the last transcript
	end       time.Duration // how far, in the caller's sound, the words reach
	committed time.Duration // how far the words of turns past reach
	answered  string        // a partial that was answered and whose final is owed
	lastFinal Event         // to drop a vendor's repetition
}

// text is the caller's words so far. A transcript of mere punctuation ends the one before it.
func (c *caller) text() string {
	var b strings.Builder
	for _, t := range append(c.finals[:len(c.finals):len(c.finals)], c.partial) {
		if b.Len() > 0 && plain(t) != "" {
			b.WriteByte(' ')
		}
		b.WriteString(t)
	}
	if text := b.String(); plain(text) != "" {
		return text
	}
	return ""
}

// reset begins the next turn.
func (c *caller) reset() {
	*c = caller{
		speaking: c.speaking, since: c.since, stopped: c.stopped, voiced: c.speaking,
		committed: max(c.committed, c.end), answered: plain(c.partial), lastFinal: c.lastFinal,
	}
}

// past tells whether a transcript belongs to a turn that has been answered. A final may reach a little
// further than the partial that was answered in its place, so the middle of its sound decides.
func (c *caller) past(ev Event) bool {
	from := ev.Start
	if from <= 0 {
		from = ev.End
	}
	if ev.End > 0 && (from+ev.End)/2 <= c.committed {
		return true
	}
	return c.answered != "" && plain(ev.Text) == c.answered
}

// repeated tells whether a vendor said the same final twice.
func (c *caller) repeated(ev Event) bool {
	l := c.lastFinal
	return ev.Kind == Final && ev.End > 0 && l.Text == ev.Text && l.Start == ev.Start && l.End == ev.End
}

func (e *Engine) voiceStart() {
	c := &e.caller
	if c.speaking {
		return
	}
	c.speaking, c.since, c.voiced, c.finalised, c.answered = true, e.now, true, false, ""
	e.note(Note{Kind: NoteUserStarted})
	e.arm()
	if e.reply.active && !e.cfg.BargeInOff && e.cfg.BargeInMinWords == 0 {
		e.setTimer(timerBargeIn, e.cfg.BargeInVoice)
	}
}

func (e *Engine) voiceStop() {
	c := &e.caller
	if !c.speaking {
		return
	}
	c.speaking, c.stopped = false, e.now
	e.note(Note{Kind: NoteUserStopped})
	e.stopTimer(timerBargeIn)
	e.do(Command{Kind: Finalize})
	e.deaf.owed = e.deaf.class != "" && c.text() == ""
	e.arm()
}

func (e *Engine) endOfUtterance() {
	if c := &e.caller; c.text() != "" {
		c.finalised = true
		e.arm()
	}
}

// words takes a partial or final transcript.
func (e *Engine) words(ev Event) {
	c := &e.caller
	if c.past(ev) {
		if ev.Kind == Final {
			c.answered = ""
		}
		return // words of a turn that has been answered make no turn of their own
	}
	if c.repeated(ev) {
		return
	}
	text := strings.TrimSpace(ev.Text)
	if text != "" {
		e.deaf = deaf{}
		c.lastWords = e.now
		c.end = max(c.end, ev.End)
		c.finalised = c.finalised && ev.Kind == Final && !c.speaking // the caller goes on
		text = clip(text, max(0, maxUserText-c.size))
		e.note(Note{Kind: NoteTranscript, Text: text, Final: ev.Kind == Final})
	}
	c.partial = text
	if ev.Kind == Final {
		c.partial = ""
		if text != "" {
			c.lastFinal = ev
			c.finals = append(c.finals, text)
			c.size += len(text)
		}
	}
	e.bargeInWords(text)
	e.arm()
}

// arm sets the clock of the turn's end by what is known now.
func (e *Engine) arm() {
	c := &e.caller
	text := c.text()
	switch {
	case text == "" && e.debt == nil && !e.deaf.owed:
		e.stopTimer(timerEndTurn)
	case c.speaking:
		// Voice that does not end and brings no words any more is noise.
		e.setTimer(timerEndTurn, max(c.lastWords, c.since)+e.cfg.Watchdog-e.now)
	case text == "":
		e.setTimer(timerEndTurn, c.stopped+e.cfg.FinalWait-e.now)
	default:
		e.setTimer(timerEndTurn, e.endAt(text)-e.now)
	}
}

// endAt is the moment at which the turn is over if nothing more happens.
func (e *Engine) endAt(text string) time.Duration {
	c := &e.caller
	from := c.lastWords
	if c.voiced && c.lastWords <= c.stopped+e.cfg.FinalWait {
		from = c.stopped
	}
	wait := e.cfg.EndOpen
	switch {
	case complete(text):
		wait = e.cfg.EndComplete
	case dangling(text):
		wait = e.cfg.EndDangling
	}
	if !c.finalised && (len(c.finals) == 0 || c.partial != "") {
		wait = max(wait, e.cfg.FinalWait) // a final is owed
	} else if !c.finalised && c.voiced {
		wait = max(wait, e.cfg.EndOpen)
	}
	return from + wait
}

func (e *Engine) endTurn() {
	text := e.caller.text()
	if text == "" {
		if e.debt != nil {
			e.payDebt()
		} else if e.deaf.owed {
			e.sayDeaf()
		}
		return
	}
	switch {
	case !e.reply.active:
	case e.cfg.BargeInOff:
		return // the end of the answer arms again
	case e.cfg.BargeInMinWords > 0 && e.reply.sounding:
		e.caller.reset() // too little to interrupt: a listener's "mm-hm"
		return
	default:
		e.cut(outcomeInterrupted)
	}
	e.accept(text, false)
}

// accept closes the caller's turn with its words and starts the answer.
func (e *Engine) accept(text string, mute bool) {
	e.dropDebt(outcomeInterrupted)
	e.caller.reset()
	e.stopTimer(timerEndTurn)
	e.stopTimer(timerBargeIn)
	e.turns++
	e.memory.add(Message{Role: User, Text: text, Turn: e.turns})
	e.do(Command{Kind: BeginTurn, Text: text})
	e.note(Note{Kind: NoteUserText, Text: text})
	e.newReply(Record{User: text, Started: e.now}, mute)
	e.generate()
}

// complete tells whether the words end a sentence.
func complete(text string) bool {
	r, _ := utf8.DecodeLastRuneInString(strings.TrimRight(text, "\"'”’)» "))
	return strings.ContainsRune(".!?…。！？؟।", r)
}

// dangling tells whether the words ask for more: a dictated number, or a word no sentence ends on.
func dangling(text string) bool {
	f := strings.Fields(text)
	if len(f) == 0 {
		return false
	}
	last := strings.ToLower(strings.TrimRight(f[len(f)-1], ",;:"))
	switch last {
	case "is", "are", "and", "or", "but", "to", "the", "a", "an", "of", "for", "at", "my", "with", "um", "uh", "because", "so", "that's", "it's", "dot", "underscore":
		return true
	}
	if strings.HasSuffix(f[len(f)-1], ",") {
		return true
	}
	for _, r := range last {
		if !unicode.IsDigit(r) {
			return len(f) > 1 && len([]rune(last)) == 1
		}
	}
	return len(f) > 1 && len(last) <= 2 // "… 5 0": digits are being read out
}
