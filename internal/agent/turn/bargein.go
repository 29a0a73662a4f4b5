package turn

import (
	"strings"
	"time"
)

// debt is an answer that the caller's voice stopped before any of it was heard. If no words follow, the
// voice was noise and the answer is made again; if words follow, they are answered together.
type debt struct {
	rec  Record
	at   time.Duration // of the interruption
	mute bool
	text string // of a greeting or apology; "" asks the model
}

// bargeInWords is the gate by words: it catches what the voice detector missed, and is the only gate
// when words are asked for. Words said in several transcripts do not add up: that is how a listener says
// "yes" and "mm-hm".
func (e *Engine) bargeInWords(text string) {
	if !e.reply.active || e.cfg.BargeInOff {
		return
	}
	need := 1
	switch {
	case e.cfg.BargeInMinWords > 0:
		if e.reply.sounding {
			need = e.cfg.BargeInMinWords
		}
	case !e.caller.speaking:
		return // the voice gate let it pass; a finished turn interrupts by itself
	}
	n := 0
	for _, w := range strings.Fields(text) {
		if plain(w) != "" {
			n++
		}
	}
	if n >= need {
		e.yield()
	}
}

// yield gives the floor to the caller.
func (e *Engine) yield() {
	r := &e.reply
	owed := !r.heardOfRound()
	d := debt{at: e.now, mute: r.mute}
	if r.fixed {
		d.text = r.raw.String()
	}
	e.stop()
	if owed {
		d.rec = r.rec
		e.debt = &d
	} else {
		e.commit(r.rec, outcomeInterrupted, e.now)
	}
	e.rest()
	e.arm()
}

// cut ends the current answer early and for good.
func (e *Engine) cut(outcome string) {
	e.stop()
	e.commit(e.reply.rec, outcome, e.now)
	e.rest()
}

// stop ends the current answer early: stop everything, tell the far end to drop what it has, keep what
// was heard.
func (e *Engine) stop() {
	r := &e.reply
	e.stopTimer(timerFiller)
	e.stopTimer(timerBargeIn)
	e.stopTimer(timerDrain)
	e.do(Command{Kind: Cancel, Epoch: r.epoch})
	if r.spoken() {
		e.do(Command{Kind: Clear, Epoch: r.epoch})
	}
	e.remember(true)
	e.note(Note{Kind: NoteInterrupted})
	e.hush()
}

// payDebt makes the owed answer again.
func (e *Engine) payDebt() {
	d := *e.debt
	e.caller.reset()
	e.newReply(d.rec, d.mute)
	if d.text != "" {
		e.speakFixed(d.text)
		return
	}
	e.generate()
}

// dropDebt closes the turn whose answer will not be made again.
func (e *Engine) dropDebt(outcome string) {
	if d := e.debt; d != nil {
		e.debt = nil
		e.commit(d.rec, outcome, d.at)
	}
}
