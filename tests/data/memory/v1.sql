-- A memory.db as schema version 1 had it.
BEGIN TRANSACTION;
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
INSERT INTO "chunks" VALUES(1,'chk_a48c4c0cba20070a41a24cbd6da07f49','default','doc_01a2237304357683b594053099356dd4',16,88,3,5,NULL,'Leave policy','en',14,X'0000003FABAA2A3EABAAAA3EABAA2A3FABAA2A3EABAAAA3E00000000ABAA2A3E');
INSERT INTO "chunks" VALUES(2,'chk_282af8a48bb1c0c0ca3aed927afaf5d3','default','doc_01a2237304357683b594053099356dd4',105,147,9,9,NULL,'Leave policy > Sick leave','en',10,X'BAF4BA3EBAF43A3EBAF4BA3EBAF43A3E0000000000000000BAF4BA3EBAF43A3F');
INSERT INTO "chunks" VALUES(3,'chk_4d0d654c0f06d6c48c6755325983a50b','default','doc_01a22373045373e4bd233a3288327201',12,94,3,5,NULL,'Permisos','es',11,X'00000000A311453E3BCD133FA311C53EA311C53EA311C53EA311453EA311C53E');
INSERT INTO "chunks" VALUES(4,'chk_bdaeef2cd87fe36f2c4f29e88f227122','default','doc_01a22373045677a788a80e0ba66ae458',0,26,1,3,NULL,'','',14,X'EB05D13EEB05513F00000000EB05D13E00000000000000000000000000000000');
INSERT INTO "chunks" VALUES(5,'chk_2099c6254a28ad5ba70564265d36fc79','other','doc_01a22373045d73b086f7e197487ff7b3',16,88,3,5,NULL,'Leave policy','en',14,X'0000003FABAA2A3EABAAAA3EABAA2A3FABAA2A3EABAAAA3E00000000ABAA2A3E');
INSERT INTO "chunks" VALUES(6,'chk_5b96a1751b57303c8e2de92e07693dbe','other','doc_01a22373045d73b086f7e197487ff7b3',105,147,9,9,NULL,'Leave policy > Sick leave','en',10,X'BAF4BA3EBAF43A3EBAF4BA3EBAF43A3E0000000000000000BAF4BA3EBAF43A3F');
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
INSERT INTO "documents" VALUES('doc_01a2237304357683b594053099356dd4','default','/srv/docs/leave.md','leave.md','Leave policy','en','2024-01-01','','[]','9c3592a05ac25232fd9878fa519e49f0fb1cac110d486b88b7972e58dbd8bf5e',150,1795891069994560311,'2','words','# Leave policy

Effective: 2024-01-01

María García of Acme Ltd grants 23 days of leave.

## Sick leave

Write to hr@acme.example on the first day.
','[[0, 1], [15, 2], [16, 3], [38, 4], [39, 5], [89, 6], [90, 7], [104, 8], [105, 9], [148, 10]]','[]','2030-01-01T00:00:00+00:00');
INSERT INTO "documents" VALUES('doc_01a22373045373e4bd233a3288327201','default','/srv/docs/permiso.md','permiso.md','Permisos','es','','','["leave.md"]','35f458e2cf912911a22d441f3f4e4b21ac06b8740911ca3f5537e61fe86905ce',100,1795891069994640050,'2','words','# Permisos

Sustituye a: leave.md

El señor José Núñez concede veinticinco días de vacaciones.
','[[0, 1], [11, 2], [12, 3], [34, 4], [35, 5], [95, 6]]','[]','2030-01-01T00:00:00+00:00');
INSERT INTO "documents" VALUES('doc_01a22373045677a788a80e0ba66ae458','default','/srv/docs/sales.csv','sales.csv','sales','','','','[]','00de89c00c73ba570ec2a9fdea60777f2d4efb6eaa919bd685222cf8f5fad435',27,1795891069994693620,'2','words','city,amount
Rome,3
Paris,5','[[0, 1], [12, 2], [19, 3]]','[]','2030-01-01T00:00:00+00:00');
INSERT INTO "documents" VALUES('doc_01a22373045d73b086f7e197487ff7b3','other','/srv/docs/leave.md','leave.md','Leave policy','en','2024-01-01','','[]','9c3592a05ac25232fd9878fa519e49f0fb1cac110d486b88b7972e58dbd8bf5e',150,1795891069994560311,'2','words','# Leave policy

Effective: 2024-01-01

María García of Acme Ltd grants 23 days of leave.

## Sick leave

Write to hr@acme.example on the first day.
','[[0, 1], [15, 2], [16, 3], [38, 4], [39, 5], [89, 6], [90, 7], [104, 8], [105, 9], [148, 10]]','[]','2030-01-01T00:00:00+00:00');
CREATE TABLE postings (
    workspace_id TEXT NOT NULL,
    term TEXT NOT NULL,
    chunk INTEGER NOT NULL REFERENCES chunks (row) ON DELETE CASCADE,
    frequency INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, term, chunk)
) WITHOUT ROWID;
INSERT INTO "postings" VALUES('default','en:01',1,2);
INSERT INTO "postings" VALUES('default','en:2024',1,1);
INSERT INTO "postings" VALUES('default','en:23',1,1);
INSERT INTO "postings" VALUES('default','en:3',4,1);
INSERT INTO "postings" VALUES('default','en:5',4,1);
INSERT INTO "postings" VALUES('default','en:acm',1,1);
INSERT INTO "postings" VALUES('default','en:acm',2,1);
INSERT INTO "postings" VALUES('default','en:amount',4,1);
INSERT INTO "postings" VALUES('default','en:citi',4,1);
INSERT INTO "postings" VALUES('default','en:day',1,1);
INSERT INTO "postings" VALUES('default','en:day',2,1);
INSERT INTO "postings" VALUES('default','en:effect',1,1);
INSERT INTO "postings" VALUES('default','en:exampl',2,1);
INSERT INTO "postings" VALUES('default','en:first',2,1);
INSERT INTO "postings" VALUES('default','en:garcia',1,1);
INSERT INTO "postings" VALUES('default','en:grant',1,1);
INSERT INTO "postings" VALUES('default','en:hr',2,1);
INSERT INTO "postings" VALUES('default','en:leav',1,2);
INSERT INTO "postings" VALUES('default','en:leav',2,2);
INSERT INTO "postings" VALUES('default','en:ltd',1,1);
INSERT INTO "postings" VALUES('default','en:maria',1,1);
INSERT INTO "postings" VALUES('default','en:pari',4,1);
INSERT INTO "postings" VALUES('default','en:polici',1,1);
INSERT INTO "postings" VALUES('default','en:polici',2,1);
INSERT INTO "postings" VALUES('default','en:rome',4,1);
INSERT INTO "postings" VALUES('default','en:sale',4,1);
INSERT INTO "postings" VALUES('default','en:sick',2,1);
INSERT INTO "postings" VALUES('default','en:write',2,1);
INSERT INTO "postings" VALUES('default','es:3',4,1);
INSERT INTO "postings" VALUES('default','es:5',4,1);
INSERT INTO "postings" VALUES('default','es:amount',4,1);
INSERT INTO "postings" VALUES('default','es:city',4,1);
INSERT INTO "postings" VALUES('default','es:conced',3,1);
INSERT INTO "postings" VALUES('default','es:dias',3,1);
INSERT INTO "postings" VALUES('default','es:jos',3,1);
INSERT INTO "postings" VALUES('default','es:leav',3,1);
INSERT INTO "postings" VALUES('default','es:md',3,1);
INSERT INTO "postings" VALUES('default','es:nuñez',3,1);
INSERT INTO "postings" VALUES('default','es:paris',4,1);
INSERT INTO "postings" VALUES('default','es:permis',3,1);
INSERT INTO "postings" VALUES('default','es:rom',4,1);
INSERT INTO "postings" VALUES('default','es:sal',4,1);
INSERT INTO "postings" VALUES('default','es:señor',3,1);
INSERT INTO "postings" VALUES('default','es:sustitu',3,1);
INSERT INTO "postings" VALUES('default','es:vacacion',3,1);
INSERT INTO "postings" VALUES('default','es:veinticinc',3,1);
INSERT INTO "postings" VALUES('other','en:01',5,2);
INSERT INTO "postings" VALUES('other','en:2024',5,1);
INSERT INTO "postings" VALUES('other','en:23',5,1);
INSERT INTO "postings" VALUES('other','en:acm',5,1);
INSERT INTO "postings" VALUES('other','en:acm',6,1);
INSERT INTO "postings" VALUES('other','en:day',5,1);
INSERT INTO "postings" VALUES('other','en:day',6,1);
INSERT INTO "postings" VALUES('other','en:effect',5,1);
INSERT INTO "postings" VALUES('other','en:exampl',6,1);
INSERT INTO "postings" VALUES('other','en:first',6,1);
INSERT INTO "postings" VALUES('other','en:garcia',5,1);
INSERT INTO "postings" VALUES('other','en:grant',5,1);
INSERT INTO "postings" VALUES('other','en:hr',6,1);
INSERT INTO "postings" VALUES('other','en:leav',5,2);
INSERT INTO "postings" VALUES('other','en:leav',6,2);
INSERT INTO "postings" VALUES('other','en:ltd',5,1);
INSERT INTO "postings" VALUES('other','en:maria',5,1);
INSERT INTO "postings" VALUES('other','en:polici',5,1);
INSERT INTO "postings" VALUES('other','en:polici',6,1);
INSERT INTO "postings" VALUES('other','en:sick',6,1);
INSERT INTO "postings" VALUES('other','en:write',6,1);
CREATE TABLE tables (
    workspace_id TEXT NOT NULL,
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    format TEXT NOT NULL,
    table_name TEXT NOT NULL,    -- '' for a file that is one table
    PRIMARY KEY (workspace_id, document_id, table_name)
) WITHOUT ROWID;
INSERT INTO "tables" VALUES('default','doc_01a22373045677a788a80e0ba66ae458','csv','');
CREATE TABLE workspaces (
    workspace_id TEXT PRIMARY KEY,
    revision INTEGER NOT NULL DEFAULT 0  -- grows with every change; caches compare it
) WITHOUT ROWID;
INSERT INTO "workspaces" VALUES('default',3);
INSERT INTO "workspaces" VALUES('other',1);
CREATE INDEX documents_hash ON documents (workspace_id, content_hash);
CREATE INDEX chunks_document ON chunks (document_id);
CREATE INDEX postings_chunk ON postings (chunk);
COMMIT;
PRAGMA user_version = 1;
