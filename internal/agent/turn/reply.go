package turn

import (
	"strings"
	"time"
)

// reply is the answer in progress. Its epoch is the current generation even after it has ended.
type reply struct {
	epoch  Epoch
	active bool
	mute   bool   // typed with audio_response=false: shown, not spoken
	fixed  bool   // greeting or apology: words that no model made
	rec    Record // of the turn; Agent holds what was heard in epochs before this one

	// The model's side.
	asking    bool // a question to the model runs: its ModelDone or ModelFailed is owed
	round     int  // of tools
	clauses   clauses
	raw       strings.Builder // the model's text of this round, for the memory
	order     []ToolCall      // of this round
	results   map[string]ToolResult
	modelDone bool // nothing more will come of the model

	// The voice's side.
	parts      []part // all that was handed to speech, in order
	nwords     int
	full       bool // MaxWords reached
	open       bool // a run of speech is open: EndSpeech is owed
	voicing    bool // speech is being made
	speechDone bool
	broken     bool // speech failed: the sound is shorter than the text

	// The ear's side.
	words    []Word
	audio    time.Duration // synthesised so far
	played   time.Duration
	playDone bool // the far end has heard all that it was given
	sounding bool // the far end has begun to play
	drained  time.Duration
}

const (
	maxReplyText  = 64 << 10 // of the model, in one round
	maxReplyWords = 8 << 10  // word times of one answer
	drainGrace    = 2 * time.Second
)

// spoken tells whether anything was handed to speech.
func (r *reply) spoken() bool { return !r.mute && len(r.parts) > 0 }

// newReply moves to the next epoch, for the turn of rec.
func (e *Engine) newReply(rec Record, mute bool) *reply {
	e.debt = nil
	e.reply = reply{epoch: e.reply.epoch + 1, active: true, mute: mute, rec: rec, clauses: clauses{eager: true}}
	return &e.reply
}

func (e *Engine) greet() {
	if e.cfg.Greeting != "" && e.reply.epoch == 0 {
		e.newReply(Record{Started: e.now}, false)
		e.speakFixed(e.cfg.Greeting)
	}
}

// speakFixed makes words that no model made the whole answer.
func (e *Engine) speakFixed(text string) {
	r := &e.reply
	r.fixed, r.modelDone = true, true
	r.raw.WriteString(text)
	for _, piece := range splitAll(text) {
		e.segment(piece, partOfRound)
	}
	e.endRun()
	e.finishIfHeard()
}

// generate asks the model. Each question ends with ModelDone or ModelFailed.
func (e *Engine) generate() {
	e.reply.asking = true
	e.note(Note{Kind: NoteModelStarted})
	e.do(Command{Kind: Generate, Epoch: e.reply.epoch})
}

func (e *Engine) modelText(text string) {
	r := &e.reply
	if !r.asking || len(r.order) > 0 || r.full || text == "" || r.raw.Len()+len(text) > maxReplyText {
		return
	}
	r.raw.WriteString(text)
	e.note(Note{Kind: NoteModelText, Text: text})
	for _, piece := range r.clauses.add(text) {
		e.segment(piece, partOfRound)
	}
}

// segment hands one piece to speech, cleaned and within the limit of words.
func (e *Engine) segment(raw string, of int) {
	r := &e.reply
	text := speakable(raw)
	n := len(strings.Fields(text))
	if n == 0 || r.full {
		return
	}
	if of == partOfRound && !r.fixed && !r.mute && r.nwords+n > e.cfg.MaxWords {
		r.full = true
		if r.nwords > 0 {
			e.endRun()
			return
		}
		n = e.cfg.MaxWords
		text = strings.Join(strings.Fields(text)[:n], " ")
	}
	r.nwords += n
	seg := len(r.parts)
	e.note(Note{Kind: NoteSegment, Text: text, Seg: seg, Spoken: !r.mute})
	r.parts = append(r.parts, part{of: of, seg: seg, text: text})
	if r.mute {
		return
	}
	if !r.voicing {
		r.voicing = true
		e.note(Note{Kind: NoteSpeechStarted})
	}
	r.open, r.speechDone, r.playDone = true, false, false
	e.do(Command{Kind: Speak, Epoch: r.epoch, Seg: seg, Text: text})
	if r.full {
		e.endRun()
	}
}

