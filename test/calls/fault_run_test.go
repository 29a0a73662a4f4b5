package calls_test

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/agent/session"
	"github.com/voicectl/voicectl/internal/agent/turn"
	"github.com/voicectl/voicectl/internal/provider/cartesia"
	"github.com/voicectl/voicectl/internal/provider/openai"
	"github.com/voicectl/voicectl/internal/provider/speechmatics"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

// trial is one vendor fault in one role, in a house with second endpoints. The caller must not notice it.
type trial struct {
	fault stage.Fault // armed once a stage of the turn; Vendor is filled in
	plan  plan        // or what is wrong with the endpoint for good
	pace  *stage.Pace // or how slow it has become
	// class of the failure that the log must tell of; "" = the first endpoint copes
	class, either string
	lossy         bool // the words of this turn are lost: the caller says them again
	midway        bool // words of the first endpoint have been said
	shared        bool // the fault ends a socket on which the other call speaks too: the second may finish that one's answer
	// garbled: what the caller hears of this answer is not worth reading
	garbled bool
}

// trials are one fault by role.
type trials map[string]trial

const another = "What transactions does client 5002 have?"

// suffer runs one fault in each role that it can strike.
func suffer(t *testing.T, all trials) {
	t.Helper()
	run := map[string]func(*testing.T, trial){
		stage.OpenAI: sufferModel, stage.Cartesia: sufferVoice, stage.Speechmatics: sufferEars,
	}
	together(t, all, func(t *testing.T, role string, tr trial) {
		tr.fault.Vendor, tr.fault.Count = role, 1
		run[role](t, tr)
	})
}

// together runs a table at the same time, three of it at once: these tests wait more than they work, and the number of
// parallel tests is made for those that work.
func together[T any](t *testing.T, table map[string]T, run func(*testing.T, string, T)) {
	t.Helper()
	var all sync.WaitGroup
	room := make(chan struct{}, 3)
	for name, c := range table {
		all.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			t.Run(name, func(t *testing.T) { run(t, name, c) })
		})
	}
	all.Wait()
}

// slow is the vendor whose first endpoint is given little time: the one that is to run out of it.
func (tr trial) slow() string {
	if tr.class == "timeout" || tr.either == "timeout" {
		return tr.fault.Vendor
	}
	return ""
}

func (tr trial) arm(h *twin) {
	if tr.fault.Mode != "" {
		h.fault(tr.fault)
	}
	if tr.pace != nil {
		must(h.t, h.stage.SetPace(*tr.pace))
	}
}

// struck waits until the armed fault has hit somebody.
func (tr trial) struck(h *twin) {
	until(h.t, "the fault to strike", func() bool { return len(h.stage.Faults()) == 0 })
}

// sufferModel: at the first question of a turn, and at the one after a tool.
func sufferModel(t *testing.T, tr trial) {
	tr.fault.Route = "/v1/chat"
	var h *twin
	inTool := make(chan struct{}, 1)
	tr.plan.tools = func(inner session.Tools) session.Tools { return armed{inner, inTool, func() { tr.arm(h) }} }
	h = openTwin(t, tr.slow(), tr.plan)
	victim, other := h.browser(), h.browser()
	tr.arm(h)
	victim.types("Hello")
	tr.struck(h)
	other.types(another)
	if tr.garbled {
		victim.sounds()
	} else if tr.midway {
		victim.hears("Hello, this", "What can I do for you?") // the second goes on in its own words
	} else {
		victim.hears("Julia", "today?")
	}
	other.hears("5002")

	inTool <- struct{}{}
	victim.types(question)
	once(t, victim.hears("5001", "1,250.75"), "Client 5001 has")
	tr.struck(h)
	victim.types(another)
	victim.hears("5002")
	tr.judge(h, "model")
}

// sufferVoice: an answer, and the one after it.
func sufferVoice(t *testing.T, tr trial) {
	h := openTwin(t, tr.slow(), tr.plan)
	victim, other := h.browser(), h.browser()
	tr.arm(h)
	victim.types(question)
	tr.struck(h)
	other.types(another)
	if tr.garbled {
		victim.sounds()
	} else {
		once(t, victim.hears("Client 5001 has", "1,250.75"), "Client 5001 has")
	}
	other.hears("5002")
	victim.types(another)
	victim.hears("5002", "3,162.50")
	tr.judge(h, "synthesizer")
}

