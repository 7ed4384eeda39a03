-- Shared caps: what both SQL stores say alike.

-- name: set_cap
-- A new cap begins with what runs created from $4 on have cost ('' for none), deleted ones too, and calls outside
-- of runs; what a child cost is in its parent's cost once it was reported. It keeps what it has granted when its
-- limit changes.
INSERT INTO caps (workspace_id, scope, limit_micros, granted_micros, soft, thresholds, until)
SELECT $1, $2, CAST($3 AS BIGINT), CAST(coalesce(sum(cost_micros), 0) AS BIGINT), CAST($5 AS BIGINT), $6, $7 FROM (
    SELECT cost_micros FROM runs
    WHERE workspace_id = $1 AND $4 <> '' AND created_at >= $4 AND NOT (parent <> '' AND reported IN (1, 2))
    UNION ALL
    SELECT cost_micros FROM tombstones
    WHERE workspace_id = $1 AND $4 <> '' AND created_at >= $4 AND counted = 0
    UNION ALL
    SELECT spent_micros FROM outside_calls
    WHERE workspace_id = $1 AND $4 <> '' AND at >= $4
) AS spent WHERE true
ON CONFLICT (workspace_id, scope) DO UPDATE SET limit_micros = excluded.limit_micros, soft = excluded.soft,
    thresholds = excluded.thresholds, until = excluded.until;

-- name: lift_cap
-- The greatest limit there is: what runs hold of the cap stays counted, should it be set again.
UPDATE caps SET limit_micros = 9223372036854775807 WHERE workspace_id = $1 AND scope = $2;

-- name: held
-- What a run holds of each scope.
SELECT scope, CAST(sum(amount_micros) AS BIGINT) FROM allotments WHERE run_id = $1
GROUP BY scope HAVING sum(amount_micros) > 0 ORDER BY scope;

-- name: unsettled
-- Holders at rest; settling removes them.
SELECT h.run_id FROM holders h JOIN runs r ON r.run_id = h.run_id
WHERE r.ended_at <> '' OR r.owner = '' ORDER BY h.run_id LIMIT $1;

-- name: holders
-- A workspace's runs that may yet give something back.
SELECT run_id FROM holders WHERE workspace_id = $1 ORDER BY run_id LIMIT $2;

-- name: cap_uses
-- A workspace's caps whose periods are not over, each with what holders other than this run have of it. Draws
-- and returns are new rows, and ids of runs ascend.
SELECT c.scope, c.limit_micros, c.granted_micros, c.soft, CAST(coalesce(sum(a.amount_micros), 0) AS BIGINT),
    coalesce(max(a.run_id), ''), count(a.n)
FROM caps c
LEFT JOIN holders h ON h.workspace_id = c.workspace_id AND h.run_id <> $2
LEFT JOIN allotments a ON a.run_id = h.run_id AND a.scope = c.scope
WHERE c.workspace_id = $1 AND c.limit_micros < 9223372036854775807 AND (c.until = '' OR c.until > $3)
GROUP BY c.scope, c.limit_micros, c.granted_micros, c.soft ORDER BY c.scope;

-- name: caps
-- A workspace's caps, without those that were lifted or whose periods are over.
SELECT scope, limit_micros, granted_micros, soft, thresholds, until FROM caps
WHERE workspace_id = $1 AND limit_micros < 9223372036854775807 AND (until = '' OR until > $2) ORDER BY scope;

-- name: allotted
-- The answer that (run, n) got the first time.
SELECT granted FROM allotments WHERE run_id = $1 AND n = $2 LIMIT 1;

-- name: note_refusal
-- A cap that has refused a call has come to its limit, if it is to tell of that.
INSERT INTO cap_alerts (workspace_id, scope, limit_micros, threshold, soft, used_micros, at)
SELECT workspace_id, scope, limit_micros, 100, soft, granted_micros, $3 FROM caps
WHERE workspace_id = $1 AND scope = $2 AND limit_micros < 9223372036854775807
    AND ',' || thresholds || ',' LIKE '%,100,%'
ON CONFLICT (workspace_id, scope, limit_micros, threshold) DO NOTHING;

-- name: cap_alerts
-- The newest of a workspace; of one scope and its periods, or of all ('').
SELECT workspace_id, scope, limit_micros, threshold, soft, used_micros, at, told_at FROM cap_alerts
WHERE workspace_id = $1 AND ($2 = '' OR scope = $2 OR substr(scope, 1, length($2) + 1) = $2 || ':')
ORDER BY at DESC, scope DESC, threshold DESC LIMIT $3;

-- name: claim_alerts
-- What the bus has not had yet and nobody has been at since $2, of all workspaces. Of two that ask at once one
-- gets a row.
UPDATE cap_alerts SET claimed_at = $1
WHERE told_at = '' AND claimed_at < $2 AND (workspace_id, scope, limit_micros, threshold) IN (
    SELECT workspace_id, scope, limit_micros, threshold FROM cap_alerts
    WHERE told_at = '' AND claimed_at < $2 ORDER BY at, scope, threshold LIMIT $3)
RETURNING workspace_id, scope, limit_micros, threshold, soft, used_micros, at, told_at;

-- name: alert_told
-- The bus has had it.
UPDATE cap_alerts SET told_at = $5
WHERE workspace_id = $1 AND scope = $2 AND limit_micros = $3 AND threshold = $4;

-- name: forget_alerts
-- Alerts of caps whose periods are long over.
DELETE FROM cap_alerts WHERE EXISTS (SELECT 1 FROM caps c
    WHERE c.workspace_id = cap_alerts.workspace_id AND c.scope = cap_alerts.scope
        AND c.until <> '' AND c.until < $1);

-- name: forget_caps
-- Those caps.
DELETE FROM caps WHERE until <> '' AND until < $1;
