package session

import (
	"context"
	"time"

	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/media"
)

// item is one thing in the inbox. It is small, since an inbox holds many: what comes is behind what.
type item struct {
	kind  itemKind
	done  bool  // itemHeard
	n     int32 // of the speech's run, or of the recognizer's stream
	epoch turn.Epoch
	what  any
	at    time.Time
	dur   time.Duration
}

type itemKind uint8

const (
	itemVoice    itemKind = iota // the caller's voice rose (what: true) or fell, at
	itemIn                       // everything else from the line: *In
	itemGone                     // the line has ended: End
	itemHeardSTT                 // from the recognizer: *Heard
	itemEvent                    // from the model: *turn.Event
	itemSound                    // from the synthesizer: *Sound
	itemTool                     // a tool is done: *ToolOutcome
	itemFirstOut                 // the first sound of an answer went out
	itemReopen                   // open the recognizer again
	itemHeard                    // estimate of what was played
	itemLeave                    // say goodbye: *turn.Event
)

func (s *Session) loop(ctx context.Context) {
	s.hearing.open(ctx, s)
	for {
		select {
		case <-ctx.Done():
			s.syncPlayed()
			s.step(turn.Event{Kind: turn.HangUp, Reason: string(s.reason())})
			s.waitKept(time.Second)
			return
		case it := <-s.inbox:
			if it.kind == itemGone {
				end, _ := it.what.(End)
				s.ended.CompareAndSwap(nil, &end)
				s.syncPlayed()
				s.step(turn.Event{Kind: turn.HangUp, Reason: string(end)})
				s.waitKept(time.Second)
				return
			}
			s.handle(ctx, it)
		case <-s.timers.c():
			for _, id := range s.timers.expired() {
				if id == timerAudioGap {
					s.audioGap()
					continue
				}
				s.syncPlayed()
				s.step(turn.Event{Kind: turn.TimerFired, Timer: id})
			}
		}
		if s.ended.Load() != nil {
			s.waitKept(time.Second)
			return
		}
	}
}

func (s *Session) handle(ctx context.Context, it item) {
	switch it.kind {
	case itemVoice:
		s.fromEar(it)
	case itemIn:
		s.fromLine(ctx, it.what.(*In))
	case itemHeardSTT:
		s.hearing.heard(ctx, s, it.n, *it.what.(*Heard))
	case itemEvent:
		if ev := it.what.(*turn.Event); it.epoch == s.engine.Epoch() {
			s.mark(stageOf(ev.Kind), it.at)
			s.step(*ev)
		}
	case itemSound:
		if it.epoch == s.engine.Epoch() && s.engine.Busy() {
			s.voice.sound(it.n, it.what.(*Sound))
		}
	case itemTool:
		s.toolDone(it)
	case itemFirstOut:
		if it.epoch == s.engine.Epoch() {
			s.mark(stageFirstOut, it.at)
			s.step(turn.Event{Kind: turn.Played, Epoch: it.epoch})
		}
	case itemHeard:
		// An estimate comes with every chunk; the engine needs one now and then, and the last.
		if it.done || it.epoch != s.told.epoch || it.dur-s.told.heard >= markEvery/2 {
			s.told.epoch, s.told.heard = it.epoch, it.dur
			s.step(turn.Event{Kind: turn.Played, Epoch: it.epoch, Audio: it.dur, Done: it.done})
		}
	case itemReopen:
		s.hearing.open(ctx, s)
	case itemLeave:
		s.syncPlayed()
		s.step(*it.what.(*turn.Event))
	case itemGone:
	}
}

// ear takes a frame of the caller's sound. It runs on the reader's goroutine: fifty frames a second need no
// loop, which is only told when the voice rises or falls.
func (s *Session) ear(ctx context.Context, frame *media.Frame) {
	s.lastFrame.Store(int64(frame.Received.Sub(s.start)))
	if s.o.VAD != nil {
		switch tr := s.o.VAD.Feed(frame); tr.Activity {
		case media.Started:
			s.send(ctx, item{kind: itemVoice, what: true})
		case media.Stopped:
			s.send(ctx, item{kind: itemVoice, what: false, at: frame.Received.Add(-tr.Lag)})
		case media.Unchanged:
		}
	}
	s.hearing.write(frame)
	frame.Release()
}

// fromEar takes that the caller's voice rose or fell.
func (s *Session) fromEar(it item) {
	if it.what == true {
		s.voiced = true
		s.timers.set(timerAudioGap, maxAudioGap)
		s.step(turn.Event{Kind: turn.VoiceStart})
		return
	}
	if !s.voiced {
		return // the gap has ended it
	}
	s.voiced = false
	s.timers.clear(timerAudioGap)
	s.mark(stageVoiceStop, it.at)
	s.step(turn.Event{Kind: turn.VoiceStop})
}

func (s *Session) fromLine(ctx context.Context, in *In) {
	switch in.Kind {
	case InAudio: // the reader's
	case InText:
		s.syncPlayed()
		s.watch.before = nil
		s.step(turn.Event{Kind: turn.Typed, Text: in.Text, Mute: in.Mute, Later: in.Later})
	case InMark:
		if epoch, heard, done, ok := s.player.ack(in.Mark); ok {
			s.step(turn.Event{Kind: turn.Played, Epoch: epoch, Audio: heard, Done: done})
		}
	case InKey:
		s.step(turn.Event{Kind: turn.Key, Digit: in.Digit})
	case InReady:
		s.player.put(Out{Kind: OutNote, Note: turn.Note{Kind: turn.NoteMessage, Data: map[string]any{"type": "session", "session_id": s.o.ID}}})
		s.step(turn.Event{Kind: turn.Started})
	case InMessage:
		s.message(ctx, *in)
	}
}

// timerAudioGap watches for a far end that stops sending in the middle of a word: without sound there is
// no silence that could end the turn.
const (
	timerAudioGap turn.TimerID = "audio_gap"
	maxAudioGap                = time.Second
)

func (s *Session) audioGap() {
	if !s.voiced {
		return
	}
	last := time.Duration(s.lastFrame.Load())
	if left := maxAudioGap - (s.now() - last); left > 0 {
		s.timers.set(timerAudioGap, left)
		return
	}
	s.voiced = false
	s.mark(stageVoiceStop, s.start.Add(last))
	s.step(turn.Event{Kind: turn.VoiceStop})
}

// syncPlayed tells the engine how far the ear is, before it decides over what was heard.
func (s *Session) syncPlayed() {
	if s.info.Marks {
		return // a phone's marks are the only proof
	}
	if epoch, at := s.player.position(); epoch > 0 && at > 0 {
		s.step(turn.Event{Kind: turn.Played, Epoch: epoch, Audio: at})
	}
}

// step runs the engine on one event and carries out what it asks for.
func (s *Session) step(ev turn.Event) {
	ev.At = s.now()
	// The engine's slice is valid until its next Step, and a command may lead to one.
	cmds := append([]turn.Command(nil), s.engine.Step(ev)...)
	for _, c := range cmds {
		s.do(c)
	}
	if s.o.Journal != nil {
		s.o.Journal.Step(ev, cmds) // after the deed: writing it down takes longer than doing it
	}
	for len(s.later) > 0 {
		next := s.later[0]
		s.later = s.later[1:]
		s.step(next)
	}
}
