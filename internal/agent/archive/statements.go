package archive

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// What every row's statement asks first: an erased call stays erased.
const unlessErased = ` WHERE NOT EXISTS (SELECT 1 FROM erased WHERE call_id = ?1) `

const (
	beginSQL = `INSERT INTO calls (id, kind, call_sid, stream_sid, profile, caller, started_at)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7` + unlessErased + `ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, call_sid = excluded.call_sid,
stream_sid = excluded.stream_sid, profile = excluded.profile, caller = excluded.caller, started_at = excluded.started_at`

	endSQL = `INSERT INTO calls (id, end_reason, ended_at) SELECT ?1, ?2, ?3` + unlessErased +
		`ON CONFLICT (id) DO UPDATE SET end_reason = excluded.end_reason, ended_at = excluded.ended_at WHERE ended_at = 0`

	turnSQL = `INSERT INTO turns (call_id, seq, user_text, agent_text, cut, tools, started_at, latencies)
SELECT ?1, ?2, iif(gone, '', ?3), iif(gone, '', ?4), ?5, ?6, ?7, ?8
FROM (SELECT EXISTS (SELECT 1 FROM calls WHERE id = ?1 AND text_removed_at > 0) AS gone)` + unlessErased + `ON CONFLICT DO NOTHING`
)

type statements struct{ begin, end, turn *sql.Stmt }

func prepareStatements(ctx context.Context, conn *sql.Conn) (s statements, err error) {
	for _, p := range []struct {
		to   **sql.Stmt
		text string
	}{{&s.begin, beginSQL}, {&s.end, endSQL}, {&s.turn, turnSQL}} {
		if *p.to, err = conn.PrepareContext(ctx, p.text); err != nil {
			return s, errors.Join(err, s.close())
		}
	}
	return s, nil
}

func (s statements) close() error {
	var err error
	for _, st := range []*sql.Stmt{s.begin, s.end, s.turn} {
		if st != nil {
			err = errors.Join(err, st.Close())
		}
	}
	return err
}

func (s statements) apply(ctx context.Context, rec record) error {
	var err error
	switch {
	case rec.Begin != nil:
		c := rec.Begin
		_, err = s.begin.ExecContext(ctx, c.ID.String(), c.Kind, c.CallSID, c.StreamSID, c.Profile, c.CallerMasked, micros(c.StartedAt))
	case rec.End != nil:
		_, err = s.end.ExecContext(ctx, rec.End.ID.String(), string(rec.End.Reason), micros(rec.End.At))
	case rec.Turn != nil:
		t := rec.Turn
		tools, terr := json.Marshal(t.Tools)
		marks, merr := json.Marshal(t.Latencies)
		if err = errors.Join(terr, merr); err == nil {
			_, err = s.turn.ExecContext(ctx, t.CallID.String(), t.Seq, t.UserText, t.AgentText, t.Cut, string(tools), micros(t.StartedAt), string(marks))
		}
	}
	return err
}

// commit writes the jobs' records in one transaction. bad is the job whose record no attempt can write.
func (w *writer) commit(ctx context.Context, jobs []*job) (bad *job, err error) {
	err = inTransaction(ctx, w.conn, func() error {
		for _, j := range jobs {
			if err := w.stmts.apply(ctx, j.rec); err != nil {
				if isRecord(err) {
					bad = j
				}
				return err
			}
		}
		return nil
	})
	return bad, err
}

// commitRecords writes what the spool file held; a record that can never be written is logged and left.
func (w *writer) commitRecords(ctx context.Context, recs []record) error {
	return inTransaction(ctx, w.conn, func() error {
		for _, rec := range recs {
			if err := w.stmts.apply(ctx, rec); isRecord(err) {
				w.log.Error("spooled record dropped", "component", "archive", "err", err)
			} else if err != nil {
				return err
			}
		}
		return nil
	})
}

// inTransaction runs f between BEGIN IMMEDIATE and COMMIT, and rolls back when either fails.
func inTransaction(ctx context.Context, conn *sql.Conn, f func() error) error {
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
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

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}
