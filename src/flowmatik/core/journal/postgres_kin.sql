-- name: born
-- Which of these runs there are.
SELECT run_id FROM runs WHERE run_id IN (SELECT value FROM json_array_elements_text($1::json) AS t (value));

-- name: report
-- An ended child counts as reported, and its parent, if it lives, has the input and is ready. Whoever
-- reports the same child at the same moment waits for the child's row, and finds that it was done. 2: there
-- is nobody to tell.
WITH child AS (
    UPDATE runs c SET reported = CASE WHEN EXISTS (
        SELECT 1 FROM runs p WHERE p.run_id = c.parent AND p.workspace_id = c.workspace_id AND p.ended_at = '')
        THEN 1 ELSE 2 END
    WHERE run_id = $1 AND parent <> '' AND ended_at <> '' AND reported = 0
    RETURNING parent, workspace_id
), parent AS (
    UPDATE runs r SET inbox_tail = r.inbox_tail + 1,
        ready = CASE WHEN r.owner = '' THEN 1 ELSE r.ready END
    FROM child c
    WHERE r.run_id = c.parent AND r.workspace_id = c.workspace_id AND r.ended_at = '' AND NOT EXISTS (
        SELECT 1 FROM run_inbox WHERE run_inbox.run_id = c.parent AND input_id = $2)
    RETURNING r.run_id, r.inbox_tail, r.workspace_id
)
INSERT INTO run_inbox (run_id, input_no, input_id, workspace_id, kind, payload, at)
SELECT run_id, inbox_tail, $2, workspace_id, 'subrun', $3, $4 FROM parent
RETURNING run_id;
