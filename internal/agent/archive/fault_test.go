package archive

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestArchive_ALockedDatabaseDelaysTurnsAndLosesNone(t *testing.T) {
	onBoth(t, func(t *testing.T, s store) {
		a, id := open(t, s.options()), uuid.New()
		settle(t, a)
		unlock := s.lock(t)
		start := time.Now()
		if err := a.AddTurn(t.Context(), turn(id, 0)); !errors.Is(err, ErrSpooled) {
			t.Fatalf("got %v, want ErrSpooled", err)
		}
		if took := time.Since(start); took < patience || took > patience+200*time.Millisecond {
			t.Errorf("waited %v, want about %v", took, patience)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for seq := 1; seq < 500; seq++ {
			if err := a.AddTurn(ctx, turn(id, seq)); !errors.Is(err, ErrSpooled) {
				t.Fatalf("got %v, want ErrSpooled at once", err)
			}
		}
		if !a.Degraded() || a.Waiting() != 500 {
			t.Errorf("degraded %v, waiting %d, want true, 500", a.Degraded(), a.Waiting())
		}
		if err := a.Flush(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("flush of a stuck archive: %v", err)
		}
		unlock()
		settle(t, a)
		wantOnce(t, a, id, 500)
		wantHealthy(t, a)
	})
}

func wantOnce(t *testing.T, a *Archive, id uuid.UUID, n int) {
	t.Helper()
	got := turns(t, a, id)
	for seq, tn := range got {
		if tn.Seq != seq {
			t.Fatalf("turn %d is at place %d", tn.Seq, seq)
		}
	}
	if len(got) != n {
		t.Fatalf("%d turns, want %d", len(got), n)
	}
}

// wantHealthy waits for the writer to notice that nothing is owed, which it does after its last answer.
func wantHealthy(t *testing.T, a *Archive) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for a.Degraded() {
		if time.Now().After(deadline) {
			t.Fatal("still degraded")
		}
		settle(t, a)
	}
}

func spoolFiles(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, spoolPrefix+"*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestArchive_AFullQueueGoesToTheSpoolFileAndComesBack(t *testing.T) {
	onBoth(t, func(t *testing.T, s store) {
		o := s.options()
		o.queueLimit = 20
		dir := o.Dir
		a, id := open(t, o), uuid.New()
		settle(t, a)
		unlock := s.lock(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for seq := range 1000 { // far more than the queue holds
			deadline := time.Now().Add(10 * time.Second)
			for err := a.AddTurn(ctx, turn(id, seq)); !errors.Is(err, ErrSpooled) && err != nil; err = a.AddTurn(ctx, turn(id, seq)) {
				if !errors.Is(err, ErrFull) || time.Now().After(deadline) {
					t.Fatal(err)
				}
			}
		}
		if len(spoolFiles(t, dir)) != 1 || !a.Degraded() {
			t.Errorf("spool files %v, degraded %v", spoolFiles(t, dir), a.Degraded())
		}
		unlock()
		settle(t, a)
		wantOnce(t, a, id, 1000)
		wantHealthy(t, a)
	})
}

func TestArchive_WhatACloseCannotLandTheNextOpenDoes(t *testing.T) {
	onBoth(t, func(t *testing.T, s store) {
		dir, id := s.options().Dir, uuid.New()
		a, err := Open(s.options())
		if err != nil {
			t.Fatal(err)
		}
		settle(t, a)
		unlock := s.lock(t)
		for seq := range 3 {
			put(t, a.AddTurn(t.Context(), turn(id, seq)))
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		if err := a.AddTurn(t.Context(), turn(id, 3)); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v, want ErrClosed", err)
		}
		unlock()
		if n := len(spoolFiles(t, dir)); n != 1 {
			t.Fatalf("%d spool files, want 1", n)
		}
		b := open(t, s.options())
		settle(t, b)
		wantOnce(t, b, id, 3)
		if names := spoolFiles(t, dir); len(names) != 0 {
			t.Errorf("left behind: %v", names)
		}
	})
}

func TestArchive_LeavesTheSpoolOfALivingProcessAlone(t *testing.T) {
	onBoth(t, func(t *testing.T, s store) {
		o := s.options()
		o.queueLimit = 2
		dir, id := o.Dir, uuid.New()
		a := open(t, o)
		settle(t, a)
		unlock := s.lock(t)
		put(t, a.AddTurn(t.Context(), turn(id, 0)))
		put(t, a.AddTurn(t.Context(), turn(id, 1)))
		deadline := time.Now().Add(10 * time.Second)
		for len(spoolFiles(t, dir)) == 0 && time.Now().Before(deadline) {
			put(t, ignoreFull(a.AddTurn(t.Context(), turn(id, 1))))
		}
		sp, err := openSpool(a.folder, a.o.Log)
		if err != nil || len(sp.left) != 0 {
			t.Errorf("took %d files of a living process, %v", len(sp.left), err)
		}
		unlock()
		settle(t, a)
		wantOnce(t, a, id, 2)
	})
}

func ignoreFull(err error) error {
	if errors.Is(err, ErrFull) {
		return nil
	}
	return err
}

// limitPages makes the writer's connection answer SQLITE_FULL, as it does on ENOSPC, beyond n pages.
func limitPages(t *testing.T, a *Archive, n int) {
	t.Helper()
	if _, err := a.write.conn.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", n)); err != nil {
		t.Fatal(err)
	}
}

