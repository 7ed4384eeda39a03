GRANT SELECT, INSERT ON ledger_entries TO flowmatik_engine;

GRANT SELECT ON ledger_entries TO flowmatik_api;

-- A person who is forgotten, and bookings that are older than they need be or that a rebuild replaces.
GRANT UPDATE (user_id, scopes) ON ledger_entries TO flowmatik_retention;

GRANT SELECT, INSERT, DELETE ON ledger_entries TO flowmatik_retention;

ALTER TABLE ledger_entries ENABLE ROW LEVEL SECURITY;

ALTER TABLE ledger_entries FORCE ROW LEVEL SECURITY;

CREATE POLICY engine_everywhere ON ledger_entries TO flowmatik_engine USING (true) WITH CHECK (true);

CREATE POLICY retention_everywhere ON ledger_entries TO flowmatik_retention USING (true) WITH CHECK (true);

CREATE POLICY api_workspace ON ledger_entries TO flowmatik_api
    USING (workspace_id = current_setting('flowmatik.workspace', true));
