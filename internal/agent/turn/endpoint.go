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
	partial   string
	finalised bool          // the recognizer said that the utterance is over
	lastWords time.Duration // arrival of the last transcript
	end       time.Duration // how far, in the caller's sound, the words reach
	committed time.Duration // how far the words of turns past reach
	lastFinal Event         // to drop a vendor's repetition
	owed      bool          // the turn before was accepted, but its answer was given up unheard
}

func (c *caller) text() string {
	t := strings.Join(c.finals, " ")
	if t == "" {
		t = c.partial
	}
	return strings.TrimSpace(t)
}

func (c *caller) reset() {
	*c = caller{speaking: c.speaking, since: c.since, stopped: c.stopped, committed: max(c.committed, c.end), lastFinal: c.lastFinal}
}

func (e *Engine) voiceStart() {
	c := &e.caller
	if c.speaking {
		return
	}
	c.speaking, c.since, c.voiced, c.finalised = true, e.now, true, false
	e.note(Note{Kind: NoteUserStarted})
	e.stopTimer(timerEndTurn)
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
	e.arm()
}

func (e *Engine) words(ev Event) {
	c := &e.caller
	if ev.Kind == EndOfUtterance {
		if len(c.finals) > 0 || c.partial != "" {
			c.finalised = true
			e.arm()
		}
		return
	}
	text := strings.TrimSpace(ev.Text)
	if ev.End > 0 && ev.End <= c.committed {
		return // words of a turn that has been answered: no phantom turn
	}
	if ev.Kind == Final && text != "" && ev.End > 0 && c.lastFinal.Text == ev.Text && c.lastFinal.Start == ev.Start && c.lastFinal.End == ev.End {
		return // a vendor said the same final twice
	}
	if text != "" {
		c.lastWords = e.now
		c.end = max(c.end, ev.End)
		e.note(Note{Kind: NoteTranscript, Text: text, Final: ev.Kind == Final})
	}
	if ev.Kind == Final {
		c.partial = ""
		if text != "" {
			c.lastFinal = ev
			c.finals = append(c.finals, text)
		}
	} else {
		c.partial = text
	}
	if text != "" {
		if c.finalised && c.speaking {
			c.finalised = false
		}
		e.bargeInWords(text)
	}
	e.arm()
}

// arm sets the clock of the turn's end by what is known now.
func (e *Engine) arm() {
	c := &e.caller
	text := c.text()
	switch {
	case text == "" && c.owed && !c.speaking:
		e.setTimer(timerEndTurn, c.stopped+e.cfg.FinalWait-e.now)
	case text == "":
		e.stopTimer(timerEndTurn)
	case c.speaking && !c.finalised:
		e.stopTimer(timerEndTurn)
	case c.speaking:
		// Voice without end though the recognizer heard the end: noise. Words decide after a while.
		e.setTimer(timerEndTurn, c.lastWords+e.cfg.Watchdog-e.now)
	default:
		e.setTimer(timerEndTurn, e.endAt(text)-e.now)
	}
}

// endAt is the moment at which the turn is over if nothing more happens.
func (e *Engine) endAt(text string) time.Duration {
	c := &e.caller
	from := c.lastWords
	if c.voiced {
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
	return max(from+wait, e.now)
}

func (e *Engine) endTurn() {
	text := e.caller.text()
	owed := e.caller.owed
	if text == "" && !owed {
		return
	}
	if e.reply.active {
		e.cut("interrupted")
	}
	e.accept(text, false)
}

// accept closes the caller's turn with its words and starts the answer. Empty words answer the turn
// before once more.
func (e *Engine) accept(text string, mute bool) {
	e.caller.reset()
	e.stopTimer(timerEndTurn)
	e.stopTimer(timerBargeIn)
	if text != "" {
		e.turns++
		e.memory.add(Message{Role: User, Text: text, Turn: e.turns})
		e.do(Command{Kind: BeginTurn, Text: text})
		e.note(Note{Kind: NoteUserText, Text: text})
	}
	e.startReply(text, mute)
}

func (e *Engine) typed(ev Event) {
	text := strings.TrimSpace(ev.Text)
	if text == "" {
		return
	}
	if ev.Later {
		e.memory.add(Message{Role: User, Text: text, Turn: e.turns})
		return
	}
	if e.reply.active {
		e.cut("interrupted") // what was heard of the answer stands before the new words
	}
	if spoken := e.caller.text(); spoken != "" {
		text = spoken + " " + text
	}
	e.accept(text, ev.Mute)
}

func (e *Engine) key(digit string) {
	if len(digit) != 1 || !strings.ContainsAny(digit, "0123456789*#ABCD") || len(e.keys) >= 64 {
		return
	}
	if digit != "#" {
		e.keys += digit
		e.setTimer(timerKeys, 2*time.Second)
		return
	}
	e.stopTimer(timerKeys)
	e.commitKeys()
}

func (e *Engine) commitKeys() {
	keys := e.keys
	e.keys = ""
	if keys != "" {
		e.typed(Event{Text: "I pressed the keys " + keys + "."})
	}
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
