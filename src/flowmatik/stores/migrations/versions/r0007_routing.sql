-- What the router of a workspace learns: every change is an entry, whose number is the version that it makes.
-- Entries name no text of a run: agents, types of tasks, and how it went.

CREATE TABLE router_entries (
    workspace_id TEXT NOT NULL CHECK (workspace_id <> ''),
    version BIGINT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, version),
    UNIQUE (workspace_id, id)
);

-- The state as of some versions, so that not every entry need be read again.

CREATE TABLE router_states (
    workspace_id TEXT NOT NULL CHECK (workspace_id <> ''),
    version BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (workspace_id, version)
);

-- What people said of how tasks went; the last word of each on a task.

CREATE TABLE run_feedback (
    workspace_id TEXT NOT NULL CHECK (workspace_id <> ''),
    run_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    said_by TEXT NOT NULL,
    good BIGINT NOT NULL,
    note TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, run_id, task_id, said_by)
);

CREATE INDEX run_feedback_run ON run_feedback (run_id);
