package calls_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/voicectl/voicectl/internal/agent/server"
)

// IMP-03: a signed webhook counts against its caller, not against the phone network's address; one who calls again and
// again is told to wait, and the next caller is served. Callers who withhold their number do not share one budget.
// (tier: ci)
func TestWebhooks_IMP03_ABudgetForEachCaller(t *testing.T) {
	t.Parallel()
	h := open(t, plan{config: server.Config{HookPerMinute: 2}})
	statuses := func(from string, sid func(i int) string) map[int]int {
		out := map[int]int{}
		for i := range 4 {
			f := form(sid(i))
			f.Set("From", from)
			resp, body := h.webhook("/twilio/voice", f)
			out[resp.StatusCode]++
			if resp.StatusCode != http.StatusTooManyRequests {
				continue
			}
			wantProblem(t, resp, body, http.StatusTooManyRequests)
			if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err != nil || s < 1 || s > 60 {
				t.Errorf("Retry-After is %q", resp.Header.Get("Retry-After"))
			}
		}
		return out
	}
	same := func(int) string { return callA }
	other := func(i int) string { return "CA" + strings.Repeat(strconv.Itoa(i+3), 32) }
	for name, c := range map[string]struct {
		from string
		sid  func(int) string
		want map[int]int
	}{
		"one caller":                    {"+15557654321", same, map[int]int{200: 2, 429: 2}},
		"the next caller":               {"+15557654322", same, map[int]int{200: 2, 429: 2}},
		"one caller, another call each": {"+15557654323", other, map[int]int{200: 2, 429: 2}},
		"callers without a number":      {"anonymous", other, map[int]int{200: 4}},
		"callers who withhold it":       {"+266696687", other, map[int]int{200: 4}},
	} {
		if got := statuses(c.from, c.sid); got[200] != c.want[200] || got[429] != c.want[429] {
			t.Errorf("%s: answered %v, want %v", name, got, c.want)
		}
	}
	if got := h.metrics(); !strings.Contains(got, `voicectl_limits_total{kind="hooks"} 6`) {
		t.Error("the limit is not counted")
	}
	if strings.Contains(h.logs.String(), "5557654321") {
		t.Error("a caller's number is in the log")
	}
}
