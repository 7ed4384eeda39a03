GRANT SELECT, INSERT, UPDATE, DELETE ON router_entries, router_states, run_feedback TO flowmatik_engine;

GRANT SELECT, INSERT, UPDATE, DELETE ON router_entries, router_states, run_feedback TO flowmatik_api;

GRANT SELECT, DELETE ON run_feedback TO flowmatik_retention;

DO $do$ DECLARE target TEXT; BEGIN
    FOREACH target IN ARRAY ARRAY['router_entries', 'router_states', 'run_feedback'] LOOP
        EXECUTE 'ALTER TABLE ' || target || ' ENABLE ROW LEVEL SECURITY';
        EXECUTE 'ALTER TABLE ' || target || ' FORCE ROW LEVEL SECURITY';
        EXECUTE 'CREATE POLICY engine_everywhere ON ' || target
            || ' TO flowmatik_engine USING (true) WITH CHECK (true)';
        EXECUTE 'CREATE POLICY api_workspace ON ' || target || ' TO flowmatik_api '
            || 'USING (workspace_id = current_setting(''flowmatik.workspace'', true)) '
            || 'WITH CHECK (workspace_id = current_setting(''flowmatik.workspace'', true))';
    END LOOP;
END $do$;

CREATE POLICY retention_everywhere ON run_feedback TO flowmatik_retention USING (true) WITH CHECK (true);
