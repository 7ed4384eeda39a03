-- Approvals in SQLite; several statements make one transaction on the one writer.

-- name: approvals
-- A workspace's with this status, oldest first, after a cursor ('' begins).
SELECT approval_id, run_id, workspace_id, task_id, tool, arguments, arguments_hash, policy, votes, status,
    version, decided_by, decided_at, comment, created_at, expires_at
FROM approvals
WHERE workspace_id = $1 AND status = $2 AND ($3 = '' OR (created_at, approval_id) > ($3, $4))
ORDER BY created_at, approval_id LIMIT $5;

-- name: approval
-- One.
SELECT approval_id, run_id, workspace_id, task_id, tool, arguments, arguments_hash, policy, votes, status,
    version, decided_by, decided_at, comment, created_at, expires_at
FROM approvals WHERE approval_id = $1;

-- name: ask_people
-- A row for a call that is not made before people have agreed.
INSERT INTO approvals (approval_id, run_id, workspace_id, task_id, tool, arguments, arguments_hash, policy,
    created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: withdraw_approval
-- Nobody needs a decision any more.
UPDATE approvals SET status = 'cancelled', version = version + 1
WHERE approval_id = $1 AND run_id = $2 AND status = 'pending';

-- name: decide_approval
-- One vote, if the row is as it was when the vote was counted.
UPDATE approvals SET arguments = $4, arguments_hash = $5, votes = $6, status = $7, decided_by = $8,
    decided_at = $9, comment = $10, version = version + 1
WHERE approval_id = $1 AND run_id = $2 AND version = $3 AND status = 'pending'
    AND (NOT $11 OR expires_at = 0 OR expires_at > $12);
