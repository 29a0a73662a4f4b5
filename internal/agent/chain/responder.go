package chain

import (
	"context"
	"time"

	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/provider/openai"
)

// OpenAI is the language model by OpenAI, or by a server that speaks its language.
type OpenAI struct{ Client *openai.Client }

var _ session.Responder = OpenAI{}

// Respond implements session.Responder.
func (r OpenAI) Respond(ctx context.Context, req session.Request, sink func(session.Delta)) error {
	ask := openai.ChatRequest{Messages: make([]openai.Message, 0, len(req.Messages)+1), Tools: make([]openai.Tool, len(req.Tools))}
	if req.System != "" {
		ask.Messages = append(ask.Messages, openai.Message{Role: string(turn.System), Text: req.System})
	}
	for _, m := range req.Messages {
		ask.Messages = append(ask.Messages, message(m))
	}
	for i, t := range req.Tools {
		ask.Tools[i] = openai.Tool{Name: t.Name, Description: t.Description, Parameters: t.Parameters}
	}
	_, err := r.Client.Stream(ctx, ask, func(d openai.Delta) error {
		out := session.Delta{Text: d.Text, At: time.Now()}
		for _, c := range d.ToolCalls {
			out.Calls = append(out.Calls, turn.ToolCall{ID: c.ID, Name: c.Name, Arguments: c.Arguments})
		}
		if out.Text != "" || len(out.Calls) > 0 {
			sink(out)
		}
		return ctx.Err()
	})
	return err
}

func message(m turn.Message) openai.Message {
	out := openai.Message{Role: string(m.Role), Text: m.Text, ToolCallID: m.ID}
	for _, c := range m.Calls {
		out.ToolCalls = append(out.ToolCalls, openai.ToolCall{ID: c.ID, Name: c.Name, Arguments: c.Arguments})
	}
	return out
}