func TestArchive_AFullDiskDelaysTurnsAndLosesNone(t *testing.T) {
	a, id := open(t, Options{}), uuid.New()
	settle(t, a)
	limitPages(t, a, 1) // held to the present size
	n, full := 0, false
	for ; n < 50 && !full; n++ {
		tn := turn(id, n)
		tn.UserText = strings.Repeat("much to say ", 4000)
		err := a.AddTurn(t.Context(), tn)
		full = errors.Is(err, ErrSpooled)
		put(t, err)
	}
	if !full || !a.Degraded() {
		t.Fatalf("the disk was never full (%d turns, degraded %v)", n, a.Degraded())
	}
	limitPages(t, a, 1<<30)
	settle(t, a)
	wantOnce(t, a, id, n)
	wantHealthy(t, a)
}

// fullFile takes half of what it is given and then has no more room, until it is told that there is.
type fullFile struct {
	appendFile
	room bool
}

func (f *fullFile) Write(b []byte) (int, error) {
	if f.room {
		return f.appendFile.Write(b)
	}
	n, err := f.appendFile.Write(b[:len(b)/2])
	return n, errors.Join(err, errors.New("no space left on device"))
}

func TestSpool_AFullDiskLeavesNoHalfLine(t *testing.T) {
	a := open(t, Options{})
	s := &spool{folder: a.folder, log: a.o.Log}
	var file *fullFile
	s.create = func(name string) (appendFile, error) {
		f, err := s.createFile(name)
		file = &fullFile{appendFile: f}
		return file, err
	}
	id := uuid.New()
	recs := []record{{Turn: new(turn(id, 0))}, {Turn: new(turn(id, 1))}}
	if err := s.add(recs); err == nil || !s.empty() {
		t.Fatalf("took records onto a full disk: %v", err)
	}
	file.room = true
	if err := s.add(recs); err != nil {
		t.Fatal(err)
	}
	var got []record
	land := func(r []record) error { got = append(got, r...); return nil }
	for !s.empty() {
		if err := s.drain(maxBatch, land); err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != 2 || got[1].Turn.Seq != 1 || s.own.wrong != 0 {
		t.Errorf("got %d records, %d wrong lines", len(got), s.own.wrong)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
}

func TestArchive_SaysSoWhenNothingTakesATurn(t *testing.T) {
	onBoth(t, func(t *testing.T, s store) {
		o := s.options()
		o.queueLimit = 5
		a, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		settle(t, a)
		a.write.spool.create = func(string) (appendFile, error) { return nil, errors.New("no space left on device") }
		unlock := s.lock(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		id := uuid.New()
		for seq := range 5 {
			if err := a.AddTurn(ctx, turn(id, seq)); !errors.Is(err, ErrSpooled) {
				t.Fatal(err)
			}
		}
		if err := a.AddTurn(ctx, turn(id, 5)); !errors.Is(err, ErrFull) {
			t.Errorf("got %v, want ErrFull", err)
		}
		if err := a.Close(); err == nil || !strings.Contains(err.Error(), "5 records lost") {
			t.Errorf("close: %v, want the count of what was lost", err)
		}
		unlock()
	})
}

func TestSpool_PassesOverATornLineAndKeepsAStrangeOne(t *testing.T) {
	for name, c := range map[string]struct {
		line string
		kept bool
	}{
		"torn at the end": {`{"turn":{"call_id":"`, false},
		"not a record":    {"{\"what\":1}\n", true},
		"not JSON":        {"\x00\x00\x00\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			dir, id := t.TempDir(), uuid.New()
			a, err := Open(Options{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			s, err := openSpool(a.folder, a.o.Log)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(s.add([]record{{Turn: new(turn(id, 0))}}), s.own.add([]byte(c.line)), s.close(), a.Close()); err != nil {
				t.Fatal(err)
			}
			b := open(t, Options{Dir: dir})
			settle(t, b)
			wantOnce(t, b, id, 1)
			names := spoolFiles(t, dir)
			if kept := len(names) == 1 && strings.HasSuffix(names[0], spoolBad); kept != c.kept || len(names) > 1 {
				t.Errorf("left behind: %v", names)
			}
		})
	}
}

func TestArchive_ARecordThatCannotBeWrittenHoldsUpNoOther(t *testing.T) {
	onBoth(t, func(t *testing.T, s store) {
		a, id := open(t, s.options()), uuid.New()
		settle(t, a)
		s.refuseTurn(t, a, 1)
		put(t, a.AddTurn(t.Context(), turn(id, 0)))
		if err := a.AddTurn(t.Context(), turn(id, 1)); !errors.Is(err, ErrInvalid) {
			t.Errorf("got %v, want ErrInvalid", err)
		}
		put(t, a.AddTurn(t.Context(), turn(id, 2)))
		settle(t, a)
		if got := turns(t, a, id); len(got) != 2 {
			t.Errorf("%d turns, want the two others", len(got))
		}
	})
}
