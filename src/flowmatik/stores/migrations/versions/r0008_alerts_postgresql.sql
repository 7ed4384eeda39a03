GRANT SELECT, INSERT, UPDATE, DELETE ON alert_hooks, alert_deliveries TO flowmatik_engine, flowmatik_api;

DO $do$ DECLARE target TEXT; BEGIN
    FOREACH target IN ARRAY ARRAY['alert_hooks', 'alert_deliveries'] LOOP
        EXECUTE 'ALTER TABLE ' || target || ' ENABLE ROW LEVEL SECURITY';
        EXECUTE 'ALTER TABLE ' || target || ' FORCE ROW LEVEL SECURITY';
        EXECUTE 'CREATE POLICY engine_everywhere ON ' || target
            || ' TO flowmatik_engine USING (true) WITH CHECK (true)';
        EXECUTE 'CREATE POLICY api_workspace ON ' || target || ' TO flowmatik_api '
            || 'USING (workspace_id = current_setting(''flowmatik.workspace'', true)) '
            || 'WITH CHECK (workspace_id = current_setting(''flowmatik.workspace'', true))';
    END LOOP;
END $do$;
