-- The links of a document, as they are written: '' of those that were read before links were.

ALTER TABLE memory_documents ADD COLUMN links TEXT NOT NULL DEFAULT '';

CREATE INDEX memory_relations_linked ON memory_relations (workspace_id, object, weight) WHERE relation = 'links_to';
