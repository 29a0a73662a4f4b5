package session

import (
	"context"
	"math"
	"time"

	"github.com/voicectl/voicectl/internal/agent/turn"
)

// What a caller hears when the session's own code has failed: a short apology in the agent's voice, or the
// recorded one when that voice is not there within apologyWait. Then the line is closed, after apologyTime at
// the latest.
const (
	apologyWait  = time.Second
	apologyTime  = 6 * time.Second
	apologyEpoch = turn.Epoch(math.MaxInt32) // after all that an engine can have begun
	apologyWords = "Sorry, something went wrong on my side. Please try again."
)

// apologize says the last words of a session whose code has failed. The engine is trusted with nothing any
// more; the player and the line live until finish.
func (s *Session) apologize(parent context.Context) {
	words := s.o.Turn.Apologies[""]
	if words == "" {
		words = apologyWords
	}
	ctx, cancel := context.WithTimeout(parent, apologyTime)
	defer cancel()
	s.cancelReply()
	s.voice.cancel()
	s.player.clear()
	s.player.put(Out{Kind: OutNote, Note: turn.Note{Kind: turn.NoteError, Text: words, Fatal: true}})
	if !s.sayLast(ctx, words) && !s.playLast() {
		return
	}
	s.player.end(apologyEpoch)
	s.await(ctx, s.player.left)
}

// sayLast lets the synthesizer speak; false when no sound of it came in time.
func (s *Session) sayLast(ctx context.Context, words string) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sounds := make(chan Sound)
	speech, err := s.o.Synthesizer.Open(ctx, s.info.Out, func(snd Sound) {
		snd.Audio = append([]byte(nil), snd.Audio...)
		select {
		case sounds <- snd:
		case <-ctx.Done():
		}
	})
	if err != nil {
		return false
	}
	defer func() { cancel(); speech.Cancel() }()
	if speech.Say(words) != nil || speech.End() != nil {
		return false
	}
	t := s.o.Clock.NewTimer(apologyWait)
	defer t.Stop()
	late := t.C()
	for heard := false; ; {
		select {
		case snd := <-sounds:
			if len(snd.Audio) > 0 {
				heard, late = true, nil
				s.player.add(apologyEpoch, snd.Audio)
			}
			if snd.Done || snd.Err != nil {
				return heard
			}
		case <-late:
			return false
		case <-s.gone:
			return heard
		case <-ctx.Done():
			return heard
		}
	}
}

// playLast plays the recorded apology.
func (s *Session) playLast() bool {
	if s.o.Clip == nil {
		return false
	}
	clip := s.o.Clip(s.info.Out)
	if len(clip) > 0 {
		s.player.add(apologyEpoch, clip)
	}
	return len(clip) > 0
}

// await waits until nothing is left to be heard.
func (s *Session) await(ctx context.Context, left func() time.Duration) {
	t := s.o.Clock.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-t.C():
		case <-s.gone:
			return
		case <-ctx.Done():
			return
		}
		d := left()
		if d <= 0 {
			return
		}
		t.Reset(min(d, 100*time.Millisecond))
	}
}
