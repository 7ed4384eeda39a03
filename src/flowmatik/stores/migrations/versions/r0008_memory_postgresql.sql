-- The memory, where it is shared. In an installation on SQLite it has a file of its own, with the same tables
-- (memory/schema.sql).

CREATE TABLE memory_workspaces (
    workspace_id TEXT NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL DEFAULT 0,
    next_chunk BIGINT NOT NULL DEFAULT 1,
    embedder TEXT NOT NULL DEFAULT '',
    moving_to TEXT NOT NULL DEFAULT '',
    follower TEXT NOT NULL DEFAULT '',
    followed_until TEXT NOT NULL DEFAULT ''
);

CREATE TABLE memory_sources (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    location TEXT NOT NULL,
    added_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, location)
);

CREATE TABLE memory_documents (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    source_id TEXT NOT NULL,
    path TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    title TEXT NOT NULL,
    language TEXT NOT NULL,
    effective TEXT NOT NULL,
    version TEXT NOT NULL,
    replaces TEXT NOT NULL,
    dated TEXT NOT NULL,
    tags TEXT NOT NULL,
    metadata TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    size BIGINT NOT NULL,
    mtime_ns BIGINT NOT NULL,
    pipeline TEXT NOT NULL,
    derived TEXT NOT NULL,
    text TEXT NOT NULL,
    lines TEXT NOT NULL,
    pages TEXT NOT NULL,
    chunks BIGINT NOT NULL,
    ingested_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, path),
    UNIQUE (workspace_id, source)
);

CREATE INDEX memory_documents_hash ON memory_documents (workspace_id, content_hash);

CREATE INDEX memory_documents_of ON memory_documents (workspace_id, source_id);

CREATE TABLE memory_acl (
    workspace_id TEXT NOT NULL,
    document TEXT NOT NULL,
    principal TEXT NOT NULL,
    PRIMARY KEY (workspace_id, document, principal),
    FOREIGN KEY (workspace_id, document) REFERENCES memory_documents (workspace_id, id) ON DELETE CASCADE
);

CREATE TABLE memory_labels (
    workspace_id TEXT NOT NULL,
    path TEXT COLLATE "C" NOT NULL,
    content_hash TEXT NOT NULL,
    acl TEXT NOT NULL,
    tags TEXT NOT NULL,
    metadata TEXT NOT NULL,
    dated TEXT NOT NULL,
    PRIMARY KEY (workspace_id, path, content_hash)
);

CREATE TABLE memory_chunks (
    workspace_id TEXT NOT NULL,
    number BIGINT NOT NULL,
    id TEXT NOT NULL,
    document TEXT NOT NULL,
    start_at BIGINT NOT NULL,
    end_at BIGINT NOT NULL,
    line_from BIGINT,
    line_to BIGINT,
    page BIGINT,
    heading TEXT NOT NULL,
    language TEXT NOT NULL,
    terms BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, number),
    UNIQUE (workspace_id, id),
    FOREIGN KEY (workspace_id, document) REFERENCES memory_documents (workspace_id, id) ON DELETE CASCADE
);

CREATE INDEX memory_chunks_document ON memory_chunks (workspace_id, document);

CREATE TABLE memory_vectors (
    workspace_id TEXT NOT NULL,
    chunk BIGINT NOT NULL,
    embedder TEXT NOT NULL,
    document TEXT NOT NULL,
    vector BYTEA NOT NULL,
    PRIMARY KEY (workspace_id, chunk, embedder),
    FOREIGN KEY (workspace_id, chunk) REFERENCES memory_chunks (workspace_id, number) ON DELETE CASCADE
);

CREATE INDEX memory_vectors_document ON memory_vectors (workspace_id, document, embedder);

CREATE TABLE memory_postings (
    workspace_id TEXT NOT NULL,
    term TEXT COLLATE "C" NOT NULL,
    chunk BIGINT NOT NULL,
    frequency BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, term, chunk),
    FOREIGN KEY (workspace_id, chunk) REFERENCES memory_chunks (workspace_id, number) ON DELETE CASCADE
);

CREATE INDEX memory_postings_chunk ON memory_postings (workspace_id, chunk);

CREATE TABLE memory_tables (
    workspace_id TEXT NOT NULL,
    document TEXT NOT NULL,
    format TEXT NOT NULL,
    table_name TEXT NOT NULL,
    PRIMARY KEY (workspace_id, document, table_name),
    FOREIGN KEY (workspace_id, document) REFERENCES memory_documents (workspace_id, id) ON DELETE CASCADE
);

CREATE TABLE memory_mentions (
    workspace_id TEXT NOT NULL,
    chunk BIGINT NOT NULL,
    entity TEXT NOT NULL,
    kind TEXT NOT NULL,
    surface TEXT NOT NULL,
    count BIGINT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (workspace_id, chunk, entity, kind),
    FOREIGN KEY (workspace_id, chunk) REFERENCES memory_chunks (workspace_id, number) ON DELETE CASCADE
);

