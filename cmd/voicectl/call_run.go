package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/peer"
	"github.com/voicectl/voicectl/internal/sandbox"
	"github.com/voicectl/voicectl/internal/secret"
	"github.com/voicectl/voicectl/internal/trace"
)

// placedCall is a call in progress.
type placedCall struct {
	o      *CallOptions
	proc   *Proc
	target target
	sound  *os.File
	events []trace.Event

	peer      peer.Peer
	sessionID string
	callSID   string
	texts     []string // decoded, of the agent
	broken    int      // decoded, but not whole
	audible   int      // answers of which something was heard
	warnings  []string
	closed    string
}

// CallResult is what `voicectl call -o json` prints.
type CallResult struct {
	URL      string       `json:"url"`
	Line     string       `json:"line"` // phone or browser
	Session  string       `json:"session,omitempty"`
	Answered bool         `json:"answered"` // every utterance was followed by sound of the agent
	Decoded  bool         `json:"decoded"`  // and the words in it were understood
	Heard    []string     `json:"heard"`
	Turns    []trace.Turn `json:"turns"`
	Warnings []string     `json:"warnings,omitempty"`
	Stats    peer.Stats   `json:"stats"`
	AgentLog bool         `json:"agent_events"` // the agent's own events were merged
	ExitCode int          `json:"exit_code"`
}

func (r CallResult) verdict() error {
	switch {
	case !r.Answered:
		return failed(errors.New("no answer was heard"), "see the timeline with --trace FILE and `voicectl replay FILE`")
	case !r.Decoded:
		return inconclusive(errors.New("an answer was heard, but its words could not be understood"), "an agent with a real voice is judged by ear: listen to --record FILE")
	}
	return nil
}

func (c *placedCall) run(ctx context.Context, lines []utterance) (CallResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var raw bytes.Buffer
	tr := trace.NewWriter(&raw, trace.WriterOptions{Side: trace.Caller})
	opts := peer.Options{URL: c.target.url.String(), Trace: tr, Listen: true}
	var rec *peer.Recorder
	if c.sound != nil {
		rate := 24000
		if c.target.phone {
			rate = 8000
		}
		var err error
		if rec, err = peer.NewRecorder(c.sound, rate); err != nil {
			return CallResult{}, fmt.Errorf("call: record: %w", err)
		}
		opts.Recorder = rec
	}
	if err := c.dial(ctx, opts); err != nil {
		return CallResult{}, err
	}
	err := c.talk(ctx, lines)
	stats := c.peer.Stats()
	cerr := c.peer.Close()
	for e := range c.peer.Events() {
		c.note(e)
	}
	if rec != nil {
		cerr = errors.Join(cerr, rec.Close())
	}
	if err != nil {
		return CallResult{}, err
	}
	if cerr != nil {
		c.proc.UI.Say("hang-up: %v", cerr)
	}
	if c.events, err = trace.Read(&raw); err != nil {
		return CallResult{}, fmt.Errorf("call: own trace: %w", err)
	}
	merged := c.merge(ctx)
	want := max(1, len(lines))
	r := CallResult{
		URL: c.o.url, Line: "browser", Session: c.sessionID, Heard: c.texts, Turns: trace.Turns(shown(c.events)), Warnings: c.warnings,
		Stats: stats, AgentLog: merged, Answered: c.audible >= want,
	}
	if c.target.phone {
		r.Line = "phone"
	}
	if r.Heard == nil {
		r.Heard = []string{}
	}
	r.Decoded = r.Answered && len(c.texts) >= want && c.broken == 0
	r.ExitCode = exitCodeOf(ctx, r.verdict())
	return r, nil
}

