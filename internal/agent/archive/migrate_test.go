package archive

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/uuid"
)

func TestMigrate_BringsEveryOlderVersionUpWithItsRows(t *testing.T) {
	all := steps()
	for version := range all {
		t.Run(fmt.Sprintf("from version %d", version), func(t *testing.T) {
			dir, id := t.TempDir(), uuid.New()
			db, err := sql.Open("sqlite", filepath.Join(dir, DatabaseFile))
			if err != nil {
				t.Fatal(err)
			}
			if err := migrate(t.Context(), db, all[:version]); err != nil {
				t.Fatal(err)
			}
			if version > 0 { // by the columns of version 1, which all later ones must keep readable
				for _, text := range []string{
					`INSERT INTO calls VALUES ('` + id.String() + `', 'rtvi', '', '', 'julia', '', 1767225600000000, 0, '')`,
					`INSERT INTO turns VALUES ('` + id.String() + `', 0, 'hello', 'hi', 0, 'null', 1767225600000000, 'null')`,
				} {
					if version > 1 {
						text = withDefaults(text)
					}
					if _, err := db.ExecContext(t.Context(), text); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			a := open(t, Options{Dir: dir})
			if got, err := userVersion(t.Context(), a.read); err != nil || got != len(all) {
				t.Errorf("version %d, %v, want %d", got, err, len(all))
			}
			if version > 0 {
				if c, err := a.Call(t.Context(), id); err != nil || c.Turns != 1 || c.Profile != "julia" {
					t.Errorf("call after the upgrade: %+v, %v", c, err)
				}
				if got := turns(t, a, id); len(got) != 1 || got[0].UserText != "hello" {
					t.Errorf("turns after the upgrade: %+v", got)
				}
			}
			put(t, a.AddTurn(t.Context(), turn(id, 1)))
		})
	}
}

// withDefaults names the columns of version 1, so that the row also goes into a wider table.
func withDefaults(text string) string {
	const calls, turns = "INSERT INTO calls", "INSERT INTO turns"
	if text[:len(calls)] == calls {
		return calls + " (id, kind, call_sid, stream_sid, profile, caller, started_at, ended_at, end_reason)" + text[len(calls):]
	}
	return turns + " (call_id, seq, user_text, agent_text, cut, tools, started_at, latencies)" + text[len(turns):]
}

func TestMigrate_AFailedStepLeavesTheVersionBefore(t *testing.T) {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	bad := append(steps(), "CREATE TABLE half (a); CREATE TABLE half (a);")
	if err := migrate(t.Context(), db, bad); err == nil {
		t.Fatal("a broken step passed")
	}
	if got, err := userVersion(t.Context(), db); err != nil || got != len(bad)-1 {
		t.Errorf("version %d, %v, want %d", got, err, len(bad)-1)
	}
	var name string
	if err := db.QueryRowContext(t.Context(), "SELECT name FROM sqlite_master WHERE name = 'half'").Scan(&name); !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("half of the step stayed: %q, %v", name, err)
	}
}

func TestMigrate_ProcessesThatStartTogetherRunAStepOnce(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			a, err := Open(Options{Dir: dir})
			if err != nil {
				t.Error(err)
				return
			}
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
