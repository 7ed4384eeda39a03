-- Statements about schedules that SQLite and PostgreSQL read alike.

-- name: schedule
-- One of a workspace, by id or name.
SELECT id, workspace_id, name, cron, timezone, run, overlap, catch_up_seconds, paused, created_by, created_at,
    next_at, last_at, last_run_id, queued_at, error, version, seen_at, claim
FROM schedules WHERE workspace_id = $1 AND (id = $2 OR name = $2);

-- name: schedules
-- A page of a workspace's, by name.
SELECT id, workspace_id, name, cron, timezone, run, overlap, catch_up_seconds, paused, created_by, created_at,
    next_at, last_at, last_run_id, queued_at, error, version, seen_at, claim
FROM schedules WHERE workspace_id = $1 AND name > $2 ORDER BY name LIMIT $3;

-- name: add_schedule
-- A new one, unless its name is taken.
INSERT INTO schedules (id, workspace_id, name, cron, timezone, run, overlap, catch_up_seconds, paused,
    created_by, created_at, next_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (workspace_id, name) DO NOTHING RETURNING id;

-- name: change_schedule
-- What people may change, if nobody changed it meanwhile; anew ($11 = 1), nothing from before counts.
UPDATE schedules SET cron = $4, timezone = $5, run = $6, overlap = $7, catch_up_seconds = $8, paused = $9,
    version = version + 1,
    next_at = CASE WHEN CAST($11 AS BIGINT) = 1 THEN CAST($10 AS BIGINT) ELSE next_at END,
    queued_at = CASE WHEN CAST($11 AS BIGINT) = 1 THEN NULL ELSE queued_at END,
    seen_at = CASE WHEN CAST($11 AS BIGINT) = 1 THEN NULL ELSE seen_at END,
    claim = CASE WHEN CAST($11 AS BIGINT) = 1 THEN '' ELSE claim END,
    claimed_until = CASE WHEN CAST($11 AS BIGINT) = 1 THEN 0 ELSE claimed_until END
WHERE workspace_id = $1 AND id = $2 AND version = $3 RETURNING id;

-- name: remove_schedule
-- Its runs go on.
DELETE FROM schedules WHERE workspace_id = $1 AND id = $2 RETURNING id;

-- name: settle_schedule
-- The claim ends with what was done under it; whoever lost it changes nothing.
UPDATE schedules SET next_at = $3, queued_at = $4, last_at = $5, last_run_id = $6, error = $7,
    seen_at = NULL, claim = '', claimed_until = 0
WHERE id = $1 AND claim = $2 AND claim <> '' RETURNING id;

-- name: note_start
-- A run out of turn.
UPDATE schedules SET last_at = $2, last_run_id = $3, error = '' WHERE id = $1 RETURNING id;
