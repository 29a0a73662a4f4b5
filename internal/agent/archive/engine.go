package archive

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// engine is what SQLite and PostgreSQL do not do alike. All statements that touch rows are one text for both.
type engine interface {
	// openWrite returns a handle of one connection, its schema at head.
	openWrite(ctx context.Context) (*sql.DB, error)
	// openRead returns the handle of the reads.
	openRead() (*sql.DB, error)
	// there tells whether what was opened is still what is named; errReplaced asks for another opening.
	there() error
	// begin opens a transaction. One that is alone shuts out all other writers, so that what it removes
	// cannot come back with a record that is landing meanwhile.
	begin(alone bool) string
	// limit bounds one attempt to write; 0 when the engine bounds itself.
	limit() time.Duration
	// hangsUp tells that the connection is of no more use after an error that is not a record's fault.
	hangsUp() bool
	// faulty tells that the record itself is at fault, so that trying again is no use.
	faulty(error) bool
	// clock is the time by which all instances measure each other.
	clock(ctx context.Context, q queryer) (int64, error)
	// forget removes what the engine keeps of deleted rows, as far as it can.
	forget(ctx context.Context, conn *sql.Conn) error
	// check reads a database that was too large to be checked when it was opened.
	check(ctx context.Context, read *sql.DB) error

	schema
}

// schema is the engine's part in a migration.
type schema interface {
	steps() []string
	version(ctx context.Context, q queryer) (int, error)
	// reserve keeps other processes from migrating until the transaction ends.
	reserve(ctx context.Context, tx *sql.Tx) error
	setVersion(ctx context.Context, tx *sql.Tx, version int) error
}

type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

var errReplaced = errors.New("archive: another database has taken the place of the one that was open")

func newEngine(o Options) (engine, *folder, error) {
	if !o.Database.Set() {
		f, err := openFolder(o.Dir, DatabaseFile)
		return &sqliteEngine{folder: f, now: o.Now}, f, err
	}
	p, err := newPostgres(o.Database)
	if err != nil {
		return nil, nil, err
	}
	f, err := openFolder(o.Dir, "")
	return p, f, err
}

// hidden is an error whose text held a password.
type hidden struct {
	text string
	err  error
}

func (h hidden) Error() string { return h.text }
func (h hidden) Unwrap() error { return h.err }

// inTransaction runs f between BEGIN and COMMIT, and rolls back when either fails.
func inTransaction(ctx context.Context, conn *sql.Conn, begin string, f func() error) error {
	if _, err := conn.ExecContext(ctx, begin); err != nil {
		return fmt.Errorf("archive: begin: %w", err)
	}
	err := f()
	if err == nil {
		if _, err = conn.ExecContext(ctx, "COMMIT"); err == nil {
			return nil
		}
		err = fmt.Errorf("archive: commit: %w", err)
	}
	// Some errors (a full disk) have rolled back already; then this one says so and means nothing.
	_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	return err
}
