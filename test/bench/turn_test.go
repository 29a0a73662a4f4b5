package bench

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/peer"
	"github.com/voicectl/voicectl/internal/sandbox"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
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

// hops are the parts of a turn that are voicectl's own, in the order in which they happen.
type hops struct{ toModel, fromModel, toVoice, fromVoice []time.Duration }

// added pairs the agent's own times with the vendors', and reports the median of each hop.
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
	turns := map[int]map[trace.Name]time.Time{}
	for _, e := range events {
		if turns[e.Turn] == nil {
			turns[e.Turn] = map[trace.Name]time.Time{}
		}
		if turns[e.Turn][e.Event].IsZero() {
			turns[e.Turn][e.Event] = e.At
		}
	}
	calls, _ := box.Stage().Calls("", 0)
	var h hops
	var out []time.Duration
	for n, t := range turns {
		from, to := t[trace.TurnAccepted], t[trace.FirstAudioSent]
		var model, voice *stage.Entry
		for i, c := range calls {
			if c.At.Before(from) || c.First.IsZero() || c.First.After(to) {
				continue
			}
			switch c.Vendor {
			case stage.OpenAI:
				model = &calls[i]
			case stage.Cartesia:
				voice = &calls[i]
			}
		}
		if n == 0 || from.IsZero() || to.IsZero() || model == nil || voice == nil {
			continue
		}
		h.toModel = append(h.toModel, model.At.Sub(from))
		h.fromModel = append(h.fromModel, t[trace.ModelFirstToken].Sub(model.First))
		h.toVoice = append(h.toVoice, voice.At.Sub(t[trace.ModelFirstToken]))
		h.fromVoice = append(h.fromVoice, to.Sub(voice.First))
		out = append(out, to.Sub(from)-model.First.Sub(model.At)-voice.First.Sub(voice.At))
	}
	for name, sample := range map[string][]time.Duration{"to-model-ms": h.toModel, "from-model-ms": h.fromModel, "to-voice-ms": h.toVoice, "from-voice-ms": h.fromVoice} {
		if len(sample) > 0 {
			slices.Sort(sample)
			b.ReportMetric(float64(sample[len(sample)/2].Microseconds())/1000, name)
		}
	}
	return out
}
