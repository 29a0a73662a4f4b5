package turn

import (
	"strings"
	"time"
)

// reply is the answer in progress. Its epoch is the current generation even after it has ended.
type reply struct {
	epoch    Epoch
	active   bool
	mute     bool // typed with audio_response=false: shown, not spoken
	fixed    bool // greeting or apology: words that no model made
	user     string
	started  time.Duration
	round    int // of tools
	clauses  clauses
	round0   strings.Builder // the model's text of this round, for the memory
	parts    []part          // all that was handed to speech, in order
	nsegs    int
	nwords   int
	full     bool // MaxWords reached
	open     bool // speech runs: EndSpeech is owed
	words    []Word
	audio    time.Duration // synthesised so far
	played   time.Duration
	playDone bool

	sounding   bool // the far end has begun to play
	modelDone  bool
	speechDone bool

	order   []ToolCall // of this round
	results map[string]ToolResult
	tools   []ToolResult // of the whole answer
	failure string
}

func (r *reply) spoken() bool { return len(r.parts) > 0 }

// newReply moves to the next epoch.
func (e *Engine) newReply(user string) *reply {
	e.reply = reply{epoch: e.reply.epoch + 1, active: true, user: user, started: e.now, clauses: clauses{}}
	return &e.reply
}

func (e *Engine) greet() {
	if e.cfg.Greeting == "" || e.reply.epoch > 0 {
		return
	}
	e.say(e.cfg.Greeting, "", false)
}

// say speaks words that no model made, as an answer of its own.
func (e *Engine) say(text, user string, mute bool) {
	e.newReply(user)
	e.speakFixed(text, mute)
}

func (e *Engine) speakFixed(text string, mute bool) {
	r := &e.reply
	r.fixed, r.modelDone, r.mute = true, true, mute
	r.round0.WriteString(text)
	for _, piece := range splitAll(text) {
		e.segment(piece, partOfRound)
	}
	e.endRun()
	e.finishIfHeard()
}

func (e *Engine) startReply(user string, mute bool) {
	r := e.newReply(user)
	r.mute = mute
	e.note(Note{Kind: NoteModelStarted})
	e.do(Command{Kind: Generate, Epoch: r.epoch})
}

