-- Webhooks for alerts. `url` may, and `secret` must, be a reference to a variable of the server. `kinds` are
-- joined by commas.

CREATE TABLE alert_hooks (
    workspace_id TEXT NOT NULL CHECK (workspace_id <> ''),
    id TEXT NOT NULL,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    kinds TEXT NOT NULL,
    language TEXT NOT NULL,
    allow_private BIGINT NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id)
);

-- What they are to be told, each alert once for each of them. `next_at` is in Unix seconds.

CREATE TABLE alert_deliveries (
    workspace_id TEXT NOT NULL,
    hook_id TEXT NOT NULL,
    event_id TEXT NOT NULL,
    event TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'told', 'failed')),
    attempts BIGINT NOT NULL DEFAULT 0,
    at TEXT NOT NULL,
    next_at BIGINT NOT NULL,
    status BIGINT NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',
    message TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (workspace_id, hook_id, event_id),
    FOREIGN KEY (workspace_id, hook_id) REFERENCES alert_hooks (workspace_id, id) ON DELETE CASCADE
);

CREATE INDEX alert_deliveries_due ON alert_deliveries (next_at) WHERE state = 'due';
