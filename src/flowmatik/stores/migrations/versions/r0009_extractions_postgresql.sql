-- What a model has read in a passage, and the relations of it by what they lead to.

CREATE TABLE memory_extractions (
    workspace_id TEXT NOT NULL,
    chunk BIGINT NOT NULL,
    model TEXT NOT NULL,
    found TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, chunk),
    FOREIGN KEY (workspace_id, chunk) REFERENCES memory_chunks (workspace_id, number) ON DELETE CASCADE
);

CREATE INDEX memory_relations_read ON memory_relations (workspace_id, object)
    WHERE relation >= 'model:' AND relation < 'model;';

GRANT SELECT, INSERT, UPDATE, DELETE ON memory_extractions TO flowmatik_engine, flowmatik_api;

DO $do$ BEGIN
    ALTER TABLE memory_extractions ENABLE ROW LEVEL SECURITY;
    ALTER TABLE memory_extractions FORCE ROW LEVEL SECURITY;
    CREATE POLICY engine_everywhere ON memory_extractions TO flowmatik_engine USING (true) WITH CHECK (true);
    CREATE POLICY api_workspace ON memory_extractions TO flowmatik_api
        USING (workspace_id = current_setting('flowmatik.workspace', true))
        WITH CHECK (workspace_id = current_setting('flowmatik.workspace', true));
END $do$;
