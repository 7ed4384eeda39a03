-- Roles are the cluster's, so another database may have made them, or be making them at this moment.

DO $do$ DECLARE wanted TEXT; BEGIN
    FOREACH wanted IN ARRAY ARRAY['flowmatik_engine', 'flowmatik_api'] LOOP
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
    END LOOP;
END $do$;

-- The engine serves every workspace. It cannot delete or change an event, nor delete a run.

GRANT SELECT, INSERT ON run_events TO flowmatik_engine;

GRANT SELECT, INSERT, UPDATE ON runs, run_inbox, allotments TO flowmatik_engine;

GRANT SELECT, INSERT, UPDATE, DELETE ON workspaces, timers, workers, outbox, subscriber_positions,
    dead_letters, caps, holders, agent_versions, agent_channels, users, api_keys TO flowmatik_engine;

-- The API reads what runs left and manages catalogue and identities, of one workspace at a time.

GRANT SELECT ON workspaces, runs, run_events, run_inbox, dead_letters, caps, allotments TO flowmatik_api;

GRANT SELECT, INSERT, UPDATE, DELETE ON agent_versions, agent_channels, users, api_keys TO flowmatik_api;

-- An unset setting is NULL, one that an earlier transaction had set locally is ''; no workspace has
-- either for a name, so the API sees nothing in both cases.

DO $do$ DECLARE target TEXT; BEGIN
    FOREACH target IN ARRAY ARRAY['workspaces', 'runs', 'run_events', 'run_inbox', 'timers', 'outbox',
            'subscriber_positions', 'dead_letters', 'caps', 'allotments', 'holders', 'agent_versions',
            'agent_channels', 'users', 'api_keys'] LOOP
        EXECUTE 'ALTER TABLE ' || target || ' ENABLE ROW LEVEL SECURITY';
        EXECUTE 'ALTER TABLE ' || target || ' FORCE ROW LEVEL SECURITY';
        EXECUTE 'CREATE POLICY engine_everywhere ON ' || target
            || ' TO flowmatik_engine USING (true) WITH CHECK (true)';
        EXECUTE 'CREATE POLICY api_workspace ON ' || target || ' TO flowmatik_api '
            || 'USING (workspace_id = current_setting(''flowmatik.workspace'', true)) '
            || 'WITH CHECK (workspace_id = current_setting(''flowmatik.workspace'', true))';
    END LOOP;
END $do$;

-- Every append updates its head row: room in the page keeps that a heap-only update.

ALTER TABLE runs SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0.05);
