-- Made at the first use by the owner of the tables, because the extension may come after the revisions.
-- Nothing here is the only copy of anything. One transaction; processes that make it at once wait.
SELECT pg_advisory_xact_lock(7404158);
CREATE TABLE IF NOT EXISTS memory_embedding_spaces (
    workspace_id TEXT NOT NULL PRIMARY KEY,
    embedder TEXT NOT NULL,
    dimension INTEGER NOT NULL,
    position BIGINT NOT NULL DEFAULT 0,
    indexed BOOLEAN NOT NULL DEFAULT false   -- there is an HNSW index of this workspace's rows
);
CREATE TABLE IF NOT EXISTS memory_embeddings (
    workspace_id TEXT NOT NULL,
    chunk TEXT COLLATE "C" NOT NULL,
    document TEXT NOT NULL,
    below TEXT[] NOT NULL,
    acl TEXT[] NOT NULL,
    tags TEXT[] NOT NULL,
    moment BIGINT NOT NULL,
    embedding vector NOT NULL,               -- of length 1, or zeros
    PRIMARY KEY (workspace_id, chunk)
);
CREATE INDEX IF NOT EXISTS memory_embeddings_document ON memory_embeddings (workspace_id, document);
GRANT SELECT, INSERT, UPDATE, DELETE ON memory_embeddings, memory_embedding_spaces
    TO flowmatik_engine, flowmatik_api;
-- The query is written anew each time, so that the planner sees the workspace and takes its own index; scans
-- go on until there are enough rows that fulfil the condition.
CREATE OR REPLACE FUNCTION memory_embeddings_near(
    asked_workspace TEXT, question TEXT, numbers INTEGER, wanted INTEGER, asked_below TEXT[], asked_acl TEXT[],
    asked_tags TEXT[], first_moment BIGINT, last_moment BIGINT
) RETURNS TABLE (found_chunk TEXT, score DOUBLE PRECISION) LANGUAGE plpgsql AS $near$
DECLARE condition TEXT := '';
BEGIN
    PERFORM set_config('hnsw.iterative_scan', 'strict_order', true),
        set_config('hnsw.ef_search', least(greatest(2 * wanted, 100), 1000)::text, true),
        set_config('hnsw.max_scan_tuples', '200000', true);
    IF asked_below IS NOT NULL THEN condition := condition || format(' AND e.below && %L::text[]', asked_below); END IF;
    IF asked_acl IS NOT NULL THEN condition := condition || format(' AND e.acl && %L::text[]', asked_acl); END IF;
    IF asked_tags IS NOT NULL THEN condition := condition || format(' AND e.tags && %L::text[]', asked_tags); END IF;
    IF first_moment IS NOT NULL THEN
        condition := condition || format(' AND e.moment BETWEEN %s AND %s', first_moment, last_moment);
    END IF;
    RETURN QUERY EXECUTE format(
        'SELECT e.chunk::text, -((e.embedding::vector(%1$s)) <#> %2$L::vector(%1$s)) FROM memory_embeddings e'
        ' WHERE e.workspace_id = %3$L' || replace(condition, '%', '%%')
        || ' ORDER BY (e.embedding::vector(%1$s)) <#> %2$L::vector(%1$s) LIMIT %4$s',
        numbers, question, asked_workspace, wanted
    );
END $near$;
DO $do$ DECLARE target TEXT; BEGIN
    FOREACH target IN ARRAY ARRAY['memory_embeddings', 'memory_embedding_spaces'] LOOP
        EXECUTE 'ALTER TABLE ' || target || ' ENABLE ROW LEVEL SECURITY';
        EXECUTE 'ALTER TABLE ' || target || ' FORCE ROW LEVEL SECURITY';
        IF NOT EXISTS (SELECT 1 FROM pg_policies WHERE tablename = target AND schemaname = current_schema()) THEN
            EXECUTE 'CREATE POLICY engine_everywhere ON ' || target
                || ' TO flowmatik_engine USING (true) WITH CHECK (true)';
            EXECUTE 'CREATE POLICY api_workspace ON ' || target || ' TO flowmatik_api '
                || 'USING (workspace_id = current_setting(''flowmatik.workspace'', true)) '
                || 'WITH CHECK (workspace_id = current_setting(''flowmatik.workspace'', true))';
        END IF;
    END LOOP;
END $do$;
