package turn

import "time"

// Engine is the state of one conversation. It is driven by one goroutine; Step is its only way to change.
type Engine struct {
	cfg    Config
	caller caller
	reply  reply
	memory memory
	debt   *debt                     // an answer stopped before it was heard
	deaf   deaf                      // since when nothing is heard, and why
	later  []string                  // typed while an answer ran, not to be answered; they follow it
	due    map[TimerID]time.Duration // deadline of each armed timer
	turns  int
	keys   string
	parted string // why the session closes once the farewell was heard
	ended  bool
	now    time.Duration
	out    []Command
}

// New makes an engine that has not started.
func New(cfg Config) *Engine {
	cfg = cfg.withDefaults()
	return &Engine{cfg: cfg, memory: memory{max: cfg.MaxMessages, budget: cfg.budget()}, due: map[TimerID]time.Duration{}}
}

// Messages is the conversation as the model shall see it now, without the agent's prompt.
func (e *Engine) Messages() []Message { return e.memory.messages() }

// Epoch is the current generation.
func (e *Engine) Epoch() Epoch { return e.reply.epoch }

// Turn is the number of the current turn; the greeting is turn 0.
func (e *Engine) Turn() int { return e.turns }

// Busy tells whether an answer is being made or played.
func (e *Engine) Busy() bool { return e.reply.active }

// Step takes one event and returns what to do, in order. The slice is valid until the next Step.
func (e *Engine) Step(ev Event) []Command {
	e.out = e.out[:0]
	if e.ended {
		return nil
	}
	if ev.At > e.now {
		e.now = ev.At
	}
	if ev.Kind.ofReply() && !e.reply.takes(ev) {
		return nil
	}
	if e.parted != "" && !ev.Kind.ofFarewell(ev.Timer) {
		return nil
	}
	switch ev.Kind {
	case Started:
		e.greet()
	case VoiceStart:
		e.voiceStart()
	case VoiceStop:
		e.voiceStop()
	case Partial, Final:
		e.words(ev)
	case EndOfUtterance:
		e.endOfUtterance()
	case Typed:
		e.typed(ev)
	case Key:
		e.key(ev.Digit)
	case ModelText:
		e.modelText(ev.Text)
	case ModelTools:
		e.modelTools(ev.Calls)
	case ModelDone:
		e.modelDone()
	case ModelFailed, SpeechFailed:
		e.failed(ev)
	case ToolDone:
		e.toolDone(ev.Result)
	case SpeechAudio:
		e.reply.audio += max(0, ev.Audio)
	case SpeechWords:
		room := maxReplyWords - len(e.reply.words)
		e.reply.words = append(e.reply.words, ev.Words[:min(room, len(ev.Words))]...)
	case SpeechDone:
		e.speechDone()
	case Played:
		e.played(ev)
	case TimerFired:
		e.timer(ev.Timer)
	case HeardFailed:
		e.heardFailed(ev.Text)
	case HangUp:
		e.hangUp(ev.Reason)
	case Leave:
		e.leave(ev.Text, ev.Reason)
	}
	return e.out
}

// takes is the one choke point for what belongs to an answer that is no more. Of a voice that broke only
// the hearing is left.
func (r *reply) takes(ev Event) bool {
	return r.active && ev.Epoch == r.epoch && (!r.broken || ev.Kind == Played)
}

func (k EventKind) ofReply() bool {
	switch k {
	case ModelText, ModelTools, ModelDone, ModelFailed, ToolDone, SpeechAudio, SpeechWords, SpeechDone, SpeechFailed, Played:
		return true
	case Started, VoiceStart, VoiceStop, Partial, Final, EndOfUtterance, Typed, TimerFired, Key, HeardFailed, HangUp, Leave:
	}
	return false
}

func (e *Engine) do(c Command) { e.out = append(e.out, c) }
func (e *Engine) note(n Note)  { e.do(Command{Kind: Notify, Note: &n}) }

func (e *Engine) setTimer(id TimerID, after time.Duration) {
	if after < 0 {
		after = 0
	}
	if at := e.now + after; e.due[id] != at {
		e.due[id] = at
		e.do(Command{Kind: SetTimer, Timer: id, After: after})
	}
}

func (e *Engine) stopTimer(id TimerID) {
	if _, ok := e.due[id]; ok {
		delete(e.due, id)
		e.do(Command{Kind: StopTimer, Timer: id})
	}
}

func (e *Engine) timer(id TimerID) {
	at, armed := e.due[id]
	if !armed || e.now < at {
		return // moved or stopped while the shot was on its way
	}
	delete(e.due, id)
	switch id {
	case timerEndTurn:
		e.endTurn()
	case timerBargeIn:
		e.yield() // the caller's voice has lasted long enough over an answer
	case timerFiller:
		e.filler()
	case timerKeys:
		e.commitKeys()
	case timerDrain:
		e.drain()
	}
}

func (e *Engine) hangUp(reason string) {
	if e.reply.active {
		e.cut(outcomeHungUp)
	}
	e.dropDebt(outcomeHungUp)
	e.ended = true
	e.do(Command{Kind: Close, End: reason})
}
