package calls_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/sandbox/stage"
)

// JUL-15: any fault of a tool or vendor (401, 404, 500, reset, a stall) is apologised for at most 3 s after it was
// found, leaves an error in the log with the id of the request, and the next turn works. The document's stall lasts 30 s;
// here it lasts until it is given up, which is set to less than a second. (tier: ci)
func TestJUL15_EveryFaultIsApologisedForInTime(t *testing.T) {
	t.Parallel()
	modes := map[string]stage.Fault{
		"401":   {Mode: stage.ModeStatus, Status: http.StatusUnauthorized},
		"404":   {Mode: stage.ModeStatus, Status: http.StatusNotFound},
		"500":   {Mode: stage.ModeStatus, Status: http.StatusInternalServerError},
		"reset": {Mode: stage.ModeReset, After: -1},
		"stall": {Mode: stage.ModeStall, After: -1},
	}
	messages := map[string]string{stage.Supabase: "tool failed", stage.OpenAI: "model failed", stage.Cartesia: "speech failed"}
	for vendor, msg := range messages {
		t.Run(vendor, func(t *testing.T) {
			together(t, modes, func(t *testing.T, _ string, f stage.Fault) {
				h := alone(t, vendor)
				v := h.browser()
				f.Vendor = vendor
				h.fault(f)
				v.types(question)
				line := failure(h, msg, vendor)
				if line["level"] != "ERROR" {
					t.Errorf("level %v of %v", line["level"], line)
				}
				first := v.sounds()
				if wait := first.Sub(when(line)); wait > apologyWait {
					t.Errorf("the apology began %v after the failure was found", wait)
				}
				if vendor != stage.Cartesia { // whose apology is recorded: only people understand it
					v.hearsOne("Sorry", "couldn't")
				}
				h.stage.ClearFaults("")
				v.types(question)
				v.hears("5001", "1,250.75")
			})
		})
	}
}

// JUL-15 for the ears: who is not heard is told so as soon as the silence after the words shows it.
func TestJUL15_RecognizerFaults(t *testing.T) {
	t.Parallel()
	together(t, map[string]stage.Fault{
		"401":   {Mode: stage.ModeStatus, Status: http.StatusUnauthorized, Count: 3},
		"404":   {Mode: stage.ModeStatus, Status: http.StatusNotFound, Count: 3},
		"500":   {Mode: stage.ModeStatus, Status: http.StatusInternalServerError, Count: 3},
		"reset": {Mode: stage.ModeReset, Count: 1},
		"stall": {Mode: stage.ModeStall, Count: 1},
	}, func(t *testing.T, _ string, f stage.Fault) {
		h := alone(t, stage.Speechmatics)
		f.Vendor = stage.Speechmatics
		h.fault(f)
		v := h.phone()
		if f.Mode == stage.ModeStatus {
			failure(h, "recognizer failed", stage.Speechmatics)
		}
		v.says(question)
		line := failure(h, "recognizer failed", stage.Speechmatics)
		v.hearsOne("Sorry", "5001")                                           // what had been understood before the failure is answered
		if wait := time.Since(when(line)); wait > apologyWait+3*time.Second { // the words take so long
			t.Errorf("apologised %v after the failure was found", wait)
		}
		h.stage.ClearFaults("")
		until(t, "the recognizer to be back", func() bool { return hearing(h) })
		v.says(question)
		v.hears("5001")
	})
}

// hearing tells whether some recognizer takes sound now.
func hearing(h *house) bool {
	calls, _ := h.stage.Calls(stage.Speechmatics, 0)
	for _, c := range calls {
		if c.Done.IsZero() && c.Detail["frames"] != nil && c.Detail["fault"] == nil {
			return true
		}
	}
	return false
}
