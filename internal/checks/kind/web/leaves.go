package web

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/voicectl/voicectl/internal/checks"
	"github.com/voicectl/voicectl/internal/checks/probe"
	"github.com/voicectl/voicectl/internal/ws"
)

// forgets is how long a backend may take to forget a session whose socket was closed.
const forgets = 5 * time.Second

// talks is how many talks the health answer of a backend counts; -1 = it counts none.
func talks(ctx context.Context, scope *checks.Scope) (int, error) {
	resp, err := ask(ctx, scope, probe.Request{URL: at(scope, "/health"), Header: bearer(scope.Token)})
	if err != nil {
		return -1, err
	}
	var got map[string]any
	if resp.JSON(&got) != nil {
		return -1, nil //nolint:nilerr // no JSON: it counts none
	}
	for _, name := range []string{"active_sessions", "active_connections"} {
		if n, ok := got[name].(json.Number); ok {
			if v, bad := n.Int64(); bad == nil && v >= 0 && v < 1<<31 {
				return int(v), nil
			}
		}
	}
	return -1, nil
}

// left closes the socket and waits until the backend counts no more talks than before.
func left(ctx context.Context, scope *checks.Scope, c *ws.Conn, before int, saw map[string]any) (checks.Observation, error) {
	if before < 0 {
		return checks.Unclear(saw, "the health answer counts no sessions", checks.Fix{Text: "tell active_sessions in /health"}), nil
	}
	_ = c.Close(ws.CloseNormal, "looked") // the counter is what is judged
	end := scope.Clock.Now().Add(forgets)
	for {
		now, err := talks(ctx, scope)
		if err != nil {
			return checks.Observation{}, err
		}
		saw["sessions_before"], saw["sessions_after"] = before, now
		switch {
		case now >= 0 && now <= before:
			return checks.Passed(saw), nil
		case scope.Clock.Now().After(end):
			return checks.Failed(saw, fmt.Sprintf("the session forgotten within %v", forgets),
				checks.Fix{Text: "delete the session when its socket closes, whatever closed it; each one that stays takes memory until the process ends"},
				problemf("%d sessions before the talk, and still %d after its socket was closed", before, now)), nil
		case !pause(ctx, scope.Clock, 200*time.Millisecond):
			return checks.Observation{}, ctx.Err()
		}
	}
}
