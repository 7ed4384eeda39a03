-- References to blobs; several of these make one transaction on the one writer.

-- name: drop_left
-- A blob that was left is a run's again, unless it is being deleted.
DELETE FROM blobs_left WHERE workspace_id = $1 AND sha256 = $2 AND taken_until <= $3;

-- name: is_left
-- A row when it is being deleted.
SELECT 1 FROM blobs_left WHERE workspace_id = $1 AND sha256 = $2;

-- name: reference
-- A second time changes nothing.
INSERT INTO run_blobs (run_id, sha256, workspace_id, bytes, at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (run_id, sha256) DO NOTHING;

-- name: some_left
-- Whether there is anything to do: an idle look must not cost a write.
SELECT 1 FROM blobs_left WHERE taken_until <= $1 LIMIT 1;

-- name: keep_left
-- Those that other runs refer to.
DELETE FROM blobs_left WHERE taken_until <= $1 AND EXISTS (
    SELECT 1 FROM run_blobs b WHERE b.workspace_id = blobs_left.workspace_id AND b.sha256 = blobs_left.sha256);

-- name: take_left
-- To be deleted by whoever takes them.
UPDATE blobs_left SET taken_until = $2 WHERE (workspace_id, sha256) IN (
    SELECT l.workspace_id, l.sha256 FROM blobs_left l WHERE l.taken_until <= $3
        AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.workspace_id = l.workspace_id AND h.run_id = '')
    ORDER BY l.left_at LIMIT $1)
RETURNING workspace_id, sha256, bytes;

-- name: forget_left
-- It is gone.
DELETE FROM blobs_left WHERE workspace_id = $1 AND sha256 = $2;

-- name: leave_blobs
-- What a run that is deleted refers to.
INSERT INTO blobs_left (workspace_id, sha256, bytes, left_at)
SELECT workspace_id, sha256, bytes, $2 FROM run_blobs WHERE run_id = $1
ON CONFLICT (workspace_id, sha256) DO UPDATE SET left_at = excluded.left_at;

-- name: delete_blobs
-- It refers to nothing any more.
DELETE FROM run_blobs WHERE run_id = $1;

-- name: strays
-- Runs that refer to blobs and have not come to be.
SELECT run_id, count(*) FROM run_blobs b WHERE at < $1
    AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.run_id = b.run_id) GROUP BY run_id;
