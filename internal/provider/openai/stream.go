package openai

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	api "github.com/sashabaranov/go-openai"

	"github.com/voicectl/voicectl/internal/provider/guard"
)

const (
	maxText   = 32 << 10 // of one answer, in bytes: an hour of speech; what follows is cut off
	maxAnswer = time.Minute
	drainWait = 100 * time.Millisecond
)

// errEnough ends an answer that does not end by itself. It is no failure: what came is said.
var errEnough = errors.New("the answer is longer than anybody listens to")

// Stream asks the model and calls sink with every piece of its answer, in order, from this goroutine.
// It returns when the answer is complete, when sink returns an error (class Cancelled), or when ctx
// ends. It never asks twice: a half-spoken answer cannot be taken back. Errors are *guard.Error.
func (c *Client) Stream(ctx context.Context, r ChatRequest, sink func(Delta) error) (Usage, error) {
	done, err := c.guard.Begin("chat")
	if err != nil {
		return Usage{}, err
	}
	tools, err := c.encode(r.Tools)
	if err != nil {
		return Usage{}, done(&guard.Error{Vendor: vendor, Class: guard.BadRequest, Err: err}, false)
	}
	s := &streaming{client: c, exchange: &exchange{http: c.o.HTTP, tools: tools}, sink: sink}
	err = s.run(ctx, c.request(r))
	return s.usage, done(err, false)
}

// streaming is one answer on its way.
type streaming struct {
	client   *Client
	exchange *exchange
	sink     func(Delta) error
	calls    calls
	usage    Usage
	text     int
	began    bool // the first token is here
	finish   string
}

func (s *streaming) run(parent context.Context, req api.ChatCompletionRequest) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	late := time.AfterFunc(s.client.o.Timeout, func() {
		cancel(&guard.Error{Vendor: vendor, Class: guard.Timeout, Err: fmt.Errorf("no first token within %s", s.client.o.Timeout)})
	})
	defer late.Stop()
	whole := time.AfterFunc(maxAnswer, func() {
		cancel(&guard.Error{Vendor: vendor, Class: guard.Timeout, Err: fmt.Errorf("the answer is not over after %s", maxAnswer)})
	})
	defer whole.Stop()
	stream, err := s.client.api(s.exchange).CreateChatCompletionStream(ctx, req)
	if err != nil {
		return s.failed(parent, ctx, err)
	}
	defer func() { _ = stream.Close() }()
	stall := time.AfterFunc(time.Hour, func() {
		cancel(&guard.Error{
			Vendor: vendor, Class: guard.Timeout,
			Err: fmt.Errorf("no token for %s in the middle of the answer", s.client.o.Stall),
		})
	})
	defer stall.Stop()
	var waited time.Duration // since the last token; the time that sink takes is not the vendor's
	for {
		if s.began {
			late.Stop()
			stall.Reset(s.client.o.Stall - waited)
		}
		from := time.Now()
		chunk, rerr := stream.Recv()
		stall.Stop()
		waited += time.Since(from)
		if errors.Is(rerr, io.EOF) || errors.Is(rerr, errCut) && s.finish != "" {
			break // some servers send no [DONE]; a finish reason says as well that nothing is missing
		}
		if rerr != nil {
			return s.failed(parent, ctx, rerr)
		}
		if holdsToken(chunk) {
			s.began, waited = true, 0
		}
		err = s.take(chunk)
		if errors.Is(err, errEnough) {
			s.finish = string(api.FinishReasonLength)
			return s.end()
		}
		if err != nil {
			return err
		}
	}
	if err = s.end(); err != nil {
		return err
	}
	hurry := time.AfterFunc(drainWait, func() { cancel(nil) })
	defer hurry.Stop()
	s.exchange.event.drain()
	return nil
}

// holdsToken tells a chunk that carries something from one that only keeps the stream open.
func holdsToken(chunk api.ChatCompletionStreamResponse) bool {
	for _, ch := range chunk.Choices {
		d := ch.Delta
		if d.Content != "" || d.Refusal != "" || d.ReasoningContent != "" || len(d.ToolCalls) > 0 || ch.FinishReason != "" {
			return true
		}
	}
	return false
}

