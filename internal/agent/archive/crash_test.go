package archive

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/voicectl/voicectl/internal/secret"
)

// child is this test binary as another process, which a test kills, cuts off or watches.
func child(kind string) {
	o := Options{Dir: os.Getenv("ARCHIVE_TEST_DIR"), Database: secret.New(os.Getenv("ARCHIVE_TEST_DATABASE"))}
	var err error
	switch kind {
	case "write":
		err = writeUntilKilled(o)
	case "migrate":
		err = migrateOnce(o)
	case "power":
		err = writeForPowerCut(o)
	default:
		err = fmt.Errorf("no child %q", kind)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

const callers = 20 // at a time in the crash test

// writeUntilKilled writes the turns of twenty calls and tells each one that is acknowledged on its standard
// output, which is not buffered.
func writeUntilKilled(o Options) error {
	a, err := Open(o)
	if err != nil {
		return err
	}
	ctx := context.Background()
	var wg sync.WaitGroup
	for range callers {
		c := call(0)
		if err := a.BeginCall(ctx, c); err != nil && !errors.Is(err, ErrSpooled) {
			return err
		}
		wg.Go(func() {
			for seq := 0; ; seq++ {
				if a.AddTurn(ctx, turn(c.ID, seq)) == nil {
					_, _ = os.Stdout.WriteString(c.ID.String() + " " + strconv.Itoa(seq) + "\n")
				}
			}
		})
	}
	wg.Wait()
	return nil
}

// Tier: ci with 20 kills, nightly with 100.
func TestR01_AKillLosesNoAcknowledgedTurn(t *testing.T) {
	kills := 20
	if nightly() {
		kills = 100
	}
	onBoth(t, func(t *testing.T, s store) {
		total := 0
		for range kills {
			acked := killedChild(t, s.options(), 1+rand.IntN(400))
			total += len(acked)
			a, err := Open(s.options())
			if err != nil {
				t.Fatal(err)
			}
			settle(t, a)
			wantAcked(t, a, acked)
			if _, ok := s.(fileStore); ok {
				err = quickCheck(t.Context(), a.read.Load())
			}
			if err := errors.Join(err, a.Close()); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("%d kills during %d calls, %d acknowledged turns, none lost, none half", kills, callers, total)
	})
}

// wantAcked holds what was told against what is stored. Each line is a call's id and a turn's number.
func wantAcked(t *testing.T, a *Archive, acked []string) {
	t.Helper()
	have := map[string]bool{}
	for _, line := range acked {
		id := uuid.MustParse(line[:36])
		if !have[id.String()] {
			have[id.String()] = true
			for _, got := range turns(t, a, id) {
				want := turn(id, got.Seq)
				if got.UserText != want.UserText || got.AgentText != want.AgentText || len(got.Tools) != len(want.Tools) {
					t.Fatalf("half a turn: %+v", got)
				}
				if key := fmt.Sprint(id, " ", got.Seq); have[key] {
					t.Fatalf("turn %s is there twice", key)
				} else {
					have[key] = true
				}
			}
		}
		if !have[line] {
			t.Fatalf("acknowledged turn %s is lost", line)
		}
	}
}

func childCommand(t testing.TB, kind string, o Options) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), "ARCHIVE_TEST_CHILD="+kind, "ARCHIVE_TEST_DIR="+o.Dir, "ARCHIVE_TEST_DATABASE="+o.Database.Reveal())
	cmd.Stderr = os.Stderr
	return cmd
}

// killedChild runs the child, kills it after n acknowledged turns and returns all that were told.
func killedChild(t *testing.T, o Options, n int) (acked []string) {
	t.Helper()
	cmd := childCommand(t, "write", o)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		acked = append(acked, lines.Text())
		if len(acked) == n { // what it tells before it dies counts too
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if last := len(acked) - 1; last >= 0 && len(acked[last]) < 38 {
		acked = acked[:last] // died in the middle of telling
	}
	if err := cmd.Wait(); err == nil || len(acked) < n {
		t.Fatalf("child ended by itself after %d turns: %v", len(acked), err)
	}
	return acked
}
