-- Cases: plans that worked, by the goals for which they did. `outcomes` says which runs were counted, so that
-- none is counted twice.

CREATE TABLE cases (
    workspace_id TEXT NOT NULL,
    case_id TEXT NOT NULL,
    goal TEXT NOT NULL,
    language TEXT NOT NULL,
    planner TEXT NOT NULL,
    plan TEXT NOT NULL,
    embedder TEXT NOT NULL DEFAULT '',
    vector TEXT NOT NULL DEFAULT '',
    succeeded INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    cost_micros BIGINT,
    learned_from TEXT NOT NULL,
    created_at TEXT NOT NULL,
    used_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, case_id)
);

CREATE TABLE case_outcomes (
    workspace_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    case_id TEXT NOT NULL,
    PRIMARY KEY (workspace_id, run_id)
);

CREATE INDEX case_outcomes_runs ON case_outcomes (run_id);
