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

	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

// checkAtOpen is the size up to which a database is read whole before it is used.
const checkAtOpen = 8 << 20

// openDatabase returns the writing handle (one connection) and the reading one.
func openDatabase(ctx context.Context, root *os.Root, dir string) (write, read *sql.DB, err error) {
	path := filepath.Join(dir, DatabaseFile)
	if err := touch(root, DatabaseFile); err != nil {
		return nil, nil, fmt.Errorf("archive: open %s: %w", path, err)
	}
	if err := checkMagic(root, DatabaseFile); err != nil {
		return nil, nil, damage(path, err)
	}
	write, err = sql.Open("sqlite", dsn(path, "_txlock=immediate", "_pragma=journal_mode(WAL)", "_pragma=synchronous(FULL)", "_pragma=secure_delete(ON)"))
	if err != nil {
		return nil, nil, fmt.Errorf("archive: open %s: %w", path, err)
	}
	write.SetMaxOpenConns(1)
	if err := prepare(ctx, root, write); err != nil {
		return nil, nil, errors.Join(explain(path, err), write.Close())
	}
	read, err = sql.Open("sqlite", dsn(path, "_pragma=query_only(1)"))
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("archive: open %s: %w", path, err), write.Close())
	}
	read.SetMaxOpenConns(4)
	return write, read, nil
}

func prepare(ctx context.Context, root *os.Root, db *sql.DB) error {
	if st, err := root.Stat(DatabaseFile); err == nil && st.Size() <= checkAtOpen {
		if err := quickCheck(ctx, db); err != nil {
			return err
		}
	}
	return migrate(ctx, db, steps())
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

// isRecord tells that the record itself is at fault, so that trying again is no use.
func isRecord(err error) bool {
	switch code(err) {
	case codeTooBig, codeConstraint, codeMismatch, codeRange:
		return true
	}
	return false
}