// sufferEars: what strikes while a call is opened strikes then, the rest at the first words.
func sufferEars(t *testing.T, tr trial) {
	h := openTwin(t, tr.slow(), tr.plan)
	other := h.phone()
	if tr.plan.ears == nil { // it shall hear by the first endpoint
		until(t, "the other call to be heard", func() bool { return hearing(h.house) })
	}
	tr.arm(h)
	victim := h.phone()
	victim.says(question)
	tr.struck(h)
	other.says(question)
	if tr.lossy {
		victim.says(question)
	}
	once(t, victim.hears("5001", "1,250.75"), "Client 5001 has")
	other.hears("5001")
	victim.says(another)
	victim.hears("5002")
	tr.judge(h, "recognizer")
}

// judge reads the log: it names class, vendor and request of the failure, and nothing that was said.
func (tr trial) judge(h *twin, component string) {
	h.t.Helper()
	lines := h.logs.lines("endpoint switched")
	found := slices.ContainsFunc(lines, func(l map[string]any) bool {
		return l["component"] == component && (l["class"] == tr.class || tr.either != "" && l["class"] == tr.either) && l["vendor"] == tr.fault.Vendor && l["request_id"] != nil && l["session"] != nil
	})
	if tr.class != "" && !found {
		h.t.Errorf("no line tells of a %s failure of %s with its request: %v", tr.class, tr.fault.Vendor, lines)
	}
	for _, l := range lines {
		if tr.class == "" && !tr.shared && l["component"] == component {
			h.t.Errorf("it went to the second endpoint: %v", l)
		}
	}
	for _, msg := range []string{"model failed", "speech failed", "recognizer failed", "panic in a session"} {
		for _, l := range h.logs.lines(msg) {
			h.t.Errorf("the caller noticed: %v", l)
		}
	}
	for _, words := range []string{"client 500", "Client 500", "Julia", "transactions, tot", "injected", "sandbox-openai", "second-openai"} {
		if strings.Contains(h.logs.String(), words) {
			h.t.Errorf("the log holds %q", words)
		}
	}
}

func once(t *testing.T, all, words string) {
	t.Helper()
	if n := strings.Count(all, words); n != 1 {
		t.Errorf("%q is heard %d times in %q", words, n, all)
	}
}

// armed arms a fault when a tool runs, once for each message in the channel.
type armed struct {
	session.Tools
	when <-chan struct{}
	arm  func()
}

// Run implements session.Tools.
func (a armed) Run(ctx context.Context, call turn.ToolCall) session.ToolOutcome {
	out := a.Tools.Run(ctx, call)
	select {
	case <-a.when:
		a.arm()
	default:
	}
	return out
}

// at makes plans whose first endpoint is at another address, with or without TLS.
func at(t *testing.T, role, addr string, tls bool) plan {
	move := func(raw string) string {
		u, err := url.Parse(raw)
		must(t, err)
		if u.Host = addr; tls {
			u.Scheme += "s"
		}
		return u.String()
	}
	return through(role, move)
}

// through makes plans whose first endpoint has its URL changed.
func through(role string, change func(string) string) plan {
	switch role {
	case stage.OpenAI:
		return plan{openai: func(o *openai.Options) { o.BaseURL = change(o.BaseURL) }}
	case stage.Cartesia:
		return plan{voice: func(o *cartesia.Options) { o.BaseURL = change(o.BaseURL) }}
	}
	return plan{ears: func(o *speechmatics.Options) { o.URL = change(o.URL) }}
}

// everywhere is the same endpoint fault in all roles.
func everywhere(class string, p func(role string) plan) trials {
	out := trials{}
	for _, role := range []string{stage.OpenAI, stage.Cartesia, stage.Speechmatics} {
		out[role] = trial{plan: p(role), class: class}
	}
	return out
}

// each is the same injected fault in all roles.
func each(class string, f stage.Fault) trials {
	out := trials{}
	for _, role := range []string{stage.OpenAI, stage.Cartesia, stage.Speechmatics} {
		out[role] = trial{fault: f, class: class}
	}
	return out
}

const aWhile = int(8 * time.Second / time.Millisecond)
