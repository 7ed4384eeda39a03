-- Dispatch on PostgreSQL.

-- name: ready_queues
-- The front of every queue, which the recursion finds by stepping from one to the next in the index; and
-- runs whose owners died.
WITH RECURSIVE queues AS (
    (SELECT workspace_id, agent FROM runs WHERE ready = 1 ORDER BY workspace_id, agent LIMIT 1)
    UNION ALL
    SELECT n.workspace_id, n.agent FROM queues q CROSS JOIN LATERAL (
        SELECT workspace_id, agent FROM runs
        WHERE ready = 1 AND (workspace_id, agent) > (q.workspace_id, q.agent)
        ORDER BY workspace_id, agent LIMIT 1) n
)
SELECT r.run_id, q.workspace_id, q.agent, r.priority, r.created_at, 0
FROM queues q CROSS JOIN LATERAL (
    SELECT run_id, priority, created_at FROM runs
    WHERE ready = 1 AND workspace_id = q.workspace_id AND agent = q.agent AND run_id <> ALL ($2::text[])
    ORDER BY priority DESC, created_at, run_id LIMIT $1) r
UNION ALL
(SELECT run_id, workspace_id, agent, priority, created_at, 1 FROM runs
WHERE owner <> '' AND ended_at = '' AND run_id <> ALL ($2::text[]) AND NOT EXISTS (
    SELECT 1 FROM workers WHERE workers.owner = runs.owner
        AND workers.expires_at > extract(epoch FROM clock_timestamp()))
ORDER BY created_at, run_id LIMIT $1);

-- name: capacity
-- Of the live workers, by the database's clock.
SELECT CAST(coalesce(sum(slots), 0) AS BIGINT) FROM workers
WHERE expires_at > extract(epoch FROM clock_timestamp());

-- name: peers
-- Processes that live, by the database's clock.
SELECT count(*) FROM workers WHERE expires_at > extract(epoch FROM clock_timestamp());

-- name: lead
-- Take or renew a lead, by the database's clock; no row while another's holds.
INSERT INTO relay_leases (name, owner, expires_at)
VALUES ($1, $2, extract(epoch FROM clock_timestamp()) + $3::double precision)
ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at
WHERE relay_leases.owner = excluded.owner
    OR relay_leases.expires_at <= extract(epoch FROM clock_timestamp())
RETURNING owner;

-- name: led
-- Whether a lead holds.
SELECT 1 FROM relay_leases WHERE name = $1 AND expires_at > extract(epoch FROM clock_timestamp());

-- name: busy
-- Runs whose owners live; an orphan takes nobody's room.
SELECT count(*) FROM runs r JOIN workers w ON w.owner = r.owner
WHERE r.owner <> '' AND r.ended_at = '' AND w.expires_at > extract(epoch FROM clock_timestamp());

-- name: admit
-- One more run under way, if the limits bear it; one whose owner died counts already. Whoever asks holds what
-- keeps others from counting meanwhile.
UPDATE runs SET owner = $2, ready = 0 WHERE run_id = $1 AND ended_at = '' AND (
    owner = $2
    OR (owner <> '' AND NOT EXISTS (
        SELECT 1 FROM workers WHERE workers.owner = runs.owner AND workers.expires_at > extract(epoch FROM clock_timestamp())))
    OR (owner = '' AND NOT EXISTS (
        SELECT 1 FROM limits l
        WHERE l.most IS NOT NULL AND l.workspace_id IN ('', runs.workspace_id)
            AND (l.scope = 'runs' OR (runs.agent <> '' AND l.scope = 'agent:' || runs.agent))
            AND l.most <= (
                SELECT count(*) FROM runs o WHERE o.owner <> '' AND o.ended_at = ''
                    AND (l.workspace_id = '' OR o.workspace_id = l.workspace_id)
                    AND (l.scope = 'runs' OR o.agent = runs.agent)))));

-- name: one_admits
-- Until the transaction ends nobody else admits a run.
SELECT pg_advisory_xact_lock(hashtext('flowmatik.admit'));
