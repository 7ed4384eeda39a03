-- A workspace's own templates of agents; those that ship are no rows.

CREATE TABLE agent_templates (
    workspace_id TEXT NOT NULL,
    name TEXT NOT NULL,
    content TEXT NOT NULL,
    made_at TEXT NOT NULL,
    made_by TEXT NOT NULL,
    PRIMARY KEY (workspace_id, name)
);
