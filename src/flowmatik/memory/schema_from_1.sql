-- What version 1 had, into the tables of version 2. A passage keeps its id and its number. What is derived
-- beyond words and vectors is made at the next sync (`derived` is '').
INSERT INTO memory_workspaces (workspace_id, revision, next_chunk)
    SELECT w.workspace_id, w.revision + 1,
        1 + coalesce((SELECT max(c.row) FROM chunks c WHERE c.workspace_id = w.workspace_id), 0)
    FROM workspaces w;
INSERT INTO memory_documents (workspace_id, id, source_id, path, source, title, language, effective, version,
        replaces, dated, tags, metadata, content_hash, size, mtime_ns, pipeline, derived, text, lines, pages,
        chunks, ingested_at)
    SELECT d.workspace_id, d.id, '', d.path, d.source, d.title, d.language, d.effective, d.version,
        d.replaces, d.effective, '[]', '{}', d.content_hash, d.size, d.mtime_ns, d.pipeline, '', d.text,
        d.lines, d.pages, (SELECT count(*) FROM chunks c WHERE c.document_id = d.id), d.ingested_at
    FROM documents d;
INSERT INTO memory_chunks (workspace_id, number, id, document, start_at, end_at, line_from, line_to, page,
        heading, language, terms)
    SELECT workspace_id, row, id, document_id, start, "end", line_from, line_to, page, heading, language,
        terms
    FROM chunks;
INSERT INTO memory_vectors (workspace_id, chunk, embedder, document, vector)
    SELECT c.workspace_id, c.row, d.embedder, c.document_id, c.vector
    FROM chunks c JOIN documents d ON d.id = c.document_id WHERE d.embedder <> '' AND c.vector IS NOT NULL;
UPDATE memory_workspaces SET embedder = coalesce((SELECT v.embedder FROM memory_vectors v
    WHERE v.workspace_id = memory_workspaces.workspace_id GROUP BY v.embedder
    ORDER BY count(*) DESC, v.embedder LIMIT 1), '');
INSERT INTO memory_postings (workspace_id, term, chunk, frequency)
    SELECT workspace_id, term, chunk, frequency FROM postings;
INSERT INTO memory_tables (workspace_id, document, format, table_name)
    SELECT workspace_id, document_id, format, table_name FROM tables;
INSERT INTO memory_outbox (workspace_id, document, position, change)
    SELECT d.workspace_id, d.id,
        row_number() OVER (PARTITION BY d.workspace_id ORDER BY d.ingested_at, d.id) - 1
            - count(*) OVER (PARTITION BY d.workspace_id)
            + (SELECT w.revision FROM memory_workspaces w WHERE w.workspace_id = d.workspace_id), 'stored'
    FROM memory_documents d;
DROP TABLE tables;
DROP TABLE postings;
DROP TABLE chunks;
DROP TABLE documents;
DROP TABLE workspaces;
