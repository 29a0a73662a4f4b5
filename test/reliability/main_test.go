package reliability

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const (
	patience = 15 * time.Second // for anything that should happen at once; long, because the machine is shared
	slack    = time.Second      // what a busy machine may add to a bound
	account  = "AC00000000000000000000000000000001"
)

func TestMain(m *testing.M) {
	if role := os.Getenv("RELIABILITY_ROLE"); role != "" {
		os.Exit(play(role))
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		removeBinary()
		os.Exit(code)
	}))
}

// nightly chooses between the two forms of a test.
func nightly[T any](long, short T) T {
	if os.Getenv("VOICECTL_NIGHTLY") != "" {
		return long
	}
	return short
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func within(stop func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return stop(ctx)
}

// until polls: the other side of a socket, and another process, tell nobody when they are done.
func until(t *testing.T, most time.Duration, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(most); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v for %s", most, what)
		}
	}
}

// journal keeps log lines.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// lines are the log lines with this message.
func (j *journal) lines(msg string) []map[string]any {
	var out []map[string]any
	for line := range strings.Lines(j.String()) {
		var m map[string]any
		if json.Unmarshal([]byte(line), &m) == nil && m["msg"] == msg {
			out = append(out, m)
		}
	}
	return out
}

// ends waits until n sessions have ended and gives their reasons.
func (j *journal) ends(t *testing.T, n int, most time.Duration) []string {
	t.Helper()
	var out []string
	until(t, most, "the ends of the sessions", func() bool {
		lines := j.lines("session ended")
		if len(lines) < n {
			return false
		}
		out = nil
		for _, l := range lines {
			reason, _ := l["reason"].(string)
			out = append(out, reason)
		}
		return true
	})
	return out
}
