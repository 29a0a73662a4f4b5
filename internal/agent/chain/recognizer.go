package chain

import (
	"context"

	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/media"
	"github.com/voicectl/voicectl/internal/provider/speechmatics"
)

// Speechmatics is the recognizer by Speechmatics.
type Speechmatics struct{ Client *speechmatics.Client }

var _ session.Recognizer = Speechmatics{}

// Open implements session.Recognizer.
func (r Speechmatics) Open(ctx context.Context, f media.Format, sink func(session.Heard)) (session.Hearing, error) {
	st, err := r.Client.Open(ctx, f, func(ev speechmatics.Event) { sink(heard(ev)) })
	if err != nil {
		return nil, err
	}
	return st, nil
}

func heard(ev speechmatics.Event) session.Heard {
	h := session.Heard{Text: ev.Text, Start: ev.Start, End: ev.End, At: ev.At}
	switch ev.Kind {
	case speechmatics.Partial:
		h.Kind = turn.Partial
	case speechmatics.Final:
		h.Kind = turn.Final
	case speechmatics.EndOfUtterance:
		h.Kind = turn.EndOfUtterance
	case speechmatics.Failed:
		h.Kind, h.Err = turn.HeardFailed, ev.Err
	}
	return h
}