func (e *Engine) modelText(text string) {
	r := &e.reply
	if r.full || text == "" {
		return
	}
	r.round0.WriteString(text)
	e.note(Note{Kind: NoteModelText, Text: text})
	for _, piece := range r.clauses.add(text, r.nsegs == 0) {
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
	if of == partOfRound && r.nwords+n > e.cfg.MaxWords {
		r.full = true
		if r.nwords > 0 {
			return
		}
		text = strings.Join(strings.Fields(text)[:e.cfg.MaxWords], " ")
	}
	r.nwords += n
	seg := r.nsegs
	r.nsegs++
	e.note(Note{Kind: NoteSegment, Text: text, Seg: seg, Spoken: !r.mute})
	r.parts = append(r.parts, part{of: of, seg: seg, text: text})
	if r.mute {
		return
	}
	if !r.open {
		e.note(Note{Kind: NoteSpeechStarted})
	}
	r.open, r.speechDone, r.playDone = true, false, false
	e.stopTimer(timerFiller)
	e.do(Command{Kind: Speak, Epoch: r.epoch, Seg: seg, Text: text})
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

func (e *Engine) modelTools(calls []ToolCall) {
	r := &e.reply
	if len(calls) == 0 {
		return
	}
	e.flush()
	if r.round >= e.cfg.MaxRounds {
		e.fail("tool_loop")
		return
	}
	r.round++
	r.order, r.results = calls, map[string]ToolResult{}
	at := e.memory.add(Message{Role: Assistant, Text: strings.TrimSpace(r.round0.String()), Calls: calls, Turn: e.turns})
	r.claim(at)
	r.round0.Reset()
	for i := range calls {
		e.note(Note{Kind: NoteToolStarted, Call: &calls[i]})
		e.do(Command{Kind: RunTool, Epoch: r.epoch, Call: &calls[i]})
	}
	if !r.mute && !r.spoken() {
		e.setTimer(timerFiller, e.cfg.FillerAfter)
	}
}

func (e *Engine) filler() {
	r := &e.reply
	if !r.active || r.spoken() || len(r.results) == len(r.order) {
		return
	}
	e.segment(e.cfg.Fillers[e.turns%len(e.cfg.Fillers)], partFiller)
	e.endRun()
}

func (e *Engine) toolDone(res *ToolResult) {
	r := &e.reply
	if res == nil {
		return
	}
	known := false
	for _, c := range r.order {
		known = known || c.ID == res.ID
	}
	if _, twice := r.results[res.ID]; !known || twice {
		return
	}
	r.results[res.ID] = *res
	r.tools = append(r.tools, *res)
	e.note(Note{Kind: NoteToolStopped, Result: res})
	if len(r.results) < len(r.order) {
		return
	}
	for _, c := range r.order {
		got := r.results[c.ID]
		e.memory.add(Message{Role: Tool, ID: c.ID, Name: c.Name, Text: got.Content, Turn: e.turns})
	}
	r.order, r.results = nil, nil
	e.stopTimer(timerFiller)
	e.do(Command{Kind: Generate, Epoch: r.epoch})
}

func (e *Engine) modelDone() {
	r := &e.reply
	if len(r.order) > 0 {
		return // the stream ended with calls; the answer goes on after them
	}
	e.flush()
	r.modelDone = true
	e.note(Note{Kind: NoteModelStopped})
	if r.nsegs == 0 && r.failure == "" {
		e.fail("empty")
		return
	}
	e.finishIfHeard()
}

func (e *Engine) failed(ev Event) {
	r := &e.reply
	if ev.Kind == SpeechFailed {
		// Nothing more can be said; the text has been shown.
		r.failure = ev.Text
		e.note(Note{Kind: NoteError, Text: e.apology(ev.Text)})
		e.do(Command{Kind: Cancel, Epoch: r.epoch})
		e.end("failed")
		return
	}
	e.fail(ev.Text)
}

// fail gives the answer up and says so in plain words. What was said before stays said.
func (e *Engine) fail(class string) {
	r := &e.reply
	e.stopTimer(timerFiller)
	e.do(Command{Kind: Cancel, Epoch: r.epoch})
	if r.spoken() && !r.playDone {
		e.do(Command{Kind: Clear, Epoch: r.epoch})
	}
	text := e.apology(class)
	e.note(Note{Kind: NoteError, Text: text})
	e.answerCalls()
	user, mute, started, tools := r.user, r.mute, r.started, r.tools
	e.newReply(user).failure = class
	e.reply.started, e.reply.tools = started, tools
	e.speakFixed(text, mute)
}

func (e *Engine) apology(class string) string {
	if s := e.cfg.Apologies[class]; s != "" {
		return s
	}
	return e.cfg.Apologies[""]
}

func (e *Engine) played(ev Event) {
	r := &e.reply
	if !r.sounding {
		r.sounding = true
		e.note(Note{Kind: NoteBotStarted})
	}
	r.played = max(r.played, ev.Audio)
	r.playDone = ev.Done
	e.noteSpoken()
	e.finishIfHeard()
}

// allHeard compares what was played with what was made: a report of "all played" may be older than
// sound that came since.
func (r *reply) allHeard() bool {
	const slack = 2 * 20 * time.Millisecond
	return r.speechDone && (r.audio == 0 || (r.playDone && r.played+slack >= r.audio))
}

// finishIfHeard ends the answer once the model has said all and the far end has heard all.
func (e *Engine) finishIfHeard() {
	r := &e.reply
	if !r.active || !r.modelDone || len(r.order) > 0 || r.open {
		return
	}
	if !r.mute && r.spoken() && !r.allHeard() {
		return
	}
	outcome := "answered"
	if r.failure != "" {
		outcome = "failed"
	}
	e.end(outcome)
}

func (e *Engine) end(outcome string) {
	r := &e.reply
	e.stopTimer(timerBargeIn)
	e.settle(outcome)
	if r.sounding {
		e.note(Note{Kind: NoteSpeechStopped})
		e.note(Note{Kind: NoteBotStopped})
	}
	r.active = false
}
