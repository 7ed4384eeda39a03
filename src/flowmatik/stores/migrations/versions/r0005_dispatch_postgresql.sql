GRANT SELECT, INSERT, UPDATE, DELETE ON limits TO flowmatik_engine;

GRANT SELECT ON limits TO flowmatik_api;

ALTER TABLE limits ENABLE ROW LEVEL SECURITY;

ALTER TABLE limits FORCE ROW LEVEL SECURITY;

CREATE POLICY engine_everywhere ON limits TO flowmatik_engine USING (true) WITH CHECK (true);

CREATE POLICY api_workspace ON limits TO flowmatik_api
    USING (workspace_id = current_setting('flowmatik.workspace', true))
    WITH CHECK (workspace_id = current_setting('flowmatik.workspace', true));
