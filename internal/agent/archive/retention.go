package archive

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"github.com/google/uuid"
)

// Retention says how long content is kept after a call's end (or its start, if it has none); 0 keeps it.
// Rows without their text, such as counts and latencies, stay.
type Retention struct {
	Text       time.Duration // what was said, and the event file
	Recordings time.Duration
}

// Swept counts the calls whose content a Sweep removed.
type Swept struct{ Texts, Recordings int }

const sweepBatch = 100 // calls in one transaction, so that turns get between

// Sweep removes what is older than the retention setting at now. It may be cut short and run again.
func (a *Archive) Sweep(ctx context.Context, now time.Time) (Swept, error) {
	var s Swept
	var err error
	if keep := a.o.Retention.Recordings; keep > 0 {
		s.Recordings, err = a.sweep(ctx, now.Add(-keep), now, oldRecordings, func(_ context.Context, _ *sql.Conn, id uuid.UUID) error {
			return a.remove(id, recordingFile)
		})
	}
	if keep := a.o.Retention.Text; keep > 0 && err == nil {
		s.Texts, err = a.sweep(ctx, now.Add(-keep), now, oldTexts, func(ctx context.Context, conn *sql.Conn, id uuid.UUID) error {
			if rerr := a.remove(id, eventsFile); rerr != nil {
				return rerr
			}
			_, uerr := conn.ExecContext(ctx, `UPDATE turns SET user_text = '', agent_text = '' WHERE call_id = $1`, id.String())
			return uerr
		})
	}
	if s.Texts > 0 && err == nil {
		err = a.write.do(ctx, a.engine.forget)
	}
	if keep := max(a.o.Retention.Recordings, a.o.Retention.Text); keep > 0 && err == nil {
		err = a.sweepStrays(ctx, now.Add(-keep))
	}
	if err != nil {
		return s, fmt.Errorf("archive: sweep: %w", err)
	}
	return s, nil
}

// dated finds calls whose content of one kind is older than $1, at most $2 of them, and marks them.
type dated struct{ find, mark string }

//nolint:gochecknoglobals // constant values
var (
	oldRecordings = dated{
		find: `SELECT id FROM calls WHERE started_at < $1 AND ended_at < $1 AND recording_removed_at = 0 LIMIT $2`,
		mark: `UPDATE calls SET recording_removed_at = $1 WHERE id = $2`,
	}
	oldTexts = dated{
		find: `SELECT id FROM calls WHERE started_at < $1 AND ended_at < $1 AND text_removed_at = 0 LIMIT $2`,
		mark: `UPDATE calls SET text_removed_at = $1 WHERE id = $2`,
	}
)

// sweep runs remove for every call that is older than cutoff, and marks it.
func (a *Archive) sweep(ctx context.Context, cutoff, now time.Time, old dated, remove func(context.Context, *sql.Conn, uuid.UUID) error) (n int, err error) {
	for {
		var ids []uuid.UUID
		err := a.write.do(ctx, func(ctx context.Context, conn *sql.Conn) error {
			return inTransaction(ctx, conn, a.engine.begin(true), func() error {
				var err error
				if ids, err = expired(ctx, conn, old, cutoff); err != nil {
					return err
				}
				for _, id := range ids {
					if err := remove(ctx, conn, id); err != nil {
						return err
					}
					if _, err := conn.ExecContext(ctx, old.mark, micros(now), id.String()); err != nil {
						return err
					}
				}
				return nil
			})
		})
		if err != nil || len(ids) == 0 {
			return n, err
		}
		n += len(ids)
	}
}

func expired(ctx context.Context, conn *sql.Conn, old dated, cutoff time.Time) (ids []uuid.UUID, err error) {
	rows, err := conn.QueryContext(ctx, old.find, micros(cutoff), sweepBatch)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id uuid.UUID
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// sweepStrays removes old files of calls that have no row, which a crash can leave.
func (a *Archive) sweepStrays(ctx context.Context, cutoff time.Time) error {
	entries, err := fs.ReadDir(a.folder.now().FS(), callsDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		id, err := uuid.Parse(e.Name())
		if err != nil {
			continue // not ours
		}
		if st, err := e.Info(); err != nil || st.ModTime().After(cutoff) {
			continue
		}
		if _, err := a.Call(ctx, id); !errors.Is(err, ErrNotFound) {
			continue
		}
		if err := a.folder.now().RemoveAll(path.Join(callsDir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// Erase removes every trace of a call: rows, events, recording, and what still waits in the spool. What
// lands late for it is refused. Only its id stays, as the mark that says so. A PostgreSQL server forgets
// deleted rows at its next vacuum, and in its log and copies when those are dropped. ErrNotFound says that
// there was nothing.
func (a *Archive) Erase(ctx context.Context, id uuid.UUID) error {
	if id == uuid.Nil {
		return fmt.Errorf("%w: call without id", ErrInvalid)
	}
	var removed int64
	err := a.write.do(ctx, func(ctx context.Context, conn *sql.Conn) error {
		err := inTransaction(ctx, conn, a.engine.begin(true), func() error {
			for _, text := range []string{`DELETE FROM turns WHERE call_id = $1`, `DELETE FROM calls WHERE id = $1`} {
				res, err := conn.ExecContext(ctx, text, id.String())
				if err != nil {
					return err
				}
				n, err := res.RowsAffected()
				if err != nil {
					return err
				}
				removed += n
			}
			_, err := conn.ExecContext(ctx, `INSERT INTO erased (call_id, at) VALUES ($1, $2) ON CONFLICT DO NOTHING`, id.String(), micros(a.o.Now()))
			return err
		})
		if err != nil {
			return err
		}
		return a.engine.forget(ctx, conn)
	})
	dir := path.Join(callsDir, id.String())
	if err == nil {
		if _, serr := a.folder.now().Stat(dir); serr == nil {
			removed++
		}
		err = a.folder.now().RemoveAll(dir)
	}
	switch {
	case err != nil:
		return fmt.Errorf("archive: erase %s: %w", id, err)
	case removed == 0:
		return fmt.Errorf("%w: call %s", ErrNotFound, id)
	}
	return nil
}
