-- Agents that the factory composed, one for each need of a workspace. `state` is draft, kept or retired.

CREATE TABLE factory_agents (
    workspace_id TEXT NOT NULL,
    need TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    profile TEXT NOT NULL,
    why TEXT NOT NULL,
    made_at TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'draft',
    PRIMARY KEY (workspace_id, need)
);

-- How their tasks ended; `outcome` is '' while nobody knows.

CREATE TABLE factory_results (
    workspace_id TEXT NOT NULL,
    task TEXT NOT NULL,
    name TEXT NOT NULL,
    outcome TEXT NOT NULL,
    PRIMARY KEY (workspace_id, task)
);

CREATE INDEX factory_results_of ON factory_results (workspace_id, name);

-- What a workspace lets the factory do; without a row, what the installation does.

CREATE TABLE factory_policies (
    workspace_id TEXT PRIMARY KEY,
    rules TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    reason TEXT NOT NULL
);
