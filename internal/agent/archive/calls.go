package archive

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// MaxPage is the most calls that one Calls returns.
const MaxPage = 500

// BeginCall stores that a call began. Doing it again for the same id replaces what was stored.
// It waits as AddTurn does.
func (a *Archive) BeginCall(ctx context.Context, c Call) error {
	if err := c.validate(); err != nil {
		return err
	}
	return a.write.put(ctx, record{Begin: &c, By: a.write.id})
}

// EndCall stores how a call ended. The first end stands. It waits as AddTurn does.
func (a *Archive) EndCall(ctx context.Context, id uuid.UUID, reason EndReason, at time.Time) error {
	if id == uuid.Nil || at.IsZero() || len(reason) > maxName {
		return fmt.Errorf("%w: end of call %s", ErrInvalid, id)
	}
	return a.write.put(ctx, record{End: &ending{ID: id, Reason: reason, At: at}})
}

// AddTurn stores a finished turn. nil says that it is on disk. ErrSpooled says that 50 ms, or ctx, were
// over before; the turn lands later. Storing the same (call, seq) again changes nothing. The maps and
// slices of t must not be changed afterwards.
func (a *Archive) AddTurn(ctx context.Context, t Turn) error {
	if err := t.validate(); err != nil {
		return err
	}
	return a.write.put(ctx, record{Turn: &t})
}

const callColumns = `SELECT id, kind, call_sid, stream_sid, profile, caller, started_at, ended_at, end_reason,
(SELECT count(*) FROM turns WHERE call_id = id) FROM calls `

// Calls returns calls, newest first: those before the call named, or the newest when before is uuid.Nil.
// limit is held to 1..MaxPage.
func (a *Archive) Calls(ctx context.Context, limit int, before uuid.UUID) ([]Call, error) {
	where, args := "", []any{}
	if before != uuid.Nil {
		mark, err := a.Call(ctx, before)
		if err != nil {
			return nil, err
		}
		where, args = "WHERE (started_at, id) < ($1, $2) ", []any{micros(mark.StartedAt), before.String()}
	}
	args = append(args, min(max(limit, 1), MaxPage))
	rows, err := a.read.Load().QueryContext(ctx, callColumns+where+fmt.Sprintf("ORDER BY started_at DESC, id DESC LIMIT $%d", len(args)), args...)
	if err != nil {
		return nil, fmt.Errorf("archive: list calls: %w", err)
	}
	defer func() { _ = rows.Close() }()
	calls := []Call{}
	for rows.Next() {
		c, err := scanCall(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("archive: list calls: %w", err)
		}
		calls = append(calls, c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("archive: list calls: %w", err)
	}
	return calls, nil
}

// Call returns one call, or ErrNotFound.
func (a *Archive) Call(ctx context.Context, id uuid.UUID) (Call, error) {
	c, err := scanCall(a.read.Load().QueryRowContext(ctx, callColumns+"WHERE id = $1", id.String()).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return Call{}, fmt.Errorf("%w: call %s", ErrNotFound, id)
	}
	if err != nil {
		return Call{}, fmt.Errorf("archive: read call %s: %w", id, err)
	}
	return c, nil
}

func scanCall(scan func(...any) error) (c Call, err error) {
	var started, ended int64
	err = scan(&c.ID, &c.Kind, &c.CallSID, &c.StreamSID, &c.Profile, &c.CallerMasked, &started, &ended, &c.EndReason, &c.Turns)
	c.StartedAt, c.EndedAt = fromMicros(started), fromMicros(ended)
	return c, err
}

// Turns returns the turns of a call in order; none for a call that is not known.
func (a *Archive) Turns(ctx context.Context, id uuid.UUID) ([]Turn, error) {
	rows, err := a.read.Load().QueryContext(ctx, `SELECT seq, user_text, agent_text, cut, tools, started_at, latencies
FROM turns WHERE call_id = $1 ORDER BY seq`, id.String())
	if err != nil {
		return nil, fmt.Errorf("archive: read turns of %s: %w", id, err)
	}
	defer func() { _ = rows.Close() }()
	turns := []Turn{}
	for rows.Next() {
		t := Turn{CallID: id}
		var tools, marks []byte
		var started int64
		err := rows.Scan(&t.Seq, &t.UserText, &t.AgentText, &t.Cut, &tools, &started, &marks)
		if err == nil {
			err = errors.Join(json.Unmarshal(tools, &t.Tools), json.Unmarshal(marks, &t.Latencies))
		}
		if err != nil {
			return nil, fmt.Errorf("archive: read turns of %s: %w", id, err)
		}
		t.StartedAt = fromMicros(started)
		turns = append(turns, t)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("archive: read turns of %s: %w", id, err)
	}
	return turns, nil
}
