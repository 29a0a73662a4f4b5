package chain

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/agent/turn"
)

// Responders is a language model with a second one behind it. The first is asked first unless its circuit is
// open; what it fails at, the second answers in the same turn:
//
//   - before any word: the same question;
//   - in the middle of the words: the same question with the words so far, and the request to go on where they
//     stop. What the second repeats of them from the beginning is left out, so that a model that starts anew
//     with the same words is heard once.
//   - after it has asked for tools: nothing is asked; the calls are whole and run.
type Responders struct {
	First, Second session.Responder
	budget        budget
}

var _ session.Responder = (*Responders)(nil)

// goOn asks a model to continue what another one has begun.
const goOn = "Your voice was cut off in the middle of your answer; the last message is what has been heard of it. " +
	"Go on exactly where it stops. Repeat nothing of it and make no remark about the interruption."

// Respond implements session.Responder.
func (r *Responders) Respond(ctx context.Context, req session.Request, sink func(session.Delta)) error {
	r.budget.asked()
	var said strings.Builder
	called := false
	first := r.First.Respond(ctx, req, func(d session.Delta) {
		said.WriteString(d.Text)
		called = called || len(d.Calls) > 0
		sink(d)
	})
	if first == nil || called || ctx.Err() != nil || ours(first) || !r.budget.allows(first) {
		return first
	}
	sink(session.Delta{Switched: first, At: time.Now()})
	rest := &rest{said: said.String(), sink: sink}
	if rest.said != "" {
		req.Messages = append(slices.Clip(req.Messages), turn.Message{Role: turn.Assistant, Text: rest.said}, turn.Message{Role: turn.System, Text: goOn})
	}
	second := r.Second.Respond(ctx, req, rest.take)
	if ctx.Err() == nil {
		r.budget.spent(first, second)
	}
	return second
}

// rest hands on what the second says beyond what the first had said.
type rest struct {
	said string
	held string // of the second, as long as it is no more than a repetition
	over bool   // the repetition, if there was one
	sink func(session.Delta)
}

// spaced keeps a model that starts anew from sticking to the last word of the one before. What goes on in the
// middle of a word begins with a small letter.
func spaced(said, more string) string {
	last, _ := utf8.DecodeLastRuneInString(said)
	next, _ := utf8.DecodeRuneInString(more)
	if (unicode.IsLetter(last) || unicode.IsPunct(last)) && unicode.IsUpper(next) {
		return " " + more
	}
	return more
}

func (r *rest) take(d session.Delta) {
	if !r.over && d.Text != "" {
		r.held += d.Text
		if strings.HasPrefix(r.said, r.held) {
			d.Text = ""
		} else {
			r.over = true
			d.Text = spaced(r.said, strings.TrimPrefix(r.held, r.said))
		}
	}
	if d.Text != "" || len(d.Calls) > 0 || d.Switched != nil {
		r.sink(d)
	}
}
