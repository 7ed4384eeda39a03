-- The one snapshot that a run may have.

-- name: snapshot
-- That of this version of the fold.
SELECT seq, fold_version, body FROM snapshots WHERE run_id = $1 AND fold_version = $2;

-- name: save_snapshot
-- Never backwards, and none of a run that has ended.
INSERT INTO snapshots (run_id, workspace_id, seq, fold_version, body)
SELECT run_id, workspace_id, CAST($2 AS BIGINT), CAST($3 AS TEXT), CAST($4 AS TEXT) FROM runs
WHERE run_id = $1 AND ended_at = '' AND head_seq >= CAST($2 AS BIGINT)
ON CONFLICT (run_id) DO UPDATE
SET seq = excluded.seq, fold_version = excluded.fold_version, body = excluded.body
WHERE snapshots.seq < excluded.seq OR snapshots.fold_version <> excluded.fold_version;

-- name: drop_snapshot
-- The run has ended, or its snapshot is damaged.
DELETE FROM snapshots WHERE run_id = $1;

-- name: drop_snapshots_of_ended
-- Left behind by an owner whose run ended while it wrote.
DELETE FROM snapshots WHERE run_id IN (
    SELECT s.run_id FROM snapshots s JOIN runs r ON r.run_id = s.run_id WHERE r.ended_at <> ''
    ORDER BY s.run_id LIMIT $1)
RETURNING run_id;
