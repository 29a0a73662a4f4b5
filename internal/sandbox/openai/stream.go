package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"

	wire "github.com/voicectl/voicectl/internal/provider/openai"
	"github.com/voicectl/voicectl/internal/sandbox/planner"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

// writer puts one answer on the wire, with the fault that it shall suffer.
type writer struct {
	w     http.ResponseWriter
	ctx   context.Context //nolint:containedctx // lives as long as one request
	fault stage.Fault
	rec   *stage.Record
	pace  stage.Pacer
	gone  bool // nothing more can be written
}

// status of a request whose answer was not finished, in the recorder alone.
const unfinished = 499

// stream writes the answer as events: the role, a chunk a token, the finish reason, usage when it was
// asked for, [DONE].
func (o *writer) stream(a answer, req *request) int {
	o.w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	o.w.Header().Set("Cache-Control", "no-cache, must-revalidate")
	o.w.WriteHeader(http.StatusOK)
	chunks := a.chunks(req)
	hurt := max(1, len(chunks)/2) // a fault strikes in the middle, after the first token
	for i, c := range chunks {
		if i == hurt && !o.suffer() {
			return unfinished
		}
		if i > 1 && o.pace.Token(o.ctx) != nil {
			return unfinished
		}
		if i == min(1, len(chunks)-1) {
			o.rec.First() // the first token; the chunk before it names the role only
		}
		o.event(c)
		if o.gone {
			return unfinished
		}
	}
	o.put([]byte("data: [DONE]\n\n"))
	if o.gone {
		return unfinished
	}
	return http.StatusOK
}

// chunks lays the answer out. Alternatives (n > 1) follow one another; a client tells them by index.
func (a answer) chunks(req *request) []wire.Chunk {
	var out []wire.Chunk
	base := wire.Chunk{ID: a.id, Object: "chat.completion.chunk", Created: a.created, Model: a.model, ServiceTier: "default", SystemFingerprint: fingerprint}
	if req.IncludeUsage {
		base.Usage = json.RawMessage("null")
	}
	for n := range req.N {
		add := func(d wire.ChunkDelta, finish *string) {
			c := base
			c.Choices = []wire.ChunkChoice{{Index: n, Delta: d, FinishReason: finish}}
			out = append(out, c)
		}
		role := wire.ChunkDelta{Role: "assistant", Content: json.RawMessage(`""`)}
		if len(a.calls) > 0 {
			role.Content = json.RawMessage("null")
		}
		add(role, nil)
		for _, p := range a.pieces {
			text, _ := json.Marshal(p) // a string always encodes
			add(wire.ChunkDelta{Content: text}, nil)
		}
		for i, c := range a.calls {
			add(wire.ChunkDelta{ToolCalls: []wire.CallFragment{{Index: i, ID: c.ID, Type: c.Type, Function: wire.CallFunction{Name: c.Function.Name}}}}, nil)
			for _, p := range planner.Pieces(c.Function.Arguments) {
				add(wire.ChunkDelta{ToolCalls: []wire.CallFragment{{Index: i, Function: wire.CallFunction{Arguments: p}}}}, nil)
			}
		}
		add(wire.ChunkDelta{}, &a.finish)
	}
	if req.IncludeUsage {
		c := base
		c.Choices = []wire.ChunkChoice{}
		c.Usage, _ = json.Marshal(a.usage) // plain numbers
		out = append(out, c)
	}
	return out
}

func (o *writer) event(c wire.Chunk) {
	var b bytes.Buffer
	b.WriteString("data: ")
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(c) // plain data; the encoder ends with a line feed
	b.WriteByte('\n')
	o.put(b.Bytes())
}

// put writes and flushes, a byte at a time when the fault says so.
func (o *writer) put(b []byte) {
	step := len(b)
	if o.fault.Mode == stage.ModeDrip {
		step = 1
	}
	for len(b) > 0 && !o.gone {
		if _, err := o.w.Write(b[:step]); err != nil || http.NewResponseController(o.w).Flush() != nil {
			o.gone = true
			return
		}
		b = b[step:]
		if o.fault.Mode == stage.ModeDrip && o.fault.MS > 0 {
			o.gone = o.fault.Hold(o.ctx) != nil
		}
	}
}

// suffer lets the fault strike; false = the answer is over.
func (o *writer) suffer() bool {
	switch o.fault.Mode {
	case stage.ModeStall:
		return o.fault.Hold(o.ctx) == nil
	case stage.ModeMalformed:
		o.put([]byte("data: {\"id\":\"chatcmpl-broken\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"del\n\n"))
	case stage.ModeClose:
		return false
	case stage.ModeReset:
		o.gone = true
		stage.Abort(o.w, true)
		return false
	}
	return !o.gone
}

// whole writes the answer as one document. A fault strikes after its first half.
func (o *writer) whole(a answer, req *request) int {
	for range a.pieces {
		if o.pace.Token(o.ctx) != nil {
			return unfinished
		}
	}
	done := wire.Completion{
		ID: a.id, Object: "chat.completion", Created: a.created, Model: a.model, Usage: a.usage, ServiceTier: "default", SystemFingerprint: fingerprint,
		Choices: make([]wire.CompletionChoice, 0, req.N),
	}
	msg := wire.MessageBody{Role: "assistant", Content: json.RawMessage("null"), ToolCalls: a.calls}
	if len(a.calls) == 0 {
		msg.Content, _ = json.Marshal(strings.Join(a.pieces, "")) // a string always encodes
	}
	for n := range req.N {
		done.Choices = append(done.Choices, wire.CompletionChoice{Index: n, Message: msg, FinishReason: a.finish})
	}
	body, err := json.Marshal(done)
	if err != nil {
		return refuse(http.StatusInternalServerError, "", "", "The server had an error while processing your request. Sorry about that!").write(o.w)
	}
	o.w.Header().Set("Content-Type", "application/json")
	o.w.WriteHeader(http.StatusOK)
	o.rec.First()
	o.put(body[:len(body)/2])
	if o.fault.Mode != "" && o.fault.Mode != stage.ModeDrip && !o.suffer() {
		return unfinished
	}
	o.put(body[len(body)/2:])
	if o.gone {
		return unfinished
	}
	return http.StatusOK
}
