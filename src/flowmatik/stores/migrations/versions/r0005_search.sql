-- What runs are found by. `goal_folded` is what `folded` makes of a goal (core/journal/search_port.py).

ALTER TABLE runs ADD COLUMN tags TEXT NOT NULL DEFAULT '';

ALTER TABLE runs ADD COLUMN goal_folded TEXT NOT NULL DEFAULT '';

CREATE TABLE run_tags (
    workspace_id TEXT NOT NULL,
    tag TEXT NOT NULL,
    created_at TEXT NOT NULL,
    run_id TEXT NOT NULL,
    PRIMARY KEY (workspace_id, tag, created_at, run_id)
);

CREATE INDEX runs_by_status ON runs (workspace_id, status, created_at, run_id);

CREATE INDEX runs_by_agent ON runs (workspace_id, agent, created_at, run_id) WHERE agent <> '';
