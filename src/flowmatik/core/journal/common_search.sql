-- Statements by which runs are found. `{conditions}` are those of the filter at hand (sql_search.py).

-- name: find_heads
-- Runs of a workspace, newest first.
SELECT r.run_id, r.workspace_id, r.status, r.head_seq, r.epoch, r.owner, r.inbox_tail, r.inbox_seen,
    r.last_append_id, r.created_at, r.ended_at, r.goal, r.cost_micros, r.unpriced,
    r.agent, r.priority, r.parent, r.parent_wait, r.decision_version, r.tags
FROM runs r WHERE r.workspace_id = $1 AND {conditions}
ORDER BY r.created_at DESC, r.run_id DESC LIMIT $2;

-- name: find_tagged_heads
-- The same of those with the tag $3, in the order of the key of tags.
SELECT r.run_id, r.workspace_id, r.status, r.head_seq, r.epoch, r.owner, r.inbox_tail, r.inbox_seen,
    r.last_append_id, r.created_at, r.ended_at, r.goal, r.cost_micros, r.unpriced,
    r.agent, r.priority, r.parent, r.parent_wait, r.decision_version, r.tags
FROM run_tags t JOIN runs r ON r.run_id = t.run_id
WHERE t.workspace_id = $1 AND r.workspace_id = $1 AND t.tag = $3 AND {conditions}
ORDER BY t.created_at DESC, t.run_id DESC LIMIT $2;

-- name: also_tagged
-- One more condition of those: another tag, `{tag}`.
EXISTS (SELECT 1 FROM run_tags x WHERE x.workspace_id = $1 AND x.tag = {tag}
    AND x.created_at = r.created_at AND x.run_id = r.run_id);
