-- What version 3 has beside version 2.
CREATE INDEX memory_relations_read ON memory_relations (workspace_id, object) WHERE relation >= 'model:' AND relation < 'model;';
-- What a model has read in a passage, paid for once: it outlasts making again what is derived.
CREATE TABLE memory_extractions (
    workspace_id TEXT NOT NULL,
    chunk BIGINT NOT NULL,
    model TEXT NOT NULL,
    found TEXT NOT NULL,                   -- JSON {entities: [name], relations: [[subject, relation, object]]}
    at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, chunk),
    FOREIGN KEY (workspace_id, chunk) REFERENCES memory_chunks (workspace_id, number) ON DELETE CASCADE
) WITHOUT ROWID;
