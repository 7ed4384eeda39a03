-- The engine refers and deletes blobs; the role that deletes runs says what they leave.

GRANT SELECT, INSERT, UPDATE, DELETE ON run_blobs, blobs_left TO flowmatik_engine;

GRANT SELECT ON run_blobs TO flowmatik_api;

GRANT SELECT, DELETE ON run_blobs TO flowmatik_retention;

GRANT SELECT, INSERT, UPDATE ON blobs_left TO flowmatik_retention;

DO $do$ DECLARE target TEXT; BEGIN
    FOREACH target IN ARRAY ARRAY['run_blobs', 'blobs_left'] LOOP
        EXECUTE 'ALTER TABLE ' || target || ' ENABLE ROW LEVEL SECURITY';
        EXECUTE 'ALTER TABLE ' || target || ' FORCE ROW LEVEL SECURITY';
        EXECUTE 'CREATE POLICY engine_everywhere ON ' || target
            || ' TO flowmatik_engine USING (true) WITH CHECK (true)';
        EXECUTE 'CREATE POLICY api_workspace ON ' || target || ' TO flowmatik_api '
            || 'USING (workspace_id = current_setting(''flowmatik.workspace'', true)) '
            || 'WITH CHECK (workspace_id = current_setting(''flowmatik.workspace'', true))';
        EXECUTE 'CREATE POLICY retention_everywhere ON ' || target
            || ' TO flowmatik_retention USING (true) WITH CHECK (true)';
    END LOOP;
END $do$;

-- Whose blobs those are that there are already: what each run's events refer to. The owner of a table need
-- not see its rows.

SET LOCAL ROLE flowmatik_engine;

INSERT INTO run_blobs (run_id, sha256, workspace_id, bytes, at)
SELECT DISTINCT ON (e.run_id, m[2]) e.run_id, m[2], e.workspace_id, m[1]::bigint, 0
FROM run_events e,
    regexp_matches(e.payload, '"\$blob"\:\{"bytes"\:([0-9]{1,15}),.*?"sha256"\:"([0-9a-f]{64})"\}', 'g') AS m
WHERE strpos(e.payload, '"$blob"') > 0;

RESET ROLE;
