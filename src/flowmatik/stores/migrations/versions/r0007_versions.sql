-- The version of the decision logic that began a run, in its head row: an engine that starts looks for runs of
-- other versions among all that have not ended, and whoever claims a run must know it at once. -1: nobody can
-- read the beginning.

ALTER TABLE runs ADD COLUMN decision_version INTEGER NOT NULL DEFAULT -1;

DROP INDEX runs_unfinished;

CREATE INDEX runs_unfinished ON runs (decision_version, run_id) WHERE ended_at = '';
