-- Statements about schedules, for SQLite.

-- name: is_schedule_due
-- Whether `claim_schedules` would find one; both halves read a partial index.
SELECT id FROM (
    SELECT id FROM schedules WHERE paused = 0 AND next_at <= $1 AND claimed_until <= $1
    UNION ALL
    SELECT s.id FROM schedules s WHERE s.paused = 0 AND s.queued_at IS NOT NULL AND s.claimed_until <= $1
        AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.run_id = s.last_run_id AND r.ended_at = '')
) LIMIT 1;

-- name: claim_schedules
-- Due ones that nobody has a claim on.
UPDATE schedules SET claim = $2, claimed_until = $3, seen_at = coalesce(seen_at, $1)
WHERE id IN (
    SELECT id FROM schedules WHERE paused = 0 AND next_at <= $1 AND claimed_until <= $1
    UNION
    SELECT s.id FROM schedules s WHERE s.paused = 0 AND s.queued_at IS NOT NULL AND s.claimed_until <= $1
        AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.run_id = s.last_run_id AND r.ended_at = '')
    ORDER BY id LIMIT $4)
RETURNING id, workspace_id, name, cron, timezone, run, overlap, catch_up_seconds, paused, created_by, created_at,
    next_at, last_at, last_run_id, queued_at, error, version, seen_at, claim;
