-- Times are microseconds since 1970. Rows may arrive in any order after a fault, so there is no foreign key.
CREATE TABLE calls (
  id         TEXT COLLATE "C" PRIMARY KEY,
  kind       TEXT NOT NULL DEFAULT '',
  call_sid   TEXT NOT NULL DEFAULT '',
  stream_sid TEXT NOT NULL DEFAULT '',
  profile    TEXT NOT NULL DEFAULT '',
  caller     TEXT NOT NULL DEFAULT '',
  started_at BIGINT NOT NULL DEFAULT 0,
  ended_at   BIGINT NOT NULL DEFAULT 0,
  end_reason TEXT NOT NULL DEFAULT ''
);
CREATE INDEX calls_started ON calls(started_at, id);
CREATE TABLE turns (
  call_id    TEXT COLLATE "C" NOT NULL,
  seq        BIGINT NOT NULL,
  user_text  TEXT NOT NULL,
  agent_text TEXT NOT NULL,
  cut        BIGINT NOT NULL,
  tools      TEXT NOT NULL,
  started_at BIGINT NOT NULL,
  latencies  TEXT NOT NULL,
  PRIMARY KEY (call_id, seq)
);
