package archive

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
)

// Tier: ci with 4 s of lock, nightly with 30 s.
func TestR17_S1_ALockedDatabaseLosesNoTurn(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s store) {
		a := open(t, s.options())
		var unlock func()
		throughTrouble(t, a, true, func() { unlock = s.lock(t) }, func() { unlock() })
	})
}

// smallDisk is a folder whose disk the test can fill up: a file system of its own where mounting is allowed,
// else a bound on the size of this process's files.
func smallDisk(t *testing.T) (dir string, fill, free func()) {
	t.Helper()
	dir = t.TempDir()
	unmount, err := mountSmall(dir)
	if err != nil {
		t.Logf("no file system of our own (%v): the size of files is bounded instead", err)
		signal.Ignore(syscall.SIGXFSZ)
		var was syscall.Rlimit
		must(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was))
		set := func(n uint64) {
			must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: was.Max}))
		}
		t.Cleanup(func() { set(was.Cur) })
		return dir, func() { set(1) }, func() { set(was.Cur) }
	}
	t.Cleanup(func() { must(t, unmount()) })
	filler := filepath.Join(dir, "filler")
	return dir, func() {
		f, err := os.Create(filler)
		must(t, err)
		defer func() { _ = f.Close() }()
		for _, size := range []int{64 << 10, 4 << 10, 1} {
			for err = nil; err == nil; {
				_, err = f.Write(make([]byte, size))
			}
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
		}
	}, func() { must(t, os.Remove(filler)) }
}

// Tier: ci with 4 s of a full disk, nightly with 30 s.
func TestR17_K11_AFullDiskLosesNoTurn(t *testing.T) {
	dir, fill, free := smallDisk(t)
	a := open(t, Options{Dir: dir})
	settle(t, a)
	checkpoint := func() { must(t, a.write.do(t.Context(), a.engine.forget)) } // so that there is no room left in the log
	throughTrouble(t, a, false, func() { checkpoint(); fill() }, free)
}

// A database that turns read-only: a disk with errors, a volume mounted otherwise. Tier: ci with 4 s, nightly
// with 30 s.
func TestR17_AReadOnlyDatabaseLosesNoTurn(t *testing.T) {
	t.Parallel()
	a := open(t, Options{Dir: t.TempDir()})
	settle(t, a)
	conn := a.write.conn
	pragma := func(text string) {
		_, err := conn.ExecContext(t.Context(), text)
		must(t, err)
	}
	throughTrouble(t, a, true, func() { pragma("PRAGMA query_only = ON") }, func() { pragma("PRAGMA query_only = OFF") })
}

// Tier: ci with 4 s, nightly with 30 s.
func TestR17_AFolderThatGoesAwayAndComesBackLosesNoTurn(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	a := open(t, Options{Dir: dir})
	settle(t, a)
	throughTrouble(t, a, true, // the spool file goes where the folder went, and comes back with it
		func() { must(t, os.Rename(dir, dir+"-away")); must(t, os.Mkdir(dir, dirMode)) }, // as an unmounted volume does
		func() {
			left, err := os.ReadDir(dir)
			if must(t, err); len(left) > 0 {
				t.Errorf("something was written into the empty folder: %v", left)
			}
			must(t, os.Remove(dir))
			must(t, os.Rename(dir+"-away", dir))
		})
}

