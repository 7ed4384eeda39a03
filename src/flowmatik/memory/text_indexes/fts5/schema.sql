CREATE TABLE IF NOT EXISTS workspaces (
    number INTEGER PRIMARY KEY,            -- its words are in the FTS5 table words_<number>
    id TEXT NOT NULL UNIQUE,
    position INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS passages (
    number INTEGER PRIMARY KEY,            -- the rowid in words_…
    workspace INTEGER NOT NULL REFERENCES workspaces (number) ON DELETE CASCADE,
    chunk TEXT NOT NULL,
    document TEXT NOT NULL,
    source TEXT NOT NULL,
    dated TEXT NOT NULL,
    UNIQUE (workspace, chunk)
);
CREATE INDEX IF NOT EXISTS passages_of ON passages (workspace, document);
CREATE TABLE IF NOT EXISTS acl (
    passage INTEGER NOT NULL REFERENCES passages (number) ON DELETE CASCADE,
    principal TEXT NOT NULL,
    PRIMARY KEY (passage, principal)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tags (
    passage INTEGER NOT NULL REFERENCES passages (number) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    PRIMARY KEY (passage, tag)
) WITHOUT ROWID;
