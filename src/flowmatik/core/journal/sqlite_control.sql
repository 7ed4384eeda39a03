-- Statements for whoever ends a run against its owner.

-- name: seize
-- Take the run from whoever has it, unless it has ended.
UPDATE runs SET epoch = epoch + 1, owner = $2, ready = 0, head_seq = head_seq + 1
WHERE run_id = $1 AND ended_at = ''
RETURNING run_id, workspace_id, status, head_seq, epoch, owner, inbox_tail, inbox_seen, last_append_id,
    created_at, ended_at, goal, cost_micros, unpriced,
    agent, priority, parent, parent_wait, decision_version;
