package archive

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"path"
)

//go:embed migrations
var migrations embed.FS

// embedded are an engine's migrations in order: step i brings the schema from version i to i+1. Steps add
// and never take away, so that a process that drains while its successor migrates can go on writing.
func embedded(engine string) []string {
	dir := path.Join("migrations", engine)
	files, err := migrations.ReadDir(dir)
	if err != nil {
		panic(err) // embedded: cannot be absent
	}
	out := make([]string, 0, len(files))
	for _, f := range files {
		text, err := migrations.ReadFile(path.Join(dir, f.Name()))
		if err != nil {
			panic(err)
		}
		out = append(out, string(text))
	}
	return out
}

// migrate goes forward one transaction a step. The version is read inside the transaction, so that two
// processes that start together do not run a step twice. There is no way back: a voicectl that meets a
// schema newer than its own refuses by name, and a rollback across a schema needs a copy made before.
func migrate(ctx context.Context, db *sql.DB, s schema) error {
	for {
		done, err := step(ctx, db, s)
		if done || err != nil {
			return err
		}
	}
}

func step(ctx context.Context, db *sql.DB, s schema) (done bool, err error) {
	steps := s.steps()
	// Most starts have nothing to do; they need no lock to see it.
	version, err := s.version(ctx, db)
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
	if version < len(steps) {
		if err := s.reserve(ctx, tx); err != nil {
			return false, err
		}
	}
	version, err = s.version(ctx, tx)
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
	if err := s.setVersion(ctx, tx, version+1); err != nil {
		return false, fmt.Errorf("migrate to schema version %d: %w", version+1, err)
	}
	return version+1 == len(steps), tx.Commit()
}
