-- Shared caps in SQLite.

-- name: rooms
-- What each of these caps can still grant; a soft one anything.
SELECT scope, CASE WHEN soft = 1 THEN 9223372036854775807 ELSE limit_micros - granted_micros END FROM caps
WHERE workspace_id = $1 AND scope IN (SELECT value FROM json_each($2));

-- name: draw
-- Draw on a cap, if it bears the amount, or if that is spent already ($4).
UPDATE caps SET granted_micros = granted_micros + $3
WHERE workspace_id = $1 AND scope = $2 AND (soft = 1 OR $4 OR granted_micros + $3 <= limit_micros);

-- name: reached
-- The thresholds of a cap that it has come to, each noted once.
INSERT INTO cap_alerts (workspace_id, scope, limit_micros, threshold, soft, used_micros, at)
SELECT c.workspace_id, c.scope, c.limit_micros, t.value, c.soft, c.granted_micros, $3
FROM caps c, json_each('[' || c.thresholds || ']') t
WHERE c.workspace_id = $1 AND c.scope = $2 AND c.limit_micros < 9223372036854775807 AND c.granted_micros > 0
    AND c.granted_micros * 100 >= c.limit_micros * t.value
ON CONFLICT (workspace_id, scope, limit_micros, threshold) DO NOTHING;

-- name: allotment
-- What was drawn or given back.
INSERT INTO allotments (run_id, n, scope, workspace_id, granted, amount_micros)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: holder
-- The run draws on caps, so that somebody must settle it.
INSERT INTO holders (run_id, workspace_id) VALUES ($1, $2) ON CONFLICT (run_id) DO NOTHING;

-- name: drawn
-- What a run that is still at this seq holds of each scope by these allotments, and the lowest n so far.
SELECT a.workspace_id, a.scope, sum(a.amount_micros), (SELECT min(n) FROM allotments WHERE run_id = $1)
FROM allotments a JOIN runs r ON r.run_id = a.run_id
WHERE a.run_id = $1 AND r.head_seq = $2 AND a.n <= $3
GROUP BY a.workspace_id, a.scope ORDER BY a.scope;

-- name: settled
-- A run at rest, or one that has spent all that it holds, gives nothing back until it draws again.
DELETE FROM holders WHERE run_id = $1 AND EXISTS (SELECT 1 FROM runs
    WHERE runs.run_id = $1 AND head_seq = $2 AND (ended_at <> '' OR owner = '' OR $3));

-- name: give_back
-- Lower what a cap has granted.
UPDATE caps SET granted_micros = max(granted_micros - $3, 0) WHERE workspace_id = $1 AND scope = $2;

-- name: drawn_by_call
-- What a call outside of runs holds of each scope, and the lowest n so far.
SELECT workspace_id, scope, sum(amount_micros), min(min(n)) OVER () FROM allotments WHERE run_id = $1
GROUP BY workspace_id, scope ORDER BY scope;

-- name: call_settled
-- It gives nothing back any more.
DELETE FROM holders WHERE run_id = $1;
