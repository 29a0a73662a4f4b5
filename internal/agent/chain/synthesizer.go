package chain

import (
	"context"

	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/provider/cartesia"
)

// Cartesia is the voice by Cartesia.
type Cartesia struct{ Client *cartesia.Client }

var _ session.Synthesizer = Cartesia{}

// Open implements session.Synthesizer.
func (c Cartesia) Open(ctx context.Context, f media.Format, sink func(session.Sound)) (session.Speech, error) {
	sp, err := c.Client.Open(ctx, f, func(ev cartesia.Event) { sink(sound(ev)) })
	if err != nil {
		return nil, err
	}
	return sp, nil
}

func sound(ev cartesia.Event) session.Sound {
	s := session.Sound{At: ev.At}
	switch ev.Kind {
	case cartesia.Audio:
		s.Audio = ev.Data
	case cartesia.Words:
		s.Words = make([]turn.Word, len(ev.Words))
		for i, w := range ev.Words {
			s.Words[i] = turn.Word{Text: w.Text, Start: w.Start, End: w.End}
		}
	case cartesia.Complete:
		s.Done = true
	case cartesia.Failed:
		s.Err = ev.Err
	}
	return s
}
