-- Which runs refer to which blobs, from before these are put; "at" is Unix seconds. A run whose history is
-- another one's beginning, or that was given a result, refers to its blobs as well.

CREATE TABLE run_blobs (
    run_id TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    workspace_id TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (run_id, sha256)
);

CREATE INDEX run_blobs_of ON run_blobs (workspace_id, sha256);

CREATE INDEX run_blobs_at ON run_blobs (at);

-- Blobs that a deleted run referred to, until they are known to be gone or to be another run's. Unix seconds;
-- until "taken_until" somebody deletes the blob.

CREATE TABLE blobs_left (
    workspace_id TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    left_at DOUBLE PRECISION NOT NULL,
    taken_until DOUBLE PRECISION NOT NULL DEFAULT 0,
    PRIMARY KEY (workspace_id, sha256)
);

CREATE INDEX blobs_left_at ON blobs_left (left_at);

-- How many blobs went with the run, and their length: those that no other run referred to.

ALTER TABLE tombstones ADD COLUMN blobs BIGINT NOT NULL DEFAULT 0;

ALTER TABLE tombstones ADD COLUMN blob_bytes BIGINT NOT NULL DEFAULT 0;
