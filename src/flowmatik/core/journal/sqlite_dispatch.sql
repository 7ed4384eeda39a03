-- Dispatch on SQLite.

-- name: next_queue
-- The queue after this one, by a step in the index.
SELECT workspace_id, agent FROM runs WHERE ready = 1 AND (workspace_id, agent) > ($1, $2)
ORDER BY workspace_id, agent LIMIT 1;

-- name: front
-- The first ready runs of one queue.
SELECT run_id, workspace_id, agent, priority, created_at, 0 FROM runs
WHERE ready = 1 AND workspace_id = $1 AND agent = $2
ORDER BY priority DESC, created_at, run_id LIMIT $3;

-- name: orphans
-- Runs whose owners died.
SELECT run_id, workspace_id, agent, priority, created_at, 1 FROM runs
WHERE owner <> '' AND ended_at = '' AND NOT EXISTS (
    SELECT 1 FROM workers WHERE workers.owner = runs.owner AND workers.expires_at > $1)
ORDER BY created_at, run_id LIMIT $2;

-- name: capacity
-- Of the live workers.
SELECT coalesce(sum(slots), 0) FROM workers WHERE expires_at > $1;

-- name: peers
-- Processes that live.
SELECT count(*) FROM workers WHERE expires_at > $1;

-- name: lead
-- Take or renew a lead; no row while another's holds.
INSERT INTO relay_leases (name, owner, expires_at) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at
WHERE relay_leases.owner = excluded.owner OR relay_leases.expires_at <= $4
RETURNING owner;

-- name: led
-- Whether a lead holds.
SELECT 1 FROM relay_leases WHERE name = $1 AND expires_at > $2;

-- name: busy
-- Runs whose owners live; an orphan takes nobody's room.
SELECT count(*) FROM runs r JOIN workers w ON w.owner = r.owner
WHERE r.owner <> '' AND r.ended_at = '' AND w.expires_at > $1;

-- name: admit
-- One more run under way, if the limits bear it; one whose owner died counts already. Whoever asks holds what
-- keeps others from counting meanwhile.
UPDATE runs SET owner = $2, ready = 0 WHERE run_id = $1 AND ended_at = '' AND (
    owner = $2
    OR (owner <> '' AND NOT EXISTS (
        SELECT 1 FROM workers WHERE workers.owner = runs.owner AND workers.expires_at > $3))
    OR (owner = '' AND NOT EXISTS (
        SELECT 1 FROM limits l
        WHERE l.most IS NOT NULL AND l.workspace_id IN ('', runs.workspace_id)
            AND (l.scope = 'runs' OR (runs.agent <> '' AND l.scope = 'agent:' || runs.agent))
            AND l.most <= (
                SELECT count(*) FROM runs o WHERE o.owner <> '' AND o.ended_at = ''
                    AND (l.workspace_id = '' OR o.workspace_id = l.workspace_id)
                    AND (l.scope = 'runs' OR o.agent = runs.agent)))));
