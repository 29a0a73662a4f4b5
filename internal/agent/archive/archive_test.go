package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

var began = time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)

func open(t *testing.T, o Options) *Archive {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	a, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// settle waits until everything is in the database.
func settle(t *testing.T, a *Archive) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := a.Flush(ctx); err != nil {
		t.Fatalf("flush: %v", err)
	}
}

// put stores and accepts both answers that mean "will be there".
func put(t *testing.T, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, ErrSpooled) {
		t.Fatal(err)
	}
}

func call(n int) Call {
	return Call{
		ID: uuid.New(), Kind: "twilio", CallSID: fmt.Sprintf("CA%03d", n), StreamSID: fmt.Sprintf("MZ%03d", n), Profile: "julia",
		CallerMasked: "+1******1234", StartedAt: began.Add(time.Duration(n) * time.Minute),
	}
}

func turn(id uuid.UUID, seq int) Turn {
	return Turn{
		CallID: id, Seq: seq, UserText: fmt.Sprintf("question %d", seq), AgentText: "answer, as far as", Cut: seq%2 == 1,
		Tools:     []ToolUse{{Name: "query_transactions", OK: true, MS: 12}, {Name: "web_search", MS: 3000, Class: "timeout"}},
		StartedAt: began.Add(time.Duration(seq) * time.Second),
		Latencies: map[string]time.Duration{"first_token": 210 * time.Millisecond, "first_audio": 340 * time.Millisecond},
	}
}

func turns(t *testing.T, a *Archive, id uuid.UUID) []Turn {
	t.Helper()
	got, err := a.Turns(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestArchive_GivesBackWhatWasStoredAfterAReopen(t *testing.T) {
	onBoth(t, func(t *testing.T, s store) {
		a, err := Open(s.options())
		if err != nil {
			t.Fatal(err)
		}
		c := call(1)
		put(t, a.BeginCall(t.Context(), c))
		want := []Turn{turn(c.ID, 0), turn(c.ID, 1)}
		for _, tn := range want {
			put(t, a.AddTurn(t.Context(), tn))
		}
		put(t, a.EndCall(t.Context(), c.ID, "completed", began.Add(time.Hour)))
		put(t, a.EndCall(t.Context(), c.ID, "error", began.Add(2*time.Hour))) // the first end stands
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		a = open(t, s.options())
		got, err := a.Call(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		c.EndedAt, c.EndReason, c.Turns = began.Add(time.Hour), "completed", 2
		if !reflect.DeepEqual(got, c) {
			t.Errorf("call\n got %+v\nwant %+v", got, c)
		}
		if got := turns(t, a, c.ID); !reflect.DeepEqual(got, want) {
			t.Errorf("turns\n got %+v\nwant %+v", got, want)
		}
	})
}

func TestArchive_StoresATurnOnceByCallAndSeq(t *testing.T) {
	onBoth(t, func(t *testing.T, s store) {
		a, c := open(t, s.options()), call(1)
		put(t, a.BeginCall(t.Context(), c))
		first := turn(c.ID, 0)
		put(t, a.AddTurn(t.Context(), first))
		again := first
		again.AgentText = "another"
		put(t, a.AddTurn(t.Context(), again))
		settle(t, a)
		if got := turns(t, a, c.ID); len(got) != 1 || got[0].AgentText != first.AgentText {
			t.Errorf("got %+v, want the first alone", got)
		}
	})
}

func TestArchive_PagesThroughCallsNewestFirst(t *testing.T) {
	onBoth(t, func(t *testing.T, s store) {
		a := open(t, s.options())
		var want []uuid.UUID
		for n := range 7 {
			c := call(n / 2) // pairs share a start
			want = append(want, c.ID)
			put(t, a.BeginCall(t.Context(), c))
		}
		settle(t, a)
		seen := map[uuid.UUID]bool{}
		last, lastStart := uuid.Nil, time.Now()
		for {
			page, err := a.Calls(t.Context(), 3, last)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, c := range page {
				if seen[c.ID] || c.StartedAt.After(lastStart) {
					t.Errorf("call %s repeated or out of order", c.ID)
				}
				seen[c.ID], last, lastStart = true, c.ID, c.StartedAt
			}
		}
		if len(seen) != len(want) {
			t.Errorf("saw %d calls, want %d", len(seen), len(want))
		}
		if _, err := a.Calls(t.Context(), 3, uuid.New()); !errors.Is(err, ErrNotFound) {
			t.Errorf("unknown cursor: got %v, want ErrNotFound", err)
		}
	})
}

func TestArchive_RefusesRecordsOutOfBounds(t *testing.T) {
	a, id := open(t, Options{}), uuid.New()
	long := strings.Repeat("x", maxText+1)
	for name, err := range map[string]error{
		"call without id":     a.BeginCall(t.Context(), Call{StartedAt: began}),
		"call without start":  a.BeginCall(t.Context(), Call{ID: id}),
		"call with long name": a.BeginCall(t.Context(), Call{ID: id, StartedAt: began, CallSID: long}),
		"end without time":    a.EndCall(t.Context(), id, "completed", time.Time{}),
		"turn without call":   a.AddTurn(t.Context(), Turn{StartedAt: began}),
		"turn before first":   a.AddTurn(t.Context(), Turn{CallID: id, Seq: -1, StartedAt: began}),
		"turn without start":  a.AddTurn(t.Context(), Turn{CallID: id}),
		"turn with long text": a.AddTurn(t.Context(), Turn{CallID: id, StartedAt: began, UserText: long}),
		"turn, many tools":    a.AddTurn(t.Context(), Turn{CallID: id, StartedAt: began, Tools: make([]ToolUse, maxTools+1)}),
		"turn, long tool":     a.AddTurn(t.Context(), Turn{CallID: id, StartedAt: began, Tools: []ToolUse{{Name: long}}}),
		"turn, long stage":    a.AddTurn(t.Context(), Turn{CallID: id, StartedAt: began, Latencies: map[string]time.Duration{long: 1}}),
	} {
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
}

func TestArchive_KeepsFilesPrivateAndInsideTheFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	a, c := open(t, Options{Dir: dir}), call(1)
	put(t, a.BeginCall(t.Context(), c))
	ev, err := a.EventsWriter(c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(ev, "{\"kind\":\"started\"}\n"); err != nil || ev.Close() != nil {
		t.Fatal("events:", err)
	}
	rec, err := a.RecordingWriter(c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rec.WriteAt([]byte("RIFF"), 0); err != nil || rec.Close() != nil {
		t.Fatal("recording:", err)
	}
	r, err := a.Events(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(r); err != nil || string(text) != "{\"kind\":\"started\"}\n" || r.Close() != nil {
		t.Errorf("events: got %q, %v", text, err)
	}
	settle(t, a)
	files := 0
	err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := d.Info()
		want := fs.FileMode(fileMode)
		if d.IsDir() {
			want = dirMode
		} else {
			files++
		}
		if err == nil && st.Mode().Perm() != want {
			t.Errorf("%s: mode %o, want %o", p, st.Mode().Perm(), want)
		}
		return err
	})
	if err != nil || files < 4 { // database, -wal, events, recording
		t.Errorf("walk: %d files, %v", files, err)
	}
	if _, err := a.Recording(t.Context(), uuid.New()); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown recording: got %v, want ErrNotFound", err)
	}
}

func TestArchive_DoesNotFollowALinkOutOfItsFolder(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	a, id := open(t, Options{Dir: dir}), uuid.New()
	if err := os.Mkdir(filepath.Join(dir, callsDir), dirMode); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, callsDir, id.String())); err != nil {
		t.Fatal(err)
	}
	if _, err := a.RecordingWriter(id); err == nil {
		t.Error("wrote through a link that leads outside")
	}
}

func TestOpen_RefusesADamagedDatabaseAndLeavesItAlone(t *testing.T) {
	good := func(t *testing.T) []byte {
		dir := t.TempDir()
		a, err := Open(Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		c := call(1)
		for n := range 200 {
			put(t, a.AddTurn(t.Context(), turn(c.ID, n)))
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, DatabaseFile))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, damage := range map[string]func([]byte) []byte{
		"text":         func([]byte) []byte { return []byte("not a database at all") },
		"cut short":    func(b []byte) []byte { return b[:len(b)/2] },
		"page zeroed":  func(b []byte) []byte { clear(b[len(b)-8192 : len(b)-4096]); return b },
		"schema wiped": func(b []byte) []byte { clear(b[100:4096]); return b },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, DatabaseFile)
			bad := damage(good(t))
			if err := os.WriteFile(path, bad, fileMode); err != nil {
				t.Fatal(err)
			}
			a, err := Open(Options{Dir: dir})
			if err == nil {
				_ = a.Close()
				t.Fatal("opened a damaged database")
			}
			for _, word := range []string{path, "damaged", "restore a copy"} {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("error %q does not say %q", err, word)
				}
			}
			if now, err := os.ReadFile(path); err != nil || string(now) != string(bad) {
				t.Errorf("the damaged file was changed (%v)", err)
			}
		})
	}
}

