package archive

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
)

const secretWords = "my number is four four two"

// storeOld puts a whole call of content and returns it.
func storeOld(t *testing.T, a *Archive, c Call) Call {
	t.Helper()
	tn := turn(c.ID, 0)
	tn.UserText = secretWords
	put(t, a.BeginCall(t.Context(), c))
	put(t, a.AddTurn(t.Context(), tn))
	put(t, a.EndCall(t.Context(), c.ID, "completed", c.StartedAt.Add(time.Minute)))
	ev, err := a.EventsWriter(c.ID)
	if err != nil {
		t.Fatal(err)
	}
	rec, err := a.RecordingWriter(c.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []io.WriteCloser{ev, rec} {
		if _, err := io.WriteString(f, secretWords); err != nil || f.Close() != nil {
			t.Fatal("write:", err)
		}
	}
	settle(t, a)
	return c
}

// has tells whether the words are in any file of the folder.
func has(t *testing.T, dir, words string) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		found = found || bytes.Contains(b, []byte(words))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestArchive_SweepRemovesWhatIsTooOld(t *testing.T) {
	onBoth(t, func(t *testing.T, s store) {
		o := s.options()
		o.Retention = Retention{Text: 90 * 24 * time.Hour, Recordings: 30 * 24 * time.Hour}
		a := open(t, o)
		c := storeOld(t, a, call(1))
		fresh := call(2)
		fresh.StartedAt = began.AddDate(0, 0, 95)
		storeOld(t, a, fresh)
		for _, s := range []struct {
			days                   int
			want                   Swept
			text, events, recorded bool
		}{
			{20, Swept{}, true, true, true},
			{31, Swept{Recordings: 1}, true, true, false},
			{31, Swept{}, true, true, false},
			{91, Swept{Texts: 1}, false, false, false},
		} {
			got, err := a.Sweep(t.Context(), began.AddDate(0, 0, s.days))
			if err != nil || got != s.want {
				t.Errorf("day %d: got %+v, %v, want %+v", s.days, got, err, s.want)
			}
			tns := turns(t, a, c.ID)
			_, events := a.Events(t.Context(), c.ID)
			_, recorded := a.Recording(t.Context(), c.ID)
			if len(tns) != 1 || (tns[0].UserText != "") != s.text || (events == nil) != s.events || (recorded == nil) != s.recorded {
				t.Errorf("day %d: turns %+v, events %v, recording %v", s.days, tns, events, recorded)
			}
		}
		if got := turns(t, a, c.ID)[0]; got.AgentText != "" || got.Latencies["first_token"] == 0 {
			t.Errorf("text must go and figures stay: %+v", got)
		}
		if got := turns(t, a, fresh.ID)[0]; got.UserText != secretWords {
			t.Errorf("a fresh call was swept: %+v", got)
		}
		late := turn(c.ID, 1)
		put(t, a.AddTurn(t.Context(), late)) // from a spool, say
		settle(t, a)
		if got := turns(t, a, c.ID)[1]; got.UserText != "" {
			t.Errorf("a late turn brought text back: %+v", got)
		}
	})
}

func TestArchive_SweepRemovesFilesWithoutACall(t *testing.T) {
	dir := t.TempDir()
	a, id := open(t, Options{Dir: dir, Retention: Retention{Text: time.Hour}}), uuid.New()
	f, err := a.EventsWriter(id)
	if err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	sweepStray(t, a, id, 0, true)
	sweepStray(t, a, id, 2*time.Hour, false)
}

func sweepStray(t *testing.T, a *Archive, id uuid.UUID, after time.Duration, want bool) {
	t.Helper()
	if _, err := a.Sweep(t.Context(), time.Now().Add(after)); err != nil {
		t.Fatal(err)
	}
	r, err := a.Events(t.Context(), id)
	if err == nil {
		_ = r.Close()
	}
	if (err == nil) != want {
		t.Errorf("after %v: %v, want kept %v", after, err, want)
	}
}

func TestArchive_EraseLeavesNoTrace(t *testing.T) {
	onBoth(t, func(t *testing.T, s store) {
		dir := s.options().Dir // a server's own files are its own affair
		a := open(t, s.options())
		other := call(2)
		put(t, a.BeginCall(t.Context(), other))
		c := storeOld(t, a, call(1))
		if !has(t, dir, secretWords) { // the event file at least
			t.Fatal("nothing to erase")
		}
		if err := a.Erase(t.Context(), c.ID); err != nil {
			t.Fatal(err)
		}
		if has(t, dir, secretWords) {
			t.Error("the words are still on disk")
		}
		if _, err := a.Call(t.Context(), c.ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("call: got %v, want ErrNotFound", err)
		}
		put(t, a.AddTurn(t.Context(), turn(c.ID, 1))) // lands late
		put(t, a.EndCall(t.Context(), c.ID, "completed", began))
		settle(t, a)
		if got := turns(t, a, c.ID); len(got) != 0 {
			t.Errorf("an erased call came back: %+v", got)
		}
		if err := a.Erase(t.Context(), c.ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("again: got %v, want ErrNotFound", err)
		}
		if _, err := a.Call(t.Context(), other.ID); err != nil {
			t.Errorf("the other call: %v", err)
		}
	})
}

func TestArchive_EraseReachesTheSpool(t *testing.T) {
	onBoth(t, func(t *testing.T, s store) {
		dir, id := s.options().Dir, uuid.New()
		a, err := Open(s.options())
		if err != nil {
			t.Fatal(err)
		}
		settle(t, a)
		unlock := s.lock(t)
		tn := turn(id, 0)
		tn.UserText = secretWords
		put(t, a.AddTurn(t.Context(), tn))
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		unlock()
		if !has(t, dir, secretWords) {
			t.Fatal("nothing in the spool")
		}
		b := open(t, s.options())
		if err := b.Erase(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if has(t, dir, secretWords) {
			t.Error("the words are still on disk")
		}
	})
}
