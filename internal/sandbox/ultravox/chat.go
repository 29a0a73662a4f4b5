package ultravox

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	wire "github.com/voicectl/voicectl/internal/provider/openai"
	"github.com/voicectl/voicectl/internal/sandbox/planner"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

const maxBody = 16 << 20

// question is what is read of a request.
type question struct {
	Model      string          `json:"model"`
	Stream     bool            `json:"stream"`
	MaxTokens  *int            `json:"max_tokens"`
	Completion *int            `json:"max_completion_tokens"`
	Tools      json.RawMessage `json:"tools"`
	Options    struct {
		Usage bool `json:"include_usage"`
	} `json:"stream_options"`
	Messages []struct {
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	} `json:"messages"`
}

func (s *server) chat(w http.ResponseWriter, r *http.Request, rec *stage.Record) int {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return fail(w, http.StatusRequestEntityTooLarge, "BadRequestError", "the body is too large")
	}
	var q question
	if err := json.Unmarshal(raw, &q); err != nil {
		return fail(w, http.StatusBadRequest, "BadRequestError", "the body is not the JSON that was expected")
	}
	rec.Complete()
	rec.Set("model", q.Model)
	rec.Set("stream", q.Stream)
	switch {
	case q.Model != Model:
		return fail(w, http.StatusNotFound, "NotFoundError", "The model `"+clip(q.Model)+"` does not exist.")
	case len(q.Messages) == 0:
		return fail(w, http.StatusBadRequest, "BadRequestError", "messages: list should have at least 1 item")
	case len(q.Tools) > 0 && string(q.Tools) != "null" && string(q.Tools) != "[]":
		return fail(w, http.StatusBadRequest, "BadRequestError", `"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set`)
	}
	in := planner.Input{Choice: planner.Choice{Mode: "none"}}
	words, heard := 0, 0
	for _, m := range q.Messages {
		text, sounds, err := read(m.Content)
		if err != nil {
			return fail(w, http.StatusBadRequest, "BadRequestError", err.Error())
		}
		heard += sounds
		words += len(strings.Fields(text))
		in.Messages = append(in.Messages, planner.Message{Role: m.Role, Text: text})
	}
	rec.Set("sounds", heard)
	rec.Set("user", in.Messages[len(in.Messages)-1].Text)
	pieces, finish := planner.Pieces(planner.Plan(in).Text), "stop"
	for _, most := range []*int{q.MaxTokens, q.Completion} {
		if most != nil && *most > 0 && *most < len(pieces) {
			pieces, finish = pieces[:*most], "length"
		}
	}
	rec.Set("text", strings.Join(pieces, ""))
	pace := s.stage.Pacer(stage.Ultravox)
	if pace.First(r.Context()) != nil {
		return 499 // the client left
	}
	s.promptWords.Add(int64(words))
	s.saidWords.Add(int64(len(pieces)))
	a := answer{id: "chatcmpl-" + strings.ReplaceAll(uuid.NewString(), "-", ""), created: s.stage.Now().Unix(), pieces: pieces, finish: finish, prompt: words}
	fault, faulty := s.stage.Midway(stage.Ultravox, r.URL.Path)
	if faulty {
		rec.Set("fault", fault.Mode)
	}
	status := a.send(w, r, q, fault, pace, rec)
	if status == http.StatusOK {
		s.done.Add(1)
	}
	return status
}

// answer is what the model says, cut into tokens.
type answer struct {
	id      string
	created int64
	pieces  []string
	finish  string
	prompt  int // tokens of the question
}

func (a answer) usage() map[string]any {
	return map[string]any{"prompt_tokens": a.prompt, "completion_tokens": len(a.pieces), "total_tokens": a.prompt + len(a.pieces), "prompt_tokens_details": nil}
}

// send puts an answer on the wire. A fault strikes in its middle.
func (a answer) send(w http.ResponseWriter, r *http.Request, q question, fault stage.Fault, pace stage.Pacer, rec *stage.Record) int {
	switch fault.Mode {
	case stage.ModeReset, stage.ModeClose:
		stage.Abort(w, fault.Mode == stage.ModeReset)
		return 499
	case stage.ModeStall, stage.ModeLate:
		if fault.Hold(r.Context()) != nil {
			return 499
		}
	case stage.ModeEmpty:
		a.pieces = nil
	case stage.ModeMalformed:
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":"chatcmpl-`)
		return http.StatusOK
	}
	rec.First()
	if q.Stream {
		return a.stream(r.Context(), w, q.Options.Usage, pace)
	}
	for range a.pieces {
		if pace.Token(r.Context()) != nil {
			return 499
		}
	}
	return write(w, http.StatusOK, map[string]any{
		"id": a.id, "object": "chat.completion", "created": a.created, "model": Model, "usage": a.usage(), "prompt_logprobs": nil,
		"choices": []any{map[string]any{
			"index": 0, "message": map[string]any{"role": "assistant", "content": strings.Join(a.pieces, ""), "tool_calls": []any{}, "reasoning_content": nil},
			"logprobs": nil, "finish_reason": a.finish, "stop_reason": nil,
		}},
	})
}

func (a answer) stream(ctx context.Context, w http.ResponseWriter, usage bool, pace stage.Pacer) int {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	control := http.NewResponseController(w)
	put := func(c wire.Chunk) bool {
		b, err := json.Marshal(c)
		if err != nil {
			return false
		}
		_, err = w.Write(slices.Concat([]byte("data: "), b, []byte("\n\n")))
		return err == nil && control.Flush() == nil
	}
	base := wire.Chunk{ID: a.id, Object: "chat.completion.chunk", Created: a.created, Model: Model}
	say := func(d wire.ChunkDelta, finish *string) bool {
		c := base
		c.Choices = []wire.ChunkChoice{{Delta: d, FinishReason: finish}}
		return put(c)
	}
	if !say(wire.ChunkDelta{Role: "assistant", Content: json.RawMessage(`""`)}, nil) {
		return 499
	}
	for _, p := range a.pieces {
		text, _ := json.Marshal(p) // a string always encodes
		if pace.Token(ctx) != nil || !say(wire.ChunkDelta{Content: text}, nil) {
			return 499
		}
	}
	if !say(wire.ChunkDelta{}, &a.finish) {
		return 499
	}
	if usage {
		c := base
		c.Choices = []wire.ChunkChoice{}
		c.Usage, _ = json.Marshal(a.usage()) // plain numbers
		if !put(c) {
			return 499
		}
	}
	_, _ = io.Copy(w, bytes.NewReader([]byte("data: [DONE]\n\n")))
	return http.StatusOK
}

func clip(s string) string {
	if len(s) > 100 {
		s = s[:100]
	}
	return strings.ToValidUTF8(s, "")
}
