GRANT SELECT, INSERT, UPDATE, DELETE ON subscribers TO flowmatik_engine;

ALTER TABLE dead_letters DROP CONSTRAINT dead_letters_pkey, ADD PRIMARY KEY (subscriber, run_id, seq);
