package turn

import (
	"fmt"
	"strings"
)

// maxCalls bounds what a model may ask for at once; more is dropped.
const maxCalls = 16

func (e *Engine) modelTools(asked []ToolCall) {
	r := &e.reply
	if !r.asking || len(asked) == 0 || len(r.order) > 0 {
		return
	}
	e.flush()
	if r.round >= e.cfg.MaxRounds {
		e.fail("tool_loop")
		return
	}
	r.round++
	calls := unique(asked, r.round)
	r.order, r.results = calls, map[string]ToolResult{}
	at := e.memory.add(Message{Role: Assistant, Text: strings.TrimSpace(r.raw.String()), Calls: calls, Turn: e.turns})
	r.claim(at)
	r.raw.Reset()
	for i := range calls {
		e.note(Note{Kind: NoteToolStarted, Call: &calls[i]})
		e.do(Command{Kind: RunTool, Epoch: r.epoch, Call: &calls[i]})
	}
	if !r.mute && !r.spoken() {
		e.setTimer(timerFiller, e.cfg.FillerAfter)
	}
}

// unique gives each call an id of its own, since answers find their call by it.
func unique(asked []ToolCall, round int) []ToolCall {
	calls := append([]ToolCall(nil), asked[:min(len(asked), maxCalls)]...)
	seen := map[string]bool{}
	for i := range calls {
		if id := calls[i].ID; id == "" || seen[id] {
			calls[i].ID = fmt.Sprintf("%s#%d.%d", id, round, i)
		}
		seen[calls[i].ID] = true
	}
	return calls
}

// filler speaks when a tool keeps the caller waiting in silence.
func (e *Engine) filler() {
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
	r.rec.Tools = append(r.rec.Tools, *res)
	e.note(Note{Kind: NoteToolStopped, Result: res})
	e.nextRound()
}

// nextRound asks the model again once every call has its answer and the stream that asked is over. A
// fast tool may answer before that; its end must not be taken for the end of the next stream.
func (e *Engine) nextRound() {
	r := &e.reply
	if len(r.results) < len(r.order) {
		return
	}
	e.stopTimer(timerFiller)
	if r.asking {
		return
	}
	e.answerCalls()
	e.generate()
}

// answerCalls gives every open call of the round its answer, so that no call stands without one.
func (e *Engine) answerCalls() {
	r := &e.reply
	for _, c := range r.order {
		got, ok := r.results[c.ID]
		if !ok {
			got = ToolResult{ID: c.ID, Name: c.Name, Content: `{"error":"cancelled"}`, Class: "cancelled"}
			r.rec.Tools = append(r.rec.Tools, got)
			e.note(Note{Kind: NoteToolStopped, Result: &got})
		}
		e.memory.add(Message{Role: Tool, ID: c.ID, Name: c.Name, Text: got.Content, Turn: e.turns})
	}
	r.order, r.results = nil, nil
}