func (e *Engine) endRun() {
	r := &e.reply
	if r.open {
		r.open = false
		e.do(Command{Kind: EndSpeech, Epoch: r.epoch})
	}
}

// flush speaks what the clause splitter still holds and closes the round's text.
func (e *Engine) flush() {
	for _, piece := range e.reply.clauses.flush() {
		e.segment(piece, partOfRound)
	}
	e.endRun()
}

func (e *Engine) modelDone() {
	r := &e.reply
	if !r.asking {
		return
	}
	e.modelStopped()
	if len(r.order) > 0 {
		e.nextRound() // the stream ended with calls; the answer goes on after them
		return
	}
	e.flush()
	r.modelDone = true
	if !r.full && !r.saidInRound() {
		e.fail("empty")
		return
	}
	e.finishIfHeard()
}

func (e *Engine) modelStopped() {
	if e.reply.asking {
		e.reply.asking = false
		e.note(Note{Kind: NoteModelStopped})
	}
}

// saidInRound tells whether the model's words since its last question to a tool gave anything to say.
func (r *reply) saidInRound() bool {
	for _, p := range r.parts {
		if p.of == partOfRound {
			return true
		}
	}
	return false
}

func (e *Engine) speechDone() {
	r := &e.reply
	if r.spoken() && r.audio == 0 {
		e.failed(Event{Kind: SpeechFailed, Text: "silent"})
		return
	}
	r.speechDone = true
	e.speechStopped()
	e.finishIfHeard()
}

func (e *Engine) speechStopped() {
	if e.reply.voicing {
		e.reply.voicing = false
		e.note(Note{Kind: NoteSpeechStopped})
	}
}

func (e *Engine) played(ev Event) {
	r := &e.reply
	if !r.spoken() {
		return
	}
	if !r.sounding {
		r.sounding = true
		e.note(Note{Kind: NoteBotStarted})
	}
	r.played = max(r.played, ev.Audio)
	r.playDone = r.playDone || ev.Done
	e.noteSpoken()
	e.finishIfHeard()
}

// allHeard compares what was played with what was made: a report of "all played" may be older than
// sound that came since.
func (r *reply) allHeard() bool {
	const slack = 2 * 20 * time.Millisecond
	return r.speechDone && (r.audio == 0 || (r.playDone && r.played+slack >= r.audio))
}

// finishIfHeard ends the answer once the model has said all and the far end has heard all. The far end
// may fail to tell, so the end also comes when that is overdue.
func (e *Engine) finishIfHeard() {
	r := &e.reply
	if !r.active || !r.modelDone || len(r.order) > 0 || r.open {
		return
	}
	if r.spoken() && !r.allHeard() {
		if _, armed := e.due[timerDrain]; !armed && r.speechDone {
			r.drained = r.played
			e.setTimer(timerDrain, max(0, r.audio-r.played)+drainGrace)
		}
		return
	}
	e.end()
}

// drain fires when the end of what was to be heard is overdue.
func (e *Engine) drain() {
	if r := &e.reply; r.played > r.drained {
		e.finishIfHeard() // it goes on, late
		return
	}
	e.end()
}

// end closes an answer that was not cut.
func (e *Engine) end() {
	e.stopTimer(timerBargeIn)
	e.stopTimer(timerDrain)
	e.noteSpoken()
	e.remember(e.reply.broken)
	outcome := outcomeAnswered
	if e.reply.rec.Failure != "" {
		outcome = outcomeFailed
	}
	e.commit(e.reply.rec, outcome, e.now)
	e.hush()
	e.rest()
	if e.parted != "" {
		e.part()
		return
	}
	e.arm() // words that had to wait for this end
}

// hush closes what the client believes to be under way.
func (e *Engine) hush() {
	e.modelStopped()
	e.speechStopped()
	if e.reply.sounding {
		e.reply.sounding = false
		e.note(Note{Kind: NoteBotStopped})
	}
}

// rest leaves the floor to the caller.
func (e *Engine) rest() {
	e.reply.active = false
	for _, text := range e.later {
		e.memory.add(Message{Role: User, Text: text, Turn: e.turns})
	}
	e.later = nil
}
