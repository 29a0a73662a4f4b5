package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/voicectl/voicectl/internal/trace"
)

// merge fetches what the agent kept of this call and joins it with the caller's side. It tells whether
// that was possible: a stranger's agent keeps nothing for us.
func (c *placedCall) merge(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	base := c.apiBase()
	// The agent closes its books a moment after the line is closed.
	for wait := 20 * time.Millisecond; ; wait *= 2 {
		if c.sessionID == "" {
			c.sessionID = c.findCall(ctx, base)
		}
		if c.sessionID != "" {
			if events, done := c.fetchEvents(ctx, base); done {
				c.events = trace.Merge(c.events, events)
				return true
			}
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return false
		case <-t.C:
		}
		if wait > time.Second {
			return false
		}
	}
}

// apiBase is the server's root, with the base path before the route that was called.
func (c *placedCall) apiBase() string {
	u := *c.target.url
	switch u.Scheme {
	case "ws":
		u.Scheme = "http"
	case "wss":
		u.Scheme = "https"
	}
	path := strings.TrimRight(u.Path, "/")
	for _, route := range []string{"/twilio/voice", "/twilio/media", "/start", "/connect", "/ws"} {
		if p, ok := strings.CutSuffix(path, route); ok {
			path = p
			break
		}
	}
	u.Path, u.RawQuery, u.Fragment = path, "", ""
	return u.String()
}

func (c *placedCall) findCall(ctx context.Context, base string) string {
	if c.callSID == "" {
		return ""
	}
	body, err := c.get(ctx, base+"/api/calls?limit=50")
	if err != nil {
		return ""
	}
	var list struct {
		Calls []struct {
			ID      string `json:"id"`
			CallSID string `json:"call_sid"`
		} `json:"calls"`
	}
	if json.Unmarshal(body, &list) != nil {
		return ""
	}
	for _, call := range list.Calls {
		if call.CallSID == c.callSID {
			return call.ID
		}
	}
	return ""
}

// fetchEvents is done once the agent has written down the end of the call.
func (c *placedCall) fetchEvents(ctx context.Context, base string) ([]trace.Event, bool) {
	body, err := c.get(ctx, base+"/api/calls/"+url.PathEscape(c.sessionID)+"/events.jsonl")
	if err != nil {
		return nil, false
	}
	events, err := trace.Read(strings.NewReader(string(body)))
	if err != nil {
		return nil, false
	}
	for _, e := range events {
		if e.Event == trace.HangUp {
			return events, true
		}
	}
	return nil, false
}

func (c *placedCall) get(ctx context.Context, u string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return nil, err
	}
	if key, _, _ := strings.Cut(c.proc.Getenv("VOICECTL_API_KEYS"), ","); key != "" {
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(key))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", resp.StatusCode)
	}
	return io.ReadAll(io.LimitReader(resp.Body, 64<<20))
}
