-- Retention on PostgreSQL. Runs are deleted by the role flowmatik_retention alone.

-- name: hold
-- Also in the head row, which whoever deletes the run locks and looks at again.
WITH run AS (
    UPDATE runs SET held = 1 WHERE run_id = $2 AND workspace_id = $1 RETURNING run_id
)
INSERT INTO holds (workspace_id, run_id, reason, held_by, at)
SELECT $1, $2, $3, $4, $5 WHERE $2 = '' OR EXISTS (SELECT 1 FROM run)
ON CONFLICT (workspace_id, run_id) DO UPDATE
SET reason = excluded.reason, held_by = excluded.held_by, at = excluded.at
RETURNING run_id;

-- name: release
-- In both places.
WITH run AS (
    UPDATE runs SET held = 0 WHERE run_id = $2 AND workspace_id = $1
)
DELETE FROM holds WHERE workspace_id = $1 AND run_id = $2 RETURNING run_id;

-- name: doubted
-- Of these runs, those with a call whose outcome nobody could tell, and nobody has told since. The id of the
-- call comes first in canonical JSON, and is cut out as text, for JSON functions refuse a damaged payload.
SELECT DISTINCT d.run_id FROM run_events d
WHERE d.run_id = ANY ($1::text[]) AND d.type = 'CallInDoubt' AND NOT EXISTS (
    SELECT 1 FROM run_events o
    WHERE o.run_id = d.run_id AND o.seq > d.seq AND o.type IN ('CallSucceeded', 'CallFailed')
        AND split_part(o.payload, '",', 1) = split_part(d.payload, '",', 1));

-- name: deletable
-- Ended long enough ago ($1, or what $2 says for the workspace; none of them after $4) and nothing in the way.
WITH own AS MATERIALIZED (
    SELECT workspace_id, before FROM json_to_recordset($2::json) AS t (workspace_id text, before text)
)
SELECT r.run_id, r.workspace_id, r.head_seq FROM runs r LEFT JOIN own ON own.workspace_id = r.workspace_id
WHERE r.ended_at <> '' AND r.ended_at < $4 AND r.held = 0 AND r.ended_at < coalesce(own.before, $1)
    AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.workspace_id = r.workspace_id AND h.run_id IN ('', r.run_id))
    AND NOT EXISTS (SELECT 1 FROM holders h WHERE h.run_id = r.run_id)
    AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.run_id = r.run_id)
    AND NOT EXISTS (SELECT 1 FROM subscriber_positions p WHERE p.run_id = r.run_id AND p.behind = 1)
    AND NOT EXISTS (SELECT 1 FROM dead_letters d WHERE d.run_id = r.run_id)
    AND NOT EXISTS (SELECT 1 FROM runs c WHERE c.parent = r.run_id AND c.parent <> '' AND c.reported = 0)
    AND NOT EXISTS (SELECT 1 FROM runs p WHERE p.run_id = r.parent AND (p.ended_at = '' OR r.reported = 0))
    AND NOT EXISTS (
        SELECT 1 FROM run_events d WHERE d.run_id = r.run_id AND d.type = 'CallInDoubt' AND NOT EXISTS (
            SELECT 1 FROM run_events o
            WHERE o.run_id = d.run_id AND o.seq > d.seq AND o.type IN ('CallSucceeded', 'CallFailed')
                AND split_part(o.payload, '",', 1) = split_part(d.payload, '",', 1)))
ORDER BY r.ended_at, r.run_id LIMIT $3;

-- name: delete_runs
-- What is locked, by another sweep or by whoever holds the run, is left for later. A hold that was set since
-- these runs were found is seen in the head row.
WITH picked AS MATERIALIZED (
    SELECT r.run_id, r.workspace_id, r.status, r.created_at, r.ended_at, r.idempotency_key, r.cost_micros,
        r.unpriced, r.reported
    FROM runs r WHERE r.run_id = ANY ($1::text[]) AND r.ended_at <> '' AND r.held = 0 AND NOT EXISTS (
        SELECT 1 FROM holds h WHERE h.workspace_id = r.workspace_id AND h.run_id = '')
    ORDER BY r.run_id FOR UPDATE OF r SKIP LOCKED
), referred AS MATERIALIZED (
    SELECT b.run_id, b.workspace_id, b.sha256, b.bytes, NOT EXISTS (
        SELECT 1 FROM run_blobs o LEFT JOIN picked q ON q.run_id = o.run_id
        WHERE o.workspace_id = b.workspace_id AND o.sha256 = b.sha256
            AND (q.run_id IS NULL OR q.run_id > b.run_id)) AS last
    FROM run_blobs b JOIN picked p ON p.run_id = b.run_id
), left_over AS (
    INSERT INTO tombstones (run_id, workspace_id, status, created_at, ended_at, deleted_at, idempotency_key,
        cost_micros, unpriced, counted, blobs, blob_bytes)
    SELECT p.run_id, p.workspace_id, p.status, p.created_at, p.ended_at, $2, p.idempotency_key, p.cost_micros,
        p.unpriced, (p.reported IN (1, 2))::int, count(b.sha256), coalesce(sum(b.bytes), 0)
    FROM picked p LEFT JOIN referred b ON b.run_id = p.run_id AND b.last
    GROUP BY p.run_id, p.workspace_id, p.status, p.created_at, p.ended_at, p.idempotency_key, p.cost_micros,
        p.unpriced, p.reported
), leaving AS (
    INSERT INTO blobs_left (workspace_id, sha256, bytes, left_at)
    SELECT workspace_id, sha256, max(bytes), extract(epoch FROM clock_timestamp()) FROM referred
    GROUP BY workspace_id, sha256 ORDER BY workspace_id, sha256
    ON CONFLICT (workspace_id, sha256) DO UPDATE SET left_at = excluded.left_at
), references_of AS (
    DELETE FROM run_blobs t USING picked p WHERE t.run_id = p.run_id
), events AS (
    DELETE FROM run_events t USING picked p WHERE t.run_id = p.run_id
), inputs AS (
    DELETE FROM run_inbox t USING picked p WHERE t.run_id = p.run_id
), timing AS (
    DELETE FROM timers t USING picked p WHERE t.run_id = p.run_id
), pointers AS (
    DELETE FROM outbox t USING picked p WHERE t.run_id = p.run_id
), places AS (
    DELETE FROM subscriber_positions t USING picked p WHERE t.run_id = p.run_id
), letters AS (
    DELETE FROM dead_letters t USING picked p WHERE t.run_id = p.run_id
), drawn AS (
    DELETE FROM allotments t USING picked p WHERE t.run_id = p.run_id
), holding AS (
    DELETE FROM holders t USING picked p WHERE t.run_id = p.run_id
), asked AS (
    DELETE FROM approvals t USING picked p WHERE t.run_id = p.run_id
), tagged AS (
    DELETE FROM run_tags t USING picked p WHERE t.run_id = p.run_id
), said AS (
    DELETE FROM run_feedback t USING picked p WHERE t.run_id = p.run_id
), counted_cases AS (
    DELETE FROM case_outcomes t USING picked p WHERE t.run_id = p.run_id
), taught AS (
    DELETE FROM search_lessons t USING picked p WHERE t.run_id = p.run_id
), answered AS (
    DELETE FROM model_answers t USING picked p WHERE t.run_id = p.run_id AND t.run_id <> ''
), kept AS (
    DELETE FROM snapshots t USING picked p WHERE t.run_id = p.run_id
), heads AS (
    DELETE FROM runs t USING picked p WHERE t.run_id = p.run_id RETURNING t.run_id
)
SELECT run_id FROM heads ORDER BY run_id;
