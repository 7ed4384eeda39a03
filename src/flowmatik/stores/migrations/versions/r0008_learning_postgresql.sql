GRANT SELECT, INSERT, DELETE ON search_lessons TO flowmatik_engine, flowmatik_api;

GRANT SELECT, DELETE ON search_lessons TO flowmatik_retention;

DO $do$ BEGIN
    ALTER TABLE search_lessons ENABLE ROW LEVEL SECURITY;
    ALTER TABLE search_lessons FORCE ROW LEVEL SECURITY;
    CREATE POLICY engine_everywhere ON search_lessons TO flowmatik_engine USING (true) WITH CHECK (true);
    CREATE POLICY api_workspace ON search_lessons TO flowmatik_api
        USING (workspace_id = current_setting('flowmatik.workspace', true))
        WITH CHECK (workspace_id = current_setting('flowmatik.workspace', true));
    CREATE POLICY retention_everywhere ON search_lessons TO flowmatik_retention
        USING (true) WITH CHECK (true);
END $do$;
