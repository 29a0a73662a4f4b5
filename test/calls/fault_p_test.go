package calls_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

// P1 to P21: what a vendor can do wrong, in each role, with a second endpoint behind it. In every one the same turn is
// answered (or, where words were lost in silence, the next), the log tells of it without a word of what was
// said, another call goes on at the same time, and the next turn works. (tier: ci)

func TestFault_P01_Refused(t *testing.T) {
	t.Parallel()
	suffer(t, everywhere("unreachable", func(role string) plan { return at(t, role, refused(t), false) }))
}

func TestFault_P02_DNSFailure(t *testing.T) {
	t.Parallel()
	// A machine without a resolver waits for one: then the timeout strikes. Which of them is not ours to say.
	all := everywhere("unreachable", func(role string) plan { return at(t, role, nowhere, false) })
	for role, tr := range all {
		tr.either = "timeout"
		all[role] = tr
	}
	suffer(t, all)
}

func TestFault_P03_TLSFailure(t *testing.T) {
	t.Parallel()
	addr := selfSigned(t)
	suffer(t, everywhere("unreachable", func(role string) plan { return at(t, role, addr, true) }))
}

func TestFault_P04_ConnectHangs(t *testing.T) {
	t.Parallel()
	addr := blackhole(t)
	suffer(t, everywhere("timeout", func(role string) plan { return at(t, role, addr, false) }))
}

func TestFault_P05_KeyRefused(t *testing.T) {
	t.Parallel()
	suffer(t, each("unauthorized", stage.Fault{Mode: stage.ModeStatus, Status: http.StatusUnauthorized}))
}

func TestFault_P06_RateLimited(t *testing.T) {
	t.Parallel()
	suffer(t, each("rate_limited", stage.Fault{Mode: stage.ModeStatus, Status: http.StatusTooManyRequests, MS: 20_000}))
}

func TestFault_P07_ServerError(t *testing.T) {
	t.Parallel()
	together(t, map[string]int{"500": http.StatusInternalServerError, "503": http.StatusServiceUnavailable}, func(t *testing.T, _ string, status int) {
		suffer(t, each("vendor", stage.Fault{Mode: stage.ModeStatus, Status: status}))
	})
}

func TestFault_P08_AcceptsThenSilent(t *testing.T) {
	t.Parallel()
	suffer(t, each("timeout", stage.Fault{Mode: stage.ModeHang}))
}

func TestFault_P09_FirstByteAfterEightSeconds(t *testing.T) {
	t.Parallel()
	all := each("timeout", stage.Fault{Mode: stage.ModeLate, MS: aWhile})
	all[stage.Speechmatics] = trial{fault: stage.Fault{Mode: stage.ModeLatency, MS: aWhile}, class: "timeout"}
	suffer(t, all)
}

func TestFault_P10_StallsMidway(t *testing.T) {
	t.Parallel()
	suffer(t, trials{
		stage.OpenAI:       {fault: stage.Fault{Mode: stage.ModeStall, After: 4}, class: "timeout", midway: true},
		stage.Cartesia:     {fault: stage.Fault{Mode: stage.ModeStall, After: 4}, class: "timeout"},
		stage.Speechmatics: {fault: stage.Fault{Mode: stage.ModeStall}, class: "timeout"},
	})
}

func TestFault_P11_DropsMidway(t *testing.T) {
	t.Parallel()
	suffer(t, trials{
		stage.OpenAI:       {fault: stage.Fault{Mode: stage.ModeReset, After: 4}, class: "unreachable", midway: true},
		stage.Cartesia:     {fault: stage.Fault{Mode: stage.ModeReset, After: 4}, class: "unreachable"},
		stage.Speechmatics: {fault: stage.Fault{Mode: stage.ModeReset}, class: "unreachable"},
	})
}

func TestFault_P12_Malformed(t *testing.T) {
	t.Parallel()
	together(t, map[string]int{"first": -1, "midway": 3}, func(t *testing.T, _ string, after int) {
		all := each("protocol", stage.Fault{Mode: stage.ModeMalformed, After: after})
		if after < 0 { // a voice that has not been heard yet is told again on another socket
			all[stage.Cartesia] = trial{fault: all[stage.Cartesia].fault, shared: true}
		} else {
			delete(all, stage.Speechmatics) // an utterance has one final
			model := all[stage.OpenAI]
			model.midway = true
			all[stage.OpenAI] = model
		}
		suffer(t, all)
	})
}

