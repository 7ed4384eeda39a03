-- Calls that people decide about: the row on whose version a decision hangs. Arguments, policy and votes
-- are canonical JSON; expires_at is Unix seconds, 0 for never.

CREATE TABLE approvals (
    approval_id TEXT NOT NULL PRIMARY KEY,
    run_id TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    tool TEXT NOT NULL,
    arguments TEXT NOT NULL,
    arguments_hash TEXT NOT NULL,
    policy TEXT NOT NULL,
    votes TEXT NOT NULL DEFAULT '[]',
    status TEXT NOT NULL DEFAULT 'pending',
    version BIGINT NOT NULL DEFAULT 0,
    decided_by TEXT NOT NULL DEFAULT '',
    decided_at TEXT NOT NULL DEFAULT '',
    comment TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL,
    expires_at DOUBLE PRECISION NOT NULL DEFAULT 0
);

CREATE INDEX approvals_listed ON approvals (workspace_id, status, created_at, approval_id);

CREATE INDEX approvals_of_run ON approvals (run_id);
