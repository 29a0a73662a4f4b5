package openai

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	wire "github.com/voicectl/voicectl/internal/provider/openai"
	"github.com/voicectl/voicectl/internal/sandbox/planner"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

const fingerprint = "fp_sandbox"

// answer is what the model says, cut into tokens.
type answer struct {
	id      string
	created int64
	model   string
	pieces  []string // of a text
	calls   []wire.CallBody
	finish  string
	usage   wire.UsageBody
}

func (h *handler) chat(w http.ResponseWriter, r *http.Request, rec *stage.Record, start time.Time) int {
	req, ref := read(w, r, rec)
	if ref != nil {
		return ref.write(w)
	}
	a := think(req)
	rec.Set("model", req.Model)
	rec.Set("stream", req.Stream)
	rec.Set("tools", req.toolNames())
	rec.Set("user", req.lastUser())
	if len(a.calls) > 0 {
		rec.Set("calls", callDetail(a.calls))
	} else {
		rec.Set("text", strings.Join(a.pieces, ""))
	}
	pace := h.stage.Pacer(stage.OpenAI)
	if pace.First(r.Context()) != nil {
		return 499 // the client left
	}
	headers(w.Header(), start)
	fault, _ := h.stage.Midway(stage.OpenAI, r.URL.Path)
	out := &writer{w: w, ctx: r.Context(), fault: fault, rec: rec, pace: pace}
	if req.Stream {
		return out.stream(a, req)
	}
	return out.whole(a, req)
}

// think lets the planner answer and shapes it into tokens.
func think(req *request) answer {
	in := planner.Input{OneCall: req.OneCall, Choice: planner.Choice{Mode: req.Choice.mode, Name: req.Choice.name}}
	for _, m := range req.Messages {
		msg := planner.Message{Role: m.Role, Text: m.text, CallID: m.ToolCallID, Name: m.Name}
		for _, c := range m.ToolCalls {
			msg.Calls = append(msg.Calls, planner.Call{ID: c.ID, Name: c.Function.Name, Arguments: c.Function.Arguments})
		}
		in.Messages = append(in.Messages, msg)
	}
	for _, t := range req.Tools {
		in.Tools = append(in.Tools, planner.Tool{Name: t.Function.Name, Description: t.Function.Description, Parameters: t.Function.Parameters})
	}
	p := planner.Plan(in)
	a := answer{id: "chatcmpl-" + rand.Text(), created: time.Now().Unix(), model: req.Model, finish: "stop"}
	for _, c := range p.Calls {
		a.calls = append(a.calls, wire.CallBody{ID: "call_" + rand.Text(), Type: "function", Function: wire.CallFunction{Name: c.Name, Arguments: c.Arguments}})
	}
	tokens := 0
	if len(a.calls) > 0 {
		a.finish = "tool_calls"
		if req.Choice.mode == "named" {
			a.finish = "stop" // as the vendor does when the call was forced
		}
		for _, c := range a.calls {
			tokens += 8 + len(planner.Pieces(c.Function.Arguments))
		}
	} else {
		text := p.Text
		for _, s := range req.Stop {
			if i := strings.Index(text, s); s != "" && i >= 0 {
				text = text[:i]
			}
		}
		a.pieces = planner.Pieces(text)
		if req.MaxTokens > 0 && len(a.pieces) > req.MaxTokens {
			a.pieces, a.finish = a.pieces[:req.MaxTokens], "length"
		}
		tokens = len(a.pieces)
	}
	a.usage = wire.UsageBody{PromptTokens: req.promptTokens, CompletionTokens: tokens * req.N, TotalTokens: req.promptTokens + tokens*req.N}
	return a
}

func (r *request) toolNames() []string {
	names := []string{}
	for _, t := range r.Tools {
		names = append(names, t.Function.Name)
	}
	return names
}

func (r *request) lastUser() string {
	for _, m := range slices.Backward(r.Messages) {
		if m.Role == "user" {
			return m.text
		}
	}
	return ""
}

func callDetail(calls []wire.CallBody) []map[string]any {
	var out []map[string]any
	for _, c := range calls {
		var args any
		if json.Unmarshal([]byte(c.Function.Arguments), &args) != nil {
			args = c.Function.Arguments
		}
		out = append(out, map[string]any{"id": c.ID, "name": c.Function.Name, "arguments": args})
	}
	return out
}
