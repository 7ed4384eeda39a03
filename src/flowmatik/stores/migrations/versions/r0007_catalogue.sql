-- Channels that several versions share (canonical JSON [[version, weight], …], '' for the one in `version`),
-- what is known of a version, and who changed what.

ALTER TABLE agent_channels ADD COLUMN split TEXT NOT NULL DEFAULT '';

ALTER TABLE agent_versions ADD COLUMN origin TEXT NOT NULL DEFAULT '';

ALTER TABLE agent_versions ADD COLUMN deprecated TEXT NOT NULL DEFAULT '';

ALTER TABLE agent_versions ADD COLUMN deprecated_why TEXT NOT NULL DEFAULT '';

-- The key is the fence: of two changes that saw the same state, one finds its number taken.

CREATE TABLE agent_changes (
    workspace_id TEXT NOT NULL,
    name TEXT NOT NULL,
    number BIGINT NOT NULL,
    made_at TEXT NOT NULL,
    made_by TEXT NOT NULL,
    what TEXT NOT NULL,
    channel TEXT NOT NULL,
    was TEXT NOT NULL,
    becomes TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (workspace_id, name, number)
);

CREATE TABLE agent_evaluations (
    id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    set_name TEXT NOT NULL,
    set_hash TEXT NOT NULL,
    score DOUBLE PRECISION NOT NULL,
    cases BIGINT NOT NULL,
    model TEXT NOT NULL,
    made_at TEXT NOT NULL,
    made_by TEXT NOT NULL
);

CREATE INDEX agent_evaluations_of ON agent_evaluations (workspace_id, name, made_at);

-- Bundles that were applied, by where they came from, so that none older is applied after them.

CREATE TABLE agent_bundles (
    workspace_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    source TEXT NOT NULL,
    number BIGINT NOT NULL,
    bundle_id TEXT NOT NULL,
    made_at TEXT NOT NULL,
    applied_at TEXT NOT NULL,
    applied_by TEXT NOT NULL,
    PRIMARY KEY (workspace_id, key_id, source, number)
);

-- Whose bundles are taken, beside those of the installation itself.

CREATE TABLE agent_keys (
    workspace_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    public_key TEXT NOT NULL,
    name TEXT NOT NULL,
    added_by TEXT NOT NULL,
    added_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, key_id)
);
