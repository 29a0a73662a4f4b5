package archive

import (
	"context"
	"time"
)

// What an instance does to be known as alive, and to give an end to the calls of those that are not.
const (
	seenSQL = `INSERT INTO instances (id, seen_at) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at`

	lostSQL = `UPDATE calls SET end_reason = 'lost', ended_at = COALESCE((SELECT seen_at FROM instances WHERE id = calls.instance), started_at)
WHERE ended_at = 0 AND started_at > 0 AND instance <> '' AND instance <> $1
AND NOT EXISTS (SELECT 1 FROM instances WHERE id = calls.instance AND seen_at >= $2)`

	deadSQL = `DELETE FROM instances WHERE seen_at < $2 AND id <> $1`
)

// pulse tells that this instance lives, when that is due. It is no record: when it fails, nothing is owed
// but the next one, and records go on.
func (w *writer) pulse() {
	if time.Now().Before(w.next) || w.queue.isClosed() {
		return
	}
	err := w.attempt(context.Background(), func(ctx context.Context) error {
		now, err := w.engine.clock(ctx, w.conn)
		if err != nil {
			return err
		}
		return inTransaction(ctx, w.conn, w.engine.begin(false), func() error {
			if _, err := w.conn.ExecContext(ctx, seenSQL, w.id, now); err != nil {
				return err
			}
			for _, text := range []string{lostSQL, deadSQL} {
				if _, err := w.conn.ExecContext(ctx, text, w.id, now-silentFor.Microseconds()); err != nil {
					return err
				}
			}
			return nil
		})
	})
	w.next = time.Now().Add(w.every)
	if err != nil {
		w.next = time.Now().Add(min(w.every, pulseAgain))
	}
	if was := w.silent.Swap(err != nil); err != nil && !was {
		w.log.Warn("database does not answer", "component", "archive", "err", err)
	} else if err == nil && was {
		w.log.Info("database answers again", "component", "archive")
	}
}
