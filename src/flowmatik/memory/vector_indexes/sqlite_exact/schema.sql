CREATE TABLE vector_spaces (
    workspace_id TEXT NOT NULL PRIMARY KEY,
    embedder TEXT NOT NULL,
    dimension INTEGER NOT NULL,
    position INTEGER NOT NULL,
    revision INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE vector_rows (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace_id TEXT NOT NULL,
    key TEXT NOT NULL,
    chunk TEXT NOT NULL,
    document TEXT NOT NULL,
    terms TEXT NOT NULL,
    moment INTEGER NOT NULL,
    scale REAL NOT NULL,
    vector BLOB NOT NULL,
    UNIQUE (workspace_id, key)
);

CREATE INDEX vector_rows_document ON vector_rows (workspace_id, document);

CREATE INDEX vector_rows_number ON vector_rows (workspace_id, number);