func TestOpen_RefusesASchemaFromTheFuture(t *testing.T) {
	onBoth(t, func(t *testing.T, s store) {
		a, err := Open(s.options())
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		if _, ok := s.(fileStore); ok {
			s.exec(t, "PRAGMA user_version = 999")
		} else {
			s.exec(t, "UPDATE schema_version SET version = 999")
		}
		if _, err := Open(s.options()); err == nil || !strings.Contains(err.Error(), "schema version 999") || !strings.Contains(err.Error(), "newer voicectl") {
			t.Errorf("got %v, want the version and a word about the newer voicectl", err)
		}
	})
}

func TestArchive_TakesTextThatNoEncodingAllows(t *testing.T) {
	onBoth(t, func(t *testing.T, s store) {
		a, c := open(t, s.options()), call(1)
		c.CallSID = "CA\x00\xff"
		put(t, a.BeginCall(t.Context(), c))
		tn := turn(c.ID, 0)
		tn.UserText, tn.Tools[0].Name = "a\x00b\xffc", "t\x00\xff"
		put(t, a.AddTurn(t.Context(), tn))
		settle(t, a)
		got := turns(t, a, c.ID)
		if len(got) != 1 || got[0].UserText != "a\uFFFDb\uFFFDc" || len(got[0].Tools) != 2 {
			t.Errorf("got %+v", got)
		}
		if have, err := a.Call(t.Context(), c.ID); err != nil || have.CallSID != "CA\uFFFD\uFFFD" {
			t.Errorf("got %+v, %v", have, err)
		}
	})
}

func TestOpen_TakesAnOddFolderName(t *testing.T) {
	for _, name := range []string{"a b", "per%20cent", "what?", "hash#tag", "ünï"} {
		dir := filepath.Join(t.TempDir(), name)
		a := open(t, Options{Dir: dir})
		put(t, a.BeginCall(t.Context(), call(1)))
		if _, err := os.Stat(filepath.Join(dir, DatabaseFile)); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	t.Chdir(t.TempDir())
	open(t, Options{Dir: "./data"})
	if st, err := os.Stat(filepath.Join("data", DatabaseFile)); err != nil || st.Size() == 0 {
		t.Errorf("relative folder: %v", err)
	}
}
