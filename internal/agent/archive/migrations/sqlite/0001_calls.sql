-- Times are microseconds since 1970. Rows may arrive in any order after a fault, so there is no foreign key.
CREATE TABLE calls (
  id         TEXT PRIMARY KEY,
  kind       TEXT NOT NULL DEFAULT '',
  call_sid   TEXT NOT NULL DEFAULT '',
  stream_sid TEXT NOT NULL DEFAULT '',
  profile    TEXT NOT NULL DEFAULT '',
  caller     TEXT NOT NULL DEFAULT '',
  started_at INTEGER NOT NULL DEFAULT 0,
  ended_at   INTEGER NOT NULL DEFAULT 0,
  end_reason TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX calls_started ON calls(started_at, id);
CREATE TABLE turns (
  call_id    TEXT NOT NULL,
  seq        INTEGER NOT NULL,
  user_text  TEXT NOT NULL,
  agent_text TEXT NOT NULL,
  cut        INTEGER NOT NULL,
  tools      TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  latencies  TEXT NOT NULL,
  PRIMARY KEY (call_id, seq)
) WITHOUT ROWID;
