-- Version 5. Every row carries its workspace; every query filters by it. PostgreSQL has the same tables by a
-- revision of its own (stores/migrations); a test compares the two.
CREATE TABLE memory_workspaces (
    workspace_id TEXT NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL DEFAULT 0,    -- grows with every change; caches compare it, writers lock it
    next_chunk BIGINT NOT NULL DEFAULT 1,
    embedder TEXT NOT NULL DEFAULT '',     -- whose vectors search compares; '' until there are some
    moving_to TEXT NOT NULL DEFAULT '',    -- the embedder whose vectors are being written beside them
    follower TEXT NOT NULL DEFAULT '',     -- whose turn it is to change indexes outside, until when
    followed_until TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE TABLE memory_sources (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,                    -- folder, file, uploads
    name TEXT NOT NULL,
    location TEXT NOT NULL,
    added_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, location)
) WITHOUT ROWID;
CREATE TABLE memory_documents (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    source_id TEXT NOT NULL,               -- '' for one taken in before sources were kept
    path TEXT NOT NULL,                    -- absolute; what the document is, across syncs
    source TEXT NOT NULL,                  -- the name that citations show
    title TEXT NOT NULL,
    language TEXT NOT NULL,
    effective TEXT NOT NULL,
    version TEXT NOT NULL,
    replaces TEXT NOT NULL,                -- JSON list, as the document says it
    dated TEXT NOT NULL,                   -- ISO date or time of the document itself, '' if unknown
    tags TEXT NOT NULL,                    -- JSON list
    metadata TEXT NOT NULL,                -- JSON object of strings
    content_hash TEXT NOT NULL,
    size BIGINT NOT NULL,
    mtime_ns BIGINT NOT NULL,              -- 0: do not trust it, hash again
    pipeline TEXT NOT NULL,                -- version of parsing, chunking and analysis
    derived TEXT NOT NULL,                 -- version of what is derived from the stored text
    text TEXT NOT NULL,
    lines TEXT NOT NULL,                   -- JSON [[offset, line], …]
    pages TEXT NOT NULL,                   -- JSON [offset, …]
    chunks BIGINT NOT NULL,
    ingested_at TEXT NOT NULL,
    links TEXT NOT NULL DEFAULT '',        -- JSON [[start, end, target], …]; '' before they were read
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, path),
    UNIQUE (workspace_id, source)
);
CREATE INDEX memory_documents_hash ON memory_documents (workspace_id, content_hash);
CREATE INDEX memory_documents_of ON memory_documents (workspace_id, source_id);
-- Who may see a document: everybody of the workspace when it has no row here.
CREATE TABLE memory_acl (
    workspace_id TEXT NOT NULL,
    document TEXT NOT NULL,
    principal TEXT NOT NULL,
    PRIMARY KEY (workspace_id, document, principal),
    FOREIGN KEY (workspace_id, document) REFERENCES memory_documents (workspace_id, id) ON DELETE CASCADE
) WITHOUT ROWID;
-- What people have said of a file, by its path: it outlasts the document. Under the hash of a content, what
-- waits for that content; under '', what stands whatever the file holds.
CREATE TABLE memory_labels (
    workspace_id TEXT NOT NULL,
    path TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    acl TEXT NOT NULL,                     -- JSON list; empty: everybody's
    tags TEXT NOT NULL,                    -- JSON list
    metadata TEXT NOT NULL,                -- JSON object of strings
    dated TEXT NOT NULL,
    PRIMARY KEY (workspace_id, path, content_hash)
) WITHOUT ROWID;
CREATE TABLE memory_chunks (
    workspace_id TEXT NOT NULL,
    number BIGINT NOT NULL,                -- never used again within its workspace
    id TEXT NOT NULL,
    document TEXT NOT NULL,
    start_at BIGINT NOT NULL,
    end_at BIGINT NOT NULL,
    line_from BIGINT,
    line_to BIGINT,
    page BIGINT,
    heading TEXT NOT NULL,
    language TEXT NOT NULL,
    terms BIGINT NOT NULL,                 -- length for BM25
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
    vector BLOB NOT NULL,                  -- float32, little-endian, unit length
    PRIMARY KEY (workspace_id, chunk, embedder),
    FOREIGN KEY (workspace_id, chunk) REFERENCES memory_chunks (workspace_id, number) ON DELETE CASCADE
);
CREATE INDEX memory_vectors_document ON memory_vectors (workspace_id, document, embedder);
CREATE TABLE memory_postings (
    workspace_id TEXT NOT NULL,
    term TEXT NOT NULL,
    chunk BIGINT NOT NULL,
    frequency BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, term, chunk),
    FOREIGN KEY (workspace_id, chunk) REFERENCES memory_chunks (workspace_id, number) ON DELETE CASCADE
) WITHOUT ROWID;
-- With every column of the table: SQLite otherwise walks all postings of the workspace for each passage that goes.
CREATE INDEX memory_postings_chunk ON memory_postings (workspace_id, chunk, frequency);
CREATE TABLE memory_tables (
    workspace_id TEXT NOT NULL,
    document TEXT NOT NULL,
    format TEXT NOT NULL,
    table_name TEXT NOT NULL,              -- '' for a file that is one table
    PRIMARY KEY (workspace_id, document, table_name),
    FOREIGN KEY (workspace_id, document) REFERENCES memory_documents (workspace_id, id) ON DELETE CASCADE
) WITHOUT ROWID;
-- What a passage mentions. These rows are the references that keep an entity, an alias, a relation.
CREATE TABLE memory_mentions (
    workspace_id TEXT NOT NULL,
    chunk BIGINT NOT NULL,
    entity TEXT NOT NULL,                  -- its folded canonical form
    kind TEXT NOT NULL,
    surface TEXT NOT NULL,                 -- as it is written the first time in the passage
    count BIGINT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (workspace_id, chunk, entity, kind),
    FOREIGN KEY (workspace_id, chunk) REFERENCES memory_chunks (workspace_id, number) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX memory_mentions_entity ON memory_mentions (workspace_id, entity);
CREATE INDEX memory_mentions_document ON memory_mentions (workspace_id, document);
CREATE TABLE memory_entities (
    workspace_id TEXT NOT NULL,
    key TEXT NOT NULL,
    mentions BIGINT NOT NULL,              -- rows of memory_mentions; at 0 it goes
    PRIMARY KEY (workspace_id, key)
) WITHOUT ROWID;
CREATE INDEX memory_entities_unmentioned ON memory_entities (workspace_id) WHERE mentions <= 0;
CREATE TABLE memory_aliases (
    workspace_id TEXT NOT NULL,
    alias TEXT NOT NULL,
    entity TEXT NOT NULL,
    chunk BIGINT NOT NULL,                 -- whose passage it was taken from
    PRIMARY KEY (workspace_id, alias, entity, chunk),
    FOREIGN KEY (workspace_id, chunk) REFERENCES memory_chunks (workspace_id, number) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX memory_aliases_chunk ON memory_aliases (workspace_id, chunk);
CREATE TABLE memory_relations (
    workspace_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    relation TEXT NOT NULL,
    object TEXT NOT NULL,
    chunk BIGINT NOT NULL,                 -- one row for each passage that supports it
    weight DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (workspace_id, subject, relation, object, chunk),
    FOREIGN KEY (workspace_id, chunk) REFERENCES memory_chunks (workspace_id, number) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX memory_relations_chunk ON memory_relations (workspace_id, chunk, weight);
CREATE INDEX memory_relations_read ON memory_relations (workspace_id, object) WHERE relation >= 'model:' AND relation < 'model;';
CREATE INDEX memory_relations_linked ON memory_relations (workspace_id, object, weight) WHERE relation = 'links_to';
-- What a model has read in a passage, paid for once: it outlasts making again what is derived.
CREATE TABLE memory_extractions (
    workspace_id TEXT NOT NULL,
    chunk BIGINT NOT NULL,
    model TEXT NOT NULL,
    found TEXT NOT NULL,                   -- JSON {entities: [name], relations: [[subject, relation, object]]}
    at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, chunk),
    FOREIGN KEY (workspace_id, chunk) REFERENCES memory_chunks (workspace_id, number) ON DELETE CASCADE
) WITHOUT ROWID;
-- The MinHash keys of a passage: what has one in common with it may say nearly the same (near.py).
CREATE TABLE memory_near (
    workspace_id TEXT NOT NULL,
    key BIGINT NOT NULL,
    chunk BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, key, chunk),
    FOREIGN KEY (workspace_id, chunk) REFERENCES memory_chunks (workspace_id, number) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX memory_near_chunk ON memory_near (workspace_id, chunk);
-- Entities that people have joined: `entity` is `target`. No document takes them away.
CREATE TABLE memory_merges (
    workspace_id TEXT NOT NULL,
    entity TEXT NOT NULL,
    target TEXT NOT NULL,
    made_at TEXT NOT NULL,
    made_by TEXT NOT NULL,
    PRIMARY KEY (workspace_id, entity)
) WITHOUT ROWID;
CREATE INDEX memory_merges_of ON memory_merges (workspace_id, target);
-- Names that users supply, to be recognised in every text.
CREATE TABLE memory_gazetteer (
    workspace_id TEXT NOT NULL,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    aliases TEXT NOT NULL,                 -- JSON list
    kind TEXT NOT NULL,
    PRIMARY KEY (workspace_id, key)
) WITHOUT ROWID;
-- The last change of each document, for indexes outside. It names no content.
CREATE TABLE memory_outbox (
    workspace_id TEXT NOT NULL,
    document TEXT NOT NULL,
    position BIGINT NOT NULL,              -- the revision that it came with
    change TEXT NOT NULL,                  -- stored, deleted
    PRIMARY KEY (workspace_id, document)
) WITHOUT ROWID;
CREATE INDEX memory_outbox_order ON memory_outbox (workspace_id, position);
-- Certificates of erasure. What was erased is named by salted hashes only.
CREATE TABLE memory_erasures (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    made_at TEXT NOT NULL,
    made_by TEXT NOT NULL,
    body TEXT NOT NULL,                    -- canonical JSON
    PRIMARY KEY (workspace_id, id)
);
-- Erasures under way: a row goes with its certificate.
CREATE TABLE memory_erasing (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    made_at TEXT NOT NULL,
    body TEXT NOT NULL,                    -- canonical JSON
    PRIMARY KEY (workspace_id, id)
) WITHOUT ROWID;
-- What was forgotten and is not to come back by itself (kept_out.py). Nothing here can be read as what it was.
CREATE TABLE memory_kept_out (
    workspace_id TEXT NOT NULL,
    mark TEXT NOT NULL,                    -- hash of a place, or of a content
    made_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, mark)
) WITHOUT ROWID;
