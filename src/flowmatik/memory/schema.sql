-- Version 1. Every row carries its workspace; every query filters by it.
CREATE TABLE workspaces (
    workspace_id TEXT PRIMARY KEY,
    revision INTEGER NOT NULL DEFAULT 0  -- grows with every change; caches compare it
) WITHOUT ROWID;

CREATE TABLE documents (
    id TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    path TEXT NOT NULL,          -- absolute; what the document is, across syncs
    source TEXT NOT NULL,        -- the name that citations show
    title TEXT NOT NULL,
    language TEXT NOT NULL,
    effective TEXT NOT NULL,
    version TEXT NOT NULL,
    replaces TEXT NOT NULL,      -- JSON list, as the document says it
    content_hash TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,   -- 0: do not trust it, hash again
    pipeline TEXT NOT NULL,      -- version of parsing, chunking and analysis
    embedder TEXT NOT NULL,      -- '' when the chunks have no vectors
    text TEXT NOT NULL,
    lines TEXT NOT NULL,         -- JSON [[offset, line], …]
    pages TEXT NOT NULL,         -- JSON [offset, …]
    ingested_at TEXT NOT NULL,
    UNIQUE (workspace_id, path),
    UNIQUE (workspace_id, source)
);
CREATE INDEX documents_hash ON documents (workspace_id, content_hash);

CREATE TABLE chunks (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    line_from INTEGER,
    line_to INTEGER,
    page INTEGER,
    heading TEXT NOT NULL,
    language TEXT NOT NULL,
    terms INTEGER NOT NULL,      -- length for BM25
    vector BLOB,                 -- float32, unit length
    UNIQUE (workspace_id, id)
);
CREATE INDEX chunks_document ON chunks (document_id);

CREATE TABLE postings (
    workspace_id TEXT NOT NULL,
    term TEXT NOT NULL,
    chunk INTEGER NOT NULL REFERENCES chunks (row) ON DELETE CASCADE,
    frequency INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, term, chunk)
) WITHOUT ROWID;
CREATE INDEX postings_chunk ON postings (chunk);

CREATE TABLE tables (
    workspace_id TEXT NOT NULL,
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    format TEXT NOT NULL,
    table_name TEXT NOT NULL,    -- '' for a file that is one table
    PRIMARY KEY (workspace_id, document_id, table_name)
) WITHOUT ROWID;
