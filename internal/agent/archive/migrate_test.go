package archive

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
)

// upTo is an engine whose voicectl knows other migrations than ours.
type upTo struct {
	engine
	list []string
}

func (u upTo) steps() []string { return u.list }

// schemaOf opens a store's database as a voicectl before any migration does.
func schemaOf(t testing.TB, s store) (engine, *sql.DB) {
	t.Helper()
	var db *sql.DB
	var e engine
	switch s := s.(type) {
	case fileStore:
		var err error
		if db, err = sql.Open("sqlite", dsn(filepath.Join(s.dir, DatabaseFile), "_txlock=immediate", "_pragma=journal_mode(WAL)")); err != nil {
			t.Fatal(err)
		}
		e = &sqliteEngine{}
	case serverStore:
		db = s.open(t)
		p, err := newPostgres(s.options().Database)
		if err != nil {
			t.Fatal(err)
		}
		e = p
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return e, db
}

// oldRows are what a voicectl of a version has stored: a call with one turn, by the columns of version 1,
// which all later ones keep readable.
func oldRows(id uuid.UUID) []string {
	return []string{
		`INSERT INTO calls (id, kind, call_sid, stream_sid, profile, caller, started_at, ended_at, end_reason)
VALUES ('` + id.String() + `', 'rtvi', '', '', 'julia', '', 1767225600000000, 0, '')`,
		`INSERT INTO turns (call_id, seq, user_text, agent_text, cut, tools, started_at, latencies)
VALUES ('` + id.String() + `', 0, 'hello', 'hi', 0, 'null', 1767225600000000, 'null')`,
	}
}

// atVersion makes a database of an older version with rows in it.
func atVersion(t testing.TB, s store, version int) (id uuid.UUID) {
	t.Helper()
	id = uuid.New()
	e, db := schemaOf(t, s)
	if err := migrate(t.Context(), db, upTo{e, e.steps()[:version]}); err != nil {
		t.Fatal(err)
	}
	if version > 0 {
		for _, text := range oldRows(id) {
			if _, err := db.ExecContext(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return id
}

// wantHead opens an archive and sees the rows of atVersion at the newest version.
func wantHead(t testing.TB, s store, version int, id uuid.UUID) {
	t.Helper()
	a, err := Open(s.options())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	if got, err := a.engine.version(t.Context(), a.read.Load()); err != nil || got != len(a.engine.steps()) {
		t.Errorf("version %d, %v, want %d", got, err, len(a.engine.steps()))
	}
	if version > 0 {
		if c, err := a.Call(t.Context(), id); err != nil || c.Turns != 1 || c.Profile != "julia" {
			t.Errorf("call after the upgrade: %+v, %v", c, err)
		}
		if got, err := a.Turns(t.Context(), id); err != nil || len(got) != 1 || got[0].UserText != "hello" {
			t.Errorf("turns after the upgrade: %+v, %v", got, err)
		}
	}
	if err := a.AddTurn(t.Context(), turn(id, 1)); err != nil && !strings.Contains(err.Error(), ErrSpooled.Error()) {
		t.Error(err)
	}
}

// Tier: ci.
func TestR18_EveryOlderVersionComesUpWithItsRows(t *testing.T) {
	for version := range embedded("sqlite") {
		t.Run(fmt.Sprintf("from version %d", version), func(t *testing.T) {
			onBoth(t, func(t *testing.T, s store) {
				wantHead(t, s, version, atVersion(t, s, version))
			})
		})
	}
}

// shape is the schema of a database as text.
func shape(t testing.TB, e engine, db *sql.DB) string {
	t.Helper()
	query := `SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master ORDER BY 1`
	if _, ok := e.(*postgresEngine); ok {
		query = `SELECT * FROM (SELECT table_name || ' ' || ordinal_position || ' ' || column_name || ' ' || data_type || ' ' || coalesce(column_default, '')
FROM information_schema.columns WHERE table_schema = 'voicectl' AND table_name <> 'schema_version'
UNION SELECT indexname || ' ' || indexdef FROM pg_indexes WHERE schemaname = 'voicectl') AS lines ORDER BY 1`
	}
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var lines []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// Tier: ci.
func TestMigrate_AFailedStepLeavesTheVersionBefore(t *testing.T) {
	onBoth(t, func(t *testing.T, s store) {
		e, db := schemaOf(t, s)
		if err := migrate(t.Context(), db, e); err != nil {
			t.Fatal(err)
		}
		before := shape(t, e, db)
		bad := append(slices.Clone(e.steps()), "CREATE TABLE half (a INTEGER); CREATE TABLE half (a INTEGER);")
		if err := migrate(t.Context(), db, upTo{e, bad}); err == nil {
			t.Fatal("a broken step passed")
		}
		if got, err := e.version(t.Context(), db); err != nil || got != len(bad)-1 {
			t.Errorf("version %d, %v, want %d", got, err, len(bad)-1)
		}
		if after := shape(t, e, db); after != before || before == "" {
			t.Errorf("half of the step stayed:\n%s", after)
		}
	})
}

// Tier: ci.
func TestMigrate_ProcessesThatStartTogetherRunAStepOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, s store) {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				a, err := Open(s.options())
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
	})
}

// Tier: ci.
func TestMigrate_BothEnginesHaveTheSameTables(t *testing.T) {
	columns := map[string]string{}
	onBoth(t, func(t *testing.T, s store) {
		a := open(t, s.options())
		for _, table := range []string{"calls", "turns", "erased", "instances"} {
			rows, err := a.read.Load().QueryContext(t.Context(), "SELECT * FROM "+table)
			if err != nil {
				t.Fatal(err)
			}
			names, err := rows.Columns()
			if err != nil || rows.Close() != nil {
				t.Fatal(err)
			}
			slices.Sort(names)
			got := strings.Join(names, " ")
			if want, known := columns[table]; known && got != want {
				t.Errorf("%s: %s, the other engine has %s", table, got, want)
			}
			columns[table] = got
		}
	})
	if len(embedded("sqlite")) != len(embedded("postgres")) {
		t.Error("the engines have different numbers of migrations")
	}
}
