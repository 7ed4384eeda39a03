-- What version 5 has beside version 4.
ALTER TABLE memory_documents ADD COLUMN links TEXT NOT NULL DEFAULT '';
CREATE INDEX memory_relations_linked ON memory_relations (workspace_id, object, weight) WHERE relation = 'links_to';
