-- Retention in SQLite; several of these make one transaction on the one writer.

-- name: hold
-- Nothing is written for a run that is not there.
INSERT INTO holds (workspace_id, run_id, reason, held_by, at)
SELECT $1, $2, $3, $4, $5
WHERE $2 = '' OR EXISTS (SELECT 1 FROM runs WHERE run_id = $2 AND workspace_id = $1)
ON CONFLICT (workspace_id, run_id) DO UPDATE
SET reason = excluded.reason, held_by = excluded.held_by, at = excluded.at
RETURNING run_id;

-- name: set_held
-- In the head row too, as on PostgreSQL.
UPDATE runs SET held = $3 WHERE run_id = $2 AND workspace_id = $1;

-- name: release
-- A row when there was one.
DELETE FROM holds WHERE workspace_id = $1 AND run_id = $2 RETURNING run_id;

-- name: doubted
-- Of these runs, those with a call whose outcome nobody could tell, and nobody has told since. The id of the
-- call comes first in canonical JSON, and is cut out as text, for JSON functions refuse a damaged payload.
SELECT DISTINCT d.run_id FROM run_events d
WHERE d.run_id IN (SELECT value FROM json_each($1)) AND d.type = 'CallInDoubt' AND NOT EXISTS (
    SELECT 1 FROM run_events o
    WHERE o.run_id = d.run_id AND o.seq > d.seq AND o.type IN ('CallSucceeded', 'CallFailed')
        AND substr(o.payload, 1, instr(o.payload, '",')) = substr(d.payload, 1, instr(d.payload, '",')));

-- name: deletable
-- Ended long enough ago ($1, or what $2 says for the workspace; none of them after $4) and nothing in the way.
SELECT r.run_id, r.workspace_id, r.head_seq FROM runs r
LEFT JOIN json_each($2) own ON json_extract(own.value, '$.workspace_id') = r.workspace_id
WHERE r.ended_at <> '' AND r.ended_at < $4 AND r.held = 0
    AND r.ended_at < coalesce(json_extract(own.value, '$.before'), $1)
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
                AND substr(o.payload, 1, instr(o.payload, '",')) = substr(d.payload, 1, instr(d.payload, '",'))))
ORDER BY r.ended_at, r.run_id LIMIT $3;

-- name: left_over
-- What stays of a run; no row for one that is held by now.
INSERT INTO tombstones (run_id, workspace_id, status, created_at, ended_at, deleted_at, idempotency_key,
    cost_micros, unpriced, counted, blobs, blob_bytes)
SELECT run_id, workspace_id, status, created_at, ended_at, $2, idempotency_key, cost_micros, unpriced,
    reported IN (1, 2), (
        SELECT count(*) FROM run_blobs b WHERE b.run_id = r.run_id AND NOT EXISTS (
            SELECT 1 FROM run_blobs o
            WHERE o.workspace_id = b.workspace_id AND o.sha256 = b.sha256 AND o.run_id <> b.run_id)), (
        SELECT coalesce(sum(bytes), 0) FROM run_blobs b WHERE b.run_id = r.run_id AND NOT EXISTS (
            SELECT 1 FROM run_blobs o
            WHERE o.workspace_id = b.workspace_id AND o.sha256 = b.sha256 AND o.run_id <> b.run_id))
FROM runs r WHERE r.run_id = $1 AND r.ended_at <> '' AND r.held = 0 AND NOT EXISTS (
    SELECT 1 FROM holds h WHERE h.workspace_id = r.workspace_id AND h.run_id = '')
RETURNING run_id;

-- name: delete_asked
-- What people were asked.
DELETE FROM approvals WHERE run_id = $1;

-- name: delete_tags
-- What it was found by.
DELETE FROM run_tags WHERE run_id = $1;

-- name: delete_feedback
-- What people said of it.
DELETE FROM run_feedback WHERE run_id = $1;

-- name: delete_cases
-- For which case of the planner it was counted.
DELETE FROM case_outcomes WHERE run_id = $1;

-- name: delete_lessons
-- What its answer taught searches.
DELETE FROM search_lessons WHERE run_id = $1;

-- name: delete_answers
-- Of models, kept to be given again.
DELETE FROM model_answers WHERE run_id = $1 AND run_id <> '';

-- name: delete_events
-- All that happened in it.
DELETE FROM run_events WHERE run_id = $1;

-- name: delete_inbox
-- All that was asked of it.
DELETE FROM run_inbox WHERE run_id = $1;

-- name: delete_timers
-- What it waited for.
DELETE FROM timers WHERE run_id = $1;

-- name: delete_pointers
-- What was to be relayed.
DELETE FROM outbox WHERE run_id = $1;

-- name: delete_places
-- How far subscribers had come.
DELETE FROM subscriber_positions WHERE run_id = $1;

-- name: delete_letters
-- What they refused.
DELETE FROM dead_letters WHERE run_id = $1;

-- name: delete_allotments
-- What it drew on caps; they keep what was spent.
DELETE FROM allotments WHERE run_id = $1;

-- name: delete_holder
-- That it had something to give back.
DELETE FROM holders WHERE run_id = $1;

-- name: delete_head
-- The run itself.
DELETE FROM runs WHERE run_id = $1;
