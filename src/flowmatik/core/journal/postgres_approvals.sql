-- Approvals in PostgreSQL. Whoever locks an approval has locked its run before, as appends do.

-- name: approvals
-- A workspace's with this status, oldest first, after a cursor ('' begins).
SELECT approval_id, run_id, workspace_id, task_id, tool, arguments, arguments_hash, policy, votes, status,
    version, decided_by, decided_at, comment, created_at, expires_at, extract(epoch FROM clock_timestamp())
FROM approvals
WHERE workspace_id = $1 AND status = $2 AND ($3 = '' OR (created_at, approval_id) > ($3, $4))
ORDER BY created_at, approval_id LIMIT $5;

-- name: approval
-- One, and the time by which it expires.
SELECT approval_id, run_id, workspace_id, task_id, tool, arguments, arguments_hash, policy, votes, status,
    version, decided_by, decided_at, comment, created_at, expires_at, extract(epoch FROM clock_timestamp())
FROM approvals WHERE approval_id = $1;

-- name: append_approvals
-- Further parts of `append`, for batches that ask people or need their decision no more.
asked AS (
    INSERT INTO approvals (approval_id, run_id, workspace_id, task_id, tool, arguments, arguments_hash, policy,
        created_at, expires_at)
    SELECT n.approval_id, a.run_id, a.workspace_id, n.task_id, n.tool, n.arguments, n.arguments_hash, n.policy,
        n.created_at, n.expires_at
    FROM json_to_recordset($5::json) AS n (approval_id text, run_id text, task_id text, tool text,
        arguments text, arguments_hash text, policy text, created_at text, expires_at double precision)
    JOIN advanced a ON a.run_id = n.run_id
), withdrawn AS (
    UPDATE approvals p SET status = 'cancelled', version = p.version + 1
    FROM advanced a WHERE p.run_id = a.run_id AND p.approval_id = ANY ($6::text[]) AND p.status = 'pending'
);

-- name: decide_approval
-- One vote: all of it or nothing. The lock of the run comes first; what the row is then, the change meets.
WITH run AS MATERIALIZED (
    SELECT run_id FROM runs WHERE run_id = $2 FOR UPDATE
), changed AS (
    UPDATE approvals p SET arguments = $4, arguments_hash = $5, votes = $6, status = $7, decided_by = $8,
        decided_at = $9, comment = $10, version = p.version + 1
    FROM run
    WHERE p.approval_id = $1 AND p.run_id = run.run_id AND p.version = $3 AND p.status = 'pending'
        AND (NOT $11::boolean OR p.expires_at = 0 OR p.expires_at > extract(epoch FROM clock_timestamp()))
    RETURNING p.run_id
), woken AS (
    UPDATE runs r SET inbox_tail = r.inbox_tail + 1,
        ready = CASE WHEN r.owner = '' AND r.ended_at = '' THEN 1 ELSE r.ready END
    FROM changed c WHERE r.run_id = c.run_id
    RETURNING r.run_id, r.inbox_tail, r.workspace_id
)
INSERT INTO run_inbox (run_id, input_no, input_id, workspace_id, kind, payload, at)
SELECT run_id, inbox_tail, $12, workspace_id, 'approval', $13, $14 FROM woken
RETURNING input_no;