func (s *streaming) take(chunk api.ChatCompletionStreamResponse) error {
	if u := chunk.Usage; u != nil {
		s.usage = Usage{PromptTokens: u.PromptTokens, CompletionTokens: u.CompletionTokens, TotalTokens: u.TotalTokens}
		if d := u.PromptTokensDetails; d != nil {
			s.usage.CachedTokens = d.CachedTokens
		}
		if d := u.CompletionTokensDetails; d != nil {
			s.usage.ReasoningTokens = d.ReasoningTokens
		}
	}
	for _, ch := range chunk.Choices {
		if ch.Index != 0 {
			continue // only one answer was asked for
		}
		text := ch.Delta.Content + ch.Delta.Refusal
		enough := s.text+len(text) > maxText
		if enough {
			text = clip(text, maxText-s.text)
		}
		s.text += len(text)
		if text != "" {
			if err := s.give(Delta{Text: text}); err != nil {
				return err
			}
		}
		if enough {
			return errEnough
		}
		for _, f := range ch.Delta.ToolCalls {
			if err := s.calls.add(f); err != nil {
				return protocol(err, s.exchange.id)
			}
		}
		if ch.FinishReason != "" {
			s.finish = string(ch.FinishReason)
		}
	}
	if s.finish == string(api.FinishReasonToolCalls) {
		return s.deliver() // do not wait for usage and [DONE]: the tool can run now
	}
	return nil
}

// deliver hands the calls on, once.
func (s *streaming) deliver() error {
	list := s.calls.whole()
	if len(list) == 0 {
		return nil
	}
	if s.finish == string(api.FinishReasonLength) {
		for _, c := range list {
			if !json.Valid([]byte(c.Arguments)) {
				return protocol(errors.New("the token limit cut a tool call"), s.exchange.id)
			}
		}
	}
	return s.give(Delta{ToolCalls: list})
}

func (s *streaming) end() error {
	if s.finish == "" {
		if !s.began {
			return protocol(errors.New("the stream held no answer"), s.exchange.id)
		}
		s.finish = string(api.FinishReasonStop)
	}
	if s.text == 0 && len(s.calls.list) == 0 && s.finish == string(api.FinishReasonStop) {
		return &guard.Error{Vendor: vendor, Class: guard.Empty, RequestID: s.exchange.id, Err: errors.New("the answer holds nothing")}
	}
	if err := s.deliver(); err != nil {
		return err
	}
	return s.give(Delta{Finish: s.finish})
}

func (s *streaming) give(d Delta) error {
	if err := s.sink(d); err != nil {
		return &guard.Error{Vendor: vendor, Class: guard.Cancelled, RequestID: s.exchange.id, Err: err}
	}
	return nil
}

// failed names the class of what ended the stream. Our own cancellations are told from the vendor's
// failures by the cause of the context.
func (s *streaming) failed(parent, ctx context.Context, err error) error {
	var ge *guard.Error
	if perr := parent.Err(); perr != nil {
		return &guard.Error{Vendor: vendor, Class: guard.Classify(perr), RequestID: s.exchange.id, Err: perr}
	}
	if errors.As(context.Cause(ctx), &ge) {
		out := *ge
		out.RequestID = s.exchange.id
		return &out
	}
	if !s.exchange.asked { // refused by the library before anything went out
		return &guard.Error{Vendor: vendor, Class: guard.BadRequest, Err: err}
	}
	sorted := sort(err)
	if errors.As(sorted, &ge) && ge.RequestID == "" {
		ge.RequestID = s.exchange.id
	}
	return sorted
}

// sort puts an error of the library into a class.
func sort(err error) error {
	var (
		ge     *guard.Error
		syntax *json.SyntaxError
		typ    *json.UnmarshalTypeError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &ge):
		return ge
	case errors.As(err, &syntax), errors.As(err, &typ), errors.Is(err, errCut), errors.Is(err, errTooLarge):
		return protocol(err, "")
	}
	return &guard.Error{Vendor: vendor, Class: guard.Classify(err), Err: err}
}