func TestFault_P13_TenMegabytesInOneEvent(t *testing.T) {
	t.Parallel()
	huge := stage.Fault{Mode: stage.ModeHuge, After: -1}
	suffer(t, trials{
		stage.OpenAI:       {fault: huge, class: "protocol", either: "timeout"}, // a slow machine takes long over it
		stage.Cartesia:     {fault: huge, shared: true},                         // told again on another socket
		stage.Speechmatics: {fault: huge, class: "protocol"},
	})
}

func TestFault_P14_NeverEnds(t *testing.T) {
	t.Parallel()
	suffer(t, trials{
		// Sixty words are said of an answer without end, and the next question ends it.
		stage.OpenAI: {fault: stage.Fault{Mode: stage.ModeEndless}, garbled: true},
		// Sound without end is cut by the length of its text.
		stage.Cartesia: {fault: stage.Fault{Mode: stage.ModeEndless}, class: "protocol"},
	})
}

// P14 of the recognizer: transcripts that never become final and never end. What was understood is answered, and the end
// of the call does not wait for the end of the transcript.
func TestFault_P14_ATranscriptWithoutEnd(t *testing.T) {
	t.Parallel()
	h := openTwin(t, "", plan{})
	h.fault(stage.Fault{Vendor: stage.Speechmatics, Mode: stage.ModeEndless, MS: 20, Count: 1})
	v := h.phone()
	v.says(question)
	v.hears("5001", "1,250.75")
	other := h.browser()
	other.types(another)
	other.hears("5002")
	must(t, other.Close())
	hungUp := time.Now()
	must(t, v.Close())
	until(t, "the end of both calls", func() bool { return strings.Contains(h.metrics(), "voicectl_sessions_active 0") })
	if took := time.Since(hungUp); took > 6*time.Second {
		t.Errorf("the call ended %v after the caller hung up", took)
	}
}

func TestFault_P15_OddBytesAndWrongRate(t *testing.T) {
	t.Parallel()
	together(t, map[string]trial{
		"odd":  {fault: stage.Fault{Mode: stage.ModeOdd}},
		"rate": {fault: stage.Fault{Mode: stage.ModeRate}, garbled: true},
	}, func(t *testing.T, _ string, tr trial) { suffer(t, trials{stage.Cartesia: tr}) })
}

func TestFault_P16_Empty(t *testing.T) {
	t.Parallel()
	suffer(t, trials{
		stage.OpenAI:   {fault: stage.Fault{Mode: stage.ModeEmpty}, class: "empty"},
		stage.Cartesia: {fault: stage.Fault{Mode: stage.ModeEmpty}, class: "empty"},
		// Silence is a right answer of a recognizer: nobody can know, and the caller says it again.
		stage.Speechmatics: {fault: stage.Fault{Mode: stage.ModeEmpty}, lossy: true},
	})
}

func TestFault_P17_Twice(t *testing.T) {
	t.Parallel()
	suffer(t, each("", stage.Fault{Mode: stage.ModeTwice}))
}

func TestFault_P18_ErrorUnder200(t *testing.T) {
	t.Parallel()
	all := each("protocol", stage.Fault{Mode: stage.ModeDisguised})
	all[stage.OpenAI] = trial{fault: stage.Fault{Mode: stage.ModeDisguised}, class: "vendor"}
	suffer(t, all)
}

func TestFault_P19_OneByteASecond(t *testing.T) {
	t.Parallel()
	suffer(t, everywhere("timeout", func(role string) plan {
		return through(role, func(raw string) string { return wire{free: 700}.before(t, raw) })
	}))
}

func TestFault_P20_ClosesIdleConnections(t *testing.T) {
	t.Parallel()
	suffer(t, everywhere("", func(role string) plan {
		return through(role, func(raw string) string { return wire{idle: time.Second}.before(t, raw) })
	}))
}

func TestFault_P21_TenTimesSlower(t *testing.T) {
	t.Parallel()
	slow := func(role, class string) trial {
		return trial{pace: &stage.Pace{Vendor: role, FirstMS: 10 * int(shortly/time.Millisecond)}, class: class}
	}
	suffer(t, trials{
		stage.OpenAI:   slow(stage.OpenAI, "timeout"),
		stage.Cartesia: slow(stage.Cartesia, "timeout"),
		// A late final is not waited for: the partial is answered.
		stage.Speechmatics: slow(stage.Speechmatics, ""),
	})
}
