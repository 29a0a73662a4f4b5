package turn

// leave says words that no model made and closes the session when they were heard. What the caller says
// meanwhile is not answered any more.
func (e *Engine) leave(text, reason string) {
	if e.reply.active {
		e.cut(outcomeInterrupted)
	}
	e.dropDebt(outcomeInterrupted)
	e.stopTimer(timerEndTurn)
	e.stopTimer(timerKeys)
	e.keys = ""
	e.parted = reason
	e.newReply(Record{Started: e.now}, false)
	e.speakFixed(text)
}

// ofFarewell tells whether an event still counts once the farewell has begun.
func (k EventKind) ofFarewell(t TimerID) bool {
	return k.ofReply() || k == HangUp || k == TimerFired && t == timerDrain
}

// part closes after the farewell.
func (e *Engine) part() {
	e.ended = true
	e.do(Command{Kind: Close, End: e.parted})
}
