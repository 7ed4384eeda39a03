-- name: born
-- Which of these runs there are.
SELECT run_id FROM runs WHERE run_id IN (SELECT value FROM json_each($1));

-- name: reported
-- An ended child is about to be reported, once; to whom. 2: there is nobody to tell.
UPDATE runs SET reported = CASE WHEN EXISTS (
    SELECT 1 FROM runs p WHERE p.run_id = runs.parent AND p.workspace_id = runs.workspace_id AND p.ended_at = '')
    THEN 1 ELSE 2 END
WHERE run_id = $1 AND parent <> '' AND ended_at <> '' AND reported = 0
RETURNING parent, reported;