// Tier: ci.
func TestR17_ACopyPutInPlaceOfADeletedFolderTakesTheTurnsThatWait(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	dir, saved := filepath.Join(base, "data"), filepath.Join(base, "copy.db")
	a, id := open(t, Options{Dir: dir}), uuid.New()
	n, _ := talk(t, a, id, 0, lasting(100*time.Millisecond))
	settle(t, a)
	fileStore{dir}.exec(t, "VACUUM INTO '"+saved+"'")
	must(t, os.RemoveAll(dir))
	n, acked := talk(t, a, id, n, lasting(2*time.Second))
	if acked > 0 || !a.Degraded() {
		t.Errorf("%d turns were acknowledged without a folder, degraded %v", acked, a.Degraded())
	}
	must(t, os.Mkdir(dir, dirMode))
	must(t, os.Rename(saved, filepath.Join(dir, DatabaseFile)))
	settle(t, a)
	wantOnce(t, a, id, n)
	wantHealthy(t, a)
	ev, err := a.EventsWriter(id) // files go to the new folder too
	must(t, err)
	must(t, ev.Close())
	if _, err := os.Stat(filepath.Join(dir, callsDir, id.String(), eventsFile)); err != nil {
		t.Error(err)
	}
}

// With a server for the rows, a folder that was deleted is made again. Tier: ci.
func TestR17_S6_ADeletedFolderOfFilesIsMadeAgain(t *testing.T) {
	s := newServerStore(t)
	o := s.options()
	o.Dir = filepath.Join(o.Dir, "data")
	a, id := open(t, o), uuid.New()
	must(t, os.RemoveAll(o.Dir))
	put(t, a.AddTurn(t.Context(), turn(id, 0)))
	ev, err := a.EventsWriter(id)
	must(t, err)
	_, err = io.WriteString(ev, "{}\n")
	must(t, errors.Join(err, ev.Close()))
	r, err := a.Events(t.Context(), id)
	must(t, err)
	must(t, r.Close())
	settle(t, a)
	wantOnce(t, a, id, 1)
}

// A spool file that somebody deletes takes nothing more, and what was in it still lands. Tier: ci.
func TestR17_ADeletedSpoolFileIsNotWrittenTo(t *testing.T) {
	t.Parallel()
	s := fileStore{t.TempDir()}
	a, id := open(t, s.options()), uuid.New()
	settle(t, a)
	unlock := s.lock(t)
	n, _ := talk(t, a, id, 0, func() bool { return len(spoolFiles(t, s.dir)) > 0 })
	first := spoolFiles(t, s.dir)[0]
	must(t, os.Remove(first))
	n, acked := talk(t, a, id, n, func() bool { return len(spoolFiles(t, s.dir)) > 0 })
	if now := spoolFiles(t, s.dir); strings.Join(now, "") == first {
		t.Errorf("the deleted file is in use: %v, %d acknowledged", now, acked)
	}
	unlock()
	settle(t, a)
	wantOnce(t, a, id, n)
	wantHealthy(t, a)
}

// A reader that stays keeps the log from being emptied, and no more than that. Tier: ci.
func TestR17_S5_ALongReaderDoesNotStopTheTurns(t *testing.T) {
	a, id := open(t, Options{Dir: t.TempDir()}), uuid.New()
	settle(t, a)
	tx, err := a.read.Load().BeginTx(t.Context(), nil)
	must(t, err)
	var rows int
	must(t, tx.QueryRowContext(t.Context(), "SELECT count(*) FROM turns").Scan(&rows))
	for seq := range 600 { // more than the log holds before it is emptied
		put(t, a.AddTurn(t.Context(), turn(id, seq)))
	}
	settle(t, a)
	log := filepath.Join(a.o.Dir, DatabaseFile+"-wal")
	st, err := os.Stat(log)
	must(t, err)
	if st.Size() < 4<<20 {
		t.Errorf("the log holds %d bytes: nothing was starved", st.Size())
	}
	if err = a.write.do(t.Context(), a.engine.forget); !errors.Is(err, errBusyLog) {
		t.Errorf("got %v, want the word about the reader", err)
	}
	must(t, tx.Rollback())
	must(t, a.write.do(t.Context(), a.engine.forget))
	if st, err = os.Stat(log); err != nil || st.Size() != 0 {
		t.Errorf("the log holds %d bytes after the reader has left (%v)", st.Size(), err)
	}
	wantOnce(t, a, id, 600)
}
