-- Shared caps in PostgreSQL: each operation is one statement.

-- name: allot
-- All hard caps bear their amount, or it is spent already ($7), or none is drawn on; thresholds that are
-- reached with it are noted. Asking twice at once breaks on the primary key.
WITH wanted AS MATERIALIZED (
    SELECT scope, micros FROM unnest($4::text[], $5::bigint[]) AS w (scope, micros)
), locked AS MATERIALIZED (
    SELECT scope, limit_micros, granted_micros, soft, thresholds FROM caps
    WHERE workspace_id = $1 AND scope = ANY ($4::text[]) ORDER BY scope FOR UPDATE
), verdict AS MATERIALIZED (
    SELECT $7::boolean OR NOT EXISTS (
        SELECT 1 FROM locked JOIN wanted USING (scope) WHERE soft = 0 AND micros > limit_micros - granted_micros
    ) AS granted
), drawn AS (
    UPDATE caps c SET granted_micros = c.granted_micros + w.micros
    FROM locked l JOIN wanted w USING (scope), verdict v
    WHERE c.workspace_id = $1 AND c.scope = l.scope AND v.granted
), recorded AS (
    INSERT INTO allotments (run_id, n, scope, workspace_id, granted, amount_micros)
    SELECT $2, $3::bigint, w.scope, $1, v.granted::int,
        CASE WHEN v.granted AND EXISTS (SELECT 1 FROM locked l WHERE l.scope = w.scope)
            THEN w.micros ELSE 0 END
    FROM wanted w CROSS JOIN verdict v
), holding AS (
    INSERT INTO holders (run_id, workspace_id) SELECT $2, $1 FROM verdict WHERE granted
    ON CONFLICT (run_id) DO NOTHING
), told AS (
    INSERT INTO cap_alerts (workspace_id, scope, limit_micros, threshold, soft, used_micros, at)
    SELECT $1, l.scope, l.limit_micros, t.part::bigint, l.soft, l.granted_micros + w.micros, $6
    FROM locked l JOIN wanted w USING (scope) CROSS JOIN verdict v
    CROSS JOIN LATERAL unnest(string_to_array(l.thresholds, ',')) AS t (part)
    WHERE v.granted AND w.micros > 0 AND l.limit_micros < 9223372036854775807
        AND (l.granted_micros + w.micros)::numeric * 100 >= l.limit_micros::numeric * t.part::bigint
    ON CONFLICT (workspace_id, scope, limit_micros, threshold) DO NOTHING
)
SELECT granted FROM verdict;

-- name: settle
-- A run that is still at this seq gives back what it holds by these allotments beyond what it keeps; at
-- rest, or with all of that spent ($7), it then gives nothing back until it draws again. Settling twice at
-- once breaks on the primary key.
WITH run AS MATERIALIZED (
    SELECT run_id, owner, ended_at FROM runs WHERE run_id = $1 AND head_seq = $2::bigint FOR UPDATE
), sums AS MATERIALIZED (
    SELECT a.workspace_id, a.scope, sum(a.amount_micros)::bigint AS held
    FROM allotments a JOIN run USING (run_id) WHERE a.n <= $3::bigint GROUP BY a.workspace_id, a.scope
), surplus AS MATERIALIZED (
    SELECT s.workspace_id, s.scope, s.held - coalesce(k.micros, $6::bigint) AS back
    FROM sums s LEFT JOIN unnest($4::text[], $5::bigint[]) AS k (scope, micros) USING (scope)
    WHERE s.held > coalesce(k.micros, $6::bigint)
), locked AS MATERIALIZED (
    SELECT c.workspace_id, c.scope, s.back FROM caps c JOIN surplus s USING (workspace_id, scope)
    ORDER BY c.scope FOR UPDATE OF c
), given AS (
    UPDATE caps c SET granted_micros = greatest(c.granted_micros - l.back, 0)
    FROM locked l WHERE c.workspace_id = l.workspace_id AND c.scope = l.scope
), done AS (
    DELETE FROM holders h USING run r
    WHERE h.run_id = r.run_id AND (r.ended_at <> '' OR r.owner = '' OR $7::boolean)
)
INSERT INTO allotments (run_id, n, scope, workspace_id, granted, amount_micros)
SELECT $1, (SELECT least(min(n), 0) - 1 FROM allotments WHERE run_id = $1), scope, workspace_id, 1, -back
FROM surplus;

-- name: settle_call
-- A call outside of runs gives back what it holds beyond what it keeps, and nothing after that. Settling twice at
-- once breaks on the primary key.
WITH sums AS MATERIALIZED (
    SELECT workspace_id, scope, sum(amount_micros)::bigint AS held
    FROM allotments WHERE run_id = $1 GROUP BY workspace_id, scope
), surplus AS MATERIALIZED (
    SELECT s.workspace_id, s.scope, s.held - coalesce(k.micros, $4::bigint) AS back
    FROM sums s LEFT JOIN unnest($2::text[], $3::bigint[]) AS k (scope, micros) USING (scope)
    WHERE s.held > coalesce(k.micros, $4::bigint)
), locked AS MATERIALIZED (
    SELECT c.workspace_id, c.scope, s.back FROM caps c JOIN surplus s USING (workspace_id, scope)
    ORDER BY c.scope FOR UPDATE OF c
), given AS (
    UPDATE caps c SET granted_micros = greatest(c.granted_micros - l.back, 0)
    FROM locked l WHERE c.workspace_id = l.workspace_id AND c.scope = l.scope
), done AS (
    DELETE FROM holders WHERE run_id = $1
)
INSERT INTO allotments (run_id, n, scope, workspace_id, granted, amount_micros)
SELECT $1, (SELECT least(min(n), 0) - 1 FROM allotments WHERE run_id = $1), scope, workspace_id, 1, -back
FROM surplus;

-- name: place_cap
-- `set_cap`, and the thresholds that the cap has come to by its new limit.
WITH placed AS (
    {set_cap}
    RETURNING workspace_id, scope, limit_micros, granted_micros, soft, thresholds
)
INSERT INTO cap_alerts (workspace_id, scope, limit_micros, threshold, soft, used_micros, at)
SELECT p.workspace_id, p.scope, p.limit_micros, t.part::bigint, p.soft, p.granted_micros, $8
FROM placed p CROSS JOIN LATERAL unnest(string_to_array(p.thresholds, ',')) AS t (part)
WHERE p.granted_micros > 0 AND p.granted_micros::numeric * 100 >= p.limit_micros::numeric * t.part::bigint
ON CONFLICT (workspace_id, scope, limit_micros, threshold) DO NOTHING;
