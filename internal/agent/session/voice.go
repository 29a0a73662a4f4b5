package session

import (
	"context"
	"time"

	"github.com/voicectl/voicectl/internal/agent/turn"
)

// voice keeps the runs of speech of one answer in order. A run is what one stream of the synthesizer
// says: a filler and the answer after it are two, and the second may be ready before the first is out.
type voice struct {
	s    *Session
	runs []*run
	base time.Duration // sound of the runs that are over
	ids  int32
}

type run struct {
	id     int32
	speech Speech
	closed bool // End was said
	done   bool // all sound has come
	audio  time.Duration
	held   []*Sound // waits for the runs before
}

func (v *voice) speak(ctx context.Context, text string) error {
	if len(v.runs) == 0 || v.runs[len(v.runs)-1].closed {
		v.ids++
		id, epoch := v.ids, v.s.engine.Epoch()
		sp, err := v.s.o.Synthesizer.Open(ctx, v.s.info.Out, func(snd Sound) {
			if len(snd.Audio) > 0 {
				snd.Audio = append([]byte(nil), snd.Audio...)
			}
			v.s.send(ctx, item{kind: itemSound, epoch: epoch, n: id, what: &snd})
		})
		if err != nil {
			return err
		}
		v.runs = append(v.runs, &run{id: id, speech: sp})
	}
	return v.runs[len(v.runs)-1].speech.Say(text)
}

func (v *voice) endRun() error {
	if n := len(v.runs); n > 0 && !v.runs[n-1].closed {
		v.runs[n-1].closed = true
		return v.runs[n-1].speech.End()
	}
	return nil
}

func (v *voice) cancel() {
	for _, r := range v.runs {
		r.speech.Cancel()
	}
	v.runs, v.base = nil, 0
}

// sound takes what came of run id.
func (v *voice) sound(id int32, snd *Sound) {
	for i, r := range v.runs {
		if r.id != id {
			continue
		}
		if i > 0 {
			r.held = append(r.held, snd)
			return
		}
		v.play(r, snd)
		break
	}
	for len(v.runs) > 0 && v.runs[0].done {
		v.base += v.runs[0].audio
		v.runs = v.runs[1:]
		if len(v.runs) == 0 {
			v.s.player.end(v.s.engine.Epoch())
			v.s.step(turn.Event{Kind: turn.SpeechDone, Epoch: v.s.engine.Epoch()})
			return
		}
		head := v.runs[0]
		held := head.held
		head.held = nil
		for _, h := range held {
			v.play(head, h)
		}
	}
}

func (v *voice) play(r *run, snd *Sound) {
	epoch := v.s.engine.Epoch()
	if snd.Switched != nil {
		v.s.switched("synthesizer", snd.Switched)
	}
	if snd.Err != nil {
		v.s.o.Log.Error("speech failed", "component", "synthesizer", "err", snd.Err)
		v.s.step(turn.Event{Kind: turn.SpeechFailed, Epoch: epoch, Text: class(snd.Err)})
		return
	}
	if len(snd.Audio) > 0 {
		d := v.s.info.Out.Duration(len(snd.Audio))
		r.audio += d
		v.s.mark(stageFirstSound, snd.At)
		v.s.player.add(epoch, snd.Audio)
		v.s.step(turn.Event{Kind: turn.SpeechAudio, Epoch: epoch, Audio: d})
	}
	if len(snd.Words) > 0 {
		words := make([]turn.Word, len(snd.Words))
		for i, w := range snd.Words {
			words[i] = turn.Word{Text: w.Text, Start: w.Start + v.base, End: w.End + v.base}
		}
		v.s.step(turn.Event{Kind: turn.SpeechWords, Epoch: epoch, Words: words})
	}
	if snd.Done {
		r.done = true
	}
}
