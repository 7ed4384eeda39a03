-- The engine decides, as it posts; the API reads what its workspace is asked.

GRANT SELECT, INSERT, UPDATE ON approvals TO flowmatik_engine;

GRANT SELECT ON approvals TO flowmatik_api;

ALTER TABLE approvals ENABLE ROW LEVEL SECURITY;

ALTER TABLE approvals FORCE ROW LEVEL SECURITY;

CREATE POLICY engine_everywhere ON approvals TO flowmatik_engine USING (true) WITH CHECK (true);

CREATE POLICY api_workspace ON approvals TO flowmatik_api
USING (workspace_id = current_setting('flowmatik.workspace', true))
WITH CHECK (workspace_id = current_setting('flowmatik.workspace', true));
