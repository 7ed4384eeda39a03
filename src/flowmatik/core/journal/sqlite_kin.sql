-- name: born
-- Which of these runs there are.
SELECT run_id FROM runs WHERE run_id IN (SELECT value FROM json_each($1));

-- name: reported
-- An ended child is about to be reported, once; to whom, and how: 1 is to be told, 2 has ended, 3 is gone.
UPDATE runs SET reported = CASE coalesce((
    SELECT p.ended_at = '' FROM runs p WHERE p.run_id = runs.parent AND p.workspace_id = runs.workspace_id), 2)
    WHEN 1 THEN 1 WHEN 0 THEN 2 ELSE 3 END
WHERE run_id = $1 AND parent <> '' AND ended_at <> '' AND reported = 0 AND cost_micros = $2
    AND NOT EXISTS (SELECT 1 FROM runs g WHERE g.parent = $1 AND g.parent <> '' AND g.reported = 0)
RETURNING parent, reported, cost_micros, unpriced;

-- name: add_cost
-- Of a child, to its parent, which has ended.
UPDATE runs SET cost_micros = cost_micros + $2, unpriced = max(unpriced, $3) WHERE run_id = $1;
