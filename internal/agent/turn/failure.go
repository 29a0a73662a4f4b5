package turn

import "time"

// failed takes a failure of the model or of the voice.
func (e *Engine) failed(ev Event) {
	r := &e.reply
	if ev.Kind == SpeechFailed {
		e.speechFailed(ev.Text)
		return
	}
	if !r.asking {
		return
	}
	if len(r.order) > 0 {
		e.modelStopped() // the calls are whole and already run
		e.nextRound()
		return
	}
	e.fail(ev.Text)
}

// fail gives the answer up and says so in plain words. What was heard before stays in the memory.
func (e *Engine) fail(class string) {
	r := &e.reply
	e.stopTimer(timerFiller)
	e.stopTimer(timerDrain)
	e.do(Command{Kind: Cancel, Epoch: r.epoch})
	if r.spoken() && !r.playDone {
		e.do(Command{Kind: Clear, Epoch: r.epoch})
	}
	e.remember(true)
	e.hush()
	text := e.apology(class)
	e.note(Note{Kind: NoteError, Text: text})
	rec := r.rec
	rec.Failure = class
	e.newReply(rec, r.mute)
	e.speakFixed(text)
}

// speechFailed ends an answer whose voice broke: nothing more can be said, the text has been shown. Sound
// that came before is on its way to the ear and is left to be heard; the caller can still speak over it.
func (e *Engine) speechFailed(class string) {
	r := &e.reply
	r.rec.Failure = class
	e.stopTimer(timerFiller)
	e.note(Note{Kind: NoteError, Text: e.apology(class)})
	e.do(Command{Kind: Cancel, Epoch: r.epoch})
	e.answerCalls()
	e.modelStopped()
	e.speechStopped()
	r.broken, r.modelDone, r.speechDone, r.open = true, true, true, false
	e.finishIfHeard()
}

// deaf is the state in which the caller's words do not arrive.
type deaf struct {
	class string // why; "" = all is well
	owed  bool   // the caller has spoken into it and has to be told
}

// recent is how long ago a voice may have ended that a failure of the recognizer found later has swallowed.
const recent = 10 * time.Second

// heardFailed notes that the caller is not heard. It is shown now, and said once the caller has spoken in vain:
// a recognizer that fails and comes back while nobody speaks is nothing to talk about.
func (e *Engine) heardFailed(class string) {
	e.note(Note{Kind: NoteError, Text: e.apology(class)})
	c := &e.caller
	e.deaf = deaf{class: class, owed: e.deaf.owed || c.voiced && !c.speaking && c.text() == "" && e.now-c.stopped < recent}
	e.arm()
}

// sayDeaf tells the caller that nothing was heard.
func (e *Engine) sayDeaf() {
	e.deaf.owed = false
	if e.reply.active {
		return
	}
	e.caller.voiced = false
	e.newReply(Record{Started: e.now}, false)
	e.speakFixed(e.apology(e.deaf.class))
}

func (e *Engine) apology(class string) string {
	if s := e.cfg.Apologies[class]; s != "" {
		return s
	}
	return e.cfg.Apologies[""]
}