func (c *placedCall) dial(ctx context.Context, opts peer.Options) error {
	p := c.proc
	if c.target.phone {
		token := p.Getenv("TWILIO_AUTH_TOKEN")
		if token == "" {
			token = sandbox.AuthToken
		}
		ph, err := peer.CallTwilio(ctx, peer.PhoneOptions{Options: opts, AuthToken: secret.New(token), AccountSID: p.Getenv("TWILIO_ACCOUNT_SID")})
		if err != nil {
			return failed(fmt.Errorf("call %s: %w", c.target.url.Redacted(), err), callHints(err)...)
		}
		c.peer, c.callSID = ph, ph.CallSID()
		return nil
	}
	key, _, _ := strings.Cut(p.Getenv("VOICECTL_API_KEYS"), ",")
	br, err := peer.CallRTVI(ctx, peer.BrowserOptions{Options: opts, APIKey: secret.New(strings.TrimSpace(key)), FlushOnInterrupt: true})
	if err != nil {
		return failed(fmt.Errorf("call %s: %w", c.target.url.Redacted(), err), callHints(err)...)
	}
	c.peer = br
	return nil
}

func callHints(err error) []string {
	var we *peer.WebhookError
	switch {
	case errors.As(err, &we) && (we.Status == 403 || we.Status == 401):
		return []string{"the server did not take the signature: set TWILIO_AUTH_TOKEN to the server's, and call the very URL that its PUBLIC_URL says"}
	case strings.Contains(err.Error(), "connection refused"):
		return []string{"is the server running? start one with `voicectl serve --sandbox --dev`"}
	}
	return nil
}

// talk says each utterance after the agent has finished, and waits for its answer.
func (c *placedCall) talk(ctx context.Context, lines []utterance) error {
	// The greeting, if there is one.
	if err := c.listen(ctx, 3*time.Second, len(lines) == 0); err != nil {
		return err
	}
	for _, u := range lines {
		if c.closed != "" {
			return nil
		}
		switch {
		case u.typed:
			if err := c.peer.SendText(u.text); err != nil {
				return failed(fmt.Errorf("call: type: %w", err))
			}
		default:
			if err := c.await(ctx, c.peer.Speak(u.text, u.samples, u.rate)); err != nil {
				return err
			}
		}
		if err := c.listen(ctx, c.o.timeout, true); err != nil {
			return err
		}
	}
	return nil
}

// await waits for done while it reads the events.
func (c *placedCall) await(ctx context.Context, done <-chan struct{}) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-done:
			return nil
		case e, ok := <-c.peer.Events():
			if !ok {
				return nil
			}
			c.note(e)
		}
	}
}

// listen waits until the agent has begun to sound, for the limit at most, and then until it is quiet.
func (c *placedCall) listen(ctx context.Context, limit time.Duration, answer bool) error {
	heard, speaking := false, false
	t := time.NewTimer(limit)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
			if speaking {
				t.Reset(c.o.settle)
				continue
			}
			if heard && answer {
				c.audible++
			}
			return nil
		case e, ok := <-c.peer.Events():
			if !ok {
				if heard && answer {
					c.audible++
				}
				return nil
			}
			c.note(e)
			switch e.Kind { //nolint:exhaustive // the others say nothing about sound
			case peer.SpeechStarted:
				heard, speaking = true, true
			case peer.SpeechStopped, peer.Heard:
				speaking = e.Kind == peer.Heard && speaking
				heard = true
				t.Reset(c.o.settle)
			case peer.AudioFirst:
				t.Reset(max(c.o.settle, limit))
			}
		}
	}
}

func (c *placedCall) note(e peer.Event) {
	switch e.Kind { //nolint:exhaustive // the trace has them all
	case peer.Heard:
		c.texts = append(c.texts, e.Text)
		if !e.OK {
			c.broken++
		}
	case peer.Warning:
		c.warnings = append(c.warnings, e.Text)
	case peer.Closed:
		c.closed = "closed"
	case peer.Message:
		var m struct {
			Type      string `json:"type"`
			SessionID string `json:"session_id"`
		}
		if e.Type == "server-message" && json.Unmarshal(e.Data, &m) == nil && m.Type == "session" {
			c.sessionID = m.SessionID
		}
	}
}

func (p *Proc) callText(w io.Writer, r CallResult, events []trace.Event) error {
	if err := p.timeline(w, events); err != nil {
		return err
	}
	for _, t := range r.Warnings {
		p.UI.Say("protocol: %s", t)
	}
	if !r.AgentLog {
		p.UI.Say("the agent's own events (tools, stages) could not be had; the timeline shows the caller's side")
	}
	return nil
}
