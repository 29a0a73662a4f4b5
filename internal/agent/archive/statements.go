package archive

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
)

// What every row's statement asks first: an erased call stays erased.
const unlessErased = ` WHERE NOT EXISTS (SELECT 1 FROM erased WHERE call_id = $1) `

const (
	beginSQL = `INSERT INTO calls (id, kind, call_sid, stream_sid, profile, caller, started_at, instance)
SELECT $1, $2, $3, $4, $5, $6, $7, $8` + unlessErased + `ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, call_sid = excluded.call_sid,
stream_sid = excluded.stream_sid, profile = excluded.profile, caller = excluded.caller, started_at = excluded.started_at,
instance = excluded.instance`

	endSQL = `INSERT INTO calls (id, end_reason, ended_at) SELECT $1, $2, $3` + unlessErased +
		`ON CONFLICT (id) DO UPDATE SET end_reason = excluded.end_reason, ended_at = excluded.ended_at
WHERE calls.ended_at = 0 OR calls.end_reason = 'lost'`

	turnSQL = `INSERT INTO turns (call_id, seq, user_text, agent_text, cut, tools, started_at, latencies)
SELECT $1, $2, CASE WHEN gone THEN '' ELSE $3 END, CASE WHEN gone THEN '' ELSE $4 END, $5, $6, $7, $8
FROM (SELECT EXISTS (SELECT 1 FROM calls WHERE id = $1 AND text_removed_at > 0) AS gone) AS known` + unlessErased + `ON CONFLICT DO NOTHING`
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
		_, err = s.begin.ExecContext(ctx, c.ID.String(), plain(c.Kind), plain(c.CallSID), plain(c.StreamSID), plain(c.Profile), plain(c.CallerMasked), micros(c.StartedAt), rec.By)
	case rec.End != nil:
		_, err = s.end.ExecContext(ctx, rec.End.ID.String(), plain(string(rec.End.Reason)), micros(rec.End.At))
	case rec.Turn != nil:
		t := rec.Turn
		tools, terr := json.Marshal(t.Tools)
		marks, merr := json.Marshal(t.Latencies)
		if err = errors.Join(terr, merr); err == nil {
			_, err = s.turn.ExecContext(ctx, t.CallID.String(), t.Seq, plain(t.UserText), plain(t.AgentText), number(t.Cut), string(tools), micros(t.StartedAt), string(marks))
		}
	}
	return err
}

// commit writes the jobs' records in one transaction. bad is the job whose record no attempt can write.
func (w *writer) commit(ctx context.Context, jobs []*job) (bad *job, err error) {
	err = inTransaction(ctx, w.conn, w.engine.begin(false), func() error {
		for _, j := range jobs {
			if err := w.stmts.apply(ctx, j.rec); err != nil {
				if w.engine.faulty(err) {
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
	for {
		bad := -1
		err := inTransaction(ctx, w.conn, w.engine.begin(false), func() error {
			for i, rec := range recs {
				if err := w.stmts.apply(ctx, rec); err != nil {
					if w.engine.faulty(err) {
						bad = i
					}
					return err
				}
			}
			return nil
		})
		if bad < 0 {
			return err
		}
		w.log.Error("spooled record dropped", "component", "archive", "err", err)
		recs = slices.Concat(recs[:bad], recs[bad+1:])
	}
}

// plain is text as every engine takes it: valid UTF-8 without NUL.
func plain(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
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
