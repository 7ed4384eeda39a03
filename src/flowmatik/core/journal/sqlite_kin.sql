-- name: born
-- Which of these runs there are.
SELECT run_id FROM runs WHERE run_id IN (SELECT value FROM json_each($1));

-- name: reported
-- An ended child is about to be reported, once; to whom.
UPDATE runs SET reported = 1 WHERE run_id = $1 AND parent <> '' AND ended_at <> '' AND reported = 0
RETURNING parent, workspace_id;

-- name: told
-- Whether a parent can be told.
SELECT run_id FROM runs WHERE run_id = $1 AND workspace_id = $2 AND ended_at = '';
