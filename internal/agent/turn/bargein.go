package turn

import "strings"

// bargeInVoice fires when the caller's voice has lasted long enough over an answer.
func (e *Engine) bargeInVoice() {
	if e.caller.speaking && e.reply.active {
		e.yield()
	}
}

// bargeInWords is the gate by words: it catches what the voice detector missed, and is the only gate
// when words are asked for.
func (e *Engine) bargeInWords(text string) {
	if !e.reply.active || e.cfg.BargeInOff {
		return
	}
	need := e.cfg.BargeInMinWords
	if need == 0 {
		if !e.caller.speaking {
			return // the voice gate let it pass; a finished turn interrupts by itself
		}
		need = 1
	}
	if len(strings.Fields(text)) >= need {
		e.yield()
	}
}

// yield gives the floor to the caller. An answer of which nothing was heard is owed: if the voice
// turns out to be noise, it is made again.
func (e *Engine) yield() {
	unheard := e.reply.played == 0 && !e.reply.sounding && !e.reply.fixed
	e.cut("interrupted")
	if unheard {
		e.caller.owed = true
	}
	e.arm()
}

// cut ends the current answer early: stop everything, tell the far end to drop what it has, keep what
// was heard.
func (e *Engine) cut(outcome string) {
	r := &e.reply
	e.stopTimer(timerFiller)
	e.stopTimer(timerBargeIn)
	e.do(Command{Kind: Cancel, Epoch: r.epoch})
	if r.spoken() {
		e.do(Command{Kind: Clear, Epoch: r.epoch})
	}
	e.settle(outcome)
	e.note(Note{Kind: NoteInterrupted})
	if r.sounding {
		e.note(Note{Kind: NoteBotStopped})
	}
	r.active = false
}
