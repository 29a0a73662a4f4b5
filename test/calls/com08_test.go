package calls_test

import (
	"context"
	"testing"

	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/ws"
)

// explosive panics when a tool runs, with the caller's words in the panic.
type explosive struct{ session.Tools }

func (explosive) Run(context.Context, turn.ToolCall) session.ToolOutcome {
	panic("zanzibar walrus@example.com")
}

// COM-08: a panic in one session ends that session with 1011 and nothing else; its value is not logged.
func TestCOM08_PanicEndsOneSession(t *testing.T) {
	t.Parallel()
	h := open(t, plan{tools: func(inner session.Tools) session.Tools { return explosive{inner} }})
	other, victim := h.page(visit{}), h.page(visit{})
	victim.typed(question)
	if code, _ := victim.closed(); code != ws.CloseInternal {
		t.Errorf("closed with %d, want 1011", code)
	}
	if a := other.ask("Hello"); a.text == "" {
		t.Error("the other session is hurt")
	}
	if len(h.logs.lines("panic in a session")) != 1 {
		t.Errorf("the panic is not in the log: %s", h.logs)
	}
	wantClean(t, h.logs.String())
	h.page(visit{}).ask("Hello")
}
