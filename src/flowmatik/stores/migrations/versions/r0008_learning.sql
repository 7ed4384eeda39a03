-- What an answer taught searches of memory: numbers, by part of a search. It goes with its run.

CREATE TABLE search_lessons (
    workspace_id TEXT NOT NULL CHECK (workspace_id <> ''),
    run_id TEXT NOT NULL,
    at TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (workspace_id, run_id)
);

CREATE INDEX search_lessons_latest ON search_lessons (workspace_id, at);

CREATE INDEX search_lessons_run ON search_lessons (run_id);
