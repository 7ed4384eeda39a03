-- The run that asked for it, with which an answer is deleted; of older ones nobody knows.

ALTER TABLE model_answers ADD COLUMN run_id TEXT NOT NULL DEFAULT '';

CREATE INDEX model_answers_runs ON model_answers (run_id) WHERE run_id <> '';
