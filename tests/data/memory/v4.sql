-- A memory.db as schema version 4 had it.
BEGIN TRANSACTION;
CREATE TABLE memory_acl (
    workspace_id TEXT NOT NULL,
    document TEXT NOT NULL,
    principal TEXT NOT NULL,
    PRIMARY KEY (workspace_id, document, principal),
    FOREIGN KEY (workspace_id, document) REFERENCES memory_documents (workspace_id, id) ON DELETE CASCADE
) WITHOUT ROWID;
INSERT INTO "memory_acl" VALUES('default','doc_01a22509cb5a723881fc45d44fab76e3','team:hr');
CREATE TABLE memory_aliases (
    workspace_id TEXT NOT NULL,
    alias TEXT NOT NULL,
    entity TEXT NOT NULL,
    chunk BIGINT NOT NULL,                 -- whose passage it was taken from
    PRIMARY KEY (workspace_id, alias, entity, chunk),
    FOREIGN KEY (workspace_id, chunk) REFERENCES memory_chunks (workspace_id, number) ON DELETE CASCADE
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
INSERT INTO "memory_chunks" VALUES('default',1,'chk_cbd19ebe370b4dfb0db0c639481663db','doc_01a22509cb5a723881fc45d44fab76e3',9,63,3,3,NULL,'Leave','en',8);
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
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, path),
    UNIQUE (workspace_id, source)
);
INSERT INTO "memory_documents" VALUES('default','doc_01a22509cb5a723881fc45d44fab76e3','src_ac2014a79a61788993e759ef0930239d','/srv/docs/leave.md','leave.md','Leave','en','','','[]','','["hr"]','{}','77f3147740f85dbb80e61a278e01784b32590b7e72105acf6aa7ac22fc29fe81',64,1795917727891768054,'3','2','# Leave

The report by Zurbano Logistics says 23 days of leave.
','[[0, 1], [8, 2], [9, 3], [64, 4]]','[]',1,'2030-01-01T00:00:00+00:00');
CREATE TABLE memory_entities (
    workspace_id TEXT NOT NULL,
    key TEXT NOT NULL,
    mentions BIGINT NOT NULL,              -- rows of memory_mentions; at 0 it goes
    PRIMARY KEY (workspace_id, key)
) WITHOUT ROWID;
INSERT INTO "memory_entities" VALUES('default','23 day',1);
INSERT INTO "memory_entities" VALUES('default','23 days of leave',1);
INSERT INTO "memory_entities" VALUES('default','leave',2);
INSERT INTO "memory_entities" VALUES('default','zurbano',1);
INSERT INTO "memory_entities" VALUES('default','zurbano logistics',1);
CREATE TABLE memory_erasing (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    made_at TEXT NOT NULL,
    body TEXT NOT NULL,                    -- canonical JSON
    PRIMARY KEY (workspace_id, id)
) WITHOUT ROWID;
CREATE TABLE memory_erasures (
    workspace_id TEXT NOT NULL,
    id TEXT NOT NULL,
    made_at TEXT NOT NULL,
    made_by TEXT NOT NULL,
    body TEXT NOT NULL,                    -- canonical JSON
    PRIMARY KEY (workspace_id, id)
);
INSERT INTO "memory_erasures" VALUES('default','era_01a2264524b1737cac04d071c2b8fe84','2030-01-01T00:00:00+00:00','usr_1','{"counts":{"acl":1,"aliases":0,"chunks":1,"documents":1,"extractions":0,"labels":0,"mentions":2,"merges":0,"names":0,"postings":4,"relations":1,"tables":0,"vectors":1},"digest":"7a3cffbc2b005833dda255b0d12a776a840a88a224f1cd16f496b61dd19013eb","documents":1,"hashes":["d6e8257fc9ba8040a4250df7fde121d36d86dbeeb063b7fe926ba594e146c8e5"],"id":"era_01a2264524b1737cac04d071c2b8fe84","kind":"document","made_at":"2030-01-01T00:00:00+00:00","made_by":"usr_1","outside":["backups","journals"],"purged":true,"salt":"11270b6589d4071395d4707250ab1023","sources":[],"stores":["memory.db"],"target":"248c186235202b08d631644d9dc65ffbc9fa2343de6b96a3159926a88173c0a6"}');
CREATE TABLE memory_extractions (
    workspace_id TEXT NOT NULL,
    chunk BIGINT NOT NULL,
    model TEXT NOT NULL,
    found TEXT NOT NULL,                   -- JSON {entities: [name], relations: [[subject, relation, object]]}
    at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, chunk),
    FOREIGN KEY (workspace_id, chunk) REFERENCES memory_chunks (workspace_id, number) ON DELETE CASCADE
) WITHOUT ROWID;
INSERT INTO "memory_extractions" VALUES('default',1,'custom/small','{"entities": ["23 days of leave"], "relations": [["Zurbano", "grants", "leave"]]}','2026-01-01');
CREATE TABLE memory_gazetteer (
    workspace_id TEXT NOT NULL,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    aliases TEXT NOT NULL,                 -- JSON list
    kind TEXT NOT NULL,
    PRIMARY KEY (workspace_id, key)
) WITHOUT ROWID;
CREATE TABLE memory_kept_out (
    workspace_id TEXT NOT NULL,
    mark TEXT NOT NULL,                    -- hash of a place, or of a content
    made_at TEXT NOT NULL,
    PRIMARY KEY (workspace_id, mark)
) WITHOUT ROWID;
INSERT INTO "memory_kept_out" VALUES('default','0000000000000000000000000000000000000000000000000000000000000000','2026-01-02');
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
INSERT INTO "memory_labels" VALUES('default','/srv/docs/leave.md','','["team:hr"]','["hr"]','{}','');
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
INSERT INTO "memory_mentions" VALUES('default',1,'23 day','quantity','23 days',1,'doc_01a22509cb5a723881fc45d44fab76e3');
INSERT INTO "memory_mentions" VALUES('default',1,'23 days of leave','model','23 days of leave',1,'doc_01a22509cb5a723881fc45d44fab76e3');
INSERT INTO "memory_mentions" VALUES('default',1,'leave','model','leave',1,'doc_01a22509cb5a723881fc45d44fab76e3');
INSERT INTO "memory_mentions" VALUES('default',1,'leave','title','Leave',1,'doc_01a22509cb5a723881fc45d44fab76e3');
INSERT INTO "memory_mentions" VALUES('default',1,'zurbano','model','Zurbano',1,'doc_01a22509cb5a723881fc45d44fab76e3');
INSERT INTO "memory_mentions" VALUES('default',1,'zurbano logistics','name','Zurbano Logistics',1,'doc_01a22509cb5a723881fc45d44fab76e3');
CREATE TABLE memory_merges (
    workspace_id TEXT NOT NULL,
    entity TEXT NOT NULL,
    target TEXT NOT NULL,
    made_at TEXT NOT NULL,
    made_by TEXT NOT NULL,
    PRIMARY KEY (workspace_id, entity)
) WITHOUT ROWID;
INSERT INTO "memory_merges" VALUES('default','grupo zurbano','zurbano logistics','2030-01-01T00:00:00+00:00','usr_1');
CREATE TABLE memory_near (
    workspace_id TEXT NOT NULL,
    key BIGINT NOT NULL,
    chunk BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, key, chunk),
    FOREIGN KEY (workspace_id, chunk) REFERENCES memory_chunks (workspace_id, number) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE TABLE memory_outbox (
    workspace_id TEXT NOT NULL,
    document TEXT NOT NULL,
    position BIGINT NOT NULL,              -- the revision that it came with
    change TEXT NOT NULL,                  -- stored, deleted
    PRIMARY KEY (workspace_id, document)
) WITHOUT ROWID;
INSERT INTO "memory_outbox" VALUES('default','doc_01a22509cb5a723881fc45d44fab76e3',6,'stored');
INSERT INTO "memory_outbox" VALUES('default','doc_01a2250a1213771faaab772a03e1b977',9,'deleted');
CREATE TABLE memory_postings (
    workspace_id TEXT NOT NULL,
    term TEXT NOT NULL,
    chunk BIGINT NOT NULL,
    frequency BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, term, chunk),
    FOREIGN KEY (workspace_id, chunk) REFERENCES memory_chunks (workspace_id, number) ON DELETE CASCADE
) WITHOUT ROWID;
INSERT INTO "memory_postings" VALUES('default','en:23',1,1);
INSERT INTO "memory_postings" VALUES('default','en:day',1,1);
INSERT INTO "memory_postings" VALUES('default','en:logist',1,1);
INSERT INTO "memory_postings" VALUES('default','en:report',1,1);
INSERT INTO "memory_postings" VALUES('default','en:say',1,1);
INSERT INTO "memory_postings" VALUES('default','en:zurbano',1,1);
INSERT INTO "memory_postings" VALUES('default','en:leav',1,2);
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
INSERT INTO "memory_relations" VALUES('default','leave','mentions','zurbano logistics',1,1.0);
INSERT INTO "memory_relations" VALUES('default','zurbano','model:grants','leave',1,1.0);
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
INSERT INTO "memory_sources" VALUES('default','src_ac2014a79a61788993e759ef0930239d','folder','docs','/srv/docs','2030-01-01T00:00:00+00:00');
CREATE TABLE memory_tables (
    workspace_id TEXT NOT NULL,
    document TEXT NOT NULL,
    format TEXT NOT NULL,
    table_name TEXT NOT NULL,              -- '' for a file that is one table
    PRIMARY KEY (workspace_id, document, table_name),
    FOREIGN KEY (workspace_id, document) REFERENCES memory_documents (workspace_id, id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE TABLE memory_vectors (
    workspace_id TEXT NOT NULL,
    chunk BIGINT NOT NULL,
    embedder TEXT NOT NULL,
    document TEXT NOT NULL,
    vector BLOB NOT NULL,                  -- float32, little-endian, unit length
    PRIMARY KEY (workspace_id, chunk, embedder),
    FOREIGN KEY (workspace_id, chunk) REFERENCES memory_chunks (workspace_id, number) ON DELETE CASCADE
);
INSERT INTO "memory_vectors" VALUES('default',1,'words','doc_01a22509cb5a723881fc45d44fab76e3',X'74EA373F74EA373E0000000074EAB73E74EA373E0000000000000000D7EF093F');
CREATE TABLE memory_workspaces (
    workspace_id TEXT NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL DEFAULT 0,    -- grows with every change; caches compare it, writers lock it
    next_chunk BIGINT NOT NULL DEFAULT 1,
    embedder TEXT NOT NULL DEFAULT '',     -- whose vectors search compares; '' until there are some
    moving_to TEXT NOT NULL DEFAULT '',    -- the embedder whose vectors are being written beside them
    follower TEXT NOT NULL DEFAULT '',     -- whose turn it is to change indexes outside, until when
    followed_until TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
INSERT INTO "memory_workspaces" VALUES('default',9,513,'words','','','');
CREATE INDEX memory_documents_hash ON memory_documents (workspace_id, content_hash);
CREATE INDEX memory_documents_of ON memory_documents (workspace_id, source_id);
CREATE INDEX memory_chunks_document ON memory_chunks (workspace_id, document);
CREATE INDEX memory_vectors_document ON memory_vectors (workspace_id, document, embedder);
CREATE INDEX memory_postings_chunk ON memory_postings (workspace_id, chunk, frequency);
CREATE INDEX memory_mentions_entity ON memory_mentions (workspace_id, entity);
CREATE INDEX memory_mentions_document ON memory_mentions (workspace_id, document);
CREATE INDEX memory_entities_unmentioned ON memory_entities (workspace_id) WHERE mentions <= 0;
CREATE INDEX memory_aliases_chunk ON memory_aliases (workspace_id, chunk);
CREATE INDEX memory_relations_chunk ON memory_relations (workspace_id, chunk, weight);
CREATE INDEX memory_near_chunk ON memory_near (workspace_id, chunk);
CREATE INDEX memory_merges_of ON memory_merges (workspace_id, target);
CREATE INDEX memory_outbox_order ON memory_outbox (workspace_id, position);
CREATE INDEX memory_relations_read ON memory_relations (workspace_id, object) WHERE relation >= 'model:' AND relation < 'model;';
COMMIT;
PRAGMA user_version = 4;
