-- Which process holds a call, and when each was last heard of: calls of a process that died are told from live ones.
CREATE TABLE instances (
  id      TEXT PRIMARY KEY,
  seen_at INTEGER NOT NULL
) WITHOUT ROWID;
ALTER TABLE calls ADD COLUMN instance TEXT NOT NULL DEFAULT '';
CREATE INDEX calls_open ON calls(instance) WHERE ended_at = 0;
