-- Each queue (workspace and agent) is read from its own front.

DROP INDEX runs_ready;

CREATE INDEX runs_ready ON runs (workspace_id, agent, priority DESC, created_at, run_id) WHERE ready = 1;

ALTER TABLE workers ADD COLUMN slots BIGINT NOT NULL DEFAULT 0;

-- Workspace '' stands for all of them together.

CREATE TABLE limits (
    workspace_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    most BIGINT,
    weight DOUBLE PRECISION NOT NULL DEFAULT 1,
    per_minute DOUBLE PRECISION,
    burst BIGINT,
    PRIMARY KEY (workspace_id, scope)
);
