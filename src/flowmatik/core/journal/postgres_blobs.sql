-- References to blobs, by the database's clock.

-- name: refer
-- A blob that was left is the run's again. One that is being deleted is not: the row is there, and was not
-- dropped by this statement. Whoever takes a blob waits for the row and finds it gone.
WITH wanted AS MATERIALIZED (
    SELECT sha256, bytes FROM json_to_recordset($3::json) AS t (sha256 text, bytes bigint)
), again AS (
    DELETE FROM blobs_left l USING wanted w WHERE l.workspace_id = $2 AND l.sha256 = w.sha256
        AND l.taken_until <= extract(epoch FROM clock_timestamp())
    RETURNING l.sha256
), busy AS MATERIALIZED (
    SELECT l.sha256 FROM blobs_left l JOIN wanted w USING (sha256)
    WHERE l.workspace_id = $2 AND NOT EXISTS (SELECT 1 FROM again a WHERE a.sha256 = l.sha256)
), made AS (
    INSERT INTO run_blobs (run_id, sha256, workspace_id, bytes, at)
    SELECT $1, sha256, $2, bytes, extract(epoch FROM clock_timestamp()) FROM wanted w
    WHERE NOT EXISTS (SELECT 1 FROM busy b WHERE b.sha256 = w.sha256)
    ON CONFLICT (run_id, sha256) DO NOTHING
)
SELECT sha256 FROM busy ORDER BY sha256;

-- name: take_left
-- Those that other runs refer to are kept: a run that is deleted later leaves them anew, and its row, being
-- younger, is not dropped here.
WITH times AS MATERIALIZED (
    SELECT extract(epoch FROM clock_timestamp()) AS now
), another AS (
    DELETE FROM blobs_left l USING times WHERE l.left_at <= times.now - $3::float8
        AND l.taken_until <= times.now AND EXISTS (
            SELECT 1 FROM run_blobs b WHERE b.workspace_id = l.workspace_id AND b.sha256 = l.sha256)
), picked AS MATERIALIZED (
    SELECT l.workspace_id, l.sha256 FROM blobs_left l, times
    WHERE l.left_at <= times.now - $3::float8 AND l.taken_until <= times.now
        AND NOT EXISTS (
            SELECT 1 FROM run_blobs b WHERE b.workspace_id = l.workspace_id AND b.sha256 = l.sha256)
        AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.workspace_id = l.workspace_id AND h.run_id = '')
    ORDER BY l.left_at LIMIT $1 FOR UPDATE OF l SKIP LOCKED
)
UPDATE blobs_left l SET taken_until = times.now + $2::float8 FROM picked p, times
WHERE l.workspace_id = p.workspace_id AND l.sha256 = p.sha256
RETURNING l.workspace_id, l.sha256, l.bytes;

-- name: forget_left
-- What was taken and is gone.
DELETE FROM blobs_left l USING json_to_recordset($1::json) AS t (workspace_id text, sha256 text)
WHERE l.workspace_id = t.workspace_id AND l.sha256 = t.sha256;

-- name: disown_strays
-- Their blobs are left, as those of a deleted run.
WITH gone AS (
    DELETE FROM run_blobs b WHERE b.at < extract(epoch FROM clock_timestamp()) - $1::float8
        AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.run_id = b.run_id)
    RETURNING b.workspace_id, b.sha256, b.bytes
), leaving AS (
    INSERT INTO blobs_left (workspace_id, sha256, bytes, left_at)
    SELECT workspace_id, sha256, max(bytes), extract(epoch FROM clock_timestamp()) FROM gone
    GROUP BY workspace_id, sha256 ORDER BY workspace_id, sha256
    ON CONFLICT (workspace_id, sha256) DO UPDATE SET left_at = excluded.left_at
)
SELECT count(*) FROM gone;
