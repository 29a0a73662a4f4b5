package reliability

import (
	"encoding/json"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/ws"
)

// R5: the drain is bounded. With a call that never ends, readiness is off 100 ms after the first signal, a new
// call hears words, the stuck one hears a farewell and is closed with 1001, the process leaves with 0, and the
// row says `drained`. Tiers: ci and nightly alike.
func TestR05_TheStuckCallHearsAFarewell(t *testing.T) {
	t.Parallel()
	const grace = 2 * time.Second
	data := t.TempDir()
	p := serve(t, data, "--drain-timeout", grace.String())
	stuck := p.call(nil)
	stuck.hears("Julia")
	begun := time.Now()
	must(t, p.cmd.Process.Signal(syscall.SIGTERM))
	var off time.Duration
	until(t, patience, "readiness to go off", func() bool {
		at := time.Now()
		resp, _ := p.ask(http.MethodGet, "/readyz", "")
		off = at.Sub(begun) // of the question that was answered 503
		return resp.StatusCode == http.StatusServiceUnavailable
	})
	resp, body, err := p.webhook(callSID(2))
	must(t, err)
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, "<Say>Sorry") || !strings.Contains(body, "<Hangup") {
		t.Errorf("a new call hears %d %s", resp.StatusCode, body)
	}
	farewell := stuck.hears("Please call again.")
	heard := time.Since(begun)
	code := p.exit(grace + 2*time.Second + slack)
	left := time.Since(begun)
	if end := stuck.closed(patience); end.Code != ws.CloseGoingAway {
		t.Errorf("the stuck call is closed with %d %s, want 1001", end.Code, end.Text)
	}
	t.Logf("not ready after %v; %q heard after %v; exit %d after %v", off, farewell, heard, code, left)
	if off > 100*time.Millisecond || code != 0 || left > grace+2*time.Second+slack {
		t.Errorf("want not ready in 100 ms, exit 0 within %v and 2 s\n%s", grace, p.logs)
	}
	wantRows(t, data, map[string]int{"drained": 1})
}

// R5: the second signal leaves at once, without a farewell, and the rows are whole all the same. Tiers: ci and
// nightly alike.
func TestR05_TheSecondSignalLeavesAtOnce(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p := serve(t, data, "--drain-timeout", "10m")
	page := p.page(visit{})
	page.ask("Hello")
	call := p.call(nil)
	call.hears("Julia")
	must(t, p.cmd.Process.Signal(syscall.SIGTERM))
	until(t, patience, "readiness to go off", func() bool {
		resp, _ := p.ask(http.MethodGet, "/readyz", "")
		return resp.StatusCode == http.StatusServiceUnavailable
	})
	begun := time.Now()
	must(t, p.cmd.Process.Signal(syscall.SIGTERM))
	if code, took := p.exit(patience), time.Since(begun); code != 130 || took > 2*time.Second+slack {
		t.Errorf("exit code %d after %v, want 130 at once\n%s", code, took, p.logs)
	}
	page.closed(patience)
	call.closed(patience)
	wantRows(t, data, map[string]int{"drained": 2})
}

// record is a call with its turns, as GET /api/calls/{id} gives it.
type record struct {
	Call struct {
		ID        string    `json:"id"`
		Kind      string    `json:"kind"`
		StartedAt time.Time `json:"started_at"`
		EndedAt   time.Time `json:"ended_at"`
		EndReason string    `json:"end_reason"`
		Turns     int       `json:"turns"`
	} `json:"call"`
	Turns []turnRow `json:"turns"`
}

type turnRow struct {
	Seq   int    `json:"seq"`
	User  string `json:"user"`
	Agent string `json:"agent"`
	Cut   bool   `json:"cut"`
}

// calls are the records of all calls, at most 200.
func (h *house) calls() ([]record, error) {
	_, body, err := request(http.MethodGet, h.url+"/api/calls?limit=200", "")
	if err != nil {
		return nil, err
	}
	var list struct {
		Calls []struct {
			ID string `json:"id"`
		} `json:"calls"`
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		return nil, err
	}
	out := make([]record, len(list.Calls))
	for i, c := range list.Calls {
		if out[i], err = h.record(c.ID); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (h *house) record(id string) (r record, err error) {
	_, body, err := request(http.MethodGet, h.url+"/api/calls/"+id, "")
	if err == nil {
		err = json.Unmarshal([]byte(body), &r)
	}
	return r, err
}

// wantRows opens the data folder with a new process and compares the reasons for which its calls have ended.
func wantRows(t *testing.T, data string, want map[string]int) {
	t.Helper()
	calls, err := serve(t, data).calls()
	must(t, err)
	got := map[string]int{}
	for _, c := range calls {
		got[c.Call.EndReason]++
		if c.Call.EndedAt.Before(c.Call.StartedAt) {
			t.Errorf("call %s ended at %v, before it began at %v", c.Call.ID, c.Call.EndedAt, c.Call.StartedAt)
		}
	}
	for reason, n := range want {
		if got[reason] != n || len(got) != len(want) {
			t.Errorf("ends %v, want %v", got, want)
			return
		}
	}
}
