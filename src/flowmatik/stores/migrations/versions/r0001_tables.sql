-- The same tables for SQLite and PostgreSQL. Payloads are TEXT: jsonb would reorder keys. Times that
-- people see are RFC 3339 text; those that are compared with the clock are Unix seconds. Flags are 0/1.

CREATE TABLE workspaces (
    workspace_id TEXT NOT NULL PRIMARY KEY,
    created_at TEXT NOT NULL
);

INSERT INTO workspaces (workspace_id, created_at) VALUES ('default', '1970-01-01T00:00:00.000000Z');

-- The head row is the fence: an append must name its head_seq and epoch.

CREATE TABLE runs (
    run_id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT NOT NULL CHECK (workspace_id <> ''),
    status TEXT NOT NULL,
    head_seq BIGINT NOT NULL,
    epoch BIGINT NOT NULL DEFAULT 0,
    owner TEXT NOT NULL DEFAULT '',
    ready BIGINT NOT NULL DEFAULT 1,
    inbox_tail BIGINT NOT NULL DEFAULT 0,
    inbox_seen BIGINT NOT NULL DEFAULT 0,
    last_append_id TEXT NOT NULL DEFAULT '',
    cost_micros BIGINT NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    ended_at TEXT NOT NULL DEFAULT '',
    idempotency_key TEXT NOT NULL DEFAULT '',
    goal TEXT NOT NULL,
    CONSTRAINT inbox_seen_within_tail CHECK (inbox_seen <= inbox_tail)
);

CREATE UNIQUE INDEX runs_idempotency ON runs (workspace_id, idempotency_key) WHERE idempotency_key <> '';

CREATE INDEX runs_ready ON runs (created_at, run_id) WHERE ready = 1;

CREATE INDEX runs_owned ON runs (owner) WHERE owner <> '' AND ended_at = '';

CREATE INDEX runs_listed ON runs (workspace_id, created_at, run_id);

-- The primary key is an assertion; the fence is the head row.

CREATE TABLE run_events (
    run_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    workspace_id TEXT NOT NULL,
    type TEXT NOT NULL,
    payload TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (run_id, seq)
);

CREATE TABLE run_inbox (
    run_id TEXT NOT NULL,
    input_no BIGINT NOT NULL,
    input_id TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (run_id, input_no),
    UNIQUE (run_id, input_id)
);

CREATE TABLE timers (
    run_id TEXT NOT NULL,
    timer_id TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    due_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (run_id, timer_id)
);

CREATE INDEX timers_due ON timers (due_at);

CREATE TABLE workers (
    owner TEXT NOT NULL PRIMARY KEY,
    expires_at DOUBLE PRECISION NOT NULL
);

CREATE TABLE outbox (
    run_id TEXT NOT NULL,
    from_seq BIGINT NOT NULL,
    to_seq BIGINT NOT NULL,
    workspace_id TEXT NOT NULL,
    PRIMARY KEY (run_id, from_seq)
);

CREATE TABLE subscriber_positions (
    subscriber TEXT NOT NULL,
    run_id TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (subscriber, run_id)
);

CREATE TABLE dead_letters (
    subscriber TEXT NOT NULL,
    run_id TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    error TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (subscriber, run_id)
);

CREATE TABLE caps (
    workspace_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    limit_micros BIGINT NOT NULL CHECK (limit_micros >= 0),
    granted_micros BIGINT NOT NULL DEFAULT 0 CHECK (granted_micros >= 0),
    PRIMARY KEY (workspace_id, scope)
);

-- What a run drew from each scope it named: one row per scope, amount 0 where the scope has no cap or
-- the allotment was refused. Returns are rows with negative n and amount, so a sum is what it holds.

CREATE TABLE allotments (
    run_id TEXT NOT NULL,
    n BIGINT NOT NULL,
    scope TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    granted BIGINT NOT NULL,
    amount_micros BIGINT NOT NULL,
    PRIMARY KEY (run_id, n, scope)
);

-- Runs that drew on caps and have not been settled after their end.

CREATE TABLE holders (
    run_id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT NOT NULL
);

CREATE TABLE agent_versions (
    workspace_id TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    content TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, name, version)
);

CREATE TABLE agent_channels (
    workspace_id TEXT NOT NULL,
    name TEXT NOT NULL,
    channel TEXT NOT NULL,
    version TEXT NOT NULL,
    PRIMARY KEY (workspace_id, name, channel)
);

CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    username TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at TEXT NOT NULL,
    disabled BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    name TEXT NOT NULL,
    key_hash TEXT NOT NULL UNIQUE,
    prefix TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at TEXT NOT NULL,
    last_used_at TEXT NOT NULL DEFAULT '',
    expires_at TEXT NOT NULL DEFAULT '',
    revoked_at TEXT NOT NULL DEFAULT ''
);

CREATE INDEX api_keys_listed ON api_keys (workspace_id, created_at);
