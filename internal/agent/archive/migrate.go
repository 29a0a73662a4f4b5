package archive

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"path"
)

//go:embed migrations/*.sql
var migrations embed.FS

// steps are the migrations in order: step i brings user_version from i to i+1.
func steps() []string {
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		panic(err) // embedded: cannot be absent
	}
	out := make([]string, 0, len(files))
	for _, f := range files {
		text, err := migrations.ReadFile(path.Join("migrations", f.Name()))
		if err != nil {
			panic(err)
		}
		out = append(out, string(text))
	}
	return out
}

// migrate goes forward one transaction a step. The version is read inside the transaction, so that two
// processes that start together do not run a step twice.
func migrate(ctx context.Context, db *sql.DB, steps []string) error {
	for {
		done, err := step(ctx, db, steps)
		if done || err != nil {
			return err
		}
	}
}

func step(ctx context.Context, db *sql.DB, steps []string) (done bool, err error) {
	// Most starts have nothing to do; they need no lock to see it.
	version, err := userVersion(ctx, db)
	if err != nil || version == len(steps) {
		return version == len(steps), err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer func() {
		if rerr := tx.Rollback(); !errors.Is(rerr, sql.ErrTxDone) {
			err = errors.Join(err, rerr)
		}
	}()
	version, err = userVersion(ctx, tx)
	switch {
	case err != nil:
		return false, err
	case version == len(steps):
		return true, nil
	case version > len(steps) || version < 0:
		return false, fmt.Errorf("schema version %d, this voicectl knows 0 to %d: use the newer voicectl that made it", version, len(steps))
	}
	if _, err := tx.ExecContext(ctx, steps[version]); err != nil {
		return false, fmt.Errorf("migrate to schema version %d: %w", version+1, err)
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version+1)); err != nil {
		return false, fmt.Errorf("migrate to schema version %d: %w", version+1, err)
	}
	return version+1 == len(steps), tx.Commit()
}

type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func userVersion(ctx context.Context, q queryer) (n int, err error) {
	err = q.QueryRowContext(ctx, "PRAGMA user_version").Scan(&n)
	return n, err
}
