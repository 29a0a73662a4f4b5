package archive

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

// checkAtOpen is the size up to which a database is read whole before it is used.
const checkAtOpen = 8 << 20

// sqliteEngine is the engine of one file in the data folder.
type sqliteEngine struct {
	folder *folder
	now    func() time.Time
	is     os.FileInfo // the file that is open for writing
}

func (s *sqliteEngine) path() string { return filepath.Join(s.folder.dir, DatabaseFile) }

func (s *sqliteEngine) openWrite(ctx context.Context) (*sql.DB, error) {
	path, root := s.path(), s.folder.now()
	if err := touch(root, DatabaseFile); err != nil {
		return nil, fmt.Errorf("archive: open %s: %w", path, err)
	}
	if err := checkMagic(root, DatabaseFile); err != nil {
		return nil, damage(path, err)
	}
	is, err := root.Stat(DatabaseFile)
	if err != nil {
		return nil, fmt.Errorf("archive: open %s: %w", path, err)
	}
	db, err := sql.Open("sqlite", dsn(path, "_txlock=immediate", "_pragma=journal_mode(WAL)", "_pragma=synchronous(FULL)", "_pragma=secure_delete(ON)"))
	if err != nil {
		return nil, fmt.Errorf("archive: open %s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	if is.Size() <= checkAtOpen {
		err = quickCheck(ctx, db)
	}
	if err == nil {
		err = migrate(ctx, db, s)
	}
	if err != nil {
		return nil, errors.Join(explain(path, err), db.Close())
	}
	s.is = is
	return db, nil
}

func (s *sqliteEngine) openRead() (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn(s.path(), "_pragma=query_only(1)"))
	if err != nil {
		return nil, fmt.Errorf("archive: open %s: %w", s.path(), err)
	}
	db.SetMaxOpenConns(4)
	return db, nil
}

// there looks before each commit, because SQLite would go on writing into a file that was deleted.
func (s *sqliteEngine) there() error {
	st, err := os.Stat(s.path())
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("archive: %s is gone: put it back (mount its folder, restore a copy); turns wait in memory meanwhile", s.path())
	case err != nil:
		return fmt.Errorf("archive: %w", err)
	case !os.SameFile(st, s.is):
		return errReplaced
	}
	return nil
}

func (s *sqliteEngine) begin(bool) string    { return "BEGIN IMMEDIATE" }
func (s *sqliteEngine) limit() time.Duration { return 0 } // busy_timeout bounds it; a commit is never cut short
func (s *sqliteEngine) hangsUp() bool        { return false }
func (s *sqliteEngine) steps() []string      { return embedded("sqlite") }

func (s *sqliteEngine) clock(context.Context, queryer) (int64, error) { return micros(s.now()), nil }

func (s *sqliteEngine) version(ctx context.Context, q queryer) (n int, err error) {
	err = q.QueryRowContext(ctx, "PRAGMA user_version").Scan(&n)
	return n, err
}

// reserve has nothing to do: the transaction is an immediate one, and SQLite has one writer.
func (s *sqliteEngine) reserve(context.Context, *sql.Tx) error { return nil }

func (s *sqliteEngine) setVersion(ctx context.Context, tx *sql.Tx, version int) error {
	_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version))
	return err
}

func (s *sqliteEngine) check(ctx context.Context, read *sql.DB) error {
	st, err := s.folder.now().Stat(DatabaseFile)
	if err != nil || st.Size() <= checkAtOpen {
		return nil //nolint:nilerr // absence is told by the writer
	}
	return quickCheck(ctx, read)
}

var errBusyLog = errors.New("another process reads the database, so that its log still holds removed text: try again")

// forget empties the write-ahead log, which holds old pages. secure_delete has seen to the database.
func (s *sqliteEngine) forget(ctx context.Context, conn *sql.Conn) error {
	var busy, pages, moved int
	if err := conn.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &moved); err != nil {
		return err
	}
	if busy != 0 {
		return errBusyLog
	}
	return nil
}

func dsn(path string, params ...string) string {
	u := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path)}
	if !filepath.IsAbs(path) {
		u = url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()}
	}
	s := u.String() + fmt.Sprintf("?_pragma=busy_timeout(%d)", busyTimeout.Milliseconds())
	for _, p := range params {
		s += "&" + p
	}
	return s
}

// touch makes the file with its mode, which SQLite then gives to its -wal and -shm files too.
func touch(root *os.Root, name string) error {
	f, err := root.OpenFile(name, os.O_CREATE|os.O_RDWR, fileMode)
	if err != nil {
		return err
	}
	return f.Close()
}

// checkMagic sees that a file that holds anything begins as a database does.
func checkMagic(root *os.Root, name string) error {
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, 16)
	switch n, err := io.ReadFull(f, head); {
	case errors.Is(err, io.EOF): // new
		return nil
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case string(head[:n]) != "SQLite format 3\x00":
		return errors.New("the file is not a SQLite database")
	}
	return nil
}

var errCheck = errors.New("integrity check")

func quickCheck(ctx context.Context, db *sql.DB) error {
	var word string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&word); err != nil {
		return err
	}
	if word != "ok" {
		return fmt.Errorf("%w: %s", errCheck, word)
	}
	return nil
}

func explain(path string, err error) error {
	if errors.Is(err, errCheck) || isDamage(err) {
		return damage(path, err)
	}
	return fmt.Errorf("archive: open %s: %w", path, err)
}

// damage words the one error after which an operator has to choose.
func damage(path string, err error) error {
	return fmt.Errorf("archive: %s is damaged (%w): nothing was changed; restore a copy of it, "+
		"or move it and its -wal and -shm files away to begin with an empty one", path, err)
}

// Primary result codes of SQLite, by https://www.sqlite.org/rescode.html.
const (
	codeCorrupt    = 11
	codeTooBig     = 18
	codeConstraint = 19
	codeMismatch   = 20
	codeRange      = 25
	codeNotADB     = 26
)

// code is the primary result code of err, 0 when it is none of SQLite's.
func code(err error) int {
	var coded interface{ Code() int }
	if errors.As(err, &coded) {
		return coded.Code() & 0xff
	}
	return 0
}

func isDamage(err error) bool { c := code(err); return c == codeCorrupt || c == codeNotADB }

func (s *sqliteEngine) faulty(err error) bool {
	switch code(err) {
	case codeTooBig, codeConstraint, codeMismatch, codeRange:
		return true
	}
	return false
}
