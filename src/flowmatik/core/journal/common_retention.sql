-- Holds, retention, and what is left of deleted runs.

-- name: tombstone
-- That there was such a run.
SELECT run_id, workspace_id, status, created_at, ended_at, deleted_at, cost_micros, unpriced, blobs,
    blob_bytes, counted
FROM tombstones WHERE run_id = $1;

-- name: tombstone_by_key
-- The deleted run that used this idempotency key, if its key is still taken.
SELECT run_id, deleted_at FROM tombstones
WHERE workspace_id = $1 AND idempotency_key = $2 AND idempotency_key <> '' AND deleted_at > $3
ORDER BY deleted_at DESC LIMIT 1;

-- name: forget_keys
-- Enough time has passed for every redelivery.
UPDATE tombstones SET idempotency_key = '' WHERE idempotency_key <> '' AND deleted_at <= $1;

-- name: holds
-- The workspace's own comes first.
SELECT workspace_id, run_id, reason, held_by, at FROM holds WHERE workspace_id = $1 ORDER BY run_id;

-- name: retention_days
-- What the workspace says for itself.
SELECT runs_days FROM retention WHERE workspace_id = $1;

-- name: retention_overrides
-- All workspaces that say something.
SELECT workspace_id, runs_days FROM retention;

-- name: set_retention_days
-- Instead of what the installation says.
INSERT INTO retention (workspace_id, runs_days) VALUES ($1, $2)
ON CONFLICT (workspace_id) DO UPDATE SET runs_days = excluded.runs_days;

-- name: unset_retention_days
-- As the installation says.
DELETE FROM retention WHERE workspace_id = $1;

-- name: in_the_way
-- Everything that keeps a run, but for doubts.
SELECT kind FROM (
    SELECT 'unfinished' AS kind FROM runs WHERE run_id = $2 AND ended_at = ''
    UNION ALL SELECT 'held' FROM holds WHERE workspace_id = $1 AND run_id = $2
    UNION ALL SELECT 'workspace_held' FROM holds WHERE workspace_id = $1 AND run_id = ''
    UNION ALL SELECT 'unsettled' FROM holders WHERE run_id = $2
    UNION ALL SELECT 'unrelayed' FROM outbox WHERE run_id = $2
    UNION ALL SELECT 'subscriber' FROM subscriber_positions WHERE run_id = $2 AND behind = 1
    UNION ALL SELECT 'dead_letters' FROM dead_letters WHERE run_id = $2
    UNION ALL SELECT 'child' FROM runs WHERE parent = $2 AND parent <> '' AND reported = 0
    UNION ALL SELECT 'parent' FROM runs p JOIN runs r ON p.run_id = r.parent
        WHERE r.run_id = $2 AND p.ended_at = ''
    UNION ALL SELECT 'untold' FROM runs p JOIN runs r ON p.run_id = r.parent
        WHERE r.run_id = $2 AND p.ended_at <> '' AND r.reported = 0
) AS found GROUP BY kind ORDER BY kind;
