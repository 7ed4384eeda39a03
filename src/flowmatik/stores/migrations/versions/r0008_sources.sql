-- Sources: places outside, what is known of each of their documents, and what each sync has done. `sync` is the
-- one that is not ended, "" for none; `owner` and `beat_at` (Unix seconds) say who works at it. `again`: somebody
-- asked for another one meanwhile. `hook` is in the address that starts a sync, so that a new one can be made.

CREATE TABLE source_definitions (
    workspace_id TEXT NOT NULL CHECK (workspace_id <> ''),
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    settings TEXT NOT NULL,
    acl TEXT NOT NULL,
    tags TEXT NOT NULL,
    cron TEXT NOT NULL,
    timezone TEXT NOT NULL,
    next_at BIGINT,
    hook TEXT NOT NULL,
    cursor_at TEXT NOT NULL DEFAULT '',
    sync TEXT NOT NULL DEFAULT '',
    again BIGINT NOT NULL DEFAULT 0,
    owner TEXT NOT NULL DEFAULT '',
    beat_at BIGINT NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, name)
);

CREATE INDEX source_definitions_due ON source_definitions (next_at) WHERE next_at IS NOT NULL;

CREATE INDEX source_definitions_open ON source_definitions (beat_at) WHERE sync <> '' OR again > 0;

-- `name` is where the copy lies, below the source's folder. `state`: taken, failed (a dead letter) or due (to be
-- read again although it is not listed). `sync` has handled it last.

CREATE TABLE source_entries (
    workspace_id TEXT NOT NULL,
    source_id TEXT NOT NULL,
    path TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    state TEXT NOT NULL,
    sync TEXT NOT NULL,
    entry TEXT NOT NULL,
    code TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    details TEXT NOT NULL DEFAULT '{}',
    retryable BIGINT NOT NULL DEFAULT 0,
    attempts BIGINT NOT NULL DEFAULT 0,
    changed_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, source_id, path),
    FOREIGN KEY (workspace_id, source_id) REFERENCES source_definitions (workspace_id, id) ON DELETE CASCADE
);

CREATE INDEX source_entries_failed ON source_entries (workspace_id, source_id, path) WHERE state <> 'taken';

CREATE TABLE source_syncs (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    source_id TEXT NOT NULL,
    cause TEXT NOT NULL,
    status TEXT NOT NULL,
    started_at TEXT NOT NULL,
    ended_at TEXT NOT NULL DEFAULT '',
    total BIGINT NOT NULL DEFAULT 0,
    added BIGINT NOT NULL DEFAULT 0,
    updated BIGINT NOT NULL DEFAULT 0,
    moved BIGINT NOT NULL DEFAULT 0,
    unchanged BIGINT NOT NULL DEFAULT 0,
    deleted BIGINT NOT NULL DEFAULT 0,
    failed BIGINT NOT NULL DEFAULT 0,
    code TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    details TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, source_id) REFERENCES source_definitions (workspace_id, id) ON DELETE CASCADE
);

CREATE INDEX source_syncs_of ON source_syncs (workspace_id, source_id, started_at);
