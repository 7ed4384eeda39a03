-- Only this role deletes runs and events; the engine's cannot.

DO $do$ DECLARE wanted TEXT := 'flowmatik_retention'; BEGIN
    BEGIN
        IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE 'CREATE ROLE ' || quote_ident(wanted) || ' NOLOGIN';
        END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END;
    IF NOT pg_has_role(current_user, wanted, 'MEMBER') THEN
        EXECUTE 'GRANT ' || quote_ident(wanted) || ' TO ' || quote_ident(current_user);
    END IF;
    EXECUTE 'GRANT USAGE ON SCHEMA ' || quote_ident(current_schema()) || ' TO ' || quote_ident(wanted);
END $do$;

GRANT SELECT, INSERT, UPDATE, DELETE ON snapshots, retention, holds TO flowmatik_engine;

GRANT SELECT, UPDATE ON tombstones TO flowmatik_engine;

GRANT SELECT ON snapshots, retention, holds, tombstones TO flowmatik_api;

GRANT SELECT, DELETE ON runs, run_events, run_inbox, timers, outbox, subscriber_positions, dead_letters,
    allotments, holders, snapshots, approvals, run_tags TO flowmatik_retention;

GRANT SELECT ON holds TO flowmatik_retention;

GRANT SELECT, INSERT ON tombstones TO flowmatik_retention;

-- A row is locked by whoever may change something of it: this is set to what it is anyway.

GRANT UPDATE (held) ON runs TO flowmatik_retention;

DO $do$ DECLARE target TEXT; BEGIN
    FOREACH target IN ARRAY ARRAY['snapshots', 'retention', 'holds', 'tombstones'] LOOP
        EXECUTE 'ALTER TABLE ' || target || ' ENABLE ROW LEVEL SECURITY';
        EXECUTE 'ALTER TABLE ' || target || ' FORCE ROW LEVEL SECURITY';
        EXECUTE 'CREATE POLICY engine_everywhere ON ' || target
            || ' TO flowmatik_engine USING (true) WITH CHECK (true)';
        EXECUTE 'CREATE POLICY api_workspace ON ' || target || ' TO flowmatik_api '
            || 'USING (workspace_id = current_setting(''flowmatik.workspace'', true)) '
            || 'WITH CHECK (workspace_id = current_setting(''flowmatik.workspace'', true))';
    END LOOP;
    FOREACH target IN ARRAY ARRAY['runs', 'run_events', 'run_inbox', 'timers', 'outbox',
            'subscriber_positions', 'dead_letters', 'allotments', 'holders', 'snapshots', 'holds',
            'tombstones', 'approvals', 'run_tags'] LOOP
        EXECUTE 'CREATE POLICY retention_everywhere ON ' || target
            || ' TO flowmatik_retention USING (true) WITH CHECK (true)';
    END LOOP;
END $do$;