CREATE INDEX memory_mentions_entity ON memory_mentions (workspace_id, entity);

CREATE INDEX memory_mentions_document ON memory_mentions (workspace_id, document);

CREATE TABLE memory_entities (
    workspace_id TEXT NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    mentions BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, key)
);

CREATE INDEX memory_entities_unmentioned ON memory_entities (workspace_id) WHERE mentions <= 0;

CREATE TABLE memory_aliases (
    workspace_id TEXT NOT NULL,
    alias TEXT NOT NULL,
    entity TEXT NOT NULL,
    chunk BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, alias, entity, chunk),
    FOREIGN KEY (workspace_id, chunk) REFERENCES memory_chunks (workspace_id, number) ON DELETE CASCADE
);

CREATE INDEX memory_aliases_chunk ON memory_aliases (workspace_id, chunk);

CREATE TABLE memory_relations (
    workspace_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    relation TEXT NOT NULL,
    object TEXT NOT NULL,
    chunk BIGINT NOT NULL,
    weight DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (workspace_id, subject, relation, object, chunk),
    FOREIGN KEY (workspace_id, chunk) REFERENCES memory_chunks (workspace_id, number) ON DELETE CASCADE
);

CREATE INDEX memory_relations_chunk ON memory_relations (workspace_id, chunk);

CREATE TABLE memory_near (
    workspace_id TEXT NOT NULL,
    key BIGINT NOT NULL,
    chunk BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, key, chunk),
    FOREIGN KEY (workspace_id, chunk) REFERENCES memory_chunks (workspace_id, number) ON DELETE CASCADE
);
CREATE INDEX memory_near_chunk ON memory_near (workspace_id, chunk);

CREATE TABLE memory_merges (
    workspace_id TEXT NOT NULL,
    entity TEXT COLLATE "C" NOT NULL,
    target TEXT COLLATE "C" NOT NULL,
    made_at TEXT NOT NULL,
    made_by TEXT NOT NULL,
    PRIMARY KEY (workspace_id, entity)
);

CREATE INDEX memory_merges_of ON memory_merges (workspace_id, target);

CREATE TABLE memory_gazetteer (
    workspace_id TEXT NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    name TEXT NOT NULL,
    aliases TEXT NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (workspace_id, key)
);

CREATE TABLE memory_outbox (
    workspace_id TEXT NOT NULL,
    document TEXT NOT NULL,
    position BIGINT NOT NULL,
    change TEXT NOT NULL,
    PRIMARY KEY (workspace_id, document)
);

CREATE INDEX memory_outbox_order ON memory_outbox (workspace_id, position);

CREATE TABLE memory_erasures (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    made_at TEXT NOT NULL,
    made_by TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id)
);

CREATE TABLE memory_erasing (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    made_at TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id)
);

-- What has been certified is added to and never changed.

GRANT SELECT, INSERT, UPDATE, DELETE ON memory_workspaces, memory_sources, memory_documents, memory_acl,
    memory_labels, memory_chunks, memory_vectors, memory_postings, memory_tables, memory_mentions, memory_entities,
    memory_aliases, memory_relations, memory_near, memory_merges, memory_gazetteer, memory_outbox, memory_erasing
    TO flowmatik_engine, flowmatik_api;

GRANT SELECT, INSERT ON memory_erasures TO flowmatik_engine, flowmatik_api;

DO $do$ DECLARE target TEXT; BEGIN
    FOREACH target IN ARRAY ARRAY[
        'memory_workspaces', 'memory_sources', 'memory_documents', 'memory_acl', 'memory_labels',
    'memory_chunks', 'memory_vectors', 'memory_postings', 'memory_tables', 'memory_mentions', 'memory_entities',
    'memory_aliases', 'memory_relations', 'memory_near', 'memory_merges', 'memory_gazetteer', 'memory_outbox',
    'memory_erasures', 'memory_erasing'
    ] LOOP
        EXECUTE 'ALTER TABLE ' || target || ' ENABLE ROW LEVEL SECURITY';
        EXECUTE 'ALTER TABLE ' || target || ' FORCE ROW LEVEL SECURITY';
        EXECUTE 'CREATE POLICY engine_everywhere ON ' || target
            || ' TO flowmatik_engine USING (true) WITH CHECK (true)';
        EXECUTE 'CREATE POLICY api_workspace ON ' || target || ' TO flowmatik_api '
            || 'USING (workspace_id = current_setting(''flowmatik.workspace'', true)) '
            || 'WITH CHECK (workspace_id = current_setting(''flowmatik.workspace'', true))';
    END LOOP;
END $do$;
