-- A bus between processes: how far pointers said a subscriber has to come in a run, which worker has the run
-- for it, how many workers ended while they had it, and how often a redrive was asked for.

ALTER TABLE subscriber_positions ADD COLUMN upto BIGINT NOT NULL DEFAULT 0;

ALTER TABLE subscriber_positions ADD COLUMN taken_by TEXT NOT NULL DEFAULT '';

ALTER TABLE subscriber_positions ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;

ALTER TABLE subscriber_positions ADD COLUMN asked BIGINT NOT NULL DEFAULT 0;

UPDATE subscriber_positions SET upto = coalesce((
    SELECT head_seq FROM runs WHERE runs.run_id = subscriber_positions.run_id), seq)
WHERE behind = 1;
