-- Statements about schedules, for PostgreSQL.

-- name: claim_schedules
-- Due ones that nobody has a claim on; other schedulers skip what this one has locked. One that was settled
-- in between comes with its new times, by which nothing is due.
WITH due AS MATERIALIZED (
    SELECT id FROM schedules WHERE paused = 0 AND next_at <= $1 AND claimed_until <= $1
    UNION
    SELECT s.id FROM schedules s WHERE s.paused = 0 AND s.queued_at IS NOT NULL AND s.claimed_until <= $1
        AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.run_id = s.last_run_id AND r.ended_at = '')
    ORDER BY id LIMIT $4
), picked AS MATERIALIZED (
    SELECT id FROM schedules WHERE id IN (SELECT id FROM due) AND claimed_until <= $1
    ORDER BY id FOR UPDATE SKIP LOCKED
)
UPDATE schedules s SET claim = $2, claimed_until = $3, seen_at = coalesce(s.seen_at, $1)
FROM picked p WHERE s.id = p.id
RETURNING s.id, s.workspace_id, s.name, s.cron, s.timezone, s.run, s.overlap, s.catch_up_seconds, s.paused,
    s.created_by, s.created_at, s.next_at, s.last_at, s.last_run_id, s.queued_at, s.error, s.version,
    s.seen_at, s.claim;
