-- A disposable cache: the state of a run at one seq, as one version of the fold made it.

CREATE TABLE snapshots (
    run_id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    fold_version TEXT NOT NULL,
    body TEXT NOT NULL
);

-- For how many days a workspace keeps its ended runs, where that is not the installation's setting; 0 is for
-- ever.

CREATE TABLE retention (
    workspace_id TEXT NOT NULL PRIMARY KEY,
    runs_days BIGINT NOT NULL CHECK (runs_days >= 0)
);

-- Legal holds: nothing of the run, or of the workspace where run_id is '', is deleted.

CREATE TABLE holds (
    workspace_id TEXT NOT NULL,
    run_id TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL,
    held_by TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, run_id)
);

-- The same in the head row, for whoever deletes it locks that row alone.

ALTER TABLE runs ADD COLUMN held BIGINT NOT NULL DEFAULT 0;

CREATE INDEX positions_of_run ON subscriber_positions (run_id);

CREATE INDEX letters_of_run ON dead_letters (run_id);

CREATE INDEX runs_ended ON runs (ended_at, run_id) WHERE ended_at <> '';

-- What is left of a deleted run: that there was one, and what it cost.

CREATE TABLE tombstones (
    run_id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at TEXT NOT NULL,
    ended_at TEXT NOT NULL,
    deleted_at TEXT NOT NULL,
    idempotency_key TEXT NOT NULL DEFAULT '',
    cost_micros BIGINT NOT NULL DEFAULT 0,
    unpriced BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX tombstones_keys ON tombstones (workspace_id, idempotency_key) WHERE idempotency_key <> '';

CREATE INDEX tombstones_created ON tombstones (workspace_id, created_at);
