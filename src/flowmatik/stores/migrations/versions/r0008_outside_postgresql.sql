GRANT SELECT, INSERT, UPDATE, DELETE ON outside_calls TO flowmatik_engine;

GRANT SELECT ON outside_calls TO flowmatik_api;

-- What is older than anybody needs.
GRANT SELECT, DELETE ON outside_calls TO flowmatik_retention;

ALTER TABLE outside_calls ENABLE ROW LEVEL SECURITY;

ALTER TABLE outside_calls FORCE ROW LEVEL SECURITY;

CREATE POLICY engine_everywhere ON outside_calls TO flowmatik_engine USING (true) WITH CHECK (true);

CREATE POLICY retention_everywhere ON outside_calls TO flowmatik_retention USING (true) WITH CHECK (true);

CREATE POLICY api_workspace ON outside_calls TO flowmatik_api
    USING (workspace_id = current_setting('flowmatik.workspace', true));
