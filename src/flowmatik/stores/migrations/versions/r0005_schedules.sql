-- Runs that begin by the clock. Its times are Unix seconds, as those that are compared with the clock.

CREATE TABLE schedules (
    id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT NOT NULL CHECK (workspace_id <> ''),
    name TEXT NOT NULL,
    cron TEXT NOT NULL,
    timezone TEXT NOT NULL,
    run TEXT NOT NULL,
    overlap TEXT NOT NULL,
    catch_up_seconds BIGINT NOT NULL,
    paused BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    next_at BIGINT,
    last_at BIGINT,
    last_run_id TEXT NOT NULL DEFAULT '',
    queued_at BIGINT,
    error TEXT NOT NULL DEFAULT '',
    version BIGINT NOT NULL DEFAULT 1,
    seen_at BIGINT,
    claim TEXT NOT NULL DEFAULT '',
    claimed_until BIGINT NOT NULL DEFAULT 0,
    UNIQUE (workspace_id, name)
);

CREATE INDEX schedules_due ON schedules (next_at) WHERE paused = 0;

CREATE INDEX schedules_queued ON schedules (queued_at) WHERE paused = 0 AND queued_at IS NOT NULL;
