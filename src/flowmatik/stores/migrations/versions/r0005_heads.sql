-- What runs are found and put in order by, and the run that waits for one.

ALTER TABLE runs ADD COLUMN agent TEXT NOT NULL DEFAULT '';

ALTER TABLE runs ADD COLUMN priority BIGINT NOT NULL DEFAULT 0;

ALTER TABLE runs ADD COLUMN parent TEXT NOT NULL DEFAULT '';

ALTER TABLE runs ADD COLUMN parent_wait TEXT NOT NULL DEFAULT '';

CREATE INDEX runs_of_parent ON runs (parent, run_id) WHERE parent <> '';
