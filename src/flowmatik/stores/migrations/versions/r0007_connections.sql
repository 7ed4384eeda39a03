-- The keys with which tools act at other services. What is secret is sealed with the installation's key; an
-- owner of '' is the workspace itself. Times of leases are Unix seconds.

CREATE TABLE connections (
    workspace_id TEXT NOT NULL CHECK (workspace_id <> ''),
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    sealed TEXT NOT NULL,
    state TEXT NOT NULL,
    scopes TEXT NOT NULL DEFAULT '',
    expires_at BIGINT NOT NULL DEFAULT 0,
    updated_at TEXT NOT NULL,
    version BIGINT NOT NULL DEFAULT 1,
    renewing_until BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (workspace_id, owner, name)
);

-- Logins that were begun, by the hash of their state.

CREATE TABLE connection_logins (
    state_hash TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT NOT NULL CHECK (workspace_id <> ''),
    begun_by TEXT NOT NULL,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    sealed TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
