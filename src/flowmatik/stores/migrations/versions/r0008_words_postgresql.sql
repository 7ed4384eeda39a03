-- The full text index `postgres` of memory, beside its own postings. Nothing here is the only copy of anything.

CREATE TABLE memory_words (
    workspace_id TEXT NOT NULL,
    chunk TEXT COLLATE "C" NOT NULL,
    document TEXT NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    dated TEXT COLLATE "C" NOT NULL,
    acl TEXT[] NOT NULL,
    tags TEXT[] NOT NULL,
    length BIGINT NOT NULL,
    terms TSVECTOR NOT NULL,
    PRIMARY KEY (workspace_id, chunk)
);

CREATE INDEX memory_words_terms ON memory_words USING gin (terms);

CREATE INDEX memory_words_document ON memory_words (workspace_id, document);

CREATE TABLE memory_words_totals (
    workspace_id TEXT NOT NULL PRIMARY KEY,
    passages BIGINT NOT NULL DEFAULT 0,
    length BIGINT NOT NULL DEFAULT 0,
    position BIGINT NOT NULL DEFAULT 0
);

GRANT SELECT, INSERT, UPDATE, DELETE ON memory_words, memory_words_totals TO flowmatik_engine, flowmatik_api;

DO $do$ DECLARE target TEXT; BEGIN
    FOREACH target IN ARRAY ARRAY['memory_words', 'memory_words_totals'] LOOP
        EXECUTE 'ALTER TABLE ' || target || ' ENABLE ROW LEVEL SECURITY';
        EXECUTE 'ALTER TABLE ' || target || ' FORCE ROW LEVEL SECURITY';
        EXECUTE 'CREATE POLICY engine_everywhere ON ' || target
            || ' TO flowmatik_engine USING (true) WITH CHECK (true)';
        EXECUTE 'CREATE POLICY api_workspace ON ' || target || ' TO flowmatik_api '
            || 'USING (workspace_id = current_setting(''flowmatik.workspace'', true)) '
            || 'WITH CHECK (workspace_id = current_setting(''flowmatik.workspace'', true))';
    END LOOP;
END $do$;
