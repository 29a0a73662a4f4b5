package reliability

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// readiness is what /readyz says.
func (h *house) readiness() (status int, state string) {
	h.t.Helper()
	resp, body := h.ask(http.MethodGet, "/readyz", "")
	var m map[string]string
	must(h.t, json.Unmarshal([]byte(body), &m))
	return resp.StatusCode, m["status"]
}

// trouble holds a call through a time in which the database takes nothing: it begins with begin and is over with
// end. A call before and a call that begins in it are answered all along, /readyz says degraded and turns nobody
// away, and afterwards every turn is there, once.
func trouble(t *testing.T, data string, begin, end func()) {
	t.Helper()
	p := serve(t, data)
	before := p.page(visit{})
	before.ask("Hello")
	begin()
	began := time.Now()
	slowest := time.Duration(0)
	ask := func(c *page) {
		at := time.Now()
		if c.ask("What transactions does client 5001 have?") == "" {
			t.Error("no answer")
		}
		slowest = max(slowest, time.Since(at))
	}
	during := p.page(visit{})
	turns := 0
	for ; turns < 3 || time.Since(began) < nightly(5*time.Second, 1500*time.Millisecond); turns++ {
		ask(during)
		ask(before)
	}
	until(t, patience, "readiness to say degraded", func() bool {
		status, state := p.readiness()
		if status != http.StatusOK {
			t.Fatalf("not ready (%d %s): calls are turned away", status, state)
		}
		return state == "degraded"
	})
	ids := map[string]int{before.session(): turns + 2, during.session(): turns}
	during.close()
	end()
	over := time.Now()
	until(t, patience, "readiness to say ready", func() bool { _, state := p.readiness(); return state == "ready" })
	back := time.Since(over)
	ask(before)
	before.close()
	for id, want := range ids {
		var r record
		until(t, patience, "the turns and the end of a call", func() bool {
			var err error
			r, err = p.record(id)
			return err == nil && len(r.Turns) >= want && r.Call.EndReason != ""
		})
		if len(r.Turns) != want || r.Call.EndReason != "completed" {
			t.Errorf("%d turns, ended by %s, want %d", len(r.Turns), r.Call.EndReason, want)
		}
		for i, row := range r.Turns {
			if row.Seq != i+1 || row.User == "" || row.Agent == "" {
				t.Errorf("turn %d is %+v", i+1, row)
			}
		}
	}
	t.Logf("trouble for %v, %d turns in it, slowest answer %v, ready %v after it", over.Sub(began), 2*turns, slowest, back)
	if slowest > 2*slack {
		t.Errorf("an answer took %v: it waited for the disk", slowest)
	}
}

// R17: another process holds the lock of the database. Tiers: ci for 1.5 s,
// nightly for 5 s.
func TestR17_LockedDatabase(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	var db *sql.DB
	var conn *sql.Conn
	trouble(t, data, func() {
		var err error
		db, err = sql.Open("sqlite", filepath.Join(data, "voicectl.db")) // the archive brings the driver
		must(t, err)
		conn, err = db.Conn(t.Context())
		must(t, err)
		until(t, patience, "the lock", func() bool { // it may be in use just now
			_, err = conn.ExecContext(t.Context(), "BEGIN IMMEDIATE")
			return err == nil
		})
	}, func() {
		_, err := conn.ExecContext(t.Context(), "ROLLBACK")
		must(t, err)
		must(t, conn.Close())
		must(t, db.Close())
	})
}

// R17: the disk is full: a small one of its own, on a machine that lets the test mount it; elsewhere the folder
// cannot be written because its files may not grow, which is a limit that the kernel sets to the process. Tiers:
// ci and nightly alike.
func TestR17_FullDisk(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	full := filepath.Join(data, "filler")
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", data).CombinedOutput(); err != nil {
		t.Skipf("a disk of its own cannot be mounted: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.CommandContext(context.WithoutCancel(t.Context()), "umount", "-l", data).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
	trouble(t, data, func() {
		f, err := os.Create(full)
		must(t, err)
		for err == nil {
			_, err = f.Write(make([]byte, 4<<10))
		}
		must(t, f.Close())
	}, func() { must(t, os.Remove(full)) })
}

// R17: the data folder is taken away, as a network disk does, and comes back. Tiers: ci and nightly alike.
func TestR17_FolderGone(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	data, away := filepath.Join(parent, "data"), filepath.Join(parent, "away")
	trouble(t, data, func() { must(t, os.Rename(data, away)) }, func() { must(t, os.Rename(away, data)) })
}
