package chain

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/agent/tools"
	"github.com/voicectl/voicectl/internal/agent/turn"
)

// Tools is a session's box of tools, limited to those its agent may use.
type Tools struct {
	box   *tools.Box
	specs []session.ToolSpec
	log   *slog.Logger
}

var _ session.Tools = (*Tools)(nil)

// NewTools makes the tools of one session. A name that does not exist is an error.
func NewTools(o tools.Options, names []string, log *slog.Logger) (*Tools, error) {
	t := &Tools{box: tools.New(o), log: log}
	all := t.box.Specs()
	for _, n := range names {
		i := slices.IndexFunc(all, func(s tools.Spec) bool { return s.Name == n })
		if i < 0 {
			return nil, fmt.Errorf("tools: no tool named %q", n)
		}
		t.specs = append(t.specs, session.ToolSpec{Name: n, Description: all[i].Description, Parameters: all[i].Parameters})
	}
	return t, nil
}

// Specs implements session.Tools.
func (t *Tools) Specs() []session.ToolSpec { return t.specs }

// BeginTurn implements session.Tools.
func (t *Tools) BeginTurn(userText string) { t.box.BeginTurn(userText) }

// Facts implements session.Tools.
func (t *Tools) Facts() string { return t.box.Facts().Prompt() }

// Forget erases what the session said and found.
func (t *Tools) Forget() { t.box.Forget() }

// Run implements session.Tools.
func (t *Tools) Run(ctx context.Context, call turn.ToolCall) session.ToolOutcome {
	if !slices.ContainsFunc(t.specs, func(s session.ToolSpec) bool { return s.Name == call.Name }) {
		return unknown(call.Name)
	}
	o := t.box.Run(ctx, call.Name, call.Arguments)
	if err := o.Err(); err != nil {
		t.log.Error("tool failed", "component", "tools", "tool", call.Name, "err", err) // a known name: an unknown one fails without a vendor
	}
	out := session.ToolOutcome{Result: result(o)}
	for i, b := range o.Before {
		id := call.ID + "-" + strconv.Itoa(i+1)
		r := result(b.Outcome)
		r.ID, r.Name, r.Took = id, b.Name, b.Outcome.Took
		out.Before = append(out.Before, session.ToolRun{Call: turn.ToolCall{ID: id, Name: b.Name, Arguments: b.Arguments}, Result: r})
		out.Messages = append(out.Messages, messages(b.Outcome)...)
	}
	out.Messages = append(out.Messages, messages(o)...)
	return out
}

// unknown refuses a name that was not offered. The model wrote it, so it is cut and quoted as data.
func unknown(name string) session.ToolOutcome {
	const class, most = "unknown_function", 64
	if len(name) > most {
		name = name[:most]
	}
	b, err := json.Marshal(map[string]any{"error": map[string]string{
		"class": class, "message": "unknown function: " + strings.ToValidUTF8(name, ""), "hint": "Only the functions that were offered exist.",
	}})
	if err != nil { // strings alone always encode
		b = []byte(`{"error":{"class":"unknown_function"}}`)
	}
	return session.ToolOutcome{Result: turn.ToolResult{Content: string(b), Class: class}}
}

func result(o tools.Outcome) turn.ToolResult {
	return turn.ToolResult{Content: o.Content, OK: o.OK, Class: o.Class}
}

// messages are what a client is shown besides the call itself.
func messages(o tools.Outcome) []any {
	var out []any
	if o.Chart != nil && !o.Cached {
		out = append(out, o.Chart)
	}
	if o.Mail != nil && !o.Cached {
		out = append(out, map[string]any{"type": "mail", "to": o.Mail.To, "client_id": o.Mail.ClientID})
	}
	return out
}
