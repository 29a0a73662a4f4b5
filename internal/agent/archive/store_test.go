package archive

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/voicectl/voicectl/internal/secret"
	"github.com/voicectl/voicectl/test/postgres"
)

// shared is the one PostgreSQL server of a run of this package's tests; each test has its own database.
var shared = sync.OnceValues(func() (*postgres.Server, error) { return postgres.New() })

var (
	started   atomic.Bool
	databases atomic.Int32
)

func TestMain(m *testing.M) {
	if kind := os.Getenv("ARCHIVE_TEST_CHILD"); kind != "" {
		child(kind)
		return
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if started.Load() {
			s, err := shared()
			if err == nil {
				err = s.Remove()
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				code = 1
			}
		}
		os.Exit(code)
	}))
}

// nightly tells the long form of a test.
func nightly() bool { return os.Getenv("VOICECTL_NIGHTLY") == "1" }

// store is a place for an archive that a test may also touch behind its back.
type store interface {
	// options name the place.
	options() Options
	// exec runs a statement on a connection of its own.
	exec(t testing.TB, text string)
	// lock keeps all others from writing.
	lock(t testing.TB) (unlock func())
	// refuseTurn makes the database refuse turns of one number as out of its rules.
	refuseTurn(t testing.TB, a *Archive, seq int)
}

// onBoth runs a test against each engine. Tier: that of the test.
func onBoth(t *testing.T, f func(t *testing.T, s store)) {
	t.Run("sqlite", func(t *testing.T) { f(t, fileStore{t.TempDir()}) })
	t.Run("postgres", func(t *testing.T) { f(t, newServerStore(t)) })
}

type fileStore struct{ dir string }

func (s fileStore) options() Options { return Options{Dir: s.dir} }

func (s fileStore) open(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.dir, DatabaseFile)+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	return db
}

func (s fileStore) exec(t testing.TB, text string) { run(t, s.open(t), text) }

func run(t testing.TB, db *sql.DB, text string) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), text)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

func (s fileStore) lock(t testing.TB) func() { return hold(t, s.open(t), "BEGIN IMMEDIATE") }

// hold keeps a transaction open.
func hold(t testing.TB, db *sql.DB, begin string) (release func()) {
	t.Helper()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(t.Context(), begin); err != nil {
		t.Fatal(err)
	}
	return func() {
		_, err := db.ExecContext(context.WithoutCancel(t.Context()), "ROLLBACK")
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

func (s fileStore) refuseTurn(t testing.TB, a *Archive, seq int) {
	t.Helper()
	if _, err := a.write.conn.ExecContext(t.Context(), fmt.Sprintf(`CREATE TEMP TRIGGER refuse BEFORE INSERT ON main.turns WHEN new.seq = %d
BEGIN SELECT raise(ABORT, 'refused'); END`, seq)); err != nil {
		t.Fatal(err)
	}
}

type serverStore struct{ dir, url string }

func newServerStore(t testing.TB) serverStore {
	t.Helper()
	server, err := shared()
	if errors.Is(err, postgres.ErrAbsent) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	started.Store(true)
	name := fmt.Sprintf("test_%d", databases.Add(1))
	if _, err := server.SQL("postgres", "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return serverStore{t.TempDir(), server.URL(name)}
}

func (s serverStore) options() Options { return Options{Dir: s.dir, Database: secret.New(s.url)} }

func (s serverStore) open(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", s.url+"&search_path=voicectl")
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func (s serverStore) exec(t testing.TB, text string) { run(t, s.open(t), text) }

func (s serverStore) lock(t testing.TB) func() {
	return hold(t, s.open(t), "BEGIN; LOCK TABLE calls, turns IN ACCESS EXCLUSIVE MODE")
}

func (s serverStore) refuseTurn(t testing.TB, _ *Archive, seq int) {
	s.exec(t, fmt.Sprintf(`ALTER TABLE turns ADD CONSTRAINT refuse CHECK (seq <> %d)`, seq))
}

// within polls until cond holds.
func within(t testing.TB, d time.Duration, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(d); !cond(); time.Sleep(5 * time.Millisecond) { // a process or a disk forces it
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", d, what)
		}
	}
}
