-- Playbooks: immutable versions of their text, and which one runs get.

CREATE TABLE playbook_versions (
    workspace_id TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    content TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, name, version)
);

CREATE TABLE playbooks (
    workspace_id TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    PRIMARY KEY (workspace_id, name)
);
