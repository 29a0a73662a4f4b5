package bench

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/peer"
	"github.com/voicectl/voicectl/internal/sandbox"
	"github.com/voicectl/voicectl/internal/trace"
)

// BenchmarkTurn_AddedLatency is what voicectl itself adds to a turn: from the accepted words to the first
// sound on the wire, minus the time that each vendor's emulator says it took (from the whole request to
// the first byte of its answer). One call, three processes: caller, sandbox, serve. Goal: p50 <= 1 ms,
// p99 <= 3 ms.
func BenchmarkTurn_AddedLatency(b *testing.B) {
	const turns = 100
	box := sandbox.New(sandbox.Options{})
	base, stopBox, err := box.Start(context.Background(), "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = stopBox(context.Background()) }()
	var env []string
	for _, v := range sandbox.Env(base) {
		env = append(env, v.Name+"="+v.Value)
	}
	url, stop := serveOn(b, env)
	defer stop()

	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	call, err := peer.CallRTVI(ctx, peer.BrowserOptions{Options: peer.Options{URL: url}, FlushOnInterrupt: true})
	if err != nil {
		b.Fatal(err)
	}
	id := ""
	wait := func(want string) {
		for e := range call.Events() {
			if e.Kind != peer.Message {
				continue
			}
			var m struct {
				SessionID string `json:"session_id"`
			}
			if id == "" && json.Unmarshal(e.Data, &m) == nil {
				id = m.SessionID
			}
			if e.Type == want {
				return
			}
		}
		b.Fatal("the call ended")
	}
	wait("bot-stopped-speaking") // the greeting
	for range turns {
		if err := call.SendText("hello there"); err != nil {
			b.Fatal(err)
		}
		wait("bot-stopped-speaking")
	}
	go func() {
		for range call.Events() { //nolint:revive // drained until it is closed
		}
	}()
	_ = call.Close()
	report(b, added(b, url, id, box))
}

// added pairs the agent's own times with the vendors'.
func added(b *testing.B, url, id string, box *sandbox.Sandbox) []time.Duration {
	b.Helper()
	resp, err := http.Get(url + "/api/calls/" + id + "/events.jsonl")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	events, err := trace.Read(resp.Body)
	if err != nil {
		b.Fatal(err)
	}
	type span struct{ from, to time.Time }
	spans := map[int]span{}
	for _, e := range events {
		s := spans[e.Turn]
		switch e.Event { //nolint:exhaustive // two are wanted
		case trace.TurnAccepted:
			s.from = e.At
		case trace.FirstAudioSent:
			if s.to.IsZero() {
				s.to = e.At
			}
		}
		spans[e.Turn] = s
	}
	calls, _ := box.Stage().Calls("", 0)
	var out []time.Duration
	for turn, s := range spans {
		if turn == 0 || s.from.IsZero() || s.to.IsZero() {
			continue
		}
		spent, vendors := time.Duration(0), 0
		for _, c := range calls {
			if (c.Vendor == "openai" || c.Vendor == "cartesia") && !c.First.IsZero() && !c.At.Before(s.from) && !c.First.After(s.to) {
				spent += c.First.Sub(c.At)
				vendors++
			}
		}
		if vendors >= 2 {
			out = append(out, s.to.Sub(s.from)-spent)
		}
	}
	return out
}
