-- What was forgotten and is not to come back by itself: hashes of places and of contents.

CREATE TABLE memory_kept_out (
    workspace_id TEXT NOT NULL,
    mark TEXT NOT NULL,
    made_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, mark)
);

GRANT SELECT, INSERT, DELETE ON memory_kept_out TO flowmatik_engine, flowmatik_api;

DO $do$ BEGIN
    ALTER TABLE memory_kept_out ENABLE ROW LEVEL SECURITY;
    ALTER TABLE memory_kept_out FORCE ROW LEVEL SECURITY;
    CREATE POLICY engine_everywhere ON memory_kept_out TO flowmatik_engine USING (true) WITH CHECK (true);
    CREATE POLICY api_workspace ON memory_kept_out TO flowmatik_api
        USING (workspace_id = current_setting('flowmatik.workspace', true))
        WITH CHECK (workspace_id = current_setting('flowmatik.workspace', true));
END $do$;
