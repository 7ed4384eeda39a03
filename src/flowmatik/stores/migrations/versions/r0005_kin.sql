-- Runs within runs: whether a parent was told how its child ended, and which children have not ended.

ALTER TABLE runs ADD COLUMN reported BIGINT NOT NULL DEFAULT 0;

CREATE INDEX runs_unreported ON runs (run_id) WHERE parent <> '' AND reported = 0 AND ended_at <> '';

CREATE INDEX runs_live_kin ON runs (run_id) WHERE parent <> '' AND ended_at = '';

CREATE INDEX runs_live_children ON runs (parent, run_id) WHERE parent <> '' AND ended_at = '';
