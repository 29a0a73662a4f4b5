package session

import (
	"context"
	"time"

	"github.com/voicectl/voicectl/internal/agent/turn"
)

func (s *Session) do(c turn.Command) {
	if c.Epoch != 0 && c.Epoch != s.engine.Epoch() && c.Kind != turn.Cancel && c.Kind != turn.Clear {
		return // a command before it in the same list ended this answer
	}
	switch c.Kind {
	case turn.BeginTurn:
		s.user = c.Text
		s.watch.begin()
		s.mark(stageAccepted, s.o.Clock.Now())
		if s.o.Tools != nil {
			s.o.Tools.BeginTurn(c.Text)
		}
	case turn.Generate:
		s.generate(c.Epoch)
	case turn.Cancel:
		s.cancelReply()
		s.replyCtx, s.cancelReply = context.WithCancel(s.ctx)
		s.voice.cancel()
		s.player.end(c.Epoch) // what is queued may still be heard out: no more comes
	case turn.Speak:
		s.mark(stageSpeak, s.o.Clock.Now())
		if err := s.voice.speak(s.replyCtx, c.Text); err != nil {
			s.speechFailed(c.Epoch, err)
		}
	case turn.EndSpeech:
		if err := s.voice.endRun(); err != nil {
			s.speechFailed(c.Epoch, err)
		}
	case turn.Clear:
		s.player.clear()
	case turn.RunTool:
		s.runTool(c.Epoch, *c.Call)
	case turn.Finalize:
		s.hearing.finalize()
	case turn.SetTimer:
		s.timers.set(c.Timer, c.After)
	case turn.StopTimer:
		s.timers.clear(c.Timer)
	case turn.Notify:
		s.player.put(Out{Kind: OutNote, Note: *c.Note})
		s.observeNote(*c.Note)
	case turn.CommitTurn:
		s.keep(*c.Turn)
	case turn.Close:
		why := End(c.End)
		s.ended.CompareAndSwap(nil, &why)
	}
}

// switched writes down that an endpoint failed in a turn that goes on with another.
func (s *Session) switched(component string, err error) {
	s.o.Log.Warn("endpoint switched", "component", component, "err", err)
}

func (s *Session) speechFailed(epoch turn.Epoch, err error) {
	s.o.Log.Error("speech failed", "component", "synthesizer", "err", err)
	s.later = append(s.later, turn.Event{Kind: turn.SpeechFailed, Epoch: epoch, Text: class(err)})
}

func (s *Session) generate(epoch turn.Epoch) {
	req := Request{System: s.o.Prompt, Messages: s.engine.Messages()}
	if s.o.Tools != nil {
		req.Tools = s.o.Tools.Specs()
		if facts := s.o.Tools.Facts(); facts != "" {
			req.System += "\n\n" + facts
		}
	}
	ctx, kept := s.replyCtx, s.kept
	s.mark(stageAsked, s.o.Clock.Now())
	s.spawn(ctx, "model", func(ctx context.Context) {
		// The turn before is durable before this one is answered; the model may think meanwhile.
		waited := false
		err := s.o.Responder.Respond(ctx, req, func(d Delta) {
			if d.Switched != nil {
				s.switched("model", d.Switched)
				return
			}
			if !waited {
				waited = true
				s.awaitKept(ctx, kept)
			}
			if d.Text != "" {
				s.send(ctx, item{kind: itemEvent, epoch: epoch, at: d.At, what: &turn.Event{Kind: turn.ModelText, Epoch: epoch, Text: d.Text}})
			}
			if len(d.Calls) > 0 {
				s.send(ctx, item{kind: itemEvent, epoch: epoch, at: d.At, what: &turn.Event{Kind: turn.ModelTools, Epoch: epoch, Calls: d.Calls}})
			}
		})
		ev := turn.Event{Kind: turn.ModelDone, Epoch: epoch}
		if err != nil {
			if ctx.Err() != nil {
				return // cancelled: nobody waits for the end
			}
			s.o.Log.Error("model failed", "component", "model", "err", err)
			ev = turn.Event{Kind: turn.ModelFailed, Epoch: epoch, Text: class(err)}
		}
		s.send(ctx, item{kind: itemEvent, epoch: epoch, what: &ev})
	})
}

func (s *Session) runTool(epoch turn.Epoch, call turn.ToolCall) {
	s.spawn(s.replyCtx, "tool", func(ctx context.Context) {
		start := s.o.Clock.Now()
		var out ToolOutcome
		if s.o.Tools == nil {
			out.Result = turn.ToolResult{Content: `{"error":"this agent has no tools"}`, Class: "unknown_tool"}
		} else {
			out = s.o.Tools.Run(ctx, call)
		}
		out.Result.ID, out.Result.Name, out.Result.Took = call.ID, call.Name, s.o.Clock.Now().Sub(start)
		s.send(ctx, item{kind: itemTool, epoch: epoch, what: &out})
	})
}

func (s *Session) toolDone(it item) {
	out, _ := it.what.(*ToolOutcome)
	s.o.Observe(Measure{Kind: "tool", Name: out.Result.Name, Took: out.Result.Took, OK: out.Result.OK})
	if it.epoch != s.engine.Epoch() {
		return
	}
	for _, b := range out.Before {
		s.o.Observe(Measure{Kind: "tool", Name: b.Call.Name, Took: b.Result.Took, OK: b.Result.OK})
		if s.o.Journal != nil {
			s.o.Journal.Tool(s.now(), b)
		}
		s.player.put(Out{Kind: OutNote, Note: turn.Note{Kind: turn.NoteToolStarted, Call: &b.Call}})
		s.player.put(Out{Kind: OutNote, Note: turn.Note{Kind: turn.NoteToolStopped, Result: &b.Result}})
	}
	for _, m := range out.Messages {
		s.player.put(Out{Kind: OutNote, Note: turn.Note{Kind: turn.NoteMessage, Data: m}})
	}
	res := out.Result
	s.step(turn.Event{Kind: turn.ToolDone, Epoch: it.epoch, Result: &res})
}

// keep makes a finished turn durable. The next answer waits for it, at most keepWait.
func (s *Session) keep(rec turn.Record) {
	stages := s.watch.stages()
	s.report(rec, stages)
	if s.o.Keeper == nil {
		return
	}
	before := s.kept
	done := make(chan struct{})
	s.kept = done
	s.spawn(context.WithoutCancel(s.ctx), "keeper", func(ctx context.Context) {
		defer close(done)
		<-before // turns land in their order
		ctx, cancel := context.WithTimeout(ctx, keepWait)
		defer cancel()
		begun := s.o.Clock.Now()
		err := s.o.Keeper.Keep(ctx, rec, stages)
		if err != nil {
			s.o.Log.Error("turn not kept", "turn", rec.Turn, "err", err)
		}
		s.o.Observe(Measure{Kind: "commit", Took: s.o.Clock.Now().Sub(begun), OK: err == nil})
	})
}

const keepWait = 50 * time.Millisecond

func (s *Session) awaitKept(ctx context.Context, kept <-chan struct{}) {
	t := s.o.Clock.NewTimer(keepWait)
	defer t.Stop()
	select {
	case <-kept:
	case <-t.C():
	case <-ctx.Done():
	}
}

func (s *Session) waitKept(limit time.Duration) {
	t := s.o.Clock.NewTimer(limit)
	defer t.Stop()
	select {
	case <-s.kept:
	case <-t.C():
	}
}
