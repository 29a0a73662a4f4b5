//go:build peers

package peers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/voicectl/voicectl/internal/trace"
)

const (
	question = "What transactions does client 5001 have?"
	// settle is how long an agent is quiet before its answer is over.
	settle = "700ms"
)

// call is one `voicectl call` that has ended.
type call struct {
	name     string // what the caller calls itself: it tells the recognizer's sessions apart
	exit     int
	heard    []string
	warnings []string
	turns    []turn
	right    int // answers that gave what the data say, whole
	skipped  int // frames that the caller was too late to send
	late     time.Duration
}

// turn is one measured question: its last sound, the moment at which the agent took it for over (zero =
// the agent keeps no trace), and the first sound of the answer, all at the caller's clock.
type turn struct{ asked, accepted, answered time.Time }

const fact = "1,250.75" // what only the tool knows

// dial runs `voicectl call`: the caller says its name, and then asks n times.
func dial(t *testing.T, bin, url, name string, n int) (call, error) {
	file := filepath.Join(t.TempDir(), "trace.jsonl")
	args := []string{"call", url + "/twilio/voice", "-o", "json", "--settle", settle, "--trace", file, "--say", "Hello, this is " + name + "."}
	for range n {
		args = append(args, "--say", question)
	}
	cmd := exec.CommandContext(t.Context(), bin, args...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	c := call{name: name}
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() < 0 {
			return c, fmt.Errorf("%s: %w: %s", name, err, said.String())
		}
		c.exit = exit.ExitCode()
	}
	var result struct {
		Heard    []string `json:"heard"`
		Warnings []string `json:"warnings"`
		Stats    struct {
			FramesSkipped int
			MaxLate       time.Duration
		} `json:"stats"`
	}
	if err := json.Unmarshal(out.Bytes(), &result); err != nil {
		return c, fmt.Errorf("%s: exit %d: %w: %s", name, c.exit, err, said.String())
	}
	c.heard, c.warnings, c.skipped, c.late = result.Heard, result.Warnings, result.Stats.FramesSkipped, result.Stats.MaxLate
	for _, text := range c.heard {
		if strings.Contains(text, fact) {
			c.right++
		}
	}
	raw, err := os.Open(file)
	if err != nil {
		return c, err
	}
	defer func() { _ = raw.Close() }()
	events, err := trace.Read(raw)
	if err != nil {
		return c, fmt.Errorf("%s: %w", name, err)
	}
	c.turns = turnsOf(events)
	return c, nil
}

// turnsOf pairs the end of each question with the first sound that came after it, and with what the agent's
// own trace, when it was merged, says in between.
func turnsOf(events []trace.Event) []turn {
	var out []turn
	var now turn
	asking := false
	for _, e := range events {
		switch {
		case e.Event == trace.SayStarted:
			asking, now = e.Text == question, turn{}
		case e.Event == trace.SayDone && asking:
			now.asked = e.At
		case e.Event == trace.TurnAccepted && !now.asked.IsZero():
			now.accepted = e.At
		case e.Event == trace.AudioFirst && !now.asked.IsZero():
			now.answered = e.At
			out = append(out, now)
			asking, now = false, turn{}
		}
	}
	return out
}

// cycle is about how long a caller takes from one question to the next. The starts of the calls are spread
// over it, so that callers do not ask in chorus, unless $PEERS_CHORUS is set.
const cycle = 4 * time.Second

func chorus() bool { return os.Getenv("PEERS_CHORUS") != "" }

// dialAll places n calls, all of them at once for most of the time.
func dialAll(t *testing.T, bin, url string, n, turns int) []call {
	t.Helper()
	calls := make([]call, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if !chorus() {
				time.Sleep(time.Duration(i) * cycle / time.Duration(n))
			}
			var err error
			if calls[i], err = dial(t, bin, url, fmt.Sprintf("caller %d of %d", i+1, n), turns); err != nil {
				t.Error(err)
			}
		}()
	}
	wg.Wait()
	return calls
}

// recorded is what the sandbox saw.
type recorded struct {
	Vendor string     `json:"vendor"`
	Route  string     `json:"route"`
	At     time.Time  `json:"at"`
	First  *time.Time `json:"first"`
	Detail struct {
		Transcript string      `json:"transcript"`
		FinalTimes []time.Time `json:"final_times"`
		Damage     struct{ OK, Messages, Lost, Repeated, Reordered, Corrupt, Gaps int }
	} `json:"detail"`
}

func record(t *testing.T, box string) []recorded {
	t.Helper()
	resp, err := http.Get(box + "/_sandbox/calls")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var list struct {
		Calls []recorded `json:"calls"`
	}
	if err = json.NewDecoder(resp.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	return list.Calls
}

func reset(t *testing.T, box string) {
	t.Helper()
	resp, err := http.Post(box+"/_sandbox/reset", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode >= 300 {
		t.Fatalf("reset: status %d", resp.StatusCode)
	}
}

// accepted is when a turn was over for the agent: by its own trace, else when the recognizer said the turn's
// last words, which come with the end of the turn; zero = it is not known.
func accepted(seen []recorded, caller string, u turn) time.Time {
	last := u.accepted
	for _, r := range seen {
		if !u.accepted.IsZero() || r.Vendor != "speechmatics" || !strings.Contains(r.Detail.Transcript, "this is "+caller+".") {
			continue
		}
		for _, at := range r.Detail.FinalTimes {
			if at.After(u.asked.Add(-2*time.Second)) && at.Before(u.answered) && at.After(last) {
				last = at
			}
		}
	}
	return last
}
