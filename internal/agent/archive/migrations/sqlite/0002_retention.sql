-- What retention has removed from a call, and which calls were erased: a record that lands late must not
-- bring back what was taken away.
ALTER TABLE calls ADD COLUMN text_removed_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN recording_removed_at INTEGER NOT NULL DEFAULT 0;
CREATE TABLE erased (
  call_id TEXT PRIMARY KEY,
  at      INTEGER NOT NULL
) WITHOUT ROWID;
