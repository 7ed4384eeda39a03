-- What version 4 has beside version 3.
-- What was forgotten and is not to come back by itself (kept_out.py). Nothing here can be read as what it was.
CREATE TABLE memory_kept_out (
    workspace_id TEXT NOT NULL,
    mark TEXT NOT NULL,                    -- hash of a place, or of a content
    made_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, mark)
) WITHOUT ROWID;
