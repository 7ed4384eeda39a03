-- SQLite cannot change a key.

CREATE TABLE letters (
    subscriber TEXT NOT NULL,
    run_id TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    error TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (subscriber, run_id, seq)
);

INSERT INTO letters (subscriber, run_id, workspace_id, seq, error, attempts, at)
SELECT subscriber, run_id, workspace_id, seq, error, attempts, at FROM dead_letters;

DROP TABLE dead_letters;

ALTER TABLE letters RENAME TO dead_letters;
