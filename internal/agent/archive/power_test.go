package archive

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// writeForPowerCut is the watched child: turns of four calls with many small checkpoints, some through the
// spool file while the database is locked, a close, and a second life. Each turn that is acknowledged is
// written to the file acks at once.
func writeForPowerCut(o Options) error {
	turns, err := strconv.Atoi(os.Getenv("ARCHIVE_TEST_TURNS"))
	if err != nil {
		return err
	}
	acks, err := os.OpenFile(os.Getenv("ARCHIVE_TEST_ACKS"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, fileMode)
	if err != nil {
		return err
	}
	for range 2 {
		if err := oneLife(o, turns/2, acks); err != nil {
			return err
		}
	}
	return acks.Close()
}

func oneLife(o Options, turns int, acks *os.File) error {
	ctx := context.Background()
	o.queueLimit = 10
	a, err := Open(o)
	if err != nil {
		return err
	}
	err = a.write.do(ctx, func(ctx context.Context, conn *sql.Conn) error {
		_, perr := conn.ExecContext(ctx, "PRAGMA wal_autocheckpoint = 40")
		if os.Getenv("ARCHIVE_TEST_SYNC") == "off" {
			_, perr = conn.ExecContext(ctx, "PRAGMA synchronous = OFF")
		}
		return perr
	})
	if err != nil {
		return err
	}
	speak := func(calls, turns int) error {
		var wg sync.WaitGroup
		for range calls {
			c := call(0)
			if err := a.BeginCall(ctx, c); err != nil && !errors.Is(err, ErrSpooled) {
				return err
			}
			wg.Go(func() {
				for seq := range turns {
					if a.AddTurn(ctx, turn(c.ID, seq)) == nil {
						_, _ = acks.WriteString(c.ID.String() + " " + strconv.Itoa(seq) + "\n")
					}
				}
			})
		}
		wg.Wait()
		return nil
	}
	if err := speak(4, turns/4); err != nil {
		return err
	}
	other, err := sql.Open("sqlite", filepath.Join(o.Dir, DatabaseFile))
	if err != nil {
		return err
	}
	other.SetMaxOpenConns(1)
	if _, err := other.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	var wg sync.WaitGroup
	for range 12 { // more than the queue holds: the spool file takes them
		id := uuid.New()
		wg.Go(func() {
			told := 0
			for seq, until := 0, time.Now().Add(4*busyTimeout); told < 4 && time.Now().Before(until); seq++ {
				switch terr := a.AddTurn(ctx, turn(id, seq)); {
				case terr == nil:
					_, _ = acks.WriteString(id.String() + " " + strconv.Itoa(seq) + "\n")
					told++
				case errors.Is(terr, ErrFull):
					time.Sleep(patience / 5) // a conversation, not a flood
				}
			}
		})
	}
	wg.Wait()
	_, err = other.ExecContext(ctx, "ROLLBACK")
	return errors.Join(err, other.Close(), a.Flush(ctx), speak(2, turns/4), a.Close())
}

// survives restarts an archive on what a disk holds and tells what is wrong with it.
func survives(t *testing.T, dir string, files map[string][]byte, acked []string) error {
	t.Helper()
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, dirMode)); err != nil {
		t.Fatal(err)
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, fileMode); err != nil {
			t.Fatal(err)
		}
	}
	a, err := Open(Options{Dir: dir})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err = errors.Join(a.Flush(ctx), whole(ctx, a), holds(ctx, a, acked))
	return errors.Join(err, a.Close())
}

func whole(ctx context.Context, a *Archive) error {
	var word string
	if err := a.read.Load().QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&word); err != nil || word != "ok" {
		return fmt.Errorf("integrity check: %s, %w", word, err)
	}
	return nil
}

