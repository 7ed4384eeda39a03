-- Who goes next, and how much at once.

-- name: underway
-- Runs that have an owner, by queue. Reads a partial index.
SELECT workspace_id, agent, count(*) FROM runs WHERE owner <> '' AND ended_at = ''
GROUP BY workspace_id, agent;

-- name: queued
-- A workspace's runs that wait for a worker, counted up to a bound.
SELECT count(*) FROM (SELECT 1 FROM runs WHERE workspace_id = $1 AND ready = 1 LIMIT $2) AS waiting;

-- name: set_limit
-- One for each workspace and scope.
INSERT INTO limits (workspace_id, scope, most, weight, per_minute, burst) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (workspace_id, scope) DO UPDATE SET most = excluded.most, weight = excluded.weight,
    per_minute = excluded.per_minute, burst = excluded.burst;

-- name: lift_limit
-- Any number from now on.
DELETE FROM limits WHERE workspace_id = $1 AND scope = $2;

-- name: limits
-- All of them.
SELECT workspace_id, scope, most, weight, per_minute, burst FROM limits ORDER BY workspace_id, scope;

-- name: resign
-- Whoever comes next need not wait for the lead to end.
DELETE FROM relay_leases WHERE name = $1 AND owner = $2;
