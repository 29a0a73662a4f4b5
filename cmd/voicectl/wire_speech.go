package main

import (
	"context"

	"github.com/voicectl/voicectl/internal/agent/chain"
	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/config"
	"github.com/voicectl/voicectl/internal/provider/cartesia"
	"github.com/voicectl/voicectl/internal/provider/guard"
	"github.com/voicectl/voicectl/internal/provider/openai"
	"github.com/voicectl/voicectl/internal/provider/speechmatics"
)

// endpoint is one vendor endpoint, by the name under which health tells of it.
type endpoint struct {
	name string
	down func() bool
}

// model makes the language model, with the second one behind it when there is one.
func model(s *serving, c config.OpenAI, observe func(guard.Observation)) (session.Responder, []endpoint) {
	temperature := c.Temperature
	o := openai.Options{
		BaseURL: c.BaseURL, Key: c.APIKey, Model: c.Model, Timeout: c.Timeout,
		Stall: c.Stall, MaxTokens: c.MaxTokens, Temperature: &temperature, Observe: observe,
	}
	first := openai.New(o)
	s.onStop(func(context.Context) error { first.Close(); return nil })
	s.idle = append(s.idle, first.Close)
	ends := []endpoint{{"openai", first.Open}}
	f := c.Fallback
	if f.BaseURL == "" {
		return chain.OpenAI{Client: first}, ends
	}
	o.BaseURL, o.Key, o.Model = f.BaseURL, f.APIKey, f.Model
	second := openai.New(o)
	s.onStop(func(context.Context) error { second.Close(); return nil })
	s.idle = append(s.idle, second.Close)
	return &chain.Responders{First: chain.OpenAI{Client: first}, Second: chain.OpenAI{Client: second}}, append(ends, endpoint{"openai_fallback", second.Open})
}

// ears makes the recognizer, with the second one behind it when there is one.
func ears(c config.Speechmatics, observe func(guard.Observation)) (session.Recognizer, []endpoint) {
	o := speechmatics.Options{
		URL: c.URL, Key: c.APIKey, Language: c.Language, Model: c.Model, MaxDelay: c.MaxDelay,
		EndOfUtteranceSilence: c.EndOfUtterance, StartTimeout: c.Timeout, Stall: c.Stall, Behind: c.Stall, Observe: observe,
	}
	first := speechmatics.New(o)
	ends := []endpoint{{"speechmatics", first.Down}}
	f := c.Fallback
	if f.URL == "" {
		return chain.Speechmatics{Client: first}, ends
	}
	o.URL, o.Key, o.Model = f.URL, f.APIKey, f.Model
	second := speechmatics.New(o)
	return &chain.Recognizers{First: chain.Speechmatics{Client: first}, Second: chain.Speechmatics{Client: second}}, append(ends, endpoint{"speechmatics_fallback", second.Down})
}

// voice makes the synthesizer, with the second one behind it when there is one, and the recorded apology behind
// all. warm opens the first one's socket.
func voice(s *serving, c config.Cartesia, observe func(guard.Observation)) (_ session.Synthesizer, _ []endpoint, warm func(context.Context) error) {
	o := cartesia.Options{
		BaseURL: c.BaseURL, Key: c.APIKey, Voice: c.Voice, Model: c.Model,
		Language: c.Language, DialTimeout: c.Timeout, Stall: c.Stall, Observe: observe,
	}
	first := cartesia.New(o)
	s.onStop(first.Close)
	ends := []endpoint{{"cartesia", first.Down}}
	out := &chain.Synthesizers{First: chain.Cartesia{Client: first}, Clip: new(chain.Clips).Apology}
	if f := c.Fallback; f.BaseURL != "" {
		o.BaseURL, o.Key, o.Voice, o.Model = f.BaseURL, f.APIKey, f.Voice, f.Model
		second := cartesia.New(o)
		s.onStop(second.Close)
		out.Second = chain.Cartesia{Client: second}
		ends = append(ends, endpoint{"cartesia_fallback", second.Down})
	}
	return out, ends, first.Prewarm
}