// holds sees that every acknowledged turn is there as it was given, and that no turn is there in part.
func holds(ctx context.Context, a *Archive, acked []string) error {
	rows, err := a.read.Load().QueryContext(ctx, "SELECT DISTINCT call_id FROM turns")
	if err != nil {
		return err
	}
	var ids []uuid.UUID
	for rows.Next() {
		var id uuid.UUID
		if err := rows.Scan(&id); err != nil {
			return err
		}
		ids = append(ids, id)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	have := map[string]bool{}
	for _, id := range ids {
		got, err := a.Turns(ctx, id)
		if err != nil {
			return err
		}
		for _, tn := range got {
			if !reflect.DeepEqual(tn, turn(id, tn.Seq)) {
				return fmt.Errorf("half a turn: %+v", tn)
			}
			have[fmt.Sprint(id, " ", tn.Seq)] = true
		}
	}
	for _, key := range acked {
		if !have[key] {
			return fmt.Errorf("%w: %s", errLost, key)
		}
	}
	return nil
}

var errLost = errors.New("acknowledged turn is lost")

// watched runs the child and returns what it did.
func watched(t *testing.T, turns int, sync string) (all []deed, lines int) {
	t.Helper()
	base := t.TempDir()
	dir, acks := filepath.Join(base, "data"), filepath.Join(base, "acks")
	if err := os.Mkdir(dir, dirMode); err != nil {
		t.Fatal(err)
	}
	cmd := childCommand(t, "power", Options{Dir: dir})
	cmd.Env = append(cmd.Env, "ARCHIVE_TEST_ACKS="+acks, "ARCHIVE_TEST_TURNS="+strconv.Itoa(turns), "ARCHIVE_TEST_SYNC="+sync)
	return deeds(t, cmd, dir, acks)
}

// scratch is a folder in memory where there is one: what is tried there needs no disk.
func scratch(t *testing.T) string {
	t.Helper()
	if dir, err := os.MkdirTemp("/dev/shm", "archive-"); err == nil {
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		return dir
	}
	return t.TempDir()
}

// Tier: ci with about 120 cuts, nightly with 600. A cut is made around every sync that the first pass can
// hold, and at random lines between.
func TestR02_APowerCutLosesNoAcknowledgedTurn(t *testing.T) {
	turns, cuts := 80, 120
	if nightly() {
		turns, cuts = 400, 600
	}
	all, lines := watched(t, turns, "full")
	var at []int
	kinds, told := map[string]int{}, 0
	for _, e := range all {
		kinds[e.kind]++
		if e.kind == "sync" || e.kind == "syncdir" {
			at = append(at, e.begun+1, e.ended, e.ended+1)
		}
		if e.kind == "ack" {
			told++
		}
	}
	if told < turns/2 || kinds["truncate"] == 0 || kinds["rename"] == 0 || kinds["unlink"] == 0 {
		t.Fatalf("the child did not do its work: %v", kinds)
	}
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 2))
	rng.Shuffle(len(at), func(i, j int) { at[i], at[j] = at[j], at[i] })
	at = at[:min(len(at), cuts*2/3)]
	syncs := len(at)
	for len(at) < cuts {
		at = append(at, 1+rng.IntN(lines))
	}
	dir := filepath.Join(scratch(t), "data")
	held := 0
	for i, cut := range at {
		d, acked := before(all, cut)
		l := luck(i % lucks)
		if err := survives(t, dir, d.image(rng, l), acked); err != nil {
			t.Errorf("seed %d, cut at line %d of %d, luck %d, %d turns told: %v", seed, cut, lines, l, len(acked), err)
		}
		held += len(acked)
	}
	t.Logf("%d lines, %d syncs, %d turns told; %d cuts (%d at syncs), %d acknowledged turns looked for: none lost, no file damaged",
		lines, kinds["sync"], told, len(at), syncs, held)
}

// The test above must be able to fail: a database that does not sync loses turns. Tier: ci.
func TestR02_ADatabaseThatDoesNotSyncIsCaught(t *testing.T) {
	all, lines := watched(t, 40, "off")
	dir := filepath.Join(scratch(t), "data")
	rng := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		d, acked := before(all, lines/2+rng.IntN(lines/2))
		if err := survives(t, dir, d.image(rng, nothing), acked); err != nil {
			t.Logf("caught: %v", err)
			return
		}
	}
	t.Error("no cut was found to lose anything, though nothing was synced")
}
