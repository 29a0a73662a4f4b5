package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
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
	if o.fault.Mode == stage.ModeLate && o.fault.Hold(o.ctx) != nil {
		return unfinished
	}
	o.w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	o.w.Header().Set("Cache-Control", "no-cache, must-revalidate")
	o.w.WriteHeader(http.StatusOK)
	if o.fault.Mode == stage.ModeEmpty {
		a.pieces, a.calls, a.finish = nil, nil, "stop"
	}
	chunks := a.chunks(req)
	hurt := o.hurt(len(chunks))
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
	if o.fault.Mode == stage.ModeTwice {
		o.event(chunks[len(chunks)-1])
	}
	o.put([]byte("data: [DONE]\n\n"))
	if o.gone {
		return unfinished
	}
	return http.StatusOK
}

// hurt is the chunk before which the fault strikes: in the middle, after the first token, unless the fault says
// after how many tokens. The first chunk names the role only.
func (o *writer) hurt(chunks int) int {
	switch {
	case o.fault.After < 0:
		return 0
	case o.fault.After > 0:
		return min(1+o.fault.After, chunks-1)
	}
	return max(1, chunks/2)
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
	o.put(slices.Concat([]byte("data: "), encoded(c), []byte("\n")))
}

// encoded is a chunk as JSON, with a line feed.
func encoded(c wire.Chunk) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(c) // plain data
	return b.Bytes()
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
	case stage.ModeHuge:
		head, tail, _ := bytes.Cut(encoded(word("|")), []byte("|"))
		o.put(slices.Concat([]byte("data: "), head, bytes.Repeat([]byte("words "), stage.HugeBytes/6), tail, []byte("\n")))
	case stage.ModeEndless:
		for range maxEndless {
			if o.event(word(" and")); o.gone || o.fault.Pause(o.ctx) != nil {
				break
			}
		}
		return false
	case stage.ModeClose:
		return false
	case stage.ModeReset:
		o.gone = true
		stage.Abort(o.w, true)
		return false
	}
	return !o.gone
}

// maxEndless is enough for every listener to lose patience.
const maxEndless = 1_000_000

func word(text string) wire.Chunk {
	content, _ := json.Marshal(text) // a string always encodes
	return wire.Chunk{
		ID: "chatcmpl-endless", Object: "chat.completion.chunk",
		Choices: []wire.ChunkChoice{{Delta: wire.ChunkDelta{Content: content}}},
	}
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
