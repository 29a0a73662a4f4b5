package calls_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/provider/cartesia"
	"github.com/voicectl/voicectl/internal/provider/openai"
	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

// apologyWait is how long after a failure is found the caller may wait for the apology (JUL-15).
const apologyWait = 3 * time.Second

// Without second endpoints the caller hears an apology. When the voice itself is what failed, it is a recorded
// one. Either way the next turn works. (tier: ci)
func TestFault_WithoutFallbackTheApologyIsHeard(t *testing.T) {
	t.Parallel()
	together(t, map[string]stage.Fault{
		"voice refused":        {Vendor: stage.Cartesia, Mode: stage.ModeStatus, Status: http.StatusUnauthorized},
		"voice hangs":          {Vendor: stage.Cartesia, Mode: stage.ModeHang},
		"voice stalls midway":  {Vendor: stage.Cartesia, Mode: stage.ModeStall, After: 3},
		"voice drops midway":   {Vendor: stage.Cartesia, Mode: stage.ModeReset, After: 3},
		"voice is empty":       {Vendor: stage.Cartesia, Mode: stage.ModeEmpty},
		"model stalls midway":  {Vendor: stage.OpenAI, Route: "/v1/chat", Mode: stage.ModeStall, After: 4},
		"model drops midway":   {Vendor: stage.OpenAI, Route: "/v1/chat", Mode: stage.ModeReset, After: 4},
		"model says nothing":   {Vendor: stage.OpenAI, Route: "/v1/chat", Mode: stage.ModeEmpty},
		"model is in disguise": {Vendor: stage.OpenAI, Route: "/v1/chat", Mode: stage.ModeDisguised},
	}, func(t *testing.T, _ string, f stage.Fault) {
		h := alone(t, f.Vendor)
		other, v := h.browser(), h.browser()
		h.fault(f)
		v.types(question)
		msg := "model failed"
		if f.Vendor == stage.Cartesia {
			msg = "speech failed"
		}
		line := failure(h, msg, f.Vendor)
		if f.Vendor == stage.OpenAI {
			v.hears("Sorry")
		} else {
			v.soundOf(3 * time.Second) // the clip, whose words only people understand
		}
		if took := time.Since(when(line)); took > apologyWait+3500*time.Millisecond { // 3.5 s are its length
			t.Errorf("apologised %v after the failure was found", took)
		}
		h.stage.ClearFaults("")
		other.types(another)
		other.hears("5002")
		v.types(question)
		v.hears("5001", "1,250.75")
	})
}

// A recognizer that fails and stays away: the caller who speaks into it is told, on the phone too, and is heard again
// when it is back.
func TestFault_WithoutFallbackADeafAgentSaysSo(t *testing.T) {
	t.Parallel()
	h := alone(t, "")
	h.fault(stage.Fault{Vendor: stage.Speechmatics, Mode: stage.ModeStatus, Status: http.StatusServiceUnavailable})
	v := h.phone()
	failure(h, "recognizer failed", stage.Speechmatics)
	v.says(question)
	v.hears("Sorry")
	h.stage.ClearFaults("")
	until(t, "the recognizer to be back", func() bool { return hearing(h) })
	v.says(question)
	v.hears("5001")
}

// The caller speaks over a stall, of the model and of the voice: the new question is answered, the old answer never.
func TestFault_BargeInDuringAStall(t *testing.T) {
	t.Parallel()
	for role, f := range map[string]stage.Fault{
		"model": {Vendor: stage.OpenAI, Route: "/v1/chat", Mode: stage.ModeStall, After: 4, Count: 1},
		"voice": {Vendor: stage.Cartesia, Mode: stage.ModeStall, After: 4, Count: 1},
	} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			patient := plan{
				openai: func(o *openai.Options) { o.Timeout, o.Stall = patience, patience },
				voice:  func(o *cartesia.Options) { o.Stall = patience },
			}
			h := openTwin(t, "", patient)
			v := h.phone()
			h.fault(f)
			v.says(question)
			until(t, "the stall", func() bool { return len(h.stage.Faults()) == 0 })
			v.says(another)
			all := v.hears("5002", "3,162.50")
			if strings.Contains(all, "1,250.75") {
				t.Errorf("the old answer went on: %q", all)
			}
			if n, _ := h.second.Calls("", 0); slices.ContainsFunc(n, func(e stage.Entry) bool { return e.Vendor != stage.Speechmatics }) {
				t.Errorf("a caller who interrupts is no failure, but the second was asked: %+v", n)
			}
		})
	}
}

// failure waits for the line that tells of a vendor's failure, with its request.
func failure(h *house, msg, vendor string) map[string]any {
	h.t.Helper()
	var line map[string]any
	until(h.t, msg, func() bool {
		for _, l := range h.logs.lines(msg) {
			if l["vendor"] == vendor {
				line = l
			}
		}
		return line != nil
	})
	if line["request_id"] == nil || line["session"] == nil || line["class"] == nil {
		h.t.Errorf("%v: want class, request and session", line)
	}
	return line
}

// when is the time of a log line.
func when(line map[string]any) time.Time {
	text, _ := line["time"].(string)
	at, _ := time.Parse(time.RFC3339Nano, text) // the handler's own format
	return at
}

// soundOf waits until the caller has been played so much sound of the agent, whatever it is.
func (e *ear) soundOf(d time.Duration) {
	e.t.Helper()
	until(e.t, "sound", func() bool { return e.Stats().Received >= d })
}
